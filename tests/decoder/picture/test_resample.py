"""Chroma resampling (section 10.5)."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from jpegai.decoder.picture.formats import chroma_shape
from jpegai.decoder.picture.resample import Resampler, convert_chroma, resample
from jpegai.decoder.workers import Workers
from tests.decoder.picture.planes import floats, plane, wide_planes
from tests.vectors import spec_list

ONE = Workers(1)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((0, 10, 20, 30, 40), (0, 20, 40)),
        ((0, 10, 20, 30, 40, 50, 60, 70), (0, 23.3333, 46.6667, 70)),
        ((0, 10, 40), (0, 2.1875, 10, 25.9375, 40)),
        ((0, 10, 40, 20), (0, 1.8367, 6.4286, 19.8834, 34.7085, 39.9417, 30.7580, 20)),
    ],
)
def test_worked_examples(values: tuple[float, ...], expected: tuple[float, ...]) -> None:
    row = np.array([values], np.float32)
    assert resample(row, (1, len(expected)), ONE)[0] == pytest.approx(expected, abs=1e-4)
    column = np.ascontiguousarray(row.T)
    assert resample(column, (len(expected), 1), ONE)[:, 0] == pytest.approx(expected, abs=1e-4)


CASES = spec_list("colour_vectors", "resample")


def test_how_many_cases_run() -> None:
    assert len(CASES) in (0, 16)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['shape']}-{case['from']}-{case['to']}")
def test_vectors(case: dict[str, Any], threads: int) -> None:
    seed, height, width, kind = re.fullmatch(r"plane\((\d+),(\d+),(\d+),(\w)\)", case["input"]).groups()  # type: ignore[union-attr]
    given = plane(int(seed), int(height), int(width), kind)
    luma = np.empty((case["luma_height"], case["luma_width"]), np.float32)
    _, u, v = convert_chroma((luma, given, given), case["from"], case["to"], Workers(threads))
    expected = floats(case)
    assert u.shape == expected.shape == chroma_shape(case["to"], *luma.shape)
    assert np.array_equal(u, v)
    assert np.abs(u - expected).max() <= 1e-3
    assert np.abs(u + np.float32(0.01) - expected).max() > 1e-3  # the comparison can fail


def test_equal_sizes_are_the_identity() -> None:
    given = plane(5, 19, 21, "U")
    assert resample(given, given.shape, ONE) is given
    assert np.array_equal(Resampler((19, 21), (19, 21)).plane(given, ONE), given)


def test_rows_are_those_of_the_whole() -> None:
    given = plane(6, 23, 17, "V")
    resampler = Resampler((23, 17), (45, 33))
    whole = resampler.plane(given, ONE)
    for first, last in [(0, 1), (7, 12), (30, 45)]:
        rows = np.full((last - first, 33), np.nan, np.float32)
        resampler.rows(given, first, last, rows)
        assert np.array_equal(rows, whole[first:last])


def test_strided_planes_and_a_divisor() -> None:
    given = plane(7, 20, 30, "U")
    whole = resample(np.ascontiguousarray(given[::2, ::2]), (20, 30), ONE, 255)
    assert np.array_equal(resample(given[::2, ::2], (20, 30), ONE, 255), whole)
    assert np.abs(whole * 255 - resample(given[::2, ::2], (20, 30), ONE)).max() < 1e-3


def test_between_subsampled_formats_by_way_of_444() -> None:
    planes = wide_planes(18, 25, "420")
    there = convert_chroma(planes, "420", "422", ONE)
    assert there[1].shape == (18, 13)
    by_hand = convert_chroma(convert_chroma(planes, "420", "444", ONE), "444", "422", ONE)
    assert all(np.array_equal(a, b) for a, b in zip(there, by_hand, strict=True))
