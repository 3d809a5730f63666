"""Products of integers for convolutions, read where the input lies: machine code of our own, tile by tile.

A tile is some output channels by some positions, held in registers while the taps are added up. A tap is an offset: where
positions are laid out row by row with margins, all of a row's and all rows' values under a tap lie that far from
the first. So nothing is laid out once per tap, as a matrix product would want it. Every product and every partial sum
is an integer below 2^53: fused or not, in whatever order, all operations are exact.

The code is made by LLVM for the processor's vectors and kept in the project's cache.
"""

from __future__ import annotations

import ctypes
import functools
import os
import threading
from dataclasses import dataclass
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from numpy.typing import NDArray

from jpegai.decoder import cache, jit
from jpegai.decoder.engines.product import products, replaced

__all__ = ["Shape", "arrange", "matrices", "multiply", "shape"]

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

#: Vectors of a tile.
_VECTORS = 3
#: Bytes of the input of a tile that the nearest cache holds beside weights.
_NEAR = 24 << 10


@dataclass(frozen=True, slots=True)
class Shape:
    """What the processor's registers hold: output channels of a tile, and numbers of a vector."""

    channels: int
    lanes: int

    @property
    def points(self) -> int:
        """Positions of a tile."""
        return _VECTORS * self.lanes


@functools.cache
def shape() -> Shape:
    """Return the shape of tiles on this processor."""
    features = llvm.get_host_cpu_features()
    if features.get("avx512f"):
        return Shape(8, 8)
    if features.get("avx"):
        return Shape(4, 4)
    return Shape(8 if features.get("neon") else 4, 2)


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


def multiply(weights: Float64, laid: Float64, offsets: Int64, group: int, sums: Float64) -> None:
    """Add up sums[g, m, n] = sum over k of weights[g, m, k] laid[g group + offsets[k] + n].

    Args:
        weights: (G, blocks, K, channels) float64 from `arrange`.
        laid: float64, C-contiguous; all that the offsets reach is read.
        offsets: (K,) int64.
        group: distance of the groups in `laid`.
        sums: (G, blocks * channels, N) float64, C-contiguous, written; N is a multiple of the positions of a tile.
    """
    groups, blocks, depth, _ = weights.shape
    points = sums.shape[2]
    function = _function()
    if function is None or replaced():
        starts = group * np.arange(groups)[:, None, None, None] + offsets[:, None]
        products(matrices(weights), laid[starts + np.arange(points)], sums[:, None])
        return
    chunk = blocks if 8 * depth * shape().points <= _NEAR else 1
    function(
        laid.ctypes.data, offsets.ctypes.data, weights.ctypes.data, sums.ctypes.data,
        depth, points, blocks, chunk, groups, group,
    )  # fmt: skip


_LOCK = threading.Lock()
#: Keeps the machine code alive.
_ENGINES: list[Any] = []


def _function() -> Any:
    with _LOCK:
        return _load()


@functools.cache
def _load() -> Any:
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        return None
    machine = jit.target_machine()
    text = _module(shape())
    content = cache.get_or_make(
        "kernels", jit.code_key(text), lambda: bytes(machine.emit_object(_parsed(text)))
    )
    module = llvm.parse_assembly("")
    module.triple = llvm.get_process_triple()
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(bytes(content)))
    engine.finalize_object()
    _ENGINES.append(engine)
    prototype = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4, *[ctypes.c_int64] * 6)
    return prototype(engine.get_function_address("tiles"))


def _parsed(text: str) -> Any:
    module = llvm.parse_assembly(text)
    module.triple = llvm.get_process_triple()
    module.verify()
    return module


def _module(tile: Shape) -> str:
    """Return the code in LLVM's language: loops over groups, chunks of blocks, tiles of positions, blocks and taps."""
    vector = f"<{tile.lanes} x double>"
    places = [(m, v) for m in range(tile.channels) for v in range(_VECTORS)]
    sums = "\n".join(
        f"  %sum{m}.{v} = phi {vector} [zeroinitializer, %block], [%next{m}.{v}, %tap]" for m, v in places
    )
    values = "\n".join(
        f"  %from{v} = getelementptr double, ptr %under, i64 {v * tile.lanes}\n"
        f"  %x{v} = load {vector}, ptr %from{v}, align 8"
        for v in range(_VECTORS)
    )
    adds = "\n".join(
        f"  %at{m} = getelementptr double, ptr %weight, i64 {m}\n"
        f"  %w{m} = load double, ptr %at{m}, align 8\n"
        f"  %one{m} = insertelement {vector} poison, double %w{m}, i64 0\n"
        f"  %all{m} = shufflevector {vector} %one{m}, {vector} poison, <{tile.lanes} x i32> zeroinitializer\n"
        + "\n".join(
            f"  %product{m}.{v} = fmul contract {vector} %x{v}, %all{m}\n"
            f"  %next{m}.{v} = fadd contract {vector} %sum{m}.{v}, %product{m}.{v}"
            for v in range(_VECTORS)
        )
        for m in range(tile.channels)
    )
    stores = "\n".join(
        (f"  %line{m} = getelementptr double, ptr %made, i64 %row{m}\n" if v == 0 else "")
        + f"  %to{m}.{v} = getelementptr double, ptr %line{m}, i64 {v * tile.lanes}\n"
        f"  store {vector} %next{m}.{v}, ptr %to{m}.{v}, align 8"
        for m, v in places
    )
    rows = "\n".join(f"  %row{m} = mul i64 %points, {m}" for m in range(tile.channels))
    return f"""
define void @tiles(ptr %laid, ptr %offsets, ptr %weights, ptr %sums, i64 %depth, i64 %points, i64 %blocks, i64 %chunk,
                   i64 %groups, i64 %apart) {{
entry:
{rows}
  %weight.block = mul i64 %depth, {tile.channels}
  %sums.block = mul i64 %points, {tile.channels}
  br label %group
group:
  %g = phi i64 [0, %entry], [%g.next, %group.end]
  %laid.group = mul i64 %g, %apart
  %input = getelementptr double, ptr %laid, i64 %laid.group
  %first = mul i64 %g, %blocks
  br label %chunk.start
chunk.start:
  %c = phi i64 [0, %group], [%c.end, %chunk.end]
  %c.full = add i64 %c, %chunk
  %c.over = icmp sgt i64 %c.full, %blocks
  %c.end = select i1 %c.over, i64 %blocks, i64 %c.full
  br label %tile
tile:
  %n = phi i64 [0, %chunk.start], [%n.next, %tile.end]
  %start = getelementptr double, ptr %input, i64 %n
  br label %block
block:
  %b = phi i64 [%c, %tile], [%b.next, %block.end]
  %place = add i64 %first, %b
  %weight.place = mul i64 %place, %weight.block
  %weight.start = getelementptr double, ptr %weights, i64 %weight.place
  %sums.place = mul i64 %place, %sums.block
  %sums.tile = add i64 %sums.place, %n
  %made = getelementptr double, ptr %sums, i64 %sums.tile
  br label %tap
tap:
  %k = phi i64 [0, %block], [%k.next, %tap]
  %weight = phi ptr [%weight.start, %block], [%weight.next, %tap]
{sums}
  %offset.at = getelementptr i64, ptr %offsets, i64 %k
  %offset = load i64, ptr %offset.at, align 8
  %under = getelementptr double, ptr %start, i64 %offset
{values}
{adds}
  %weight.next = getelementptr double, ptr %weight, i64 {tile.channels}
  %k.next = add i64 %k, 1
  %k.more = icmp slt i64 %k.next, %depth
  br i1 %k.more, label %tap, label %block.end
block.end:
{stores}
  %b.next = add i64 %b, 1
  %b.more = icmp slt i64 %b.next, %c.end
  br i1 %b.more, label %block, label %tile.end
tile.end:
  %n.next = add i64 %n, {tile.points}
  %n.more = icmp slt i64 %n.next, %points
  br i1 %n.more, label %tile, label %chunk.end
chunk.end:
  %c.more = icmp slt i64 %c.end, %blocks
  br i1 %c.more, label %chunk.start, label %group.end
group.end:
  %g.next = add i64 %g, 1
  %g.more = icmp slt i64 %g.next, %groups
  br i1 %g.more, label %group, label %end
end:
  ret void
}}
"""
