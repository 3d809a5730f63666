"""Warm decodes of the timing streams, split by stage."""

from __future__ import annotations

import io
import statistics
import time
from pathlib import Path

import numpy as np

from jpegai.codestream import Codestream
from jpegai.decoder import Decoder
from jpegai.decoder.picture.writers.png import PNG_COMPRESSION_LEVEL, write_png
from tests.streams import perf_streams

STAGES = ("entropy", "scales and masks", "hyper decoder", "MCM", "synthesis", "colour")


def run(repeats: int = 7) -> None:
    """Print medians by stage for the timing vectors, but for the large HOP stream, which takes minutes."""
    streams = [stream for stream in perf_streams() if not stream.name.startswith("high_mosaic")]
    if not streams:
        print("no timing streams: skipped")
        return
    decoder = Decoder("test", engine="float32")
    print(f"{'stream':26}{'total ms':>9}" + "".join(f"{stage:>18}" for stage in STAGES) + f"{'outside synthesis':>19}")
    loads, writers = [], []
    for vector in streams:
        stream = untiled(vector.path)
        first = decoder.decode(stream)
        loads.append((vector.name, first.times["model load"]))
        rows = []
        for _ in range(repeats):
            start = time.perf_counter()
            picture = decoder.decode(stream)
            rows.append((time.perf_counter() - start, picture.times))
        total = statistics.median(seconds for seconds, _ in rows)
        parts = [statistics.median(times[stage] for _, times in rows) for stage in STAGES]
        outside = total - parts[STAGES.index("synthesis")]
        cells = "".join(f"{1e3 * part:9.1f} ms {part / total:5.1%}" for part in parts)
        print(f"{vector.name:26}{1e3 * total:9.1f}{cells}{1e3 * outside:12.1f} ms {outside / total:5.1%}")
        start = time.perf_counter()
        buffer = io.BytesIO()
        write_png(buffer, picture)
        writers.append((vector.name, time.perf_counter() - start, buffer.tell()))
    for name, seconds in loads:
        print(f"model load  {name:26}{1e3 * seconds:8.1f} ms (caches filled; networks load in the background)")
    for name, seconds, size in writers:
        print(f"PNG writer  {name:26}{1e3 * seconds:8.1f} ms at level {PNG_COMPRESSION_LEVEL}, {size} bytes")
    _bands(decoder)


def untiled(path: Path) -> Codestream:
    """Return a stream with the flags of synthesis tiles cleared.

    The large timing streams ask for tiles, which are not built yet. The flags have no part in the entropy coding, so
    without them it is the same stream, synthesised in one piece.
    """
    stream = Codestream.open(path)
    if not any(stream.pih.synthesis_tile_enable.values()):
        return stream
    for component in (0, 1):
        stream.pih.set("synthesis_tile_enable", (component,), 0)
    return Codestream.parse(stream.build(), name=f"{path.name} without its tile flags")


def _bands(whole: Decoder) -> None:
    """What bands cost: the largest stream in a third of the memory."""
    vector = next((stream for stream in perf_streams() if stream.name.startswith("base_mosaic")), None)
    if vector is None:
        return
    from jpegai.decoder.plan import make_plan

    stream = untiled(vector.path)
    full = make_plan(stream, "BOP")
    limit = full.memory // 3
    bounded = Decoder(whole.store, engine="float32", max_memory=limit)
    plan = make_plan(stream, "BOP", max_memory=limit)
    times = {}
    for name, decoder in (("whole", whole), ("bands", bounded)):
        decoder.decode(stream)
        seconds = []
        for _ in range(3):
            start = time.perf_counter()
            picture = decoder.decode(stream)
            seconds.append(time.perf_counter() - start)
        times[name] = statistics.median(seconds), picture.rgb
    differing = int(np.count_nonzero(times["whole"][1] != times["bands"][1]))
    print(
        f"bands       {vector.name}: {len(plan.synthesis[0])} bands in {limit >> 20} MiB against one in "
        f"{full.memory >> 20} MiB (estimates): {times['bands'][0] / times['whole'][0]:.2f} of the time, "
        f"{differing} samples differ"
    )
