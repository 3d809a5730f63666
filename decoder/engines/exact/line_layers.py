"""Code of layers without matrix products: depthwise convolutions and ELU (`lines`)."""

from __future__ import annotations

from jpegai.decoder.engines.exact.functions import COARSE, EXP_BITS, EXP_FRACTION
from jpegai.decoder.engines.exact.llvm_text import clip, counting, loads, splat
from jpegai.decoder.engines.formats import FRACTION, ONE

__all__ = ["depthwise", "elu"]


def depthwise(lanes: int) -> str:
    """Return the loops over channels, columns and rows; an input row is read once for the three rows it adds to."""
    vector, whole, mask = f"<{lanes} x double>", f"<{lanes} x i32>", f"<{lanes} x i1>"
    weights = "\n".join(splat(f"w{tap}", "double", f"%w{tap}.value", lanes) for tap in range(9))
    columns = "\n".join(
        f"""  %begin{across} = add i64 %i, {across - 1}
{splat(f"begins{across}", "i64", f"%begin{across}", lanes)}
  %at{across} = add <{lanes} x i64> %begins{across}, {counting(lanes)}
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
{loads("place", "i64", "channel.first channel.last height width row rows first last")}
{loads("limits", "double", "low high", lanes)}
{splat("widths", "i64", "%width", lanes)}
  br label %channel
channel:
  %c = phi i64 [%channel.first, %entry], [%c.next, %channel.end]
  %total = phi <{lanes} x i64> [zeroinitializer, %entry], [%total.next, %channel.end]
  %nine = mul i64 %c, 9
  %about = getelementptr double, ptr %weights, i64 %nine
{loads("about", "double", " ".join(f"w{tap}.value" for tap in range(9)))}
{weights}
  %scale.at = getelementptr double, ptr %scales, i64 %c
  %scale.value = load double, ptr %scale.at, align 8
{splat("scale", "double", "%scale.value", lanes)}
  %bias.at = getelementptr double, ptr %biases, i64 %c
  %bias.value = load double, ptr %bias.at, align 8
{splat("bias", "double", "%bias.value", lanes)}
  %x.place = mul i64 %c, %height
  %out.place = mul i64 %c, %rows
  br label %strip
strip:
  %i = phi i64 [0, %channel], [%i.next, %strip.end]
  %total.strip = phi <{lanes} x i64> [%total, %channel], [%total.next, %strip.end]
{columns}
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
{splat("rows.inside", "i1", "%inside", lanes)}
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
{clip("limited", "value", "low", "high", vector)}
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


def elu(lanes: int) -> str:
    """Return the loop over values; the lowest bits of an argument of `functions.exp_negative` are 0 here."""
    vector, whole, mask = f"<{lanes} x i64>", f"<{lanes} x i32>", f"<{lanes} x i1>"
    down = EXP_BITS - FRACTION
    constants = {
        "coarses": COARSE, "last": 255, "half": 1 << (EXP_BITS - 1), "bits": EXP_BITS, "round": 1 << (down - 1),
        "down": down, "one": ONE, "up": EXP_FRACTION - FRACTION, "fine": EXP_FRACTION - 16, "coarse.bits": 16,
    }  # fmt: skip
    splats = "\n".join(splat(name, "i64", str(value), lanes) for name, value in constants.items())
    return f"""
declare {whole} @llvm.masked.load.v{lanes}i32.p0(ptr, i32, {mask}, {whole})
declare void @llvm.masked.store.v{lanes}i32.p0({whole}, ptr, i32, {mask})
declare {vector} @llvm.masked.gather.v{lanes}i64.v{lanes}p0(<{lanes} x ptr>, i32, {mask}, {vector})
define i64 @elu(ptr noalias %x, ptr noalias %out, ptr noalias %tables, i64 %count) {{
entry:
{splats}
{splat("counts", "i64", "%count", lanes)}
  br label %vector
vector:
  %i = phi i64 [0, %entry], [%i.next, %vector]
{splat("starts", "i64", "%i", lanes)}
  %at = add {vector} %starts, {counting(lanes)}
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
