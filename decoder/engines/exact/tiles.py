"""Products of integers for convolutions, read where the input lies: machine code of our own, tile by tile.

A tile is some output channels by some positions, held in registers while the taps are added up. A tap is an offset:
where positions are laid out row by row with margins, the values under a tap lie that far from those under the first.
So nothing is laid out once per tap, as a matrix product would want it. Every product and every partial sum is an
integer below 2^53: fused or not, in whatever order, all operations are exact.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder import jit
from jpegai.decoder.engines.exact.machine import Shape, address, functions, shape
from jpegai.decoder.engines.product import NUMPY, current
from jpegai.decoder.engines.product import products as other_products

__all__ = ["arrange", "matrices", "multiply", "products"]

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]


def arrange(matrices: Float64) -> Float64:
    """Return (G, M, K) matrices as (G, blocks, K, channels of a tile), blocks of output channels filled up with 0."""
    groups, results, depth = matrices.shape
    size = shape().channels
    blocks = -(-results // size)
    filled = np.zeros((groups, blocks * size, depth))
    filled[:, :results] = matrices
    return np.ascontiguousarray(filled.reshape(groups, blocks, size, depth).swapaxes(2, 3))


def matrices(arranged: Float64) -> Float64:
    """Return (G, blocks * channels of a tile, K) matrices, what `arrange` made filled up with 0."""
    groups, blocks, depth, size = arranged.shape
    return np.ascontiguousarray(arranged.swapaxes(2, 3)).reshape(groups, blocks * size, depth)


def multiply(
    weights: Float64, laid: Float64, offsets: Int64, group: int, sums: Float64, points: int, used: int
) -> None:
    """Add up sums[g, m, n] = sum over k of weights[g, m, k] laid[g group + offsets[k] + n].

    Args:
        weights: (G, blocks, K, channels) float64 from `arrange`.
        laid: float64, C-contiguous; all that the offsets reach is read.
        offsets: (K,) int64.
        group: distance of the groups in `laid`.
        sums: (G, blocks * channels, N) float64, C-contiguous, written.
        points: how many positions are made: a multiple of those of a tile, N at most.
        used: how many of them mean anything; what follows may be any number.
    """
    groups, blocks, depth, _ = weights.shape
    if current() is not NUMPY or jit.disabled():
        starts = group * np.arange(groups)[:, None, None, None] + offsets[:, None]
        made = np.empty((groups, 1, sums.shape[1], used))
        other_products(matrices(weights), laid[starts + np.arange(used)], made)
        sums[:, :, :used] = made[:, 0]
        return
    _code()(
        address(laid), address(offsets), address(weights), address(sums),
        depth, points, sums.shape[2], blocks, groups, group,
    )  # fmt: skip


def products(matrices: Float64, columns: Float64, out: Float64) -> None:
    """Multiply as `jpegai.decoder.engines.product.products`, but with this code, so that it can be tried."""
    groups, rows, depth, points = columns.shape
    weights, whole = arrange(matrices), -(-points // shape().points) * shape().points
    laid, sums = np.zeros((groups, depth, whole)), np.empty((groups, weights.shape[1] * weights.shape[3], whole))
    for row in range(rows):
        laid[..., :points] = columns[:, row]
        multiply(weights, laid.reshape(-1), whole * np.arange(depth), depth * whole, sums, whole, points)
        out[:, row] = sums[:, : out.shape[2], :points]


@functools.cache
def _code() -> Callable[..., int]:
    return functions(_module(shape()), {"tiles": "ppppiiiiii"})["tiles"]


def _module(tile: Shape) -> str:
    """Return the code in LLVM's language: loops over groups, blocks of channels, tiles of positions, and taps."""
    vector = f"<{tile.lanes} x double>"
    places = [(m, v) for m in range(tile.channels) for v in range(tile.vectors)]
    sums = "\n".join(
        f"  %sum{m}.{v} = phi {vector} [zeroinitializer, %tile], [%next{m}.{v}, %tap]" for m, v in places
    )
    values = "\n".join(
        f"  %from{v} = getelementptr double, ptr %under, i64 {v * tile.lanes}\n"
        f"  %x{v} = load {vector}, ptr %from{v}, align 8"
        for v in range(tile.vectors)
    )
    adds = "\n".join(
        f"  %at{m} = getelementptr double, ptr %weight, i64 {m}\n"
        f"  %w{m} = load double, ptr %at{m}, align 8\n"
        f"  %one{m} = insertelement {vector} poison, double %w{m}, i64 0\n"
        f"  %all{m} = shufflevector {vector} %one{m}, {vector} poison, <{tile.lanes} x i32> zeroinitializer\n"
        + "\n".join(
            f"  %product{m}.{v} = fmul contract {vector} %x{v}, %all{m}\n"
            f"  %next{m}.{v} = fadd contract {vector} %sum{m}.{v}, %product{m}.{v}"
            for v in range(tile.vectors)
        )
        for m in range(tile.channels)
    )
    stores = "\n".join(
        (f"  %made{m} = getelementptr double, ptr %made, i64 %row{m}\n" if v == 0 else "")
        + f"  %to{m}.{v} = getelementptr double, ptr %made{m}, i64 {v * tile.lanes}\n"
        f"  store {vector} %next{m}.{v}, ptr %to{m}.{v}, align 8"
        for m, v in places
    )
    rows = "\n".join(f"  %row{m} = mul i64 %line, {m}" for m in range(tile.channels))
    return f"""
define i64 @tiles(ptr %laid, ptr %offsets, ptr %weights, ptr %sums, i64 %depth, i64 %points, i64 %line,
                  i64 %blocks, i64 %groups, i64 %apart) {{
entry:
{rows}
  %weight.block = mul i64 %depth, {tile.channels}
  %sums.block = mul i64 %line, {tile.channels}
  br label %group
group:
  %g = phi i64 [0, %entry], [%g.next, %group.end]
  %laid.group = mul i64 %g, %apart
  %input = getelementptr double, ptr %laid, i64 %laid.group
  %first = mul i64 %g, %blocks
  br label %block
block:
  %b = phi i64 [0, %group], [%b.next, %block.end]
  %place = add i64 %first, %b
  %weight.place = mul i64 %place, %weight.block
  %weight.start = getelementptr double, ptr %weights, i64 %weight.place
  %sums.place = mul i64 %place, %sums.block
  %sums.start = getelementptr double, ptr %sums, i64 %sums.place
  br label %tile
tile:
  %n = phi i64 [0, %block], [%n.next, %tile.end]
  %start = getelementptr double, ptr %input, i64 %n
  %made = getelementptr double, ptr %sums.start, i64 %n
  br label %tap
tap:
  %k = phi i64 [0, %tile], [%k.next, %tap]
  %weight = phi ptr [%weight.start, %tile], [%weight.next, %tap]
{sums}
  %offset.at = getelementptr i64, ptr %offsets, i64 %k
  %offset = load i64, ptr %offset.at, align 8
  %under = getelementptr double, ptr %start, i64 %offset
{values}
{adds}
  %weight.next = getelementptr double, ptr %weight, i64 {tile.channels}
  %k.next = add i64 %k, 1
  %k.more = icmp slt i64 %k.next, %depth
  br i1 %k.more, label %tap, label %tile.end
tile.end:
{stores}
  %n.next = add i64 %n, {tile.points}
  %n.more = icmp slt i64 %n.next, %points
  br i1 %n.more, label %tile, label %block.end
block.end:
  %b.next = add i64 %b, 1
  %b.more = icmp slt i64 %b.next, %blocks
  br i1 %b.more, label %block, label %group.end
group.end:
  %g.next = add i64 %g, 1
  %g.more = icmp slt i64 %g.next, %groups
  br i1 %g.more, label %group, label %end
end:
  ret i64 0
}}
"""
