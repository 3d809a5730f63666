"""BT.709 to 8-bit RGB (sections 10.1, 10.6, 10.10.1)."""

from __future__ import annotations

import numpy as np
import pytest

from jpegai.decoder.picture.colour import BT709, to_rgb, to_rgb8
from jpegai.decoder.workers import Workers
from tests.vectors import spec_data

#: RGB and the YUV it gives (10.6).
EXAMPLES = [
    ((255, 0, 0), (54.21300, 98.28411, 255)),
    ((0, 255, 0), (182.37601, 29.21589, 11.69101)),
    ((0, 0, 255), (18.41100, 255, 115.80899)),
    ((255, 255, 255), (255, 127.5, 127.5)),
    ((16, 128, 240), (112.27521, 196.33208, 66.36513)),
]


def planes(values: list[tuple[float, float, float]], height: int = 1) -> tuple[np.ndarray, np.ndarray]:
    yuv = np.array(values, np.float32).T.reshape(3, 1, -1).repeat(height, axis=1)
    return yuv[0], yuv[1:]


@pytest.mark.parametrize("threads", [1, 2])
def test_worked_examples(threads: int) -> None:
    luma, chroma = planes([yuv for _, yuv in EXAMPLES], 40)
    out = np.empty((40, len(EXAMPLES), 3), np.uint8)
    to_rgb8(luma, chroma, out, Workers(threads))
    assert out[0].tolist() == [list(rgb) for rgb, _ in EXAMPLES]
    assert (out == out[0]).all()


def test_coefficients_are_those_of_the_specification() -> None:
    table = spec_data("colour")
    names = {"kr": "Kr", "kg": "Kg", "kb": "Kb", "kby": "Kby", "kry": "Kry"}
    assert all(getattr(BT709, ours) == table["matrices"]["709"][theirs] for ours, theirs in names.items())
    inverse = table["yuv2rgb_709"]
    assert BT709.inverse.tolist() == [np.float32(inverse[name]) for name in ("r_v", "g_u", "g_v", "b_u")]


def test_rounding_is_half_to_even_and_clipped() -> None:
    values = [(0.5, 127.5, 127.5), (1.5, 127.5, 127.5), (2.5, 127.5, 127.5), (-9, 127.5, 127.5), (300, 127.5, 127.5)]
    luma, chroma = planes(values)
    out = np.empty((1, 5, 3), np.uint8)
    to_rgb8(luma, chroma, out, Workers(1))
    assert out[0, :, 0].tolist() == [0, 2, 2, 0, 255]
    unrounded = to_rgb(luma, chroma, Workers(1))
    assert unrounded.shape == (3, 1, 5)
    assert unrounded[0, 0].tolist() == pytest.approx([0.5, 1.5, 2.5, 0, 255], abs=1e-4)


def test_random_samples_agree_with_float64() -> None:
    rng = np.random.default_rng(2)
    yuv = rng.uniform(0, 255, (3, 64, 65)).astype(np.float32)
    out = np.empty((64, 65, 3), np.uint8)
    to_rgb8(yuv[0], yuv[1:], out, Workers(2))
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
