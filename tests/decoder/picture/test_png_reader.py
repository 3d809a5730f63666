"""PNG files to samples (section 10.9.2; `png_read` of `colour_vectors.json`)."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from jpegai.codestream import JpegAIError, LimitError, StreamSyntaxError, TruncatedError
from jpegai.decoder.picture.formats import PictureFormat
from jpegai.decoder.picture.picture import Picture
from jpegai.decoder.picture.png_reader import read_png
from tests.decoder.picture.planes import floats
from tests.decoder.picture.readers import predicted
from tests.vectors import spec_list

SAMPLES = {0: 1, 2: 3, 4: 2, 6: 4}
PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def filtered(samples: np.ndarray) -> bytes:
    """The rows of a pass, each with the next of the five filters."""
    rows, step = len(samples), 2 * samples.shape[2]
    plain = np.zeros((rows + 1, step * (samples.shape[1] + 1)), np.int64)
    plain[1:, step:] = np.ascontiguousarray(samples, ">u2").view(np.uint8).reshape(rows, -1)
    out = bytearray()
    for row in range(rows):
        out.append(row % 5)
        for i in range(plain.shape[1] - step):
            near = int(plain[row + 1, i]), int(plain[row, i + step]), int(plain[row, i])
            out.append((int(plain[row + 1, i + step]) - predicted(row % 5, *near)) & 255)
    return bytes(out)


def png(samples: np.ndarray, *, interlaced: bool = False, cut: int | None = None) -> bytes:
    """A PNG file of (H, W, samples) 16-bit values, by the text of the format."""
    height, width, count = samples.shape
    colour = {n: kind for kind, n in SAMPLES.items()}[count]
    parts = [samples[a::c, b::d] for a, b, c, d in PASSES] if interlaced else [samples]
    data = zlib.compress(b"".join(filtered(part) for part in parts if part.size))
    head = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, interlaced)
    body = chunk(b"IDAT", data[:9]) + chunk(b"IDAT", data[9:cut])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"tEXt", b"a\0b") + body + chunk(b"IEND", b"")


@pytest.mark.parametrize("case", spec_list("colour_vectors", "png_read"), ids=lambda case: case["type"])
def test_vectors(case: dict[str, Any]) -> None:
    grey = case["type"].endswith("grey")
    shape = case["height"], case["width"], 1 if grey else 3
    samples = np.array(case["samples"], case["type"].split()[0]).reshape(shape)
    if case["bit_depth"] == 16:
        data = png(samples)
    else:
        buffer = io.BytesIO()
        Image.fromarray(samples[..., 0] if grey else samples).save(buffer, "PNG")
        data = buffer.getvalue()
    found = read_png(data)
    assert found.dtype == samples.dtype
    assert np.iinfo(found.dtype).bits == case["bit_depth"]
    assert np.array_equal(found, np.broadcast_to(samples, found.shape))
    if grey:
        assert case["equal"] is True
    else:
        red = found[..., 0].astype(np.float32) / np.float32(2 ** case["bit_depth"] - 1)
        assert np.array_equal(red, floats(case["red_plane_0_1"]))


@pytest.mark.parametrize("size", [(1, 1), (3, 9), (17, 12)])
@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("count", SAMPLES.values())
def test_sixteen_bits(count: int, interlaced: bool, size: tuple[int, int]) -> None:
    samples = np.random.default_rng(1).integers(0, 65536, (*size, count)).astype(np.uint16)
    found = read_png(png(samples, interlaced=interlaced))
    assert found.dtype == np.uint16
    assert np.array_equal(found, samples[..., :3] if count > 2 else samples[..., :1].repeat(3, 2))


def test_eight_bits_of_every_kind() -> None:
    rgb = np.random.default_rng(2).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    grey = Image.fromarray(rgb[..., 0])
    for image, expected in (
        (Image.fromarray(np.dstack([rgb, rgb[..., :1]])), rgb),
        (grey, rgb[..., :1].repeat(3, 2)),
        (Image.merge("LA", (grey, grey)), rgb[..., :1].repeat(3, 2)),
        (Image.fromarray(rgb).quantize(64), rgb),
        (Image.fromarray(rgb[..., 0] > 99), np.where(rgb[..., :1] > 99, 255, 0).repeat(3, 2)),
    ):
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        assert np.array_equal(read_png(buffer.getvalue()), expected)


@pytest.mark.parametrize("depth", [8, 10, 16])
def test_what_is_written_is_read(depth: int, tmp_path: Path) -> None:
    format = PictureFormat("rgb", "444", depth)
    planes = np.random.default_rng(3).integers(0, format.peak + 1, (3, 40, 33)).astype(format.dtype)
    Picture(planes, format, "SOP").save(tmp_path / "x.png")
    found = read_png((tmp_path / "x.png").read_bytes())
    assert np.array_equal(found >> (found.dtype.itemsize * 8 - depth), planes.transpose(1, 2, 0))


def test_damage() -> None:
    whole = png(np.arange(60, dtype=np.uint16).reshape(4, 5, 3))
    assert whole[24:26] == b"\x10\x02"
    with pytest.raises(StreamSyntaxError, match=r"x\.png: this is no PNG file"):
        read_png(b"P6\n", name="x.png")
    with pytest.raises(StreamSyntaxError, match=r"checksum of the chunk b'tEXt'"):
        read_png(whole.replace(b"a\0b", b"a\0c"))
    with pytest.raises(TruncatedError, match="ends inside its samples"):
        read_png(png(np.arange(60, dtype=np.uint16).reshape(4, 5, 3), cut=-9))
    with pytest.raises(LimitError, match="found 20"):
        read_png(whole, max_pixels=19)
    for head in ((5, 4, 16, 3, 0, 0, 0), (5, 4, 16, 2, 1, 0, 0), (5, 4, 16, 2, 0, 0, 2), (0, 4, 16, 2, 0, 0, 0)):
        with pytest.raises(StreamSyntaxError, match="has no meaning"):
            read_png(whole[:8] + chunk(b"IHDR", struct.pack(">IIBBBBB", *head)) + whole[33:])
    first = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0))
    rest = chunk(b"IDAT", zlib.compress(bytes([9, *range(6)]))) + chunk(b"IEND", b"")
    with pytest.raises(StreamSyntaxError, match=r"unknown filter \(expected 0\.\.4, found 9\)"):
        read_png(whole[:8] + first + rest)
    small = io.BytesIO()
    Image.new("RGB", (9, 9), "red").save(small, "PNG")
    for data in (whole, small.getvalue()):
        for length in range(len(data)):
            with pytest.raises(JpegAIError):
                read_png(data[:length])
        for at in range(len(data)):
            changed = bytearray(data)
            changed[at] ^= 0x5A
            with pytest.raises(JpegAIError):
                read_png(bytes(changed))
