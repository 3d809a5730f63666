"""Files by extension, read back by other readers (section 10.10.4)."""

from __future__ import annotations

import io
import json
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from jpegai.codestream import UnsupportedError
from jpegai.decoder.picture.formats import (
    Cicp,
    ContentLight,
    MasteringDisplay,
    PictureFormat,
    chroma_shape,
    parse_format,
)
from jpegai.decoder.picture.picture import Picture
from jpegai.decoder.picture.render import empty_samples
from jpegai.decoder.picture.writers import WRITERS, check_output, png
from jpegai.decoder.picture.writers.wide import widened
from tests.decoder.picture.readers import png_chunks, read_netpbm, read_pgx, read_png

SIZES = [(17, 23), (1, 1), (2, 33)]
DEPTHS = [8, 9, 10, 12, 14, 15, 16]
CICP = Cicp(9, 16, 9, 1)
DISPLAY = MasteringDisplay(((34000, 16000), (13250, 34500), (7500, 3000)), (15635, 16450), 10_000_000, 50)
LIGHT = ContentLight(1000, 400)
ALL = ["rgb444", "yuv444", "yuv422", "yuv420"]


def picture(name: str, depth: int, size: tuple[int, int] = (17, 23), cicp: Cicp | None = None) -> Picture:
    """A picture of noise that holds both ends of the range."""
    rng = np.random.default_rng(depth)
    format = parse_format(name, depth)
    planes = empty_samples(format, *size)
    for plane in planes:
        plane[...] = rng.integers(0, format.peak + 1, plane.shape)
        plane[0, 0] = format.peak
        plane[-1, -1] = 0 if plane.size > 1 else format.peak
    return Picture(planes, format, "SOP", cicp=cicp)


def replicated(samples: np.ndarray, depth: int) -> np.ndarray:
    """High bits repeated below, as text of bits."""
    if depth == 8:
        return samples
    return np.vectorize(lambda v: int((f"{v:0{depth}b}" * 2)[:16], 2), otypes=[np.uint16])(samples)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("depth", DEPTHS)
def test_png(depth: int, size: tuple[int, int], tmp_path: Path) -> None:
    made = picture("rgb444", depth, size)
    made.save(tmp_path / "x.PNG")
    found = read_png(tmp_path / "x.PNG")
    assert found.dtype == (np.uint8 if depth == 8 else np.uint16)
    assert np.array_equal(found, replicated(made.rgb, depth))
    with Image.open(tmp_path / "x.PNG") as image:
        assert np.array_equal(np.asarray(image), found if depth == 8 else found >> 8)
    assert [kind for kind, _ in png_chunks((tmp_path / "x.PNG").read_bytes())] == [b"IHDR", b"IDAT", b"IEND"]


@pytest.mark.parametrize("coder", ["isal.isal_zlib", "zlib"])
@pytest.mark.parametrize("strip", [1, 300, 1000, 1 << 20])
@pytest.mark.parametrize("depth", [8, 12])
def test_png_in_strips(depth: int, strip: int, coder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(png, "_STRIP", strip)
    monkeypatch.setattr(png, "compressobj", pytest.importorskip(coder).compressobj)
    made = picture("rgb444", depth, (37, 41))
    made.save(tmp_path / "x.png")
    assert np.array_equal(read_png(tmp_path / "x.png"), replicated(made.rgb, depth))


def test_png_carries_the_code_points(tmp_path: Path) -> None:
    for depth in (8, 10):
        picture("rgb444", depth, cicp=CICP).save(tmp_path / "x.png")
        chunks = png_chunks((tmp_path / "x.png").read_bytes())
        assert chunks[1] == (b"cICP", bytes([9, 16, 0, 1]))
        assert np.array_equal(read_png(tmp_path / "x.png"), replicated(picture("rgb444", depth).rgb, depth))


@pytest.mark.parametrize("cicp", [CICP, None])
@pytest.mark.parametrize("display", [DISPLAY, None])
@pytest.mark.parametrize("light", [LIGHT, ContentLight(65535, 0), None])
def test_png_says_what_the_stream_says_of_light(
    cicp: Cicp | None, display: MasteringDisplay | None, light: ContentLight | None, tmp_path: Path
) -> None:
    """Chunks of the third edition: red, green, blue, white in 0.00002, light in 0.0001 cd/m2, before the samples."""
    made = replace(picture("rgb444", 10), cicp=cicp, mastering_display=display, content_light=light)
    made.save(tmp_path / "x.png")
    chunks = png_chunks((tmp_path / "x.png").read_bytes())
    names = [b"cICP"] * (cicp is not None) + [b"mDCV"] * (display is not None) + [b"cLLI"] * (light is not None)
    assert [kind for kind, _ in chunks] == [b"IHDR", *names, b"IDAT", b"IEND"]
    found = dict(chunks)
    if display is not None:
        content = found[b"mDCV"]
        assert len(content) == 24
        points = [int.from_bytes(content[at : at + 2]) * 0.00002 for at in range(0, 16, 2)]
        assert points == pytest.approx([0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.3127, 0.329])
        assert [int.from_bytes(content[at : at + 4]) * 0.0001 for at in (16, 20)] == pytest.approx([1000, 0.005])
    if light is not None:
        assert len(found[b"cLLI"]) == 8
        levels = [int.from_bytes(found[b"cLLI"][at : at + 4]) * 0.0001 for at in (0, 4)]
        assert levels == pytest.approx(astuple(light))
    assert np.array_equal(read_png(tmp_path / "x.png"), replicated(made.rgb, 10))


def test_grey_pictures_stay_rgb(tmp_path: Path) -> None:
    for depth in (8, 16):
        format = PictureFormat("rgb", "444", depth)
        planes = empty_samples(format, 4, 5)
        assert isinstance(planes, np.ndarray)
        planes[...] = 257 & format.peak
        Picture(planes, format, "SOP").save(tmp_path / "x.png")
        assert (read_png(tmp_path / "x.png") == 257 & format.peak).all()  # which also asserts colour type 2


@pytest.mark.parametrize("depth", [8, 10, 16])
def test_widening_by_hand(depth: int) -> None:
    values = np.array([[[0, 1, 2**depth - 1]]], np.uint8 if depth == 8 else np.uint16)
    assert widened(values, depth).tolist() == [[[0, {8: 1, 10: 64, 16: 1}[depth], 255 if depth == 8 else 65535]]]
    swapped = widened(values, depth, big_endian=True)
    assert swapped.tobytes() == widened(values, depth).astype(f">u{values.itemsize}").tobytes()


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("depth", DEPTHS)
def test_tiff(depth: int, size: tuple[int, int], tmp_path: Path) -> None:
    made = picture("rgb444", depth, size)
    made.save(tmp_path / "x.tif")
    with tifffile.TiffFile(tmp_path / "x.tif") as file:
        page = file.pages.first
        assert page.photometric == tifffile.PHOTOMETRIC.RGB
        assert np.array_equal(page.asarray(), replicated(made.rgb, depth))
    if depth == 8:
        with Image.open(tmp_path / "x.tif") as image:
            assert np.array_equal(np.asarray(image), made.rgb)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("depth", [8, 10, 16])
@pytest.mark.parametrize(("extension", "magic"), [(".ppm", b"P6"), (".pam", b"P7")])
def test_ppm_and_pam(extension: str, magic: bytes, depth: int, size: tuple[int, int], tmp_path: Path) -> None:
    made = picture("rgb444", depth, size)
    made.save(tmp_path / f"x{extension}")
    found = read_netpbm(tmp_path / f"x{extension}")
    assert found[:2] == (magic, 2**depth - 1)
    assert np.array_equal(found[2], made.rgb)
    if depth == 8 and extension == ".ppm":
        with Image.open(tmp_path / "x.ppm") as image:
            assert np.array_equal(np.asarray(image), made.rgb)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("depth", [8, 10, 16])
@pytest.mark.parametrize("name", ALL)
def test_a_file_for_each_component(name: str, depth: int, size: tuple[int, int], tmp_path: Path) -> None:
    made = picture(name, depth, size)
    made.save(tmp_path / "x.pgx")
    made.save(tmp_path / "x.pgm")
    for component, plane in enumerate(made.planes):
        assert plane.shape == (chroma_shape(made.format.chroma, *size) if component else size)
        found_depth, found = read_pgx(tmp_path / f"x_{component}.pgx")
        assert found_depth == depth
        assert np.array_equal(found, plane)
        magic, peak, found = read_netpbm(tmp_path / f"x_{component}.pgm")
        assert (magic, peak) == (b"P5", made.format.peak)
        assert np.array_equal(found, plane)
    assert len(list(tmp_path.iterdir())) == 6


def test_pgx_to_the_byte(tmp_path: Path) -> None:
    made = picture("yuv420", 10, (3, 5))
    made.save(tmp_path / "x.pgx")
    data = (tmp_path / "x_1.pgx").read_bytes()
    assert data[:14] == b"PG ML +10 3 2\n"
    assert data[14:16] == b"\x03\xff"
    assert len(data) == 14 + 2 * 6


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("depth", [8, 10, 16])
@pytest.mark.parametrize("name", ALL[1:])
def test_yuv(name: str, depth: int, size: tuple[int, int], tmp_path: Path) -> None:
    made = picture(name, depth, size, CICP)
    made.save(tmp_path / "x_{geometry}.yuv")
    stem = f"x_{size[1]}x{size[0]}_{depth}bit_{name[3:]}.yuv"
    assert {path.name for path in tmp_path.iterdir()} == {stem, f"{stem}.json"}
    samples = np.fromfile(tmp_path / stem, "u1" if depth == 8 else "<u2")
    facts = json.loads((tmp_path / f"{stem}.json").read_text())
    assert (facts["width"], facts["height"], facts["bit_depth"]) == (size[1], size[0], depth)
    assert facts["cicp"]["transfer_characteristics"] == 16
    assert facts["bytes_per_sample"] == samples.itemsize
    at = 0
    for plane, entry in zip(made.planes, facts["planes"], strict=True):
        assert (entry["height"], entry["width"]) == plane.shape
        assert np.array_equal(samples[at : at + plane.size], plane.ravel())
        at += plane.size
    assert at == samples.size


@pytest.mark.parametrize("name", ALL)
def test_numpy_files(name: str, tmp_path: Path) -> None:
    made = picture(name, 10)
    made.save(tmp_path / "x.npz")
    with np.load(tmp_path / "x.npz") as file:
        assert set(file) == {*name[:3], "format"}
        assert file["format"] == f"{name}:10"
        for letter, plane in zip(name[:3], made.planes, strict=True):
            assert np.array_equal(file[letter], plane)
    if name.endswith("444"):
        made.save(tmp_path / "x.npy")
        assert np.array_equal(np.load(tmp_path / "x.npy"), made.planes)


@pytest.mark.parametrize("extension", WRITERS)
@pytest.mark.parametrize("name", ALL)
def test_what_cannot_be_held_is_refused(extension: str, name: str, tmp_path: Path) -> None:
    made = picture(name, 8)
    if WRITERS[extension].holds(made.format):
        made.save(tmp_path / f"x{extension}")
        return
    with pytest.raises(UnsupportedError, match=r"cannot hold .*: write \.\w+.*--format (rgb|yuv)444") as caught:
        made.save(tmp_path / f"x{extension}")
    assert not list(tmp_path.iterdir())
    advised = str(caught.value).partition("--format ")[2].partition(")")[0]
    made.convert(advised).save(tmp_path / f"x{extension}")


def test_extensions_nobody_knows(tmp_path: Path) -> None:
    for name in ("x.bmp", "x", "png"):
        with pytest.raises(UnsupportedError, match=r"no picture format has the extension.*\.png"):
            picture("rgb444", 8).save(tmp_path / name)
    assert check_output("x.TIFF", PictureFormat("rgb", "444", 12)).name == "TIFF"


def test_several_files_or_none(tmp_path: Path) -> None:
    (tmp_path / "x_2.pgx").mkdir()
    (tmp_path / "x_0.pgx").write_text("before")
    with pytest.raises(IsADirectoryError):
        picture("yuv420", 8).save(tmp_path / "x.pgx")
    assert {path.name for path in tmp_path.iterdir()} == {"x_0.pgx", "x_2.pgx"}
    assert (tmp_path / "x_0.pgx").read_text() == "before"


@pytest.mark.parametrize("depth", [8, 10])
@pytest.mark.parametrize("name", ALL)
def test_conversion_of_samples(name: str, depth: int) -> None:
    flat = picture(name, depth, (18, 20))
    for plane, value in zip(flat.planes, (0.5, 0.45, 0.55), strict=True):
        plane[...] = round(value * flat.format.peak)
    rgb = flat.to_rgb()
    assert rgb.shape == (18, 20, 3)
    y, u, v = (round(value * flat.format.peak) / flat.format.peak for value in (0.5, 0.45, 0.55))
    expected = (y, u, v)
    if name != "rgb444":
        a, b = 1.5748 * (v - 0.5), 1.8556 * (u - 0.5)
        expected = (y + a, y - 0.0722 / 0.7152 * b - 0.2126 / 0.7152 * a, y + b)
        with pytest.raises(UnsupportedError, match="to_rgb"):
            flat.rgb  # noqa: B018
    assert rgb[3, 4].tolist() == [round(value * flat.format.peak) for value in expected]
    wide = flat.convert(f"{name}:16")
    assert [int(plane[0, 0]) for plane in wide.planes] == [
        round(int(plane[0, 0]) / flat.format.peak * 65535) for plane in flat.planes
    ]
    assert flat.convert(name) is flat


def test_an_open_file(tmp_path: Path) -> None:
    made, buffer = picture("rgb444", 8), io.BytesIO()
    png.write_png(buffer, made)
    made.save(tmp_path / "x.png")
    assert buffer.getvalue() == (tmp_path / "x.png").read_bytes()
