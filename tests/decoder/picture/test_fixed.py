"""Pictures of fixed-point planes: against rational arithmetic, the vectors, float32, and themselves."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jpegai.decoder.engines.formats import ONE, PLANE_LIMIT
from jpegai.decoder.geometry import Area, Span
from jpegai.decoder.picture import render as render_module
from jpegai.decoder.picture.assembly import Assembly
from jpegai.decoder.picture.colour import (
    BT709,
    interleave,
    rgb_to_yuv,
    round_plane,
    user_transform,
    yuv_to_rgb,
    yuv_to_samples,
)
from jpegai.decoder.picture.formats import SUBSAMPLING, Frame, Planes, Samples, chroma_shape, parse_format
from jpegai.decoder.picture.picture import Picture
from jpegai.decoder.picture.render import decoded_planes, render, rendering_reads, round_planes
from jpegai.decoder.picture.resample import conversion_reads, convert_chroma, resample
from jpegai.decoder.picture.signalling import Rendering
from jpegai.decoder.workers import Workers
from tests.decoder.picture import rationals
from tests.decoder.picture.planes import floats, plane, wide_planes
from tests.decoder.picture.readers import read_png
from tests.decoder.picture.test_colour import EXAMPLES, matrix
from tests.decoder.picture.test_output import CASES, WAYS, name, rendering, step_by_step
from tests.vectors import spec_data, spec_list

WORKERS = Workers(1)
FULL = 255 * ONE
MATRICES = {
    "709": ("0.2126", "0.7152", "0.0722", "1.8556", "1.5748"),
    "601": ("0.299", "0.587", "0.114", "1.772", "1.402"),
    "2020": ("0.2627", "0.678", "0.0593", "1.8814", "1.4747"),
}
#: Values a plane may hold: within 0..255, beyond it, at the ends of the format, and halves of samples.
NUMBERS = st.one_of(
    st.integers(0, FULL),
    st.integers(-PLANE_LIMIT, PLANE_LIMIT),
    st.sampled_from([0, FULL, FULL + 1, -1, PLANE_LIMIT, -PLANE_LIMIT]),
    st.integers(0, 254).map(lambda sample: sample * ONE + ONE // 2),
)
DEPTHS = range(8, 17)


def fixed(*planes: np.ndarray) -> Planes:
    """Planes rounded to fixed point."""
    a, b, c = (np.rint(plane.astype(np.float64) * ONE).astype(np.int32) for plane in planes)
    return a, b, c


def real(planes: Any) -> list[np.ndarray]:
    return [plane / ONE for plane in planes]


def pixels(drawn: list[tuple[int, int, int]]) -> Planes:
    a, b, c = np.array(drawn, np.int32).T.reshape(3, 1, -1)
    return a, b, c


def random_planes(seed: int, height: int, width: int, chroma: str) -> Planes:
    """Planes that leave 0..255 now and then."""
    rng = np.random.default_rng(seed)
    shapes = [(height, width), *[chroma_shape(chroma, height, width)] * 2]
    y, u, v = (rng.integers(-20 * ONE, 275 * ONE, shape, np.int32) for shape in shapes)
    return y, u, v


# -- rational arithmetic ------------------------------------------------------------------------------------------

PIXELS = st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=20)
EXACT = settings(deadline=None, max_examples=60)


@EXACT
@given(PIXELS, st.sampled_from(sorted(MATRICES)), st.booleans())
def test_yuv_to_rgb(drawn: list[tuple[int, int, int]], which: str, clip: bool) -> None:
    inverse, _ = rationals.matrix(*MATRICES[which])
    low, high = (0, FULL) if clip else (-PLANE_LIMIT, PLANE_LIMIT)
    found = np.stack(yuv_to_rgb(pixels(drawn), WORKERS, matrix=matrix(which), clip=clip))[:, 0].T
    expected = [[rationals.clipped(x, low, high) for x in rationals.to_rgb(yuv, inverse)] for yuv in drawn]
    assert found.dtype == np.int32
    assert found.tolist() == expected


@EXACT
@given(PIXELS, st.sampled_from(sorted(MATRICES)))
def test_rgb_to_yuv(drawn: list[tuple[int, int, int]], which: str) -> None:
    _, forward = rationals.matrix(*MATRICES[which])
    found = np.stack(rgb_to_yuv(pixels(drawn), WORKERS, matrix=matrix(which)))[:, 0].T
    expected = [
        [rationals.clipped(x, -PLANE_LIMIT, PLANE_LIMIT) for x in rationals.to_yuv(rgb, forward)] for rgb in drawn
    ]
    assert found.tolist() == expected


@EXACT
@given(PIXELS, st.lists(st.integers(0, 255), min_size=12, max_size=12))
def test_user_transform(drawn: list[tuple[int, int, int]], numbers: list[int]) -> None:
    rows = [numbers[4 * i : 4 * i + 4] for i in range(3)]
    found = np.stack(user_transform(pixels(drawn), np.array(rows, np.int32), WORKERS))[:, 0].T
    expected = [
        [
            rationals.clipped(round(rationals.Fraction(r[0] * a + r[1] * b + r[2] * c, 255) + r[3] * ONE))
            for r in rows
        ]
        for a, b, c in drawn
    ]
    assert found.tolist() == expected


@EXACT
@given(PIXELS, st.sampled_from(DEPTHS))
def test_samples(drawn: list[tuple[int, int, int]], depth: int) -> None:
    inverse, _ = rationals.matrix(*MATRICES["709"])
    peak, dtype = 2**depth - 1, np.uint8 if depth == 8 else np.uint16
    out = np.empty((1, len(drawn), 3), dtype)
    interleave(pixels(drawn), peak, out, WORKERS)
    assert out[0].tolist() == [[rationals.sample(value, depth) for value in rgb] for rgb in drawn]
    one = np.empty((1, len(drawn)), dtype)
    round_plane(pixels(drawn)[1], peak, one, WORKERS)
    assert one[0].tolist() == out[0, :, 1].tolist()
    yuv_to_samples(pixels(drawn), 255, peak, out, WORKERS)
    expected = [[rationals.sample(value, depth) for value in rationals.to_rgb(yuv, inverse)] for yuv in drawn]
    assert out[0].tolist() == expected


@pytest.mark.parametrize("depth", DEPTHS)
def test_rounding_to_samples_around_every_boundary(depth: int) -> None:
    """Planes beside each half of a sample, and on it where there is such a number."""
    peak = 2**depth - 1
    near = (np.arange(peak, dtype=np.int64) * 2 + 1) * FULL // (2 * peak)
    values = (near[:, None] + np.arange(-1, 3)).astype(np.int32)
    out = np.empty(values.shape, np.uint16)
    round_plane(values, peak, out, WORKERS)
    scaled = values.astype(np.int64) * peak
    low, rest = scaled // FULL, scaled % FULL
    expected = low + (2 * rest > FULL) + ((2 * rest == FULL) & (low % 2 == 1))
    assert np.array_equal(out, expected)
    assert (2 * rest == FULL).any()


@pytest.mark.parametrize(
    ("given_size", "wanted"),
    [
        ((1, 1), (2, 2)), ((1, 2), (1, 3)), ((2, 3), (4, 5)), ((5, 4), (9, 8)), ((9, 12), (17, 23)), ((3, 7), (3, 14)),
        ((17, 23), (9, 12)), ((4, 5), (2, 3)), ((6, 1), (3, 1)), ((2, 40), (1, 20)), ((5, 31), (10, 31)),
        ((7, 5), (4, 9)), ((1, 300), (1, 599)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("extreme", [False, True])
def test_resampling(given_size: tuple[int, int], wanted: tuple[int, int], extreme: bool) -> None:
    rng = np.random.default_rng(given_size)
    values = rng.integers(-PLANE_LIMIT, PLANE_LIMIT + 1, given_size)
    if extreme:
        values = np.where(values < 0, -PLANE_LIMIT, PLANE_LIMIT)
    given = values.astype(np.int32)
    found = resample(given, wanted, WORKERS)
    assert found.dtype == np.int32
    assert found.tolist() == rationals.resampled(given, wanted)


def test_resampling_is_cut_to_the_range_of_planes() -> None:
    """Alternate signs, half way between samples in both directions: 1.375^2 times as large, which int32 just holds."""
    corner = np.array([[1, -1, -1, 1]], np.int32)
    for value, expected in ((PLANE_LIMIT, PLANE_LIMIT), (1 << 29, 1.375**2 * (1 << 29))):
        given = corner.T * corner * np.int32(value)
        found = resample(given, (7, 7), WORKERS)
        assert found.tolist() == rationals.resampled(given, (7, 7))
        assert found.max() == found[3, 3] == expected
        assert resample(-given, (7, 7), WORKERS).min() == -expected


@pytest.mark.parametrize("size", [(5, 9), (64, 127), (1000, 1999)])
def test_constant_planes_stay_constant(size: tuple[int, int]) -> None:
    for value in (FULL // 2, 12345, PLANE_LIMIT):
        assert (resample(np.full((2, size[0]), value, np.int32), (3, size[1]), WORKERS) == value).all()
        assert (resample(np.full((3, size[1]), value, np.int32), (2, size[0]), WORKERS) == value).all()


def test_coefficients() -> None:
    table = spec_data("colour")["yuv2rgb_709"]
    inverse = BT709.fixed_inverse
    assert inverse[:, 0].tolist() == [1, 1, 1]
    found = {"r_v": inverse[0, 2], "g_u": inverse[1, 1], "g_v": inverse[1, 2], "b_u": inverse[2, 1]}
    assert {key: value * 2**20 for key, value in found.items()} == {
        key: round(value * 2**20) for key, value in table.items()
    }
    assert inverse[0, 1] == inverse[2, 2] == 0
    assert BT709.fixed_forward[:, :3].sum(axis=1).tolist() == [1, 0, 0]
    grey = np.full((1, 1), 77 * ONE, np.int32)
    assert [int(x[0, 0]) for x in rgb_to_yuv((grey, grey, grey), WORKERS)] == [77 * ONE, FULL // 2, FULL // 2]


# -- vectors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", range(len(EXAMPLES)))
def test_worked_examples(index: int) -> None:
    rgb, yuv = EXAMPLES[index]
    there = real(rgb_to_yuv(fixed(*np.array(rgb, np.float64).reshape(3, 1, 1)), WORKERS))
    assert np.ravel(there) == pytest.approx(yuv, abs=2**-10)
    back = real(yuv_to_rgb(fixed(*np.array(yuv, np.float64).reshape(3, 1, 1)), WORKERS))
    assert np.ravel(back) == pytest.approx(rgb, abs=2**-10)


@pytest.mark.parametrize("direction", ["rgb_to_yuv", "yuv_to_rgb"])
@pytest.mark.parametrize("index", range(3))
def test_matrix_vectors(direction: str, index: int) -> None:
    cases = spec_list("colour_vectors", direction)
    if not cases:
        pytest.skip("no specification data")
    case = cases[index]
    given = fixed(*(plane(7 + k, 17, 23, kind) for k, kind in enumerate("YUV")))
    use = matrix(case["matrix"])
    if direction == "rgb_to_yuv":
        found = rgb_to_yuv(given, WORKERS, matrix=use)
    else:
        found = yuv_to_rgb(given, WORKERS, matrix=use, clip=False)
    assert np.abs(np.stack(real(found)) - 255 * floats(case).astype(np.float64)).max() <= 2**-12
    assert np.abs(np.stack(real(found)) - 255 * floats(cases[index - 1]).astype(np.float64)).max() > 1


RESAMPLED = spec_list("colour_vectors", "resample")


@pytest.mark.parametrize("case", RESAMPLED, ids=lambda case: f"{case['shape']}-{case['from']}-{case['to']}")
def test_resampling_vectors(case: dict[str, Any]) -> None:
    seed, height, width, kind = re.fullmatch(r"plane\((\d+),(\d+),(\d+),(\w)\)", case["input"]).groups()  # type: ignore[union-attr]
    given = plane(int(seed), int(height), int(width), kind)
    luma = np.zeros((case["luma_height"], case["luma_width"]), np.float32)
    _, u, v = convert_chroma(fixed(luma, given, given), case["from"], case["to"], WORKERS)
    assert np.array_equal(u, v)
    assert np.abs(u / ONE - floats(case)).max() <= 1e-3  # what the reference's own order of operations varies by


@pytest.mark.parametrize("case", CASES, ids=name)
def test_output_vectors(case: dict[str, Any], tmp_path: Path) -> None:
    """Planes, and every sample of the PNG of the reference."""
    source = case["source_format"]
    given, how = fixed(*wide_planes(17, 23, source)), rendering(case)
    decoded = decoded_planes(given, source, how, WORKERS)
    for found, expected in zip(decoded, case["planes"], strict=True):
        assert np.abs(found / ONE - floats(expected)).max() <= 1e-3
    path = tmp_path / "o.png"
    how = rendering(case, parse_format("rgb444", case["bit_depth"]))
    Picture(render(given, source, how, WORKERS), how.target, "SOP").save(path, reference_output=True)
    samples = read_png(path)
    assert samples[0].ravel().tolist() == case["png"]["rgb_interleaved_row0"]
    data = samples.astype(samples.dtype.newbyteorder("<")).tobytes()
    assert hashlib.md5(data).hexdigest() == case["png"]["md5_of_rgb_samples_le"]


@pytest.mark.parametrize("case", CASES, ids=name)
def test_yuv_file_vectors(case: dict[str, Any]) -> None:
    """Every sample of the files of the reference, but where the exact value is a half: some Y, back from RGB."""
    source = case["source_format"]
    given = wide_planes(17, 23, source)
    for file in case["yuv_files"]:
        target = parse_format(f"yuv{file['format']}", file["bits"])
        found, reference = (
            Picture(render(each, source, rendering(case, target), WORKERS), target, "SOP").flat()
            for each in (fixed(*given), given)
        )
        data = reference.astype(target.dtype.newbyteorder("<")).tobytes()
        assert hashlib.md5(data).hexdigest() == file["md5"]
        differ = found != reference
        exact = step_by_step(given, source, source, rendering(case).transform, target)
        value = np.concatenate([plane.ravel() for plane in exact])[differ]
        assert np.abs(value % 1 - 0.5).max(initial=0) <= 1e-9
        assert len(value) <= (4 if rendering(case).transform == "bt709" else 0)


# -- float32 ------------------------------------------------------------------------------------------------------

SIZES = [(97, 131), (64, 33), (65, 1), (1, 64), (2, 2)]


def assembly(way: tuple[str, str, str, str], given: Planes, keeps: bool, threads: int = 1) -> Assembly:
    """All of a picture, whose chroma is given at the size of luma."""
    coded, source, transform, target = way
    rows = np.array([[200, 30, 25, 3], [0, 128, 127, 0], [9, 200, 46, 1]], np.int32) if transform == "user" else None
    how = Rendering(coded, source, transform, parse_format(target, 8), rows)
    y, u, v = given
    made = Assembly(how, *y.shape, Workers(threads), keeps=keeps, dtype=y.dtype.type)
    made.add(0, 0, y[np.newaxis], np.stack([u, v]))
    return made


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("way", WAYS, ids="-".join)
def test_as_float32_but_for_its_roundings(way: tuple[str, str, str, str], size: tuple[int, int]) -> None:
    given = fixed(*wide_planes(*size))
    floating = tuple((plane / ONE).astype(np.float32) for plane in given)
    assert all(np.array_equal(a * ONE, b) for a, b in zip(floating, given, strict=True))
    peak = parse_format(way[3], 8).peak
    exact, rounded = assembly(way, given, keeps=True), assembly(way, floating, keeps=True)  # type: ignore[arg-type]
    for a, b in zip(exact.decoded(), rounded.decoded(), strict=True):
        assert a.dtype == np.int32
        assert np.abs(a / ONE - b).max() <= 2**-10
    for a, b in zip(exact.filter_input(), rounded.filter_input(), strict=True):
        assert np.abs(a / ONE - b).max() <= 2**-10
    how = exact._rendering
    converted = render_module.convert(rounded.decoded(), *how.decoded, how.target, WORKERS)
    for a, b, scaled in zip(exact.finish(), rounded.finish(), converted, strict=True):
        value = np.clip(scaled, 0, 255).astype(np.float64) / 255 * peak
        apart = np.abs(a.astype(int) - b)
        assert apart.max() <= 1
        boundary = np.abs(np.abs(value - np.floor(value)) - 0.5)
        assert boundary[apart > 0].max(initial=0) <= 0.01 * peak / 255


# -- itself -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS, ids="-".join)
def test_planes_kept_or_not_threads_and_strips_change_nothing(
    way: tuple[str, str, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = random_planes(3, 97, 131, "444")
    kept = assembly(way, given, keeps=True)
    whole = kept.finish()
    assert same(whole, assembly(way, given, keeps=False).finish())
    # the samples are those of the decoded planes, and behind the filters those of what goes in
    how = kept._rendering
    if (how.target.space, how.target.chroma) == how.decoded:
        assert same(whole, round_planes(kept.decoded(), how.target, WORKERS))
    assert same(whole, kept.finish(kept.filter_input()))
    monkeypatch.setattr(render_module, "_STRIP", 1)
    assert same(whole, assembly(way, given, keeps=True, threads=3).finish())


def same(a: Samples | Planes, b: Samples | Planes) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def test_decoded_yuv_is_clipped() -> None:
    given = random_planes(6, 20, 30, "422")
    how = Rendering("422", "422", "none", parse_format("yuv422", 8))
    expected = [np.clip(plane, 0, FULL) for plane in given]
    assert same(decoded_planes(given, "422", how, WORKERS), tuple(expected))  # type: ignore[arg-type]
    assert {int(plane.max()) for plane in expected} == {FULL}


@pytest.mark.parametrize("threads", [2, 3])
def test_large_planes_on_threads(threads: int) -> None:
    given, workers = random_planes(4, 300, 401, "420"), Workers(threads)
    wide = convert_chroma(given, "420", "444", WORKERS)
    assert same(convert_chroma(given, "420", "444", workers), wide)
    assert same(yuv_to_rgb(wide, workers), yuv_to_rgb(wide, WORKERS))
    outs = [np.empty((300, 401, 3), np.uint16) for _ in range(2)]
    for out, each in zip(outs, (workers, WORKERS), strict=True):
        yuv_to_samples(wide, 255, 1023, out, each)
    assert np.array_equal(*outs)


@st.composite
def windows(draw: st.DrawFn) -> tuple[int, int, Area]:
    height, width = draw(st.integers(1, 70)), draw(st.integers(1, 70))
    spans = []
    for length in (height, width):
        start = draw(st.integers(0, length - 1))
        spans.append(Span(start, draw(st.integers(start + 1, length))))
    return height, width, Area(*spans)


FORMATS = ["rgb444:8", "yuv444:8", "yuv422:10", "yuv420:8"]


@settings(deadline=None, max_examples=150)
@given(
    windows(),
    st.sampled_from([(a, b) for a in SUBSAMPLING for b in SUBSAMPLING if a <= b or "444" in (a, b)]),
    st.sampled_from(["none", "bt709"]),
    st.sampled_from(FORMATS),
    st.integers(0, 99),
)
def test_windows_are_parts_of_the_whole(
    drawn: tuple[int, int, Area], chroma: tuple[str, str], transform: str, target: str, seed: int
) -> None:
    height, width, window = drawn
    coded, source = chroma
    how = Rendering(coded, source, transform, parse_format(target, 8))
    given = random_planes(seed, height, width, "444")
    whole = assembly((coded, source, transform, target), given, keeps=True)
    frame = conversion_reads(rendering_reads(Frame((height, width), window), how), coded, source)
    area = frame.around(frame.area.rows, frame.area.columns).area
    part = Assembly(how, height, width, WORKERS, keeps=True, area=area, dtype=np.int32)
    y, u, v = (plane[area.index[1:]] for plane in given)
    part.add(area.rows.start, area.columns.start, y[np.newaxis], np.stack([u, v]))
    assert same(part.finish(window=window), whole.finish(window=window))
    assert same(part.decoded(window=window), whole.decoded(window=window))


def digest() -> str:
    """What all kernels make of small planes."""
    made = hashlib.sha256()
    for way in WAYS:
        for keeps in (False, True):
            each = assembly(way, random_planes(5, 7, 10, "444"), keeps)
            parts = [*each.finish(), *(each.decoded() if keeps else [])]
            for array in parts:
                made.update(np.ascontiguousarray(array).tobytes())
    return made.hexdigest()


def test_as_plain_python() -> None:
    """The same functions with NUMBA_DISABLE_JIT=1."""
    code = "from tests.decoder.picture.test_fixed import digest; print(digest())"
    root = Path(__file__).resolve().parents[3]
    found = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=root,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(root)},
    )  # fmt: skip
    assert found.stdout.strip() == digest()
    assert "Warning" not in found.stderr
