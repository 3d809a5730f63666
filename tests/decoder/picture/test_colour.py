"""RGB and YUV, and rounding (sections 10.1, 10.6, 10.7, 10.10)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from jpegai.decoder.picture.colour import (
    BT709,
    Matrix,
    rgb_to_yuv,
    round_plane,
    user_transform,
    yuv_to_rgb,
    yuv_to_samples,
)
from jpegai.decoder.picture.formats import Planes
from jpegai.decoder.workers import Workers
from tests.decoder.picture.planes import floats, plane
from tests.vectors import spec_data, spec_list

#: RGB and the YUV it gives (10.6).
EXAMPLES = [
    ((255, 0, 0), (54.21300, 98.28411, 255)),
    ((0, 255, 0), (182.37601, 29.21589, 11.69101)),
    ((0, 0, 255), (18.41100, 255, 115.80899)),
    ((255, 255, 255), (255, 127.5, 127.5)),
    ((16, 128, 240), (112.27521, 196.33208, 66.36513)),
]
TO_YUV, TO_RGB = (spec_list("colour_vectors", direction) for direction in ("rgb_to_yuv", "yuv_to_rgb"))
_NAMES = {"kr": "Kr", "kg": "Kg", "kb": "Kb", "kby": "Kby", "kry": "Kry"}


def planes(values: list[tuple[float, float, float]], height: int = 1) -> Planes:
    a, b, c = np.array(values, np.float32).T.reshape(3, 1, -1).repeat(height, axis=1)
    return a, b, c


def matrix(name: str) -> Matrix:
    table = spec_data("colour")["matrices"][name]
    return Matrix(**{ours: table[theirs] for ours, theirs in _NAMES.items()})


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("depth", [8, 10, 12, 14, 16])
def test_worked_examples(threads: int, depth: int) -> None:
    peak = 2**depth - 1
    out = np.empty((900, len(EXAMPLES), 3), np.uint8 if depth == 8 else np.uint16)
    yuv_to_samples(planes([yuv for _, yuv in EXAMPLES], 900), 255, peak, out, Workers(threads))
    expected = [[round(sample / 255 * peak) for sample in rgb] for rgb, _ in EXAMPLES]
    assert np.abs(out[0].astype(int) - expected).max() <= (depth == 16)  # the examples have five digits
    assert (out == out[0]).all()


def test_examples_the_other_way() -> None:
    found = np.stack(rgb_to_yuv(planes([rgb for rgb, _ in EXAMPLES]), Workers(1)))[:, 0].T
    assert np.abs(found - [yuv for _, yuv in EXAMPLES]).max() <= 2e-5


def test_coefficients_are_those_of_the_specification() -> None:
    table = spec_data("colour")
    assert matrix("709") == BT709
    inverse = table["yuv2rgb_709"]
    assert BT709.inverse.tolist() == [np.float32(inverse[name]) for name in ("r_v", "g_u", "g_v", "b_u")]


def given() -> Planes:
    a, b, c = (plane(7 + k, 17, 23, kind) for k, kind in enumerate("YUV"))
    return a, b, c


def check_vector(found: Planes, case: dict[str, Any], cases: list[dict[str, Any]]) -> None:
    """The planes are those of a case and not those of any other matrix."""
    for other in cases:
        distance = np.abs(np.stack(found) - 255 * floats(other).astype(np.float64)).max()
        assert (distance <= 1e-3) == (other is case)


@pytest.mark.parametrize("case", TO_YUV, ids=lambda case: case["matrix"])
def test_vectors_of_rgb_to_yuv(case: dict[str, Any]) -> None:
    check_vector(rgb_to_yuv(given(), Workers(2), matrix=matrix(case["matrix"])), case, TO_YUV)


@pytest.mark.parametrize("case", TO_RGB, ids=lambda case: case["matrix"])
def test_vectors_of_yuv_to_rgb(case: dict[str, Any]) -> None:
    found = yuv_to_rgb(given(), Workers(2), matrix=matrix(case["matrix"]), clip=False)
    check_vector(found, case, TO_RGB)
    clipped = yuv_to_rgb(given(), Workers(1), matrix=matrix(case["matrix"]))
    assert np.array_equal(np.stack(clipped), np.clip(np.stack(found), 0, 255))


def test_rounding_is_half_to_even_and_clipped() -> None:
    vector = spec_data("colour_vectors")["round_half_even"]
    values = [*vector["values"], -9, 300]
    expected = [*vector["rounded"], 0, 255]
    out = np.empty((1, len(values), 3), np.uint8)
    grey = planes([(value, 127.5, 127.5) for value in values])
    yuv_to_samples(grey, 255, 255, out, Workers(1))
    assert out[0].tolist() == [[value] * 3 for value in expected]
    one = np.empty((1, len(values)), np.uint8)
    round_plane(grey[0], 255, one, Workers(1))
    assert one[0].tolist() == expected


def test_division_by_255_and_back_changes_no_8_bit_sample() -> None:
    """Equal ranges need no case of their own (10.1.3): all values around the boundaries of rounding are tried."""
    halves = (np.arange(255, dtype=np.float32) + np.float32(0.5)).view(np.int32)
    values = (halves + np.arange(-8, 9, dtype=np.int32)[:, np.newaxis]).view(np.float32)
    out = np.empty(values.shape, np.uint8)
    round_plane(values, 255, out, Workers(1))
    assert np.array_equal(out, np.rint(values))


@pytest.mark.parametrize("depth", [8, 10, 12, 14, 16])
def test_planes_scale_to_every_depth(depth: int) -> None:
    peak = 2**depth - 1
    values = np.linspace(-10, 265, 5000, dtype=np.float32).reshape(50, 100)
    out = np.empty(values.shape, np.uint8 if depth == 8 else np.uint16)
    round_plane(values, peak, out, Workers(2))
    exact = np.clip(values.astype(np.float64), 0, 255) / 255 * peak
    assert np.abs(out - exact).max() <= 0.5 + 1e-6 * peak
    assert (out.min(), out.max()) == (0, peak)


def test_random_samples_agree_with_float64() -> None:
    rng = np.random.default_rng(2)
    yuv = rng.uniform(0, 255, (3, 64, 65)).astype(np.float32)
    out = np.empty((64, 65, 3), np.uint8)
    yuv_to_samples((yuv[0], yuv[1], yuv[2]), 255, 255, out, Workers(2))
    y, u, v = yuv.astype(np.float64) / 255
    u, v = u - 0.5, v - 0.5
    rgb = np.stack([
        y + 1.5748 * v,
        y - 0.0722 * 1.8556 / 0.7152 * u - 0.2126 * 1.5748 / 0.7152 * v,
        y + 1.8556 * u,
    ])  # fmt: skip
    expected = np.rint(np.clip(255 * rgb, 0, 255)).transpose(1, 2, 0)
    difference = np.abs(out - expected)
    assert difference.max() <= 1
    assert np.count_nonzero(difference) <= 3


def test_user_transform() -> None:
    source = planes([(10, 20, 30), (250, 0, 128)])
    rows = np.array([[255, 0, 0, 0], [0, 128, 64, 10], [0, 0, 255, 255]], np.int32)
    found = np.stack(user_transform(source, rows, Workers(1)))[:, 0].T
    expected = [[10, (128 * 20 + 64 * 30) / 255 + 10, 255], [250, 64 * 128 / 255 + 10, 255]]
    assert found == pytest.approx(np.array(expected), abs=1e-4)
