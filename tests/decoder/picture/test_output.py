"""Decoded planes to pictures and to the reference's files (sections 10.4, 10.7, 10.10; `colour_vectors.json`)."""

from __future__ import annotations

import hashlib
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jpegai.codestream import UnsupportedError
from jpegai.decoder.picture import render as render_module
from jpegai.decoder.picture.assembly import Assembly
from jpegai.decoder.picture.formats import PictureFormat, Planes, Samples, parse_format
from jpegai.decoder.picture.picture import Picture
from jpegai.decoder.picture.reference import file_name_info, reference_format
from jpegai.decoder.picture.render import decoded_planes, render
from jpegai.decoder.picture.signalling import Rendering
from jpegai.decoder.workers import Workers
from tests.decoder.picture.planes import floats, wide_planes
from tests.decoder.picture.readers import read_png
from tests.vectors import spec_list

CASES = spec_list("colour_vectors", "output")
FILES = [(case, file) for case in CASES for file in case["yuv_files"]]
ONE = Workers(1)


def name(case: dict[str, Any]) -> str:
    return f"{case['source_format']}-{case['bit_depth']}-{case['colour_transform_idx']}"


def rendering(case: dict[str, Any], target: PictureFormat | None = None) -> Rendering:
    source = case["source_format"]
    transform = ("none", "bt709")[case["colour_transform_idx"]]
    decoded = PictureFormat(case["colour_space_out"], case["format_out"], case["bit_depth"])
    return Rendering(source, source, transform, target or decoded)


def picture(case: dict[str, Any], path: Path, threads: int = 1) -> Picture:
    """What a decode for a path in the reference's manner gives."""
    target = reference_format(path, rendering(case).target)
    planes = wide_planes(17, 23, case["source_format"])
    return Picture(render(planes, case["source_format"], rendering(case, target), Workers(threads)), target, "SOP")


def test_how_many_cases_run() -> None:
    assert (len(CASES), len(FILES)) in ((0, 0), (5, 26))


@pytest.mark.parametrize("case", CASES, ids=name)
def test_decoded_planes(case: dict[str, Any]) -> None:
    planes = decoded_planes(wide_planes(17, 23, case["source_format"]), case["source_format"], rendering(case), ONE)
    for found, expected in zip(planes, case["planes"], strict=True):
        assert np.abs(found - floats(expected)).max() <= 1e-3
        assert np.abs(found + np.float32(2e-3) - floats(expected)).max() > 1e-3
    assert rendering(case).decoded == (case["colour_space_out"], case["format_out"])


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("case", CASES, ids=name)
def test_png_of_the_reference(case: dict[str, Any], threads: int, tmp_path: Path) -> None:
    path = tmp_path / "o.png"
    picture(case, path, threads).save(path, reference_output=True)
    samples = read_png(path)
    expected = case["png"]
    assert samples.dtype == expected["dtype"]
    assert samples[0].ravel().tolist() == expected["rgb_interleaved_row0"]
    assert samples[8].ravel().tolist() == expected["rgb_row8"]
    data = samples.astype(samples.dtype.newbyteorder("<")).tobytes()
    assert hashlib.md5(data).hexdigest() == expected["md5_of_rgb_samples_le"]
    assert [file.name for file in tmp_path.iterdir()] == ["o.png"]


@pytest.mark.parametrize(("case", "file"), FILES, ids=lambda x: name(x) if "png" in x else f"{x['format']}-{x['bits']}")
def test_yuv_files_of_the_reference(case: dict[str, Any], file: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / f"o_23x17_{file['bits']}bit_{file['format']}.yuv"
    picture(case, path).save(path, reference_output=True)
    data = path.read_bytes()
    assert len(data) == file["bytes"]
    assert data[:16].hex() == file["first_16_bytes_hex"]
    assert hashlib.md5(data).hexdigest() == file["md5"]


@pytest.mark.parametrize("case", CASES, ids=name)
def test_pgx_of_the_reference(case: dict[str, Any], tmp_path: Path) -> None:
    picture(case, tmp_path / "o.pgx").save(tmp_path / "o.pgx", reference_output=True)
    assert (tmp_path / "o.pgx").read_text() == case["pgx"]["index"]
    assert (tmp_path / "o_0.h").read_text() == case["pgx"]["header_0"]
    raw = np.fromfile(tmp_path / "o_0.raw", "<i4")
    assert raw.size == 17 * 23
    assert raw[:8].tolist() == case["pgx"]["raw_0_first_8_values"]
    assert len(list(tmp_path.iterdir())) == 7


@pytest.mark.parametrize("case", spec_list("colour_vectors", "file_name_info"), ids=lambda case: case["name"])
def test_file_names(case: dict[str, Any]) -> None:
    info = file_name_info(case["name"])
    read = (info.width or -1, info.height or -1, info.bits or 8, info.format or "420")  # the defaults of reading
    assert read == (case["width"], case["height"], case["bits"], case["format"])


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("o.tif", "writes .png, .yuv and .pgx"),
        ("o_sRGB.yuv", "asks for sRGB"),
        ("o_422.yuv", "asks for 422"),
        ("o_20bit.yuv", "20 bits"),
    ],
)
def test_what_the_reference_cannot_write(path: str, message: str) -> None:
    with pytest.raises(UnsupportedError, match=message):
        reference_format(path, PictureFormat("yuv", "420", 8))


def test_reference_output_wants_its_own_format(tmp_path: Path) -> None:
    case = {"source_format": "444", "bit_depth": 10, "colour_transform_idx": 1}
    made = picture(case | {"colour_space_out": "rgb", "format_out": "444"}, tmp_path / "o.png")
    with pytest.raises(UnsupportedError, match=r"expected RGB 4:4:4, 8 bits, found RGB 4:4:4, 10 bits"):
        made.save(tmp_path / "o.pgx", reference_output=True)


# -- assembly -----------------------------------------------------------------------------------------------------


def full_size(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    y, u, v = wide_planes(height, width)
    return y[np.newaxis], np.stack([u, v])


WAYS = [
    # coded, source, transform, target
    ("444", "444", "bt709", "rgb444:8"),
    ("444", "444", "bt709", "rgb444:10"),
    ("420", "444", "bt709", "rgb444:8"),
    ("422", "444", "bt709", "rgb444:10"),
    ("420", "420", "bt709", "rgb444:8"),
    ("422", "422", "bt709", "rgb444:16"),
    ("444", "444", "none", "yuv444:8"),
    ("420", "420", "none", "yuv420:10"),
    ("422", "422", "none", "yuv422:8"),
    ("420", "444", "none", "yuv444:8"),
    ("420", "420", "none", "rgb444:8"),
    ("422", "422", "none", "yuv420:8"),
    ("420", "422", "none", "yuv422:8"),
    ("420", "422", "bt709", "rgb444:8"),
    ("444", "444", "bt709", "yuv420:8"),
    ("444", "444", "user", "rgb444:8"),
]


def inner(t: float) -> float:
    return ((-0.75 + 2) * t - (-0.75 + 3)) * t * t + 1


def outer(t: float) -> float:
    return ((-0.75 * t + 5 * 0.75) * t - 8 * 0.75) * t + 4 * 0.75


def step_by_step(planes: Planes, coded: str, source: str, transform: str, target: PictureFormat) -> list[np.ndarray]:
    """The same in float64 and one step after the other, from the text of chapter 10."""
    y, u, v = (np.clip(plane.astype(np.float64), -1e9, 1e9) for plane in planes)

    def taps(count: int, wanted: int) -> np.ndarray:
        matrix = np.zeros((wanted, count))
        for d in range(wanted):
            src = d * (count - 1) / (wanted - 1) if wanted > 1 else 0.0
            i = min(int(src + 1e-6), count - 1)
            f = min(max(src - i, 0), 1)
            weights = (outer(1 + f), inner(f), inner(1 - f), outer(2 - f)) if wanted > count else (0, 1 - f, f, 0)
            for k, weight in enumerate(weights):
                matrix[d, min(max(i - 1 + k, 0), count - 1)] += weight
        return matrix

    def resized(plane: np.ndarray, chroma: str) -> np.ndarray:
        vertical, horizontal = {"444": (1, 1), "422": (1, 2), "420": (2, 2)}[chroma]
        wanted = -(-y.shape[0] // vertical), -(-y.shape[1] // horizontal)
        return taps(plane.shape[0], wanted[0]) @ plane @ taps(plane.shape[1], wanted[1]).T

    def to(chroma: str, now: str) -> None:
        nonlocal u, v
        if {chroma, now} == {"422", "420"}:
            u, v = resized(u, "444"), resized(v, "444")
        u, v = resized(u, chroma), resized(v, chroma)

    def rgb() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        a, b = (v - 127.5) * 1.5748, (u - 127.5) * 1.8556
        return y + a, y - 0.0722 / 0.7152 * b - 0.2126 / 0.7152 * a, y + b

    to(source, coded)
    space = "yuv"
    if transform == "bt709":
        to("444", source)
        (y, u, v), space, source = rgb(), "rgb", "444"
    elif transform == "user":
        (y, u, v), space = (y, v, u), "rgb"
    y, u, v = (np.clip(plane, 0, 255) for plane in (y, u, v))
    if (space, target.space) == ("yuv", "rgb"):
        to("444", source)
        y, u, v = rgb()
    elif (space, target.space) == ("rgb", "yuv"):
        luma = 0.2126 * y + 0.7152 * u + 0.0722 * v
        y, u, v = luma, (v - luma) / 1.8556 + 127.5, (y - luma) / 1.5748 + 127.5
        to(target.chroma, "444")
    elif space == "yuv":
        to(target.chroma, source)
    return [np.clip(plane, 0, 255) / 255 * target.peak for plane in (y, u, v)]


def assembled(way: tuple[str, str, str, str], height: int, width: int, threads: int, *, keeps: bool) -> Samples:
    coded, source, transform, target = way
    user = np.array([[255, 0, 0, 0], [0, 0, 255, 0], [0, 255, 0, 0]], np.int32) if transform == "user" else None
    how = Rendering(coded, source, transform, parse_format(target, 8), user)
    assembly = Assembly(how, height, width, Workers(threads), keeps=keeps)
    luma, chroma = full_size(height, width)
    for first in range(0, height, 32):
        if keeps and width > 16:
            assembly.add_component(0, first, 0, luma[:, first : first + 32])
            assembly.add_component(1, first, 0, chroma[:, first : first + 32, :16])
            assembly.add_component(1, first, 16, chroma[:, first : first + 32, 16:])
            continue
        for left in range(0, width, 48):
            part = np.s_[:, first : first + 32, left : left + 48]
            assembly.add(first, left, luma[part], chroma[part])
    return assembly.finish()


@pytest.mark.parametrize("size", [(97, 131), (64, 33), (65, 1), (1, 64), (2, 2)], ids=str)
@pytest.mark.parametrize("way", WAYS, ids="-".join)
def test_every_way_from_planes_to_samples(way: tuple[str, str, str, str], size: tuple[int, int]) -> None:
    coded, source, transform, name = way
    target = parse_format(name, 8)
    samples = assembled(way, *size, 2, keeps=False)
    luma, chroma = full_size(*size)
    steps = {"444": (1, 1), "422": (1, 2), "420": (2, 2)}[coded]
    small = chroma[:, :: steps[0], :: steps[1]]
    exact = step_by_step((luma[0], small[0], small[1]), coded, source, transform, target)
    for found, expected in zip(samples, exact, strict=True):
        assert found.dtype == (np.uint8 if target.depth == 8 else np.uint16)
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() <= 0.5 + 1e-3 * target.peak / 255
    assert (target.chroma == "444") == isinstance(samples, np.ndarray)
    whole = assembled(way, *size, 1, keeps=True)
    assert all(np.abs(a.astype(int) - b).max() <= 1 for a, b in zip(samples, whole, strict=True))
    assert sum(np.count_nonzero(a != b) for a, b in zip(samples, whole, strict=True)) <= 2


@pytest.mark.parametrize("way", WAYS, ids="-".join)
def test_strips_and_threads_change_nothing(way: tuple[str, str, str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = assembled(way, 97, 131, 1, keeps=True)
    monkeypatch.setattr(render_module, "_STRIP", 1)
    thin = assembled(way, 97, 131, 3, keeps=True)
    assert all(np.array_equal(a, b) for a, b in zip(whole, thin, strict=True))


@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize("way", WAYS, ids="-".join)
def test_memory_is_foreseen(way: tuple[str, str, str, str], keeps: bool) -> None:
    height, width = 600, 700
    luma, chroma = np.zeros((1, height, width), np.float32), np.zeros((2, height, width), np.float32)
    user = np.zeros((3, 4), np.int32) if way[2] == "user" else None
    how = Rendering(*way[:3], parse_format(way[3], 8), user)

    def work() -> None:
        assembly = Assembly(how, height, width, ONE, keeps=keeps)
        assembly.add(0, 0, luma, chroma)
        assembly.finish()

    work()  # compiled
    tracemalloc.start()
    work()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    foreseen = how.memory(height, width, keeps=keeps)
    assert 0.6 * foreseen <= peak <= foreseen + (1 << 20) + (1 << 17)  # a strip, and rows


def test_filters_stand_between_the_source_format_and_colour() -> None:
    how = Rendering("420", "444", "bt709", parse_format("rgb444", 8))
    assembly = Assembly(how, 40, 30, ONE, keeps=True)
    assembly.add(0, 0, *full_size(40, 30))
    assert [plane.shape for plane in assembly.coded] == [(1, 40, 30), (2, 20, 15)]
    planes = assembly.filter_input()
    assert {plane.shape for plane in planes} == {(40, 30)}
    same = assembly.finish(planes)
    assert np.array_equal(same, assembly.finish())
    grey = assembly.finish((planes[0], np.full_like(planes[0], 127.5), np.full_like(planes[0], 127.5)))
    assert np.array_equal(grey[0], np.rint(planes[0]))
    assert np.array_equal(grey[0], grey[2])
    assert np.abs(assembly.decoded(planes)[0] - np.asarray(same)[0]).max() <= 0.501
