"""A window of the large timing streams, and four side by side, next to the decode of the whole picture."""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np

from jpegai.codestream import Codestream
from jpegai.decoder import Decoder
from tests.streams import perf_streams

#: x, y, width, height.
WINDOW = (900, 500, 256, 256)
FOUR = [(x, y, 256, 256) for y in (500, 756) for x in (900, 1156)]


def run(repeats: int = 5) -> None:
    """Print time, multiply-adds and bytes of windows and of the whole; HOP, which takes minutes, runs once each."""
    streams = [stream for stream in perf_streams() if "mosaic" in stream.name]
    if not streams:
        print("no timing streams: skipped")
        return
    decoder = Decoder("test", engine="float32")
    print(f"{'stream':28}{'':11}{'seconds':>9}{'entropy':>9}{'synthesis':>11}{'1e9 MACs':>11}{'bytes':>10}")
    for vector in streams:
        stream = Codestream.open(vector.path)
        high = vector.name.startswith("high")
        rois: tuple[tuple[str, Any], ...] = ("window", WINDOW), ("4 windows", FOUR), ("whole", None)
        for name, roi in rois:
            planned = decoder.plan(stream, roi=roi)
            outlines = planned if isinstance(planned, list) else [planned]
            decoder.decode(stream, roi=WINDOW)  # networks and kernels are loaded
            seconds, times = [], []
            for _ in range(1 if high else repeats):
                start = time.perf_counter()
                decoded = decoder.decode(stream, roi=roi)
                seconds.append(time.perf_counter() - start)
                pictures = decoded if isinstance(decoded, list) else [decoded]
                # windows that were decoded together share their times
                shared = {id(picture.times): picture.times for picture in pictures}.values()
                times.append({stage: sum(each[stage] for each in shared) for stage in ("entropy", "synthesis")})
            parts = [statistics.median(each[stage] for each in times) for stage in ("entropy", "synthesis")]
            macs = sum(sum(outline.macs.values()) for outline in outlines) / 1e9
            read = np.zeros(len(stream.data), bool)
            for first, last in (part for outline in outlines for part in outline.bytes):
                read[first:last] = True
            print(
                f"{vector.name:28}{name:11}{statistics.median(seconds):9.3f}{parts[0]:9.3f}{parts[1]:11.3f}"
                f"{macs:11.2f}{np.count_nonzero(read):10d}"
            )
