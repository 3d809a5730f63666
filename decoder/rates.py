"""Measuring how fast this machine does each kind of work (`jpegai.decoder.work`), once: the rates are cached.

Small networks that are declared here, each with much of one kind of layer, go through the engine of a decoder; so does
the entropy coder, through random bits; and small streams are decoded. Rates are fitted to all of these together.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import platform
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream import Codestream
from jpegai.codestream.payloads import ThreadPayload
from jpegai.decoder import cache
from jpegai.decoder.components import COMPONENTS, network_names
from jpegai.decoder.decoder import Decoder, NetworkKey, Options
from jpegai.decoder.engines.formats import ONE
from jpegai.decoder.entropy.residual import ResidualCall, decode_residuals
from jpegai.decoder.filters.base import Supplies
from jpegai.decoder.filters.planes import WindowPlanes
from jpegai.decoder.prediction import Sample, fit
from jpegai.decoder.probes import PROBES, filter_chain, weights
from jpegai.decoder.recorder import Recorder
from jpegai.decoder.work import decode_work, filter_work, load_work, run_work

__all__ = ["least", "load_seconds", "machine", "measure", "rates", "stage_times"]

#: Rounds without an improvement by this share after which measuring ends, and the seconds after which it does anyway.
_IDLE_ROUNDS, _WORTH, _MOST_SECONDS = 8, 0.01, 15.0
#: How often networks are loaded.
_LOADS = 3
#: Version of the cached form, and of the way of measuring.
_VERSION = "1"
#: Rows and columns of the picture that is filtered.
_FILTERED = 384, 512
#: Distribution of made-up symbols; the coder takes about the same time with all of them.
_SIGMA_INDEX = 14
#: How the small streams are decoded: the synthesis is not what they are for.
_OPTIONS: Options = {"transform": "sop", "force": True}
#: What the networks of an engine take.


def machine(decoder: Decoder) -> dict[str, str | int]:
    """Name what rates belong to: machine, engine and threads, and the libraries that do the work."""
    return {
        "machine": platform.node(),
        "processor": _processor(),
        "engine": decoder.engine_name,
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
    layers = fit(_network_samples(decoder)) | fit(_integer_samples(decoder)) | fit(_load_samples(decoder))
    return fit([*_stage_samples(decoder, streams), *_filter_samples(decoder)], layers)


def _network_samples(decoder: Decoder) -> Iterator[Sample]:
    """Measure the probes."""
    rng = np.random.default_rng(1)
    work, runs = [], []
    for network, size in PROBES:
        ready = decoder.engine.prepare(network, weights(network, rng))
        x: NDArray[Any] = np.ones((network.inputs[0].channels, *size), decoder.engine.dtype)
        runs.append(functools.partial(ready, x, size=size))
        work.append(run_work(network, *size, size, engine=decoder.engine_name))
    return itertools.starmap(Sample, zip(work, _seconds(runs), strict=True))


def _integer_samples(decoder: Decoder) -> Iterator[Sample]:
    """Measure the hyper scale decoder, and the entropy coder on bits that mean nothing; all engines share these."""
    network = decoder.entropy_model(COMPONENTS[0], 0).scale_network
    rows, columns = 12, 16
    z = np.zeros((COMPONENTS[0].channels, rows, columns), np.int8)
    size = 64 * rows, 64 * columns
    bits = np.random.default_rng(1).integers(1, 255, 1 << 18, dtype=np.uint8).tobytes()
    coding_map = np.full((COMPONENTS[0].channels, 2 * rows, 2 * columns), _SIGMA_INDEX, np.uint8)
    call = ResidualCall([ThreadPayload(memoryview(bits), 0, "made up")], coding_map)
    scales, symbols = _seconds(
        [
            lambda: network(z, size=size, workers=decoder.workers),
            lambda: decode_residuals([call], decoder.workers),
        ]
    )
    yield Sample(run_work(network.network, rows, columns, size), scales)
    yield Sample(Counter({"entropy symbols": coding_map.size}), symbols)


def _filter_samples(decoder: Decoder) -> Iterator[Sample]:
    """Measure every post-filter on a picture of its own."""
    chain, (height, width) = filter_chain(*_FILTERED), _FILTERED
    eicci, lef = chain.eicci, chain.lef
    assert eicci is not None
    assert lef is not None
    sample = 100 if decoder.engine.dtype == np.float32 else 100 * ONE
    y, u, v = np.full((3, height, width), sample, decoder.engine.dtype)
    planes = WindowPlanes(y, u, v, chain.picture.whole)
    scale = np.full((height // 16, width // 16), lef.thresholds[0], np.int16)
    supplies = Supplies(decoder.workers, lambda kind, index: decoder.network(kind, index, eicci.bank), scale)

    def run() -> dict[str, float]:
        recorder = Recorder()
        chain.apply(planes, chain.picture.whole, supplies, recorder)
        return recorder.times

    (times,) = least([run])
    work = filter_work(chain, chain.picture.whole, engine=decoder.engine_name)
    yield from (Sample(work[name], seconds) for name, seconds in times.items())


def _load_samples(decoder: Decoder) -> Iterator[Sample]:
    """Measure the loading of networks, the graphs of which are in the cache after the first time."""
    names = network_names("bop")
    found = least([lambda: {name: load_seconds(decoder, [(name, 0, None)]) for name in names}], _LOADS)
    return (Sample(load_work([name]), seconds) for name, seconds in found[0].items())


def load_seconds(decoder: Decoder, networks: Sequence[NetworkKey]) -> float:
    """Return the seconds in which a decoder that has loaded nothing loads networks of the models of `decoder`."""
    fresh = Decoder(
        decoder.store, engine=decoder.engine_name, provider=decoder.provider, threads=decoder.workers.threads
    )
    start = time.perf_counter()
    for each in networks:
        fresh.network(*each)
    return time.perf_counter() - start


def _stage_samples(decoder: Decoder, streams: Sequence[Codestream]) -> Iterator[Sample]:
    """Measure the stages of small decodes, for what is not in networks."""
    work = []
    for stream in streams:
        outline = decoder.plan(stream, **_OPTIONS)
        work.append(decode_work(stream, outline, engine=decoder.engine_name, threads=decoder.workers.threads))
    decodes = [functools.partial(stage_times, decoder, stream, **_OPTIONS) for stream in streams]
    for amounts, times in zip(work, least(decodes), strict=True):
        yield from (Sample(amounts[stage], times[stage]) for stage in amounts if stage != "synthesis")


def stage_times(decoder: Decoder, stream: Codestream, **options: Unpack[Options]) -> dict[str, float]:
    """Decode a stream and return the seconds of every stage, those that have none as ``rest``, and all as ``total``."""
    start = time.perf_counter()
    times = dict(decoder.decode(stream, **options).times)
    total = time.perf_counter() - start
    return times | {"rest": total - sum(times.values()), "total": total}


def _seconds(runs: Sequence[Callable[[], object]]) -> list[float]:
    """Return the least seconds of every run."""

    def timed(run: Callable[[], object]) -> dict[str, float]:
        start = time.perf_counter()
        run()
        return {"": time.perf_counter() - start}

    return [times[""] for times in least([functools.partial(timed, run) for run in runs])]


def least(runs: Sequence[Callable[[], Mapping[str, float]]], rounds: int | None = None) -> list[dict[str, float]]:
    """Return the least of every number that each run returns, over rounds through all of them.

    What else the machine does makes runs longer, never shorter. The first round does not count.

    Args:
        runs: what is run.
        rounds: how often; by default until some rounds have brought no improvement worth having.
    """
    for run in runs:
        run()
    found: list[dict[str, float]] = [{} for _ in runs]
    made = idle = 0
    start = time.perf_counter()
    while made < rounds if rounds else idle < _IDLE_ROUNDS and time.perf_counter() - start < _MOST_SECONDS:
        before = sum(sum(numbers.values()) for numbers in found)
        for run, numbers in zip(runs, found, strict=True):
            numbers |= {name: min(number, numbers.get(name, number)) for name, number in run().items()}
        gain = before - sum(sum(numbers.values()) for numbers in found)
        idle = idle + 1 if abs(gain) < _WORTH * before else 0
        made += 1
    return found


def _processor() -> str:
    """Name the processor, as far as the system tells."""
    with contextlib.suppress(OSError, StopIteration), open("/proc/cpuinfo") as file:
        return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    return platform.processor() or platform.machine()
