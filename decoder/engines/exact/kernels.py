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

__all__ = [
    "ADD",
    "GATE",
    "NONE",
    "add",
    "clip",
    "copy_rows",
    "depthwise",
    "elu",
    "gate",
    "layer_norm",
    "multiply",
    "pack",
    "requantise",
    "sigmoid",
]  # fmt: skip

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

#: What a convolution does with its result and another tensor.
NONE, ADD, GATE = 0, 1, 2

_UNIT = 1.0 / ONE
_EXP_SHIFT = EXP_FRACTION - FRACTION


@kernel
def pack(
    x: Fixed,
    out: Float64,
    top: int,
    height: int,
    row: int,
    rows: int,
    row_step: int,
    step: int,
    column: int,
    columns: int,
    taps: int,
    groups: int,
    group_stride: int,
    row_stride: int,
    tap_stride: int,
    channel_stride: int,
    low: int,
    high: int,
    dropped: int,
) -> None:
    """Lay out the taps of some rows for a product, clipped to low..high, 0 outside the tensor.

    The lowest `dropped` bits are rounded off, half to even.

    Place (g, r, t, c, i) of `out`, with the strides given, takes channel c of group g at row row + row_step r and
    column column + t + step i. `x` (C, R, W) holds the rows from `top` on of a tensor of `height` rows.
    """
    width = x.shape[2]
    share = x.shape[0] // groups
    unit = 1.0 / (1 << dropped)
    for channel in range(x.shape[0]):
        group = channel // share
        base = group * group_stride + (channel - group * share) * channel_stride
        for r in range(rows):
            source = row + row_step * r
            for tap in range(taps):
                start = base + r * row_stride + tap * tap_stride
                line = out[start : start + columns]
                left = column + tap
                first = min(max(0, (-left + step - 1) // step), columns)
                last = max(first, min(columns, (width - left + step - 1) // step))
                if source < 0 or source >= height:
                    first, last = columns, columns
                for i in range(first):
                    line[i] = 0.0
                if first < last:
                    begin = left + step * first
                    values = x[channel, source - top, begin : begin + step * (last - first - 1) + 1 : step]
                    middle = line[first:last]
                    if dropped == 0:
                        for i in range(middle.size):
                            middle[i] = min(max(values[i], low), high)
                    else:
                        for i in range(middle.size):
                            middle[i] = np.rint(min(max(values[i], low), high) * unit)
                for i in range(last, columns):
                    line[i] = 0.0


@kernel
def requantise(
    products: Float64,
    scale: Float64,
    bias: Float64,
    limits: Float64,
    other: Fixed,
    out: Fixed,
    line: Float64,
    place: Int64,
) -> int:
    """Turn the products of a convolution into its result; return how many values the formats cut.

    `scale`, `bias`: of each output channel: a result is (product + bias) scale, half to even.
    `limits`: lowest and highest value of the format of the convolution, of its activation, and of the final result.
    `other`: what is added to the result, or gated by it.
    `line`: room for a row.
    `place`: strides of `products` by group, row and channel; channels of a group; first row and number of rows, first
    column and number of columns of the products; factor between them and the output; factor of the pixel shuffle in it;
    row and column that results take within the factor besides; rows top..end-1 of the output are made; first row held
    by `other`; mode.
    """
    group_stride, row_stride, channel_stride, share = place[0], place[1], place[2], place[3]
    row, rows, column, columns, factor = place[4], place[5], place[6], place[7], place[8]
    shuffle, fixed_down, fixed_across, top, end = place[9], place[10], place[11], place[12], place[13]
    other_top, mode = place[14], place[15]
    width = out.shape[2]
    low, high, floor, ceiling, least, most = limits[0], limits[1], limits[2], limits[3], limits[4], limits[5]
    cut = 0
    for channel in range(scale.shape[0]):
        group = channel // share
        base = group * group_stride + (channel - group * share) * channel_stride
        target = channel // (shuffle * shuffle)
        down = shuffle * fixed_down + channel // shuffle % shuffle
        across = shuffle * fixed_across + channel % shuffle
        count = min(columns, (width - across + factor - 1) // factor - column)
        if count <= 0:
            continue
        part = line[:count]
        left = factor * column + across
        span = factor * (count - 1) + 1
        unit, added = scale[channel], bias[channel]
        for r in range(rows):
            y = factor * (row + r) + down
            if y < top or y >= end:
                continue
            start = base + r * row_stride
            sums = products[start : start + count]
            for i in range(part.size):
                value = np.rint((sums[i] + added) * unit)
                inside = min(max(value, low), high)
                cut += inside != value
                part[i] = min(max(inside, floor), ceiling)
            if mode == ADD:
                beside = other[target, y - other_top, left : left + span : factor]
                for i in range(part.size):
                    value = part[i] + beside[i]
                    part[i] = min(max(value, least), most)
                    cut += part[i] != value
            elif mode == GATE:
                beside = other[target, y - other_top, left : left + span : factor]
                for i in range(part.size):
                    value = beside[i] + np.rint(beside[i] * part[i] * _UNIT)
                    part[i] = min(max(value, least), most)
                    cut += part[i] != value
            made = out[target, y - top, left : left + span : factor]
            for i in range(part.size):
                made[i] = np.int32(part[i])
    return cut


@kernel
def depthwise(
    x: Fixed,
    weights: Float64,
    scale: Float64,
    bias: Float64,
    out: Fixed,
    line: Float64,
    top: int,
    height: int,
    out_top: int,
    low: int,
    high: int,
    first: int,
    last: int,
) -> int:
    """3x3 convolution of every channel with itself, padded with 0, into the rows `out` holds; channels first..last-1.

    `weights`: (C, 3, 3) integers; `line`: room for a row. Returns how many values the format low..high cut.
    """
    width = x.shape[2]
    cut = 0
    total = line[:width]
    for channel in range(first, last):
        unit, added = scale[channel], bias[channel]
        for r in range(out.shape[1]):
            for i in range(width):
                total[i] = added
            for tap in range(3):
                source = out_top + r + tap - 1
                if source < 0 or source >= height:
                    continue
                values = x[channel, source - top]
                w0, w1, w2 = weights[channel, tap, 0], weights[channel, tap, 1], weights[channel, tap, 2]
                if width == 1:
                    total[0] += w1 * values[0]
                    continue
                inner, left, middle, right = total[1 : width - 1], values[:-2], values[1:-1], values[2:]
                for i in range(inner.size):
                    inner[i] += w0 * left[i] + w1 * middle[i] + w2 * right[i]
                total[0] += w1 * values[0] + w2 * values[1]
                total[width - 1] += w0 * values[width - 2] + w1 * values[width - 1]
            made = out[channel, r]
            for i in range(total.size):
                value = np.rint(total[i] * unit)
                inside = min(max(value, low), high)
                cut += inside != value
                made[i] = np.int32(inside)
    return cut


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
def copy_rows(x: Fixed, out: Fixed, row: int, channel: int) -> None:
    """Copy all channels of `x` to those of `out` from `channel` on, cropped to its size."""
    for c in range(x.shape[0]):
        for r in range(out.shape[1]):
            values, made = x[c, row + r], out[channel + c, r]
            for i in range(made.size):
                made[i] = values[i]


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
def elu(x: Fixed, out: Fixed, row: int, tables: Int64, first: int, last: int) -> None:
    """X where it is positive, else exp(x) - 1, the exponential rounded half up."""
    shift = EXP_BITS - FRACTION
    for channel in range(first, last):
        for r in range(out.shape[1]):
            values, made = x[channel, row + r], out[channel, r]
            for i in range(made.size):
                value = np.int64(values[i])
                if value < 0:
                    part = exp_negative(-value << _EXP_SHIFT, tables)
                    value = np.int64(((part + (1 << (shift - 1))) >> shift) - ONE)
                made[i] = value


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
