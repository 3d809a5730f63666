"""Pictures read back: what the writers wrote, what other programs write, and what is damaged."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from jpegai.codestream.errors import JpegAIError, LimitError, StreamSyntaxError, UnsupportedError
from jpegai.decoder.picture.formats import parse_format
from jpegai.decoder.picture.pgx import parse_pgx
from jpegai.decoder.picture.picture import Picture
from jpegai.decoder.picture.readers import EXTENSIONS, read_picture
from jpegai.decoder.picture.writers import WRITERS
from tests.decoder.picture.readers import png_chunks
from tests.decoder.picture.readers import read_png as read_png_slowly
from tests.tools.dumps import npy

LIMIT = 1 << 20


def picture(name: str, height: int = 5, width: int = 7) -> Picture:
    format, random = parse_format(name, 8), np.random.default_rng(5)
    chroma = {"444": (height, width), "422": (height, 4), "420": (3, 4)}[format.chroma]
    sizes = [(height, width), chroma, chroma]
    planes = [random.integers(0, format.peak + 1, size).astype(format.dtype) for size in sizes]
    return Picture(np.stack(planes) if format.chroma == "444" else (planes[0], planes[1], planes[2]), format, "SOP")


WRITTEN = [
    (extension, name)
    for extension in EXTENSIONS
    for name in ("rgb444:8", "rgb444:16", "yuv420:8", "yuv422:10")
    if WRITERS[extension].holds(parse_format(name, 8))
]


@pytest.mark.parametrize(("extension", "name"), WRITTEN)
def test_what_was_written_is_read(extension: str, name: str, tmp_path: Path) -> None:
    made = picture(name)
    made.save(tmp_path / f"o{extension}")
    found = read_picture(tmp_path / f"o{extension}", LIMIT)
    assert len(found.planes) == 3
    for plane, expected in zip(found.planes, made.planes, strict=True):
        assert plane.dtype == expected.dtype
        assert np.array_equal(plane, expected)
    assert found.depth in (made.format.depth, None if extension == ".npy" else 0)
    assert found.space in (made.format.space, None if extension in (".pgm", ".pgx", ".npy") else "")


def test_widened_samples_say_so(tmp_path: Path) -> None:
    made = picture("rgb444:10")
    for extension in (".png", ".tif"):
        made.save(tmp_path / f"o{extension}")
        found = read_picture(tmp_path / f"o{extension}", LIMIT)
        assert (found.depth, found.widened) == (16, True)
        assert all(np.array_equal(a >> 6, b) for a, b in zip(found.planes, made.planes, strict=True))


def png(samples: NDArray[np.uint16], filters: list[int], colour: int) -> bytes:
    """A PNG file of 16 bits whose rows have these filters."""
    height, width, count = samples.shape
    raw, step = samples.astype(">u2").view(np.uint8).reshape(height, -1).astype(int), 2 * count
    lines = []
    for row, kind in enumerate(filters):
        line = []
        for i in range(raw.shape[1]):
            left = raw[row, i - step] if i >= step else 0
            above = raw[row - 1, i] if row else 0
            corner = raw[row - 1, i - step] if row and i >= step else 0
            paeth = min((left, above, corner), key=lambda value: abs(left + above - corner - value))
            line.append((raw[row, i] - (0, left, above, (left + above) // 2, paeth)[kind]) & 255)
        lines.append(bytes([kind, *line]))
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"".join(lines))),
        (b"IEND", b""),
    ]
    parts = [struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_filters_of_16_bit_png(tmp_path: Path) -> None:
    samples = np.random.default_rng(1).integers(0, 65536, (10, 9, 3)).astype(np.uint16)
    path = tmp_path / "o.png"
    path.write_bytes(png(samples, [0, 1, 2, 3, 4, 4, 3, 2, 1, 0], 2))
    assert np.array_equal(read_png_slowly(path), samples)
    assert np.array_equal(np.stack(read_picture(path, LIMIT).planes, -1), samples)
    path.write_bytes(png(samples[:, :, :1], [4] * 10, 0))
    assert np.array_equal(np.stack(read_picture(path, LIMIT).planes, -1), samples[:, :, [0, 0, 0]])


@pytest.mark.parametrize(
    ("data", "bits", "values"),
    [
        (b"PG ML +8 2 1\n\x01\xff", 8, [1, 255]),
        (b"PG ML -8 2 1\n\x01\xff", 8, [1, -1]),
        (b"PG ML - 12 2 1\n\x01\x00\xff\xff", 12, [256, -1]),
        (b"PG LM +10 2 1\r\n\x01\x00\x00\x02", 10, [1, 512]),
        (b"PG ML 32 1 1\n\x00\x00\x01\x00", 32, [256]),
    ],
)
def test_pgx_of_other_programs(data: bytes, bits: int, values: list[int]) -> None:
    samples, found = parse_pgx(data)
    assert (found, samples.tolist()) == (bits, [values])


def test_yuv_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "o_4x2_10bit_420.yuv").write_bytes(np.arange(12, dtype="<u2").tobytes())
    found = read_picture(tmp_path / "o_4x2_10bit_420.yuv", LIMIT)
    assert (found.depth, found.space) == (10, "yuv")
    assert [plane.tolist() for plane in found.planes] == [[[0, 1, 2, 3], [4, 5, 6, 7]], [[8, 9]], [[10, 11]]]


SMALL = np.zeros((2, 2, 3), np.uint16)


@pytest.mark.parametrize(
    ("name", "data", "error", "text"),
    [
        ("o.jpg", b"", UnsupportedError, "no picture is read from '.jpg'"),
        ("o.png", b"", StreamSyntaxError, "no PNG file"),
        ("o.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, StreamSyntaxError, "no PNG file"),
        ("o.png", png(SMALL, [0, 0], 2)[:-30], StreamSyntaxError, "ends before"),
        ("o.png", png(SMALL, [0, 0], 2)[:40], StreamSyntaxError, "ends before"),
        ("o.png", png(SMALL, [0, 0], 2).replace(b"IDAT", b"XDAT"), StreamSyntaxError, "chunk is damaged"),
        ("o.png", png(SMALL, [0, 0], 3), StreamSyntaxError, "no PNG header"),
        ("o.tif", b"II*\0", StreamSyntaxError, "cannot be read"),
        ("o.ppm", b"P6\n2 2\n255\n" + b"\0" * 11, StreamSyntaxError, "ends before"),
        ("o.ppm", b"P3\n2 2\n255\n", StreamSyntaxError, "neither P5"),
        ("o.pam", b"P7\nWIDTH 2\nENDHDR\n", StreamSyntaxError, "no HEIGHT"),
        ("o.pam", b"P7\nWIDTH 2\nHEIGHT x\nDEPTH 3\nMAXVAL 9\nENDHDR\n", StreamSyntaxError, "cannot be read"),
        ("o.pgx", b"PG ML +8 2 2\n\0\0\0", StreamSyntaxError, "ends before"),
        ("o.pgx", b"PG ML +33 2 2\n" + b"\0" * 16, StreamSyntaxError, "33 bits"),
        ("o.npy", b"", StreamSyntaxError, "no NPY file"),
        ("o.npy", npy(np.zeros((0, 2, 2), np.uint8)), StreamSyntaxError, "no samples"),
        ("o.npy", npy(np.zeros((3, 2, 2), np.float32)), UnsupportedError, "float32"),
        ("o.yuv", b"", StreamSyntaxError, "says its size"),
        ("o_4x2_8bit_420.yuv", b"\0" * 11, StreamSyntaxError, "ends before"),
        ("o_0x2_8bit_420.yuv", b"", StreamSyntaxError, "describes no geometry"),
        ("o.ppm", b"P6\n9999 9999\n255\n", LimitError, "larger than the limit"),
        ("o.pgx", b"PG ML +8 999999 999999\n", StreamSyntaxError, "ends before"),
        ("o_9999x9999.yuv", b"", LimitError, "larger than the limit"),
    ],
)
def test_damage(name: str, data: bytes, error: type[JpegAIError], text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(error, match=text) as raised:
        read_picture(tmp_path / name, LIMIT)
    assert raised.value.file == str(tmp_path / name)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("described", ["[]", "{", "{}", '{"width": "4", "height": 2}', "[" * 100000])
def test_damaged_geometry_of_yuv(described: str, tmp_path: Path) -> None:
    (tmp_path / "o.yuv").write_bytes(b"\0" * 12)
    (tmp_path / "o.yuv.json").write_text(described)
    with pytest.raises(StreamSyntaxError, match=r"o\.yuv"):
        read_picture(tmp_path / "o.yuv", LIMIT)
    good = {"width": 4, "height": 2, "bit_depth": 8, "chroma_format": "420"}
    (tmp_path / "o.yuv.json").write_text(json.dumps(good))
    assert read_picture(tmp_path / "o.yuv", LIMIT).planes[1].shape == (1, 2)


@pytest.mark.parametrize("bits", [8, 16])
def test_large_pictures_are_refused_by_their_headers(bits: int, tmp_path: Path) -> None:
    head = struct.pack(">IIBBBBB", 1 << 20, 1 << 20, bits, 2, 0, 0, 0)
    data = png(SMALL, [0, 0], 2)
    ((_, old), *_) = png_chunks(data)
    sums = [struct.pack(">I", zlib.crc32(b"IHDR" + each)) for each in (old, head)]
    data = data.replace(old, head).replace(*sums)
    (tmp_path / "o.png").write_bytes(data)
    with pytest.raises(JpegAIError) as raised:
        read_picture(tmp_path / "o.png", LIMIT)
    assert isinstance(raised.value, (LimitError, StreamSyntaxError))


def test_flipped_bits_never_escape(tmp_path: Path) -> None:
    """Every file with any byte changed is read, or refused by an error of ours."""
    made, random = picture("rgb444:16"), np.random.default_rng(2)
    read = refused = 0
    for extension in (".png", ".tif", ".ppm", ".npy"):
        made.save(tmp_path / f"o{extension}")
        data = (tmp_path / f"o{extension}").read_bytes()
        for place in random.integers(0, min(len(data), 160), 60):
            damaged = bytearray(data)
            damaged[place] ^= 1 << int(random.integers(8))
            (tmp_path / f"d{extension}").write_bytes(damaged)
            try:
                read_picture(tmp_path / f"d{extension}", LIMIT)
                read += 1
            except JpegAIError:
                refused += 1
    assert read
    assert refused
