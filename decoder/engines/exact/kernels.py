"""The loops of the exact engine: what lies before and behind its matrix products, and layers without products.

Products are carried by float64: all numbers are integers below 2^53, so every operation on them is exact, in any
order. Rows are addressed by their number in the whole tensor; an array holds the rows from its `top` on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.engines.exact.functions import EXP_BITS, EXP_FRACTION, exp_negative
from jpegai.decoder.engines.formats import FRACTION, ONE, Fixed
from jpegai.decoder.jit import kernel

__all__ = ["add", "clip", "gate", "layer_norm", "multiply", "sigmoid"]

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

_UNIT = 1.0 / ONE
_EXP_SHIFT = EXP_FRACTION - FRACTION


@kernel
def add(a: Fixed, b: Fixed, out: Fixed, a_row: int, b_row: int, low: int, high: int, first: int, last: int) -> int:
    """A + b for channels first..last-1; row 0 of `out` is row a_row of `a` and b_row of `b`; return what was cut."""
    cut = 0
    for channel in range(first, last):
        for r in range(out.shape[1]):
            left, right, made = a[channel, a_row + r], b[channel, b_row + r], out[channel, r]
            for i in range(made.size):
                value = np.int64(left[i]) + np.int64(right[i])
                inside = min(max(value, low), high)
                cut += inside != value
                made[i] = inside
    return cut


@kernel
def multiply(a: Fixed, b: Fixed, out: Fixed, a_row: int, b_row: int, low: int, high: int, first: int, last: int) -> int:
    """A b, half to even, as `add`; the products are below 2^53."""
    cut = 0
    for channel in range(first, last):
        for r in range(out.shape[1]):
            left, right, made = a[channel, a_row + r], b[channel, b_row + r], out[channel, r]
            for i in range(made.size):
                value = np.float64(np.rint(np.float64(left[i]) * np.float64(right[i]) * _UNIT))
                inside = np.float64(min(max(value, np.float64(low)), np.float64(high)))
                cut += inside != value
                made[i] = np.int32(inside)
    return cut


@kernel
def gate(a: Fixed, b: Fixed, out: Fixed, a_row: int, b_row: int, low: int, high: int, first: int, last: int) -> int:
    """A + a b, the product rounded half to even, as `add`; the products are below 2^53."""
    cut = 0
    for channel in range(first, last):
        for r in range(out.shape[1]):
            left, right, made = a[channel, a_row + r], b[channel, b_row + r], out[channel, r]
            for i in range(made.size):
                value = left[i] + np.rint(np.float64(left[i]) * np.float64(right[i]) * _UNIT)
                inside = min(max(value, np.float64(low)), np.float64(high))
                cut += inside != value
                made[i] = np.int32(inside)
    return cut


@kernel
def clip(x: Fixed, out: Fixed, row: int, low: int, high: int, first: int, last: int) -> None:
    """Limit channels first..last-1 to low..high; row 0 of `out` is row `row` of `x`."""
    for channel in range(first, last):
        for r in range(out.shape[1]):
            values, made = x[channel, row + r], out[channel, r]
            for i in range(made.size):
                made[i] = min(max(values[i], low), high)


@kernel
def sigmoid(x: Fixed, out: Fixed, row: int, tables: Int64, first: int, last: int) -> None:
    """1 / (1 + exp(-x)): 2^46 / (2^30 + exp(-|x|) 2^30), half to even, and 1 minus it for negative x."""
    one = np.float64(1 << EXP_BITS)
    for channel in range(first, last):
        for r in range(out.shape[1]):
            values, made = x[channel, row + r], out[channel, r]
            for i in range(made.size):
                value = np.int64(values[i])
                part = exp_negative(abs(value) << _EXP_SHIFT, tables)
                share = np.int32(np.rint(np.float64(1 << (EXP_BITS + FRACTION)) / (one + part)))
                made[i] = share if value >= 0 else ONE - share


@kernel
def layer_norm(
    x: Fixed,
    weight: Float64,
    bias: Float64,
    steady: Float64,
    out: Fixed,
    sums: Int64,
    lines: Float64,
    row: int,
    low: int,
    high: int,
    first: int,
    last: int,
) -> int:
    """Normalise rows first..last-1 of `out` over the channels; row 0 of `out` is row `row` of `x`.

    With n channels, s = sum of x and d = n sum of x^2 - s^2, both exact, a value is
    (n x - s) / sqrt(d + n^2 eps 2^32) weight + bias, in float64 operations that are each rounded once, in this order:
    root, reciprocal, product, product with the weight, sum with the bias; then times 2^16 and rounded half to even.

    `steady`: [n^2 eps 2^32]; `sums`: (2, W) and `lines`: (1, W) are room. Returns how many values the format cut.
    """
    channels, width = x.shape[0], x.shape[2]
    count = np.int64(channels)
    cut = 0
    total, squares, inverse = sums[0, :width], sums[1, :width], lines[0, :width]
    for r in range(first, last):
        for i in range(width):
            total[i] = 0
            squares[i] = 0
        for channel in range(channels):
            values = x[channel, row + r]
            for i in range(width):
                value = np.int64(values[i])
                total[i] += value
                squares[i] += value * value
        for i in range(width):
            spread = count * squares[i] - total[i] * total[i]
            inverse[i] = 1.0 / np.sqrt(np.float64(spread) + steady[0])
        for channel in range(channels):
            values, made = x[channel, row + r], out[channel, r]
            factor, added = weight[channel], bias[channel]
            for i in range(width):
                normal = np.float64(count * np.int64(values[i]) - total[i]) * inverse[i]
                scaled = normal * factor
                value = np.rint((scaled + added) * ONE)
                inside = min(max(value, np.float64(low)), np.float64(high))
                cut += inside != value
                made[i] = np.int32(inside)
    return cut
