"""What lies before and behind the products of a convolution, in machine code of our own: lines of integers.

Every operation is a single float64 operation on integers below 2^53, or rounds an exact product to the nearest integer,
half to even, so results do not depend on the length of vectors.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.engines.exact.functions import COARSE, EXP_BITS, EXP_FRACTION
from jpegai.decoder.engines.exact.machine import address, functions, shape
from jpegai.decoder.engines.formats import FRACTION, ONE, Fixed

__all__ = ["ADD", "FACTORS", "GATE", "NONE", "STRIDES", "depthwise", "elu", "finish", "lay_out"]

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

#: What a convolution does with its result and another tensor.
NONE, ADD, GATE = 0, 1, 2
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
    (_, height, width), rows = x.shape, out.shape[1]
    for channel in range(first, last):
        start = 4 * (channel * height + row) * width, 4 * channel * rows * width
        _code()["elu"](address(x) + start[0], address(out) + start[1], address(tables), rows * width)


@functools.cache
def _code() -> dict[str, Callable[..., int]]:
    lanes = shape().lanes
    names = {f"lay_out{stride}": "pppp" for stride in STRIDES} | {"depthwise": "ppppppp", "elu": "pppi"}
    parts = [*(_lay_out(lanes, stride) for stride in STRIDES), _depthwise(lanes), _elu(lanes)]
    for factor in FACTORS:
        for mode in (NONE, ADD, GATE):
            names[f"finish{factor}.{mode}"] = "pppppppp"
            parts.append(_finish(lanes, factor, mode))
    declared = sorted({line for part in parts for line in part.splitlines() if line.startswith("declare")})
    bodies = ["\n".join(line for line in part.splitlines() if not line.startswith("declare")) for part in parts]
    return functions("\n".join([*declared, *bodies]), names)


def _splat(name: str, kind: str, value: str, lanes: int) -> str:
    return (
        f"  %{name}.one = insertelement <{lanes} x {kind}> poison, {kind} {value}, i64 0\n"
        f"  %{name} = shufflevector <{lanes} x {kind}> %{name}.one, <{lanes} x {kind}> poison, "
        f"<{lanes} x i32> zeroinitializer"
    )


def _loads(pointer: str, kind: str, names: str, lanes: int = 0) -> str:
    """Return code that loads the numbers of an array into variables, or into vectors of `lanes`."""
    lines = []
    for place, name in enumerate(names.split()):
        value = f"{name}.value" if lanes else name
        lines.append(f"  %{name}.ptr = getelementptr {kind}, ptr %{pointer}, i64 {place}")
        lines.append(f"  %{value} = load {kind}, ptr %{name}.ptr, align 8")
        if lanes:
            lines.append(_splat(name, kind, f"%{value}", lanes))
    return "\n".join(lines)


def _steps(lanes: int, step: int = 1, kind: str = "i64") -> str:
    """Return the vector 0, 1, ... with each number `step` times."""
    return "<" + ", ".join(f"{kind} {each // step}" for each in range(lanes)) + ">"


def _clip(made: str, value: str, low: str, high: str, vector: str) -> str:
    return f"""
  %{made}.under = fcmp olt {vector} %{value}, %{low}
  %{made}.least = select <{_lanes(vector)} x i1> %{made}.under, {vector} %{low}, {vector} %{value}
  %{made}.over = fcmp ogt {vector} %{made}.least, %{high}
  %{made} = select <{_lanes(vector)} x i1> %{made}.over, {vector} %{high}, {vector} %{made}.least"""


def _lanes(vector: str) -> int:
    return int(vector[1:].split()[0])


def _lay_out(lanes: int, stride: int) -> str:
    wide = lanes * stride
    vector, whole, picked = f"<{lanes} x double>", f"<{wide} x i32>", f"<{lanes} x i32>"
    pick = "<" + ", ".join(f"i32 {stride * each}" for each in range(lanes)) + ">"
    return f"""
declare {whole} @llvm.masked.load.v{wide}i32.p0(ptr, i32, <{wide} x i1>, {whole})
declare void @llvm.masked.store.v{lanes}f64.p0({vector}, ptr, i32, <{lanes} x i1>)
declare {vector} @llvm.rint.v{lanes}f64({vector})
define i64 @lay_out{stride}(ptr noalias %x, ptr noalias %out, ptr noalias %place, ptr noalias %unit.ptr) {{
entry:
{_loads("place", "i64", "channels height width row rows column columns first last of.channel of.phase low high")}
  %unit.value = load double, ptr %unit.ptr, align 8
{_splat("unit", "double", "%unit.value", lanes)}
  %low.small = trunc i64 %low to i32
  %high.small = trunc i64 %high to i32
{_splat("lowest", "i32", "%low.small", lanes)}
{_splat("highest", "i32", "%high.small", lanes)}
{_splat("widths", "i64", "%width", wide)}
{_splat("ends", "i64", "%columns", lanes)}
  br label %channel
channel:
  %c = phi i64 [0, %entry], [%c.next, %channel.end]
  %x.place = mul i64 %c, %height
  %out.place = mul i64 %c, %of.channel
  %out.channel = getelementptr double, ptr %out, i64 %out.place
  br label %phase
phase:
  %t = phi i64 [0, %channel], [%t.next, %phase.end]
  %phase.place = mul i64 %t, %of.phase
  %out.phase = getelementptr double, ptr %out.channel, i64 %phase.place
  %left = add i64 %column, %t
  br label %line
line:
  %r = phi i64 [0, %phase], [%r.next, %line.end]
  %r.far = mul i64 %r, {stride}
  %source = add i64 %row, %r.far
  %after = icmp sge i64 %source, %first
  %before = icmp slt i64 %source, %last
  %inside = and i1 %after, %before
{_splat("rows.inside", "i1", "%inside", wide)}
  %x.row = add i64 %x.place, %source
  %x.line = mul i64 %x.row, %width
  %out.line = mul i64 %r, %columns
  %to.line = getelementptr double, ptr %out.phase, i64 %out.line
  br label %vector
vector:
  %i = phi i64 [0, %line], [%i.next, %vector]
  %i.far = mul i64 %i, {stride}
  %begin = add i64 %left, %i.far
{_splat("begins", "i64", "%begin", wide)}
  %at = add <{wide} x i64> %begins, {_steps(wide)}
  %in.width = icmp ult <{wide} x i64> %at, %widths
  %mask = and <{wide} x i1> %in.width, %rows.inside
  %from.place = add i64 %x.line, %begin
  %from = getelementptr i32, ptr %x, i64 %from.place
  %loaded = call {whole} @llvm.masked.load.v{wide}i32.p0(ptr %from, i32 4, <{wide} x i1> %mask, {whole} zeroinitializer)
  %value = shufflevector {whole} %loaded, {whole} poison, {picked} {pick}
  %taken = shufflevector <{wide} x i1> %mask, <{wide} x i1> poison, {picked} {pick}
  %under = icmp slt {picked} %value, %lowest
  %least = select <{lanes} x i1> %under, {picked} %lowest, {picked} %value
  %over = icmp sgt {picked} %least, %highest
  %limited = select <{lanes} x i1> %over, {picked} %highest, {picked} %least
  %or.zero = select <{lanes} x i1> %taken, {picked} %limited, {picked} zeroinitializer
  %number = sitofp {picked} %or.zero to {vector}
  %scaled = fmul {vector} %number, %unit
  %rounded = call {vector} @llvm.rint.v{lanes}f64({vector} %scaled)
{_splat("starts", "i64", "%i", lanes)}
  %columns.at = add <{lanes} x i64> %starts, {_steps(lanes)}
  %kept = icmp slt <{lanes} x i64> %columns.at, %ends
  %to = getelementptr double, ptr %to.line, i64 %i
  call void @llvm.masked.store.v{lanes}f64.p0({vector} %rounded, ptr %to, i32 8, <{lanes} x i1> %kept)
  %i.next = add i64 %i, {lanes}
  %i.more = icmp slt i64 %i.next, %columns
  br i1 %i.more, label %vector, label %line.end
line.end:
  %r.next = add i64 %r, 1
  %r.more = icmp slt i64 %r.next, %rows
  br i1 %r.more, label %line, label %phase.end
phase.end:
  %t.next = add i64 %t, 1
  %t.more = icmp slt i64 %t.next, {stride}
  br i1 %t.more, label %phase, label %channel.end
channel.end:
  %c.next = add i64 %c, 1
  %c.more = icmp slt i64 %c.next, %channels
  br i1 %c.more, label %channel, label %end
end:
  ret i64 0
}}
"""


def _finish(lanes: int, factor: int, mode: int) -> str:
    wide = lanes * factor
    vector, whole, picked, mask = f"<{lanes} x double>", f"<{wide} x i32>", f"<{lanes} x i32>", f"<{lanes} x i1>"
    pick = "<" + ", ".join(f"i32 {factor * each}" for each in range(lanes)) + ">"
    spread = "<" + ", ".join(f"i32 {each // factor}" for each in range(wide)) + ">"
    ones = "<" + ", ".join(f"i1 {'true' if each % factor == 0 else 'false'}" for each in range(wide)) + ">"
    cuts = f"""
  %cut.{{0}} = fcmp une {vector} %{{0}}, %{{1}}
  %counted.{{0}} = and {mask} %cut.{{0}}, %kept
  %more.{{0}} = zext {mask} %counted.{{0}} to <{lanes} x i64>"""
    beside = f"""
  %beside.at = getelementptr i32, ptr %other.line, i64 %far
  %besides = call {whole} @llvm.masked.load.v{wide}i32.p0(ptr %beside.at, i32 4, <{wide} x i1> %stored, {whole} poison)
  %beside.small = shufflevector {whole} %besides, {whole} poison, {picked} {pick}
  %beside = sitofp {picked} %beside.small to {vector}"""
    gate = f"""
  %gate.product = fmul {vector} %beside, %active
  %gate.scaled = fmul {vector} %gate.product, %unit
  %gate = call {vector} @llvm.rint.v{lanes}f64({vector} %gate.scaled)
  %sum = fadd {vector} %beside, %gate"""
    add = f"\n  %sum = fadd {vector} %active, %beside"
    last = _clip("final", "sum", "least", "most", vector) + cuts.format("final", "sum")
    tail = beside + (gate if mode == GATE else add) + last if mode != NONE else ""
    result = "final" if mode != NONE else "active"
    total = "%cut.both" if mode != NONE else "%cut.first"
    return f"""
declare {vector} @llvm.rint.v{lanes}f64({vector})
declare {vector} @llvm.masked.load.v{lanes}f64.p0(ptr, i32, {mask}, {vector})
declare {whole} @llvm.masked.load.v{wide}i32.p0(ptr, i32, <{wide} x i1>, {whole})
declare void @llvm.masked.store.v{wide}i32.p0({whole}, ptr, i32, <{wide} x i1>)
declare i64 @llvm.vector.reduce.add.v{lanes}i64(<{lanes} x i64>)
declare i64 @llvm.smin.i64(i64, i64)
declare i64 @llvm.smax.i64(i64, i64)
define i64 @"finish{factor}.{mode}"(ptr noalias %sums, ptr noalias %table, ptr noalias %scales, ptr noalias %biases,
    ptr noalias %limits, ptr noalias %other, ptr noalias %out, ptr noalias %place) {{
entry:
{_loads("place", "i64", "channels pitch row rows column columns top below width other.top other.width")}
{_loads("limits", "double", "low high floor ceiling least most", lanes)}
{_splat("unit", "double", repr(1.0 / ONE), lanes)}
  br label %channel
channel:
  %c = phi i64 [0, %entry], [%c.next, %channel.end]
  %total = phi <{lanes} x i64> [zeroinitializer, %entry], [%total.channel, %channel.end]
  %entry.place = mul i64 %c, 5
  %about = getelementptr i64, ptr %table, i64 %entry.place
{_loads("about", "i64", "sums.start out.start other.start down across")}
  %scale.at = getelementptr double, ptr %scales, i64 %c
  %scale.value = load double, ptr %scale.at, align 8
{_splat("scale", "double", "%scale.value", lanes)}
  %bias.at = getelementptr double, ptr %biases, i64 %c
  %bias.value = load double, ptr %bias.at, align 8
{_splat("bias", "double", "%bias.value", lanes)}
  %room = sub i64 %width, %across
  %room.up = add i64 %room, {factor - 1}
  %room.columns = sdiv i64 %room.up, {factor}
  %columns.left = sub i64 %room.columns, %column
  %count = call i64 @llvm.smin.i64(i64 %columns, i64 %columns.left)
{_splat("counts", "i64", "%count", lanes)}
{_splat("counts.wide", "i64", "%count", wide)}
  %top.down = sub i64 %top, %down
  %top.up = add i64 %top.down, {factor - 1}
  %top.row = sdiv i64 %top.up, {factor}
  %top.from = sub i64 %top.row, %row
  %r.first = call i64 @llvm.smax.i64(i64 0, i64 %top.from)
  %end.down = sub i64 %below, %down
  %end.up = add i64 %end.down, {factor - 1}
  %end.row = sdiv i64 %end.up, {factor}
  %end.from = sub i64 %end.row, %row
  %r.last = call i64 @llvm.smin.i64(i64 %rows, i64 %end.from)
  %column.far = mul i64 %column, {factor}
  %left = add i64 %column.far, %across
  %has.columns = icmp sgt i64 %count, 0
  %has.rows = icmp slt i64 %r.first, %r.last
  %any = and i1 %has.columns, %has.rows
  br i1 %any, label %line, label %channel.end
line:
  %r = phi i64 [%r.first, %channel], [%r.next, %line.end]
  %total.line = phi <{lanes} x i64> [%total, %channel], [%total.next, %line.end]
  %line.far = mul i64 %r, %pitch
  %sums.line.place = add i64 %sums.start, %line.far
  %sums.line = getelementptr double, ptr %sums, i64 %sums.line.place
  %row.all = add i64 %row, %r
  %row.far = mul i64 %row.all, {factor}
  %y = add i64 %row.far, %down
  %y.out = sub i64 %y, %top
  %y.place = mul i64 %y.out, %width
  %y.left = add i64 %y.place, %left
  %out.place = add i64 %y.left, %out.start
  %out.line = getelementptr i32, ptr %out, i64 %out.place
  %y.other = sub i64 %y, %other.top
  %y.other.place = mul i64 %y.other, %other.width
  %y.other.left = add i64 %y.other.place, %left
  %other.place = add i64 %y.other.left, %other.start
  %other.line = getelementptr i32, ptr %other, i64 %other.place
  br label %vector
vector:
  %i = phi i64 [0, %line], [%i.next, %vector]
  %total.vector = phi <{lanes} x i64> [%total.line, %line], [%total.next, %vector]
  %far = mul i64 %i, {factor}
{_splat("starts", "i64", "%i", lanes)}
  %at = add <{lanes} x i64> %starts, {_steps(lanes)}
  %kept = icmp slt <{lanes} x i64> %at, %counts
{_splat("starts.wide", "i64", "%i", wide)}
  %at.wide = add <{wide} x i64> %starts.wide, {_steps(wide, factor)}
  %kept.wide = icmp slt <{wide} x i64> %at.wide, %counts.wide
  %stored = and <{wide} x i1> %kept.wide, {ones}
  %from = getelementptr double, ptr %sums.line, i64 %i
  %raw = call {vector} @llvm.masked.load.v{lanes}f64.p0(ptr %from, i32 8, {mask} %kept, {vector} zeroinitializer)
  %biased = fadd {vector} %raw, %bias
  %scaled = fmul {vector} %biased, %scale
  %value = call {vector} @llvm.rint.v{lanes}f64({vector} %scaled)
{_clip("limited", "value", "low", "high", vector)}
{cuts.format("limited", "value")}
  %cut.first = add <{lanes} x i64> %total.vector, %more.limited
{_clip("active", "limited", "floor", "ceiling", vector)}
{tail}
{f"  %cut.both = add <{lanes} x i64> %cut.first, %more.final" if mode != NONE else ""}
  %total.next = add <{lanes} x i64> {total}, zeroinitializer
  %small = fptosi {vector} %{result} to {picked}
  %spread = shufflevector {picked} %small, {picked} poison, <{wide} x i32> {spread}
  %to = getelementptr i32, ptr %out.line, i64 %far
  call void @llvm.masked.store.v{wide}i32.p0({whole} %spread, ptr %to, i32 4, <{wide} x i1> %stored)
  %i.next = add i64 %i, {lanes}
  %i.more = icmp slt i64 %i.next, %count
  br i1 %i.more, label %vector, label %line.end
line.end:
  %r.next = add i64 %r, 1
  %r.more = icmp slt i64 %r.next, %r.last
  br i1 %r.more, label %line, label %channel.end
channel.end:
  %total.channel = phi <{lanes} x i64> [%total, %channel], [%total.next, %line.end]
  %c.next = add i64 %c, 1
  %c.more = icmp slt i64 %c.next, %channels
  br i1 %c.more, label %channel, label %end
end:
  %sum.all = call i64 @llvm.vector.reduce.add.v{lanes}i64(<{lanes} x i64> %total.channel)
  ret i64 %sum.all
}}
"""


def _depthwise(lanes: int) -> str:
    """Return the loops over channels, columns and rows; an input row is read once for the three rows it adds to."""
    vector, whole, mask = f"<{lanes} x double>", f"<{lanes} x i32>", f"<{lanes} x i1>"
    weights = "\n".join(_splat(f"w{tap}", "double", f"%w{tap}.value", lanes) for tap in range(9))
    loads = "\n".join(
        f"""  %begin{across} = add i64 %i, {across - 1}
{_splat(f"begins{across}", "i64", f"%begin{across}", lanes)}
  %at{across} = add <{lanes} x i64> %begins{across}, {_steps(lanes)}
  %in.width{across} = icmp ult <{lanes} x i64> %at{across}, %widths"""
        for across in range(3)
    )
    values = "\n".join(
        f"""  %mask{across} = and {mask} %in.width{across}, %rows.inside
  %from{across} = getelementptr i32, ptr %x.line, i64 %begin{across}
  %small{across} = call {whole} @llvm.masked.load.v{lanes}i32.p0(
      ptr %from{across}, i32 4, {mask} %mask{across}, {whole} zeroinitializer)
  %x{across} = sitofp {whole} %small{across} to {vector}"""
        for across in range(3)
    )
    sums = []
    for down, before in ((2, "%upper"), (1, "%lower"), (0, "zeroinitializer")):
        for across in range(3):
            name = f"sum{down}.{across}"
            sums.append(f"  %product{down}.{across} = fmul contract {vector} %x{across}, %w{3 * down + across}")
            sums.append(f"  %{name} = fadd contract {vector} {before}, %product{down}.{across}")
            before = f"%{name}"
    return f"""
declare {whole} @llvm.masked.load.v{lanes}i32.p0(ptr, i32, {mask}, {whole})
declare void @llvm.masked.store.v{lanes}i32.p0({whole}, ptr, i32, {mask})
declare {vector} @llvm.rint.v{lanes}f64({vector})
declare i64 @llvm.vector.reduce.add.v{lanes}i64(<{lanes} x i64>)
define i64 @depthwise(ptr noalias %x, ptr noalias %weights, ptr noalias %scales, ptr noalias %biases,
    ptr noalias %limits, ptr noalias %out, ptr noalias %place) {{
entry:
{_loads("place", "i64", "channel.first channel.last height width row rows first last")}
{_loads("limits", "double", "low high", lanes)}
{_splat("widths", "i64", "%width", lanes)}
  br label %channel
channel:
  %c = phi i64 [%channel.first, %entry], [%c.next, %channel.end]
  %total = phi <{lanes} x i64> [zeroinitializer, %entry], [%total.next, %channel.end]
  %nine = mul i64 %c, 9
  %about = getelementptr double, ptr %weights, i64 %nine
{_loads("about", "double", " ".join(f"w{tap}.value" for tap in range(9)))}
{weights}
  %scale.at = getelementptr double, ptr %scales, i64 %c
  %scale.value = load double, ptr %scale.at, align 8
{_splat("scale", "double", "%scale.value", lanes)}
  %bias.at = getelementptr double, ptr %biases, i64 %c
  %bias.value = load double, ptr %bias.at, align 8
{_splat("bias", "double", "%bias.value", lanes)}
  %x.place = mul i64 %c, %height
  %out.place = mul i64 %c, %rows
  br label %strip
strip:
  %i = phi i64 [0, %channel], [%i.next, %strip.end]
  %total.strip = phi <{lanes} x i64> [%total, %channel], [%total.next, %strip.end]
{loads}
  br label %line
line:
  %r = phi i64 [-2, %strip], [%r.next, %line.end]
  %total.line = phi <{lanes} x i64> [%total.strip, %strip], [%total.next, %line.end]
  %upper = phi {vector} [zeroinitializer, %strip], [%sum1.2, %line.end]
  %lower = phi {vector} [zeroinitializer, %strip], [%sum0.2, %line.end]
  %ahead = add i64 %r, 1
  %source = add i64 %row, %ahead
  %after = icmp sge i64 %source, %first
  %before = icmp slt i64 %source, %last
  %inside = and i1 %after, %before
{_splat("rows.inside", "i1", "%inside", lanes)}
  %x.row = add i64 %x.place, %source
  %x.line.place = mul i64 %x.row, %width
  %x.line = getelementptr i32, ptr %x, i64 %x.line.place
{values}
{chr(10).join(sums)}
  %made = icmp sge i64 %r, 0
  br i1 %made, label %make, label %line.end
make:
  %biased = fadd {vector} %sum2.2, %bias
  %scaled = fmul {vector} %biased, %scale
  %value = call {vector} @llvm.rint.v{lanes}f64({vector} %scaled)
{_clip("limited", "value", "low", "high", vector)}
  %cut = fcmp une {vector} %limited, %value
  %counted = and {mask} %cut, %in.width1
  %more = zext {mask} %counted to <{lanes} x i64>
  %total.made = add <{lanes} x i64> %total.line, %more
  %result = fptosi {vector} %limited to {whole}
  %out.row = add i64 %out.place, %r
  %out.line = mul i64 %out.row, %width
  %out.at = add i64 %out.line, %i
  %to = getelementptr i32, ptr %out, i64 %out.at
  call void @llvm.masked.store.v{lanes}i32.p0({whole} %result, ptr %to, i32 4, {mask} %in.width1)
  br label %line.end
line.end:
  %total.next = phi <{lanes} x i64> [%total.line, %line], [%total.made, %make]
  %r.next = add i64 %r, 1
  %r.more = icmp slt i64 %r.next, %rows
  br i1 %r.more, label %line, label %strip.end
strip.end:
  %i.next = add i64 %i, {lanes}
  %i.more = icmp slt i64 %i.next, %width
  br i1 %i.more, label %strip, label %channel.end
channel.end:
  %c.next = add i64 %c, 1
  %c.more = icmp slt i64 %c.next, %channel.last
  br i1 %c.more, label %channel, label %end
end:
  %sum.all = call i64 @llvm.vector.reduce.add.v{lanes}i64(<{lanes} x i64> %total.next)
  ret i64 %sum.all
}}
"""


def _elu(lanes: int) -> str:
    """Return the loop over values; the lowest bits of an argument of `functions.exp_negative` are 0 here."""
    vector, whole, mask = f"<{lanes} x i64>", f"<{lanes} x i32>", f"<{lanes} x i1>"
    down = EXP_BITS - FRACTION
    constants = {
        "coarses": COARSE, "last": 255, "half": 1 << (EXP_BITS - 1), "bits": EXP_BITS, "round": 1 << (down - 1),
        "down": down, "one": ONE, "up": EXP_FRACTION - FRACTION, "fine": EXP_FRACTION - 16, "coarse.bits": 16,
    }  # fmt: skip
    splats = "\n".join(_splat(name, "i64", str(value), lanes) for name, value in constants.items())
    return f"""
declare {whole} @llvm.masked.load.v{lanes}i32.p0(ptr, i32, {mask}, {whole})
declare void @llvm.masked.store.v{lanes}i32.p0({whole}, ptr, i32, {mask})
declare {vector} @llvm.masked.gather.v{lanes}i64.v{lanes}p0(<{lanes} x ptr>, i32, {mask}, {vector})
define i64 @elu(ptr noalias %x, ptr noalias %out, ptr noalias %tables, i64 %count) {{
entry:
{splats}
{_splat("counts", "i64", "%count", lanes)}
  br label %vector
vector:
  %i = phi i64 [0, %entry], [%i.next, %vector]
{_splat("starts", "i64", "%i", lanes)}
  %at = add {vector} %starts, {_steps(lanes)}
  %kept = icmp slt {vector} %at, %counts
  %from = getelementptr i32, ptr %x, i64 %i
  %small = call {whole} @llvm.masked.load.v{lanes}i32.p0(ptr %from, i32 4, {mask} %kept, {whole} zeroinitializer)
  %value = sext {whole} %small to {vector}
  %negative = icmp slt {vector} %value, zeroinitializer
  %minus = sub {vector} zeroinitializer, %value
  %magnitude = select {mask} %negative, {vector} %minus, {vector} zeroinitializer
  %positive = select {mask} %negative, {vector} zeroinitializer, {vector} %value
  %u = shl {vector} %magnitude, %up
  %coarse = lshr {vector} %u, %coarse.bits
  %inside = icmp slt {vector} %coarse, %coarses
  %coarse.at = select {mask} %inside, {vector} %coarse, {vector} zeroinitializer
  %fine.all = lshr {vector} %u, %fine
  %fine.part = and {vector} %fine.all, %last
  %fine.at = add {vector} %fine.part, %coarses
  %coarse.from = getelementptr i64, ptr %tables, {vector} %coarse.at
  %fine.from = getelementptr i64, ptr %tables, {vector} %fine.at
  %high = call {vector} @llvm.masked.gather.v{lanes}i64.v{lanes}p0(
      <{lanes} x ptr> %coarse.from, i32 8, {mask} %kept, {vector} zeroinitializer)
  %middle = call {vector} @llvm.masked.gather.v{lanes}i64.v{lanes}p0(
      <{lanes} x ptr> %fine.from, i32 8, {mask} %kept, {vector} zeroinitializer)
  %product = mul {vector} %high, %middle
  %product.half = add {vector} %product, %half
  %share = lshr {vector} %product.half, %bits
  %part = select {mask} %inside, {vector} %share, {vector} zeroinitializer
  %part.round = add {vector} %part, %round
  %exponential = lshr {vector} %part.round, %down
  %less = sub {vector} %exponential, %one
  %result = add {vector} %positive, %less
  %made = trunc {vector} %result to {whole}
  %to = getelementptr i32, ptr %out, i64 %i
  call void @llvm.masked.store.v{lanes}i32.p0({whole} %made, ptr %to, i32 4, {mask} %kept)
  %i.next = add i64 %i, {lanes}
  %i.more = icmp slt i64 %i.next, %count
  br i1 %i.more, label %vector, label %end
end:
  ret i64 0
}}
"""
