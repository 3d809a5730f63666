"""A window of the large timing streams next to the decode of the whole picture."""

from __future__ import annotations

import statistics
import time

from jpegai.codestream import Codestream
from jpegai.decoder import Decoder
from tests.streams import perf_streams

#: x, y, width, height.
WINDOW = (900, 500, 256, 256)


def run(repeats: int = 5) -> None:
    """Print time, multiply-adds and bytes of a window and of the whole, but for HOP, which takes minutes, once each."""
    streams = [stream for stream in perf_streams() if "mosaic" in stream.name]
    if not streams:
        print("no timing streams: skipped")
        return
    decoder = Decoder("test", engine="float32")
    print(f"{'stream':28}{'':9}{'seconds':>9}{'entropy':>9}{'synthesis':>11}{'1e9 MACs':>11}{'bytes':>10}")
    for vector in streams:
        stream = Codestream.open(vector.path)
        high = vector.name.startswith("high")
        for name, roi in (("window", WINDOW), ("whole", None)):
            outline = decoder.plan(stream, roi=roi)
            decoder.decode(stream, roi=WINDOW)  # networks and kernels are loaded
            seconds, times = [], []
            for _ in range(1 if high else repeats):
                start = time.perf_counter()
                picture = decoder.decode(stream, roi=roi)
                seconds.append(time.perf_counter() - start)
                times.append(picture.times)
            parts = [statistics.median(each[stage] for each in times) for stage in ("entropy", "synthesis")]
            macs = sum(outline.macs.values()) / 1e9
            print(
                f"{vector.name:28}{name:9}{statistics.median(seconds):9.3f}{parts[0]:9.3f}{parts[1]:11.3f}"
                f"{macs:11.2f}{outline.bytes_read:10d}"
            )
