"""Measuring how fast this machine does each kind of work (`jpegai.decoder.work`), once: the rates are cached.

Small networks that are declared here, each with much of one kind of layer, go through the engine of a decoder; so does
the entropy coder, through random bits; and small streams are decoded. Rates are fitted to all of these together.
"""

from __future__ import annotations

import contextlib
import functools
import json
import platform
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from math import prod, sqrt
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream import Codestream
from jpegai.codestream.payloads import ThreadPayload
from jpegai.decoder import cache
from jpegai.decoder.components import COMPONENTS
from jpegai.decoder.decoder import Decoder, Options
from jpegai.decoder.entropy.residual import ResidualCall, decode_residuals
from jpegai.decoder.networks import Input, Network
from jpegai.decoder.networks.blocks import Builder
from jpegai.decoder.prediction import Sample, fit
from jpegai.decoder.work import Work, decode_work, run_work

__all__ = ["PROBES", "machine", "measure", "rates", "stage_times"]

#: Rows and columns of the tensors of a probe: those at a quarter of a picture of 768x512. In smaller tensors passes over
#: memory would be faster than in the networks of real pictures.
_ROWS, _COLUMNS = 128, 192
#: Rounds without an improvement by this share after which measuring ends, and the seconds after which it does anyway.
_IDLE_ROUNDS, _WORTH, _MOST_SECONDS = 8, 0.01, 15.0
#: Version of the cached form, and of the way of measuring.
_VERSION = "1"
_MADE_UP = "made up"
#: Distribution of made-up symbols; the coder takes about the same time with all of them.
_SIGMA_INDEX = 14
#: How the small streams are decoded: the synthesis is not what they are for.
_OPTIONS: Options = {"transform": "sop", "force": True}
#: What the networks of an engine take.
_DTYPES = {"float32": np.float32, "exact": np.int32}


Layers = Callable[[Builder, str, str], str]


def _probe(name: str, count: int, layers: Layers, channels: int = 64) -> Network:
    """Return a network of the same layers some times over."""
    net = Builder(Input("x", channels, 1, _MADE_UP))
    x = "x"
    for number in range(count):
        x = layers(net, x, f"{number}")
    return net.network(name, "common_Y", "luma", _MADE_UP, f"{name}.")


def _behind_convolution(layers: Layers, inner: int = 64) -> Layers:
    """Put a 1x1 convolution before a layer: what stands between convolutions costs changes of layout, too."""
    return lambda net, x, name: layers(net, net.conv(x, name, inner, 1), name)


#: The probes, and rows and columns of their input.
PROBES: Sequence[tuple[Network, int, int]] = (
    (_probe("nothing", 1, lambda net, x, _: net.relu(x)), _ROWS, _COLUMNS),
    (_probe("small", 12, lambda net, x, name: net.conv(x, name, 16, 1), 16), 4, 4),
    (_probe("1x1", 6, lambda net, x, name: net.conv(x, name, 64, 1)), _ROWS, _COLUMNS),
    (_probe("dense", 1, lambda net, x, name: net.conv(x, name, 64, 3)), _ROWS, _COLUMNS),
    (_probe("grouped", 2, lambda net, x, name: net.conv(x, name, 64, 3, groups=4)), _ROWS, _COLUMNS),
    (_probe("depthwise", 6, lambda net, x, name: net.conv(x, name, 64, 3, groups=64)), _ROWS, _COLUMNS),
    (_probe("gates", 2, lambda net, x, name: net.gate(x, name, 4)), _ROWS, _COLUMNS),
    (_probe("clipped", 4, _behind_convolution(lambda net, x, _: net.relu6(x))), _ROWS, _COLUMNS),
    (_probe("exponential", 2, _behind_convolution(lambda net, x, _: net.elu(x))), _ROWS, _COLUMNS),
    (_probe("norm", 2, _behind_convolution(lambda net, x, name: net.layer_norm(x, f"{name}.norm"))), _ROWS, _COLUMNS),
    (
        _probe("attention", 1, _behind_convolution(lambda net, x, name: net.attention(x, f"{name}.attn"), 192)),
        _ROWS,
        _COLUMNS,
    ),
    (
        _probe("shuffle", 1, _behind_convolution(lambda net, x, _: net.pixel_shuffle(x, 2), 256)),
        _ROWS // 2,
        _COLUMNS // 2,
    ),
    (_probe("transposed", 1, lambda net, x, name: net.conv_transpose(x, name, 64, 4)), _ROWS // 2, _COLUMNS // 2),
    (
        _probe("transposed, narrow", 1, lambda net, x, name: net.conv_transpose(x, name, 8, 3)),
        _ROWS,
        _COLUMNS,
    ),
)


def machine(decoder: Decoder) -> dict[str, str | int]:
    """Name what rates belong to: machine, engine and threads, and the libraries that do the work."""
    return {
        "machine": platform.node(),
        "processor": _processor(),
        "engine": decoder.engine,
        "provider": decoder.provider,
        "threads": decoder.workers.threads,
        "onnxruntime": version("onnxruntime"),
        "numpy": version("numpy"),
        "numba": version("numba"),
    }


def rates(decoder: Decoder, streams: Sequence[Codestream], *, again: bool = False) -> dict[str, float]:
    """Return the rates of the machine, from the cache where they are there.

    Args:
        decoder: whose engine and threads are measured, with models that `streams` decode with.
        streams: small streams that are decoded.
        again: measure though the cache has them.
    """
    names = machine(decoder)
    key = cache.content_key(_VERSION, json.dumps(names), *(bytes(stream.data) for stream in streams))
    known = None if again else cache.load("rates", key)
    if known is not None:
        found: dict[str, float] = json.loads(bytes(known))
        return found
    found = measure(decoder, streams)
    cache.store("rates", key, json.dumps(found).encode())
    return found


def measure(decoder: Decoder, streams: Sequence[Codestream]) -> dict[str, float]:
    """Measure the rates; arguments as in `rates`."""
    layers = fit(_network_samples(decoder))
    return fit(_stage_samples(decoder, streams), layers | fit(_integer_samples(decoder)))


def _network_samples(decoder: Decoder) -> list[Sample]:
    rng = np.random.default_rng(1)
    runs: list[Callable[[], object]] = []
    work: list[Work] = []
    for network, rows, columns in PROBES:
        ready = decoder.prepare(network, _weights(network, rng))
        x = rng.integers(-3, 4, (network.inputs[0].channels, rows, columns)).astype(_DTYPES[decoder.engine])
        runs.append(functools.partial(ready, x, size=(rows, columns)))
        work.append(run_work(network, rows, columns, engine=decoder.engine))
    return [Sample(*pair) for pair in zip(work, _seconds(runs), strict=True)]


def _weights(network: Network, rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
    """Make weights that keep the numbers of a network small."""
    return {
        name: (rng.standard_normal(tensor.shape) / sqrt(max(1, prod(tensor.shape[1:])))).astype(np.float32)
        for name, tensor in network.tensors().items()
    }


def _integer_samples(decoder: Decoder) -> Iterator[Sample]:
    """Measure the hyper scale decoder, and the entropy coder on bits that mean nothing; all engines share these."""
    network = decoder.entropy_model(COMPONENTS[0], 0).scale_network
    rows, columns = _ROWS // 8, _COLUMNS // 8
    z = np.zeros((COMPONENTS[0].channels, rows, columns), np.int8)
    size = 64 * rows, 64 * columns
    bits = np.random.default_rng(1).integers(1, 255, 1 << 18, dtype=np.uint8).tobytes()
    coding_map = np.full((COMPONENTS[0].channels, _ROWS // 4, _COLUMNS // 4), _SIGMA_INDEX, np.uint8)
    call = ResidualCall([ThreadPayload(memoryview(bits), 0, _MADE_UP)], coding_map)
    scales, symbols = _seconds(
        [
            lambda: network(z, size=size, workers=decoder.workers),
            lambda: decode_residuals([call], decoder.workers),
        ]
    )
    yield Sample(run_work(network.network, rows, columns, size), scales)
    yield Sample(Counter({"entropy symbols": coding_map.size}), symbols)


def _stage_samples(decoder: Decoder, streams: Sequence[Codestream]) -> Iterator[Sample]:
    """Measure the stages of small decodes, for what is not in networks."""
    work = []
    for stream in streams:
        outline = decoder.plan(stream, **_OPTIONS)
        work.append(decode_work(stream, outline, engine=decoder.engine, threads=decoder.workers.threads))
    decodes = [functools.partial(stage_times, decoder, stream, **_OPTIONS) for stream in streams]
    for amounts, times in zip(work, _least(decodes), strict=True):
        yield from (Sample(amounts[stage], times[stage]) for stage in amounts if stage != "synthesis")


def stage_times(decoder: Decoder, stream: Codestream, **options: Unpack[Options]) -> dict[str, float]:
    """Decode a stream and return the seconds of every stage, those that have none under ``rest``."""
    start = time.perf_counter()
    times = dict(decoder.decode(stream, **options).times)
    return times | {"rest": time.perf_counter() - start - sum(times.values())}


def _seconds(runs: Sequence[Callable[[], object]]) -> list[float]:
    """Return the least seconds of every run."""

    def timed(run: Callable[[], object]) -> dict[str, float]:
        start = time.perf_counter()
        run()
        return {"": time.perf_counter() - start}

    return [times[""] for times in _least([functools.partial(timed, run) for run in runs])]


def _least(runs: Sequence[Callable[[], Mapping[str, float]]]) -> list[dict[str, float]]:
    """Return the least of every number that each run returns, over rounds through all of them.

    What else the machine does makes runs longer, never shorter. So rounds are made until some have brought no
    improvement worth having; the first one does not count.
    """
    for run in runs:
        run()
    least: list[dict[str, float]] = [{} for _ in runs]
    idle = 0
    start = time.perf_counter()
    while idle < _IDLE_ROUNDS and time.perf_counter() - start < _MOST_SECONDS:
        before = sum(sum(times.values()) for times in least)
        for run, times in zip(runs, least, strict=True):
            times |= {name: min(seconds, times.get(name, seconds)) for name, seconds in run().items()}
        gain = before - sum(sum(times.values()) for times in least)
        idle = idle + 1 if abs(gain) < _WORTH * before else 0
    return least


def _processor() -> str:
    """Name the processor, as far as the system tells."""
    with contextlib.suppress(OSError, StopIteration), open("/proc/cpuinfo") as file:
        return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    return platform.processor() or platform.machine()
