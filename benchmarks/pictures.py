"""Speed of conversions from planes to samples and of the writers, in milliseconds per million luma samples."""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from jpegai.codestream import UnsupportedError
from jpegai.decoder.picture.assembly import Assembly
from jpegai.decoder.picture.formats import PictureFormat, parse_format
from jpegai.decoder.picture.picture import Picture
from jpegai.decoder.picture.render import empty_samples
from jpegai.decoder.picture.signalling import Rendering
from jpegai.decoder.picture.writers import WRITERS
from jpegai.decoder.workers import Workers
from tests.vectors import VECTORS

SIDE = 2000
RUNS = 7

# coded, source, transform, target
CONVERSIONS = (
    ("444", "444", "bt709", "rgb444:8"),
    ("444", "444", "bt709", "rgb444:10"),
    ("420", "444", "bt709", "rgb444:8"),
    ("420", "420", "bt709", "rgb444:8"),
    ("444", "444", "none", "yuv444:8"),
    ("420", "420", "none", "yuv420:8"),
    ("420", "420", "none", "yuv420:10"),
    ("444", "444", "bt709", "yuv420:8"),
)


def measure(work: Callable[[], object], samples: int) -> float:
    """Return the milliseconds per million samples of the best of some runs after a warm-up."""
    seconds = []
    for _ in range(1 + RUNS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return 1e3 * min(seconds[1:]) / (samples / 1e6)


def run() -> None:
    """Print both tables."""
    rng = np.random.default_rng(1)
    luma = rng.uniform(0, 255, (1, SIDE, SIDE)).astype(np.float32)
    chroma = rng.uniform(60, 190, (2, SIDE, SIDE)).astype(np.float32)
    print(f"{'coded, source, transform, target':40}{'1 thread':>12}{'2 threads':>12}   ms per million samples")
    for way in CONVERSIONS:
        rendering = Rendering(*way[:3], parse_format(way[3], 8))
        row = []
        for workers in (Workers(1), Workers(2)):

            def work(rendering: Rendering = rendering, workers: Workers = workers) -> None:
                assembly = Assembly(rendering, SIDE, SIDE, workers, keeps=False)
                assembly.add(0, 0, luma, chroma)
                assembly.finish()

            row.append(measure(work, SIDE * SIDE))
        print(f"{', '.join(way):40}{row[0]:12.1f}{row[1]:12.1f}")
    _writers(rng)


def _writers(rng: np.random.Generator) -> None:
    path = VECTORS / "pictures" / "astro_1100x1100.png"
    if not path.is_file():
        print(f"no picture at {path}")
        return
    rgb = np.asarray(Image.open(path).convert("RGB"))
    print(f"\n{'writer':8}{'picture':14}{'ms per million':>16}{'bytes per sample':>20}")
    for depth in (8, 10):
        format = PictureFormat("rgb", "444", depth)
        planes = empty_samples(format, *rgb.shape[:2])
        noise = rng.normal(0, 0.6, rgb.shape) if depth > 8 else 0  # what an 8-bit picture lacks below
        planes[...] = np.clip(np.rint(rgb / 255 * format.peak + noise), 0, format.peak).transpose(2, 0, 1)  # type: ignore[call-overload]
        picture = Picture(planes, format, "SOP")
        for each in (picture, picture.convert("yuv420")):
            for extension in WRITERS:
                _writer(each, extension)
    plain = measure(lambda: Image.fromarray(rgb).save(io.BytesIO(), "PNG", compress_level=1), rgb[..., 0].size)
    print(f"{'Pillow':8}{'rgb444:8':14}{plain:16.1f}   PNG, level 1")


def _writer(picture: Picture, extension: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"x{extension}"
        try:
            milliseconds = measure(lambda: picture.save(path), picture.height * picture.width)
        except UnsupportedError:
            return
        size = sum(file.stat().st_size for file in Path(folder).iterdir())
    samples = sum(plane.size for plane in picture.planes)
    print(f"{extension:8}{picture.format!s:14}{milliseconds:16.1f}{size / samples:20.2f}")
