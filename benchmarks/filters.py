"""Every post-filter alone on a large picture, in milliseconds per million luma samples, and as a share of a decode."""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.decode import untiled
from jpegai.codestream import Codestream, Header
from jpegai.decoder import Decoder
from jpegai.decoder.filters import FilterChain, PictureShape, Supplies, WindowPlanes
from jpegai.decoder.recorder import Recorder
from jpegai.decoder.workers import Workers
from tests.streams import perf_streams

SIZE = HEIGHT, WIDTH = 1344, 2048
RUNS = 5

_OFF: dict[str, Any] = dict.fromkeys(
    ("EFE_linear_filter_enabled_flag", "icci_enable_flag", "EFE_nonlinear_filter_enabled_flag", "LEF_enabled_flag"), 0
)
_PICTURE = Header(
    "pih",
    {
        "img_height": HEIGHT, "img_width": WIDTH, "display_height": HEIGHT, "display_width": WIDTH,
        "s_ver": 1, "s_hor": 1, "c_ver": 1, "c_hor": 1, "model_id": 1, "synthesis_transform_id": [1],
    },
)  # fmt: skip


def _eicci(*use: int) -> dict[str, Any]:
    return {
        "icci_enable_flag": 1, "icci_tile_enable_flag": 0, "icci_use": [use], "icci_use_shortList": [1],
        "icci_model_signalled_idx_Y": [0], "icci_model_signalled_idx_UV": [0],
    }  # fmt: skip


def headers() -> dict[str, dict[str, Any]]:
    """Return tools headers with one filter each, as large as they get: four windows, kernels of 4 x 4, four tiles."""
    codes = np.random.default_rng(1).integers(0, 105, (2, 4, 2, 4, 4))
    return {
        "EFE linear": {
            "EFE_linear_filter_enabled_flag": 1, "B1": [12750, 12831], "best_cand_idx": [[0, 0], [6, 6]],
            "fL": {1: [4, 4]}, "minSymbol": [0, 32717], "maxSymbol": [0, 104],
            "weightsC": {1: codes[:, :, :1].tolist()}, "weightsY": {1: codes[:, :, 1].tolist()},
        },
        "eICCI, Y": _eicci(1, 0, 0),
        "eICCI, U and V": _eicci(0, 1, 1),
        "EFE non-linear": {
            "EFE_nonlinear_filter_enabled_flag": 1, "mask1_enabled_flag": 0, "mask2_enabled_flag": 0,
            "nonLinear_enabled_U_flag": 1, "nonLinear_enabled_V_flag": 1, "nonlinearH": HEIGHT // 2,
            "nonlinearW": WIDTH // 2, "numTiles": 4, "minLuma": [1600] * 4, "maxLuma": [23500] * 4,
            "nl_minSymbol": 32717, "nl_maxSymbol": 104, "candNum": [32, 32],
            "A1": codes.reshape(2, -1)[:, :32].tolist(),
        },
        "LEF": {"LEF_enabled_flag": 1, "LEF_chIdx": 0},
    }  # fmt: skip


def _median(work: Any) -> float:
    """Return the median seconds of some runs after a warm-up."""
    seconds = []
    for _ in range(1 + RUNS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])


def run() -> None:
    """Print a row for each filter; the decode is that of the large BOP timing stream, which uses none."""
    decoder, workers = Decoder("test"), Workers()
    rng = np.random.default_rng(2)
    planes: list[NDArray[np.float32]] = [rng.uniform(0, 255, SIZE).astype(np.float32) for _ in "YUV"]
    shape = PictureShape.from_header(_PICTURE)
    given = WindowPlanes(planes[0], planes[1], planes[2], shape.whole)
    scale = rng.integers(0, 3600, (HEIGHT // 16, WIDTH // 16)).astype(np.int16)
    vector = next((stream for stream in perf_streams() if stream.name.startswith("base_mosaic")), None)
    whole = None
    if vector is not None:
        stream: Codestream = untiled(vector.path)
        whole = _median(lambda: decoder.decode(stream))
        print(f"decode of {vector.name} without filters: {1e3 * whole:.0f} ms")
    print(f"{'filter alone':18}{'ms':>9}{'ms per Mpx':>12}{'of the decode':>15}")
    for name, values in headers().items():
        chain = FilterChain.from_header(Header("ton", _OFF | values), _PICTURE)
        (each,) = chain.filters
        networks = (lambda kind, index: decoder.network(kind, index, "bop")) if each.name == "eicci" else None
        supplies = Supplies(workers, networks, scale)

        def work(chain: FilterChain = chain, supplies: Supplies = supplies) -> None:
            chain.apply(given, shape.whole, supplies, Recorder())

        seconds = _median(work)
        share = "" if whole is None else f"{seconds / whole:15.1%}"
        print(f"{name:18}{1e3 * seconds:9.1f}{1e9 * seconds / (HEIGHT * WIDTH):12.1f}{share}", flush=True)
