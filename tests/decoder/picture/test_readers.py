"""Pictures read back: what the writers wrote, what other programs write, and what is damaged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from jpegai.codestream.errors import JpegAIError, LimitError, StreamSyntaxError, UnsupportedError
from jpegai.decoder.picture.formats import parse_format
from jpegai.decoder.picture.pgx import parse_pgx
from jpegai.decoder.picture.picture import Picture
from jpegai.decoder.picture.readers import EXTENSIONS, read_picture
from jpegai.decoder.picture.writers import WRITERS
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


@pytest.mark.parametrize(
    ("name", "data", "error", "text"),
    [
        ("o.jpg", b"", UnsupportedError, "no picture is read from '.jpg'"),
        ("o.png", b"", StreamSyntaxError, r"o\.png.*PNG"),
        ("o.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, StreamSyntaxError, "checksum"),
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
