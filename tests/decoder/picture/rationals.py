"""Chapter 10 on fixed-point planes in rational numbers, sample by sample: what docs/exact-arithmetic.md says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

ONE = 1 << 16
FULL = 255 * ONE
LIMIT = (1 << 30) - 1

Table = list[list[int]]


def matrix(kr: str, kg: str, kb: str, kby: str, kry: str) -> tuple[list[list[Fraction]], list[list[Fraction]]]:
    """Coefficients from YUV to RGB and from RGB to YUV."""
    r, g, b, by, ry = map(Fraction, (kr, kg, kb, kby, kry))
    one, zero = Fraction(1), Fraction(0)
    inverse = [[one, zero, ry], [one, -b * by / g, -r * ry / g], [one, by, zero]]
    forward = [[r, g, b], [-r / by, -g / by, (1 - b) / by], [(1 - r) / ry, -g / ry, -b / ry]]
    return [[rounded(x, 20) for x in row] for row in inverse], [
        [rounded(x, 20), sum((one, zero, zero)[i : i + 1]) - rounded(x, 20) - rounded(z, 20), rounded(z, 20)]
        for i, (x, _, z) in enumerate(forward)
    ]


def rounded(value: Fraction, bits: int) -> Fraction:
    """A multiple of 2^-bits, half to even."""
    return Fraction(round(value * 2**bits), 2**bits)


def clipped(value: int, low: int = 0, high: int = FULL) -> int:
    return min(max(value, low), high)


def to_rgb(yuv: Sequence[int], inverse: list[list[Fraction]]) -> list[int]:
    """One sample, not clipped."""
    y, u, v = (Fraction(int(value)) for value in yuv)
    u, v = u - Fraction(FULL, 2), v - Fraction(FULL, 2)
    return [round(a * y + b * u + c * v) for a, b, c in inverse]


def to_yuv(rgb: Sequence[int], forward: list[list[Fraction]]) -> list[int]:
    r, g, b = (Fraction(int(value)) for value in rgb)
    neutral = (Fraction(0), Fraction(FULL, 2), Fraction(FULL, 2))
    return [round(x * r + y * g + z * b + half) for (x, y, z), half in zip(forward, neutral, strict=True)]


def sample(value: int, depth: int) -> int:
    return round(Fraction(clipped(int(value)) * (2**depth - 1), FULL))


def binary32(value: Fraction) -> Fraction:
    """A positive number or 0, rounded to 24 bits."""
    if value == 0:
        return value
    exponent = math.floor(math.log2(value))
    exponent += (value >= Fraction(2) ** (exponent + 1)) - (value < Fraction(2) ** exponent)
    unit = Fraction(2) ** (exponent - 23)
    return round(value / unit) * unit


def taps(count: int, target: int) -> list[tuple[list[int], list[Fraction]]]:
    """Positions and weights of the four taps of each result (10.5)."""
    scale = binary32(Fraction(count - 1, target - 1)) if target > 1 else Fraction(0)
    result = []
    for d in range(target):
        position = binary32(d * scale)
        i = min(math.floor(position), count - 1)
        f = rounded(min(max(position - i, 0), 1), 24)
        if target > count:
            exact = bicubic(f)
        else:
            exact = [Fraction(0), 1 - f, f, Fraction(0)]
        weights = [rounded(weight, 22) for weight in exact]
        weights[1] = 1 - weights[0] - weights[2] - weights[3]
        result.append(([min(max(i + k, 0), count - 1) for k in (-1, 0, 1, 2)], weights))
    return result


def bicubic(f: Fraction) -> list[Fraction]:
    """The weights of 10.5.4 for a = -3/4, with the squares in them rounded; the second is exact."""
    g = 1 - f
    first, third, fourth = (
        Fraction(-3, 4) * f * rounded(g * g, 36),
        (5 * g - 9) / 4 * rounded(g * g, 36) + 1,
        Fraction(-3, 4) * g * rounded(f * f, 36),
    )
    for weight, exact in zip((first, third, fourth), (outer(1 + f), inner(g), outer(2 - f)), strict=True):
        assert abs(weight - exact) < Fraction(1, 2**35)
    return [first, inner(f), third, fourth]


def inner(t: Fraction) -> Fraction:
    a = Fraction(-3, 4)
    return ((a + 2) * t - (a + 3)) * t * t + 1


def outer(t: Fraction) -> Fraction:
    a = Fraction(-3, 4)
    return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a


def resampled(plane: np.ndarray, target: tuple[int, int]) -> Table:
    across, down = taps(plane.shape[1], target[1]), taps(plane.shape[0], target[0])
    rows = [[weighted([int(row[k]) for k in place], w) for place, w in across] for row in plane]
    return [
        [clipped(weighted([rows[k][j] for k in place], w), -LIMIT, LIMIT) for j in range(target[1])]
        for place, w in down
    ]


def weighted(values: list[int], weights: list[Fraction]) -> int:
    return round(sum((w * value for value, w in zip(values, weights, strict=True)), Fraction(0)))
