"""What `lines` does in machine code, in plain Python, for tests and for ``NUMBA_DISABLE_JIT=1``.

Arguments and results are those of the functions of the same name there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.engines.exact.functions import COARSE, EXP_BITS, EXP_FRACTION
from jpegai.decoder.engines.formats import FRACTION, ONE, Fixed

__all__ = ["depthwise", "elu", "finish", "lay_out"]

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]


def lay_out(x: Fixed, out: Float64, place: Int64, unit: Float64, stride: int) -> None:
    """Lay out a block of all channels of a tensor."""
    channels, _, width, row, rows, column, columns, first, last, of_channel, of_phase, low, high = map(int, place)
    down = row + stride * np.arange(rows)
    held = (down >= first) & (down < last)
    for phase in range(stride):
        across = column + phase + stride * np.arange(columns)
        inside = (across >= 0) & (across < width)
        block = np.zeros((channels, rows, columns))
        values = x[:, down[held]][:, :, across[inside]].astype(np.float64)
        block[np.ix_(np.arange(channels), held, inside)] = np.rint(np.clip(values, low, high) * unit[0])
        for channel in range(channels):
            start = channel * of_channel + phase * of_phase
            out[start : start + rows * columns] = block[channel].ravel()


def finish(
    sums: Float64,
    table: Int64,
    scale: Float64,
    bias: Float64,
    limits: Float64,
    other: Fixed,
    out: Fixed,
    place: Int64,
    factor: int,
    mode: int,
) -> int:
    """Turn the sums of a convolution into its result; return how many values the formats cut."""
    channels, pitch, row, rows, column, columns, top, below, width, other_top, other_width = map(int, place)
    low, high, floor, ceiling, least, most = limits
    flat, beside, cut = out.reshape(-1), other.reshape(-1), 0
    for channel in range(channels):
        start, target, source, down, across = map(int, table[channel])
        count = min(columns, -(-(width - across) // factor) - column)
        for r in range(rows):
            y = factor * (row + r) + down
            if count <= 0 or not top <= y < below:
                continue
            x = factor * column + across
            value = np.rint((sums[start + r * pitch :][:count] + bias[channel]) * scale[channel])
            inside = np.clip(value, low, high)
            cut += int(np.count_nonzero(inside != value))
            made = np.clip(inside, floor, ceiling)
            if mode:
                begin = source + (y - other_top) * other_width + x
                against = beside[begin : begin + factor * (count - 1) + 1 : factor].astype(np.float64)
                value = against + (made if mode == 1 else np.rint(against * made / ONE))
                made = np.clip(value, least, most)
                cut += int(np.count_nonzero(made != value))
            begin = target + (y - top) * width + x
            flat[begin : begin + factor * (count - 1) + 1 : factor] = made
    return cut


def depthwise(
    x: Fixed, weights: Float64, scale: Float64, bias: Float64, limits: Float64, out: Fixed, place: Int64
) -> int:
    """3x3 convolution of every channel with itself, padded with 0; return how many values the format cut."""
    begin, end, _, width, row, rows, first, last = map(int, place)
    cut = 0
    for channel in range(begin, end):
        total = np.full((rows, width + 2), bias[channel])
        for r in range(rows):
            for tap in range(3):
                source = row + r + tap - 1
                if first <= source < last:
                    padded = np.pad(x[channel, source].astype(np.float64), 2)
                    w0, w1, w2 = weights[channel].reshape(3, 3)[tap]
                    total[r] += w0 * padded[:-2] + w1 * padded[1:-1] + w2 * padded[2:]
        value = np.rint(total[:, 1:-1] * scale[channel])
        made = np.clip(value, *limits)
        cut += int(np.count_nonzero(made != value))
        out[channel, :rows] = made
    return cut


def elu(x: Fixed, out: Fixed, row: int, tables: Int64, first: int, last: int) -> None:
    """X where it is positive, else exp(x) - 1, the exponential rounded half up."""
    value = x[first:last, row : row + out.shape[1]].astype(np.int64)
    # an argument of 24 fraction bits whose lowest 8 are 0: the third table gives 1
    u = np.maximum(-value, 0) << (EXP_FRACTION - FRACTION)
    coarse, fine = u >> 16, (u >> 8) & 255
    part = (tables[np.minimum(coarse, COARSE - 1)] * tables[COARSE + fine] + (1 << (EXP_BITS - 1))) >> EXP_BITS
    down = EXP_BITS - FRACTION
    less = ((np.where(coarse < COARSE, part, 0) + (1 << (down - 1))) >> down) - ONE
    out[first:last] = np.where(value < 0, less, value)
