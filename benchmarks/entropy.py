"""Speed of the me-tANS decoder on one core, in million positions per second (skipped positions count)."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream import Codestream
from jpegai.codestream.payloads import ThreadPayload
from jpegai.decoder.components import COMPONENTS
from jpegai.decoder.entropy import NOT_CODED, Gains, coding_map, decode_residual, decode_z
from jpegai.decoder.entropy_model import load_entropy_model
from jpegai.decoder.geometry import hyper_size
from jpegai.decoder.models import ModelStore
from jpegai.decoder.walk import cube_flags
from jpegai.decoder.workers import Workers
from tests.decoder.entropy.encoder import encode_residual, payloads
from tests.vectors import VECTORS

POSITIONS = 1_000_000
RUNS = 15

# Share of coded positions, length of the runs in which positions are coded or skipped together, sigma indices.
SYNTHETIC = {
    "high rate, 95 % coded": (0.95, 1, (3, 24)),
    "half coded, at random": (0.5, 1, (3, 16)),
    "low rate, 15 % coded, in runs": (0.15, 40, (3, 12)),
}


def measure(threads: Sequence[ThreadPayload], coding_map: NDArray[np.uint8], runs: int = RUNS) -> float:
    """Return million positions per second of one payload on one core, the median of some runs after a warm-up.

    Opening the threads and the memory of the result are part of the time.
    """
    workers = Workers(1)
    seconds = []
    for _ in range(1 + runs):
        start = time.perf_counter()
        decode_residual(threads, coding_map, workers)
        seconds.append(time.perf_counter() - start)
    return coding_map.size / statistics.median(seconds[1:]) / 1e6


def synthetic(
    share: float, run: int, indices: tuple[int, int], threads: int
) -> tuple[list[ThreadPayload], NDArray[np.uint8]]:
    """Return a payload of Gaussian residuals and its coding map."""
    source = random.Random(1)
    coded = [used for _ in range(POSITIONS // run) for used in [source.random() < share] * run]
    distributions = [source.randrange(*indices) for _ in coded]
    values = [round(source.gauss(0, 0.11 * 1.2219**index)) for index in distributions]
    data = encode_residual(values, distributions, coded, threads)
    coding_map = np.where(coded, distributions, NOT_CODED).astype(np.uint8).reshape(1, 1, -1)
    return payloads(data), coding_map


def of_stream(path: Path) -> tuple[Sequence[ThreadPayload], NDArray[np.uint8]]:
    """Return the primary residual payload of a stream and its coding map."""
    stream = Codestream.open(path)
    store, workers, size = ModelStore.open("test"), Workers(), (stream.pih.img_height, stream.pih.img_width)
    models = [load_entropy_model(store, component, stream.pih.model_id) for component in COMPONENTS]
    model = models[0]
    z, _ = decode_z(stream.threads("soz"), [each.cdf for each in models], hyper_size(*size), workers)
    hyper_scale = model.scale_network(z[0], size=size, workers=workers)
    gains = Gains.at(model.gain_log, stream.pih.beta_displacement_log_plus_2048[0] - 2048)
    flags = cube_flags(stream, 0)
    return stream.threads("sorp"), coding_map(hyper_scale, gains.log, flags, stream.pih.numCh[0], workers)


def run() -> None:
    """Print the speed on a real stream, then on synthetic ones."""
    path = VECTORS / "perf" / "base_mosaic_2048x1344.jai"
    if path.is_file():
        payload, map_ = of_stream(path)
        skipped = np.count_nonzero(map_ == NOT_CODED) / map_.size
        bits = 8 * sum(len(thread.data) for thread in payload) / map_.size
        print(
            f"me-tANS, primary residual of {path.stem}, T = {len(payload)}, {bits:.2f} bit/position, "
            f"{skipped:.1%} skipped: {measure(payload, map_):.0f} million positions/s on one core"
        )
    for name, (share, length, indices) in SYNTHETIC.items():
        for threads in (1, 4) if share > 0.9 else (1,):
            payload, coding_map = synthetic(share, length, indices, threads)
            bits = 8 * sum(len(thread.data) for thread in payload) / coding_map.size
            speed = measure(payload, coding_map)
            print(
                f"me-tANS, T = {threads}, {name}, {bits:.2f} bit/position: {speed:.0f} million positions/s on one core"
            )
