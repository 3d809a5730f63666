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
from jpegai.decoder.entropy import (
    NOT_CODED,
    BiasScaling,
    Dequantiser,
    Gains,
    QualityMap,
    Scales,
    VarianceScaling,
    block_activity,
    decode_residual,
    decode_z,
)
from jpegai.decoder.entropy_model import load_entropy_model
from jpegai.decoder.geometry import Area, hyper_size
from jpegai.decoder.models import ModelStore
from jpegai.decoder.quantiser import Quantiser
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
    scales = Quantiser.of(stream, 0, model.gain_log, hyper_scale, None, workers).scales
    whole = Area.whole(*hyper_scale.shape[1:])
    return stream.threads("sorp"), scales.coding_map(stream.pih.numCh[0], whole, workers)


def kernels() -> None:
    """Print what scales, RVS, dequantisation and LSBS take on one core; there are as many latents as luma samples."""
    source, workers = np.random.default_rng(1), Workers(1)
    shape = channels, height, width = 160, 128, 84
    hyper = source.integers(0, 3968, shape).astype(np.int16)
    gains = Gains.at(source.integers(-300, 300, channels).astype(np.int32), 0)
    quality = QualityMap(source.integers(-8, 9, (height, width)).astype(np.int8))
    activity = block_activity(hyper, gains.log, quality.log, workers)
    variance = VarianceScaling.of(2, activity, rvs=True, group_flags=None)
    scales = Scales.of(hyper, gains.log, quality=quality.log, variance=variance.log)
    dequantiser, bias = Dequantiser(gains.divisor, variance.inverse, quality.divisor), BiasScaling.of(2, activity)
    values = source.integers(-20, 20, shape).astype(np.int16)
    residual, latents = np.zeros(shape, np.float32), source.normal(size=shape).astype(np.float32)
    whole = Area.whole(height, width)
    for name, work in {
        "activity of blocks": lambda: block_activity(hyper, gains.log, quality.log, workers),
        "coding map with RVS and quality map": lambda: scales.coding_map(channels, whole, workers),
        "dequantisation with both": lambda: dequantiser(values, whole, residual, workers),
        "LSBS": lambda: bias.apply(latents, residual, workers),
    }.items():
        seconds = []
        for _ in range(1 + RUNS):
            start = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - start)
        print(f"{name}: {statistics.median(seconds[1:]) / hyper.size * 1e9:.2f} ms per megasample on one core")


def run() -> None:
    """Print the speed on a real stream, then on synthetic ones."""
    kernels()
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
