"""The exact engine against float32: warm decodes of the timing streams, and the rates of its layers.

Engines, transforms and thread counts alternate in one process, since other work on the machine changes all of them.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from benchmarks.decode import untiled
from benchmarks.networks import MODEL, SIZES, bank, inputs_for
from jpegai.codestream.errors import JpegAIError
from jpegai.decoder import Decoder
from jpegai.decoder.engines.exact import ExactNetwork
from jpegai.decoder.engines.exact.attention import Gram
from jpegai.decoder.engines.exact.convolution import Convolution
from jpegai.decoder.engines.exact.steps import Depthwise, Run
from jpegai.decoder.engines.formats import ONE
from jpegai.decoder.geometry import size_argument
from jpegai.decoder.models import ModelStore, file_name
from jpegai.decoder.networks import NETWORKS
from jpegai.decoder.workers import Workers
from tests.streams import perf_streams

TRANSFORMS = ("SOP", "BOP", "HOP")
#: Multiply-adds and seconds by kind of layer.
Rates = dict[str, list[float]]


def run(rounds: int = 5) -> None:
    """Print times and ratios of decodes, the best of some rounds, and GMAC/s by kind of layer."""
    decoders = {
        (engine, threads): Decoder("test", engine=engine, threads=threads)
        for threads in (1, 2)
        for engine in ("float32", "exact")
    }
    print(f"{'stream':30}{'':5}" + "".join(f"{engine:>10}{threads:2}" for engine, threads in decoders) + "   ratios")
    for vector in perf_streams():
        stream = untiled(vector.path)
        for transform in TRANSFORMS:
            try:
                _decodes(vector.name, transform, decoders, stream, rounds if stream.pih.img_width < 1000 else 2)
            except JpegAIError as error:
                print(f"{vector.name:30}{transform:5} skipped: {error}")
    _layers()


def _decodes(name: str, transform: str, decoders: dict[tuple[str, int], Decoder], stream: Any, rounds: int) -> None:
    best = dict.fromkeys(decoders, np.inf)
    for turn in range(rounds + 1):
        for key, decoder in decoders.items():
            start = time.perf_counter()
            decoder.decode(stream, transform=transform)
            if turn:
                best[key] = min(best[key], time.perf_counter() - start)
    ratios = "".join(f"{best['exact', threads] / best['float32', threads]:7.2f}" for threads in (1, 2))
    print(f"{name:30}{transform:5}" + "".join(f"{1e3 * each:9.1f} ms" for each in best.values()) + ratios, flush=True)


def _layers() -> None:
    """Run every network once to warm it and once more, and print the rates on one thread."""
    store, workers = ModelStore.open("test"), Workers(1)
    for height, width in SIZES:
        rates: Rates = defaultdict(lambda: [0.0, 0.0])
        for network in NETWORKS.values():
            if network.arithmetic != "float32":
                continue
            exact = ExactNetwork(network, store.tensors(file_name(network.file_kind, MODEL, bank(network))), workers)
            inputs = [np.rint(each * ONE).astype(np.int32) for each in inputs_for(network, height, width).values()]
            size = size_argument(network.size_argument, height, width)
            exact(*inputs, size=size)
            with _timed(rates):
                exact(*inputs, size=size)
        for kind, (products, seconds) in sorted(rates.items()):
            print(f"{width}x{height} {kind:12}{products / seconds / 1e9:8.1f} GMAC/s{1e3 * seconds:10.1f} ms")


@contextmanager
def _timed(rates: Rates) -> Iterator[None]:
    """Measure all layers that multiply."""

    def timed(kind: type, name: str, products: Callable[..., tuple[str, float]]) -> Callable[..., Any]:
        plain = getattr(kind, name)

        def call(self: Any, rows: tuple[int, int], run: Run, *more: Any) -> Any:
            start = time.process_time()  # there is one thread
            made = plain(self, rows, run, *more)
            seconds = time.process_time() - start
            label, count = products(self, rows, run)
            rates[label][0] += count
            rates[label][1] += seconds
            return made

        setattr(kind, name, call)
        return plain

    changed = [
        (Convolution, "make", timed(Convolution, "make", _convolution)),
        (Depthwise, "make", timed(Depthwise, "make", _depthwise)),
        (Gram, "add", timed(Gram, "add", _gram)),
    ]
    try:
        yield
    finally:
        for kind, name, plain in changed:
            setattr(kind, name, plain)


def _convolution(step: Convolution, rows: tuple[int, int], run: Run) -> tuple[str, float]:
    taps = sum(part.weights.shape[2] for part in step.parts)
    positions = (rows[1] - rows[0]) * run.sizes[step.output][1] / step.factor**2
    return step.kind, taps * len(step.weights.fraction) * positions


def _depthwise(step: Depthwise, rows: tuple[int, int], run: Run) -> tuple[str, float]:
    return "depthwise", 9.0 * len(step.weights.fraction) * (rows[1] - rows[0]) * run.sizes[step.output][1]


def _gram(step: Gram, rows: tuple[int, int], run: Run) -> tuple[str, float]:
    share = step.channels // step.heads
    return "attention sum", float(step.channels * (share + 2) * (rows[1] - rows[0]) * run.sizes[step.source][1])
