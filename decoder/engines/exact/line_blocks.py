"""Code around the products of a convolution: laying out its input, finishing its results (`lines`)."""

from __future__ import annotations

from jpegai.decoder.engines.exact.llvm_text import clip, counting, loads, splat
from jpegai.decoder.engines.formats import ONE

__all__ = ["ADD", "GATE", "NONE", "finish", "lay_out"]

#: What a convolution does with its result and another tensor.
NONE, ADD, GATE = 0, 1, 2


def lay_out(lanes: int, stride: int) -> str:
    """Return the loops over channels, rows, phases of the stride and vectors of a row."""
    wide = lanes * stride
    vector, whole, picked = f"<{lanes} x double>", f"<{wide} x i32>", f"<{lanes} x i32>"
    pick = "<" + ", ".join(f"i32 {stride * each}" for each in range(lanes)) + ">"
    return f"""
declare {whole} @llvm.masked.load.v{wide}i32.p0(ptr, i32, <{wide} x i1>, {whole})
declare void @llvm.masked.store.v{lanes}f64.p0({vector}, ptr, i32, <{lanes} x i1>)
declare {vector} @llvm.rint.v{lanes}f64({vector})
define i64 @lay_out{stride}(ptr noalias %x, ptr noalias %out, ptr noalias %place, ptr noalias %unit.ptr) {{
entry:
{loads("place", "i64", "channels height width row rows column columns first last of.channel of.phase low high")}
  %unit.value = load double, ptr %unit.ptr, align 8
{splat("unit", "double", "%unit.value", lanes)}
  %low.small = trunc i64 %low to i32
  %high.small = trunc i64 %high to i32
{splat("lowest", "i32", "%low.small", lanes)}
{splat("highest", "i32", "%high.small", lanes)}
{splat("widths", "i64", "%width", wide)}
{splat("ends", "i64", "%columns", lanes)}
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
{splat("rows.inside", "i1", "%inside", wide)}
  %x.row = add i64 %x.place, %source
  %x.line = mul i64 %x.row, %width
  %out.line = mul i64 %r, %columns
  %to.line = getelementptr double, ptr %out.phase, i64 %out.line
  br label %vector
vector:
  %i = phi i64 [0, %line], [%i.next, %vector]
  %i.far = mul i64 %i, {stride}
  %begin = add i64 %left, %i.far
{splat("begins", "i64", "%begin", wide)}
  %at = add <{wide} x i64> %begins, {counting(wide)}
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
{splat("starts", "i64", "%i", lanes)}
  %columns.at = add <{lanes} x i64> %starts, {counting(lanes)}
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


def finish(lanes: int, factor: int, mode: int) -> str:
    """Return the loops over output channels, rows and vectors of sums."""
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
    last = clip("final", "sum", "least", "most", vector) + cuts.format("final", "sum")
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
{loads("place", "i64", "channels pitch row rows column columns top below width other.top other.width")}
{loads("limits", "double", "low high floor ceiling least most", lanes)}
{splat("unit", "double", repr(1.0 / ONE), lanes)}
  br label %channel
channel:
  %c = phi i64 [0, %entry], [%c.next, %channel.end]
  %total = phi <{lanes} x i64> [zeroinitializer, %entry], [%total.channel, %channel.end]
  %entry.place = mul i64 %c, 5
  %about = getelementptr i64, ptr %table, i64 %entry.place
{loads("about", "i64", "sums.start out.start other.start down across")}
  %scale.at = getelementptr double, ptr %scales, i64 %c
  %scale.value = load double, ptr %scale.at, align 8
{splat("scale", "double", "%scale.value", lanes)}
  %bias.at = getelementptr double, ptr %biases, i64 %c
  %bias.value = load double, ptr %bias.at, align 8
{splat("bias", "double", "%bias.value", lanes)}
  %room = sub i64 %width, %across
  %room.up = add i64 %room, {factor - 1}
  %room.columns = sdiv i64 %room.up, {factor}
  %columns.left = sub i64 %room.columns, %column
  %count = call i64 @llvm.smin.i64(i64 %columns, i64 %columns.left)
{splat("counts", "i64", "%count", lanes)}
{splat("counts.wide", "i64", "%count", wide)}
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
{splat("starts", "i64", "%i", lanes)}
  %at = add <{lanes} x i64> %starts, {counting(lanes)}
  %kept = icmp slt <{lanes} x i64> %at, %counts
{splat("starts.wide", "i64", "%i", wide)}
  %at.wide = add <{wide} x i64> %starts.wide, {counting(wide, factor)}
  %kept.wide = icmp slt <{wide} x i64> %at.wide, %counts.wide
  %stored = and <{wide} x i1> %kept.wide, {ones}
  %from = getelementptr double, ptr %sums.line, i64 %i
  %raw = call {vector} @llvm.masked.load.v{lanes}f64.p0(ptr %from, i32 8, {mask} %kept, {vector} zeroinitializer)
  %biased = fadd {vector} %raw, %bias
  %scaled = fmul {vector} %biased, %scale
  %value = call {vector} @llvm.rint.v{lanes}f64({vector} %scaled)
{clip("limited", "value", "low", "high", vector)}
{cuts.format("limited", "value")}
  %cut.first = add <{lanes} x i64> %total.vector, %more.limited
{clip("active", "limited", "floor", "ceiling", vector)}
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
