"""What lies before and behind the products of a convolution, in machine code of our own: lines of integers.

Every operation is a single float64 operation on integers below 2^53, or rounds an exact product to the nearest integer,
half to even, so results do not depend on the length of vectors.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder import jit
from jpegai.decoder.engines.exact import line_blocks, line_layers, plain
from jpegai.decoder.engines.exact.line_blocks import ADD, GATE, NONE
from jpegai.decoder.engines.exact.machine import address, functions, shape
from jpegai.decoder.engines.formats import Fixed

__all__ = ["ADD", "FACTORS", "GATE", "NONE", "STRIDES", "depthwise", "elu", "finish", "lay_out"]

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

#: Strides of convolutions, and factors between products and results.
STRIDES, FACTORS = (1, 2), (1, 2, 4, 8)


def lay_out(x: Fixed, out: Float64, place: Int64, unit: Float64, stride: int) -> None:
    """Lay out a block of all channels of a tensor, limited to a range, 0 outside the tensor.

    Number i of row r of a channel's plane for column phase t takes row row + stride r and column
    column + t + stride i of the tensor.

    Args:
        x: (C, R, W) int32, rows of a tensor.
        out: float64, written.
        place: int64: C, R, W; row relative to the first row of `x`, number of rows, column, number of columns; the
            first and the last but one row that belong to the tensor, relative to `x`; stride of `out` by channel and
            phase; lowest and highest value.
        unit: (1,) what values are multiplied by, before they are rounded half to even.
        stride: one of `STRIDES`.
    """
    if jit.disabled():
        plain.lay_out(x, out, place, unit, stride)
        return
    _code()[f"lay_out{stride}"](address(x), address(out), address(place), address(unit))


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
    """Turn the sums of a convolution into its result; return how many values the formats cut.

    Args:
        sums: float64.
        table: (M, 5) int64, of each output channel: where its sums start, where its results start in `out`, where in
            `other`, row and column that results take within the factor.
        scale: (M,) float64.
        bias: (M,) float64; a result is (sum + bias) scale, half to even.
        limits: lowest and highest value of the format of the convolution, of its activation, and of the final result.
        other: what is added to the result, or gated by it; (C, R, W) int32.
        out: (C, R, W) int32, written.
        place: int64: M, length of a row of sums; first row and number of rows, first column and number of columns of
            the products; first row and the last but one of `out`, width of `out`; first row held by `other`, its width.
        factor: between products and results, one of `FACTORS`.
        mode: `NONE`, `ADD` or `GATE`.
    """
    if jit.disabled():
        return plain.finish(sums, table, scale, bias, limits, other, out, place, factor, mode)
    return _code()[f"finish{factor}.{mode}"](
        address(sums), address(table), address(scale), address(bias), address(limits), address(other), address(out),
        address(place),
    )  # fmt: skip


def depthwise(
    x: Fixed, weights: Float64, scale: Float64, bias: Float64, limits: Float64, out: Fixed, place: Int64
) -> int:
    """3x3 convolution of every channel with itself, padded with 0; return how many values the format cut.

    Args:
        x: (C, R, W) int32, rows of a tensor.
        weights: (C, 9) float64, integers.
        scale: (C,) float64.
        bias: (C,) float64; a result is (sum + bias) scale, half to even.
        limits: lowest and highest value of the format.
        out: (C, rows, W) int32, written.
        place: int64: first channel and the last but one; R, W; the row of `x` that lies under the first row of `out`,
            and rows; the first and the last but one row that belong to the tensor, relative to `x`.
    """
    if jit.disabled():
        return plain.depthwise(x, weights, scale, bias, limits, out, place)
    return _code()["depthwise"](
        address(x), address(weights), address(scale), address(bias), address(limits), address(out), address(place)
    )


def elu(x: Fixed, out: Fixed, row: int, tables: Int64, first: int, last: int) -> None:
    """X where it is positive, else exp(x) - 1, the exponential rounded half up.

    Args:
        x: (C, R, W) int32.
        out: (C, rows, W) int32, written from row `row` of `x` on.
        row: see `out`.
        tables: `functions.exp_tables`.
        first: first channel.
        last: the last channel but one.
    """
    if jit.disabled():
        plain.elu(x, out, row, tables, first, last)
        return
    (_, height, width), rows = x.shape, out.shape[1]
    for channel in range(first, last):
        start = 4 * (channel * height + row) * width, 4 * channel * rows * width
        _code()["elu"](address(x) + start[0], address(out) + start[1], address(tables), rows * width)


@functools.cache
def _code() -> dict[str, Callable[..., int]]:
    lanes = shape().lanes
    names = {f"lay_out{stride}": "pppp" for stride in STRIDES} | {"depthwise": "ppppppp", "elu": "pppi"}
    parts = [line_blocks.lay_out(lanes, stride) for stride in STRIDES]
    parts += line_layers.depthwise(lanes), line_layers.elu(lanes)
    for factor in FACTORS:
        for mode in (NONE, ADD, GATE):
            names[f"finish{factor}.{mode}"] = "pppppppp"
            parts.append(line_blocks.finish(lanes, factor, mode))
    declared = sorted({line for part in parts for line in part.splitlines() if line.startswith("declare")})
    bodies = ["\n".join(line for line in part.splitlines() if not line.startswith("declare")) for part in parts]
    return functions("\n".join([*declared, *bodies]), names)
