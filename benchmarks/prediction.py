"""Predicted next to measured decode times of the timing streams, the rates measured anew before each round."""

from __future__ import annotations

import functools
import statistics

from jpegai.codestream import Codestream
from jpegai.conformance_streams import STREAMS
from jpegai.decoder import Decoder
from jpegai.decoder.decoder import ENGINES
from jpegai.decoder.prediction import predict
from jpegai.decoder.rates import least, measure, stage_times
from jpegai.decoder.work import decode_work
from tests.streams import perf_streams

#: How many decodes there are in a round: the streams differ a hundredfold.
_DECODES = {"high_mosaic": 1, "high": 2, "mosaic": 3}


def run(rounds: int = 3, threads: int | None = None) -> None:
    """Print, for each engine, the ratio of predicted to measured seconds of every stream, and its range over rounds."""
    streams = [Codestream.open(vector.path) for vector in perf_streams()]
    if not streams:
        print("no timing streams: skipped")
        return
    for engine in ENGINES:
        plain, decoder = (Decoder(models, engine=engine, threads=threads) for models in ("analytic", "test"))
        small = [Codestream.parse(entry.read()) for entry in STREAMS]
        found: list[list[tuple[float, float]]] = [[] for _ in streams]
        for _ in range(rounds):
            rates = measure(plain, small)
            for stream, pairs in zip(streams, found, strict=True):
                work = decode_work(stream, decoder.plan(stream), engine=engine, threads=decoder.workers.threads)
                decodes = next((count for words, count in _DECODES.items() if words in str(stream.name)), 10)
                (times,) = least([functools.partial(stage_times, decoder, stream)], decodes)
                pairs.append((sum(predict(work, rates).values()), times["total"]))
        print(f"{engine:28}{'predicted s':>13}{'measured s':>12}{'ratio':>8}   over {rounds} rounds")
        for stream, pairs in zip(streams, found, strict=True):
            predicted, measured = (statistics.median(side) for side in zip(*pairs, strict=True))
            ratios = sorted(guess / seconds for guess, seconds in pairs)
            name = str(stream.name).rpartition("/")[2].removesuffix(".jai")
            print(
                f"{name:28}{predicted:13.4f}{measured:12.4f}{statistics.median(ratios):8.2f}"
                f"   {ratios[0]:.2f}..{ratios[-1]:.2f}"
            )
