"""Pieces of LLVM's language that the code of `lines` is put together from."""

from __future__ import annotations

__all__ = ["clip", "counting", "lanes_of", "loads", "splat"]


def splat(name: str, kind: str, value: str, lanes: int) -> str:
    """Return code that makes a vector of one value."""
    return (
        f"  %{name}.one = insertelement <{lanes} x {kind}> poison, {kind} {value}, i64 0\n"
        f"  %{name} = shufflevector <{lanes} x {kind}> %{name}.one, <{lanes} x {kind}> poison, "
        f"<{lanes} x i32> zeroinitializer"
    )


def loads(pointer: str, kind: str, names: str, lanes: int = 0) -> str:
    """Return code that loads the numbers of an array into variables, or into vectors of `lanes`."""
    lines = []
    for place, name in enumerate(names.split()):
        value = f"{name}.value" if lanes else name
        lines.append(f"  %{name}.ptr = getelementptr {kind}, ptr %{pointer}, i64 {place}")
        lines.append(f"  %{value} = load {kind}, ptr %{name}.ptr, align 8")
        if lanes:
            lines.append(splat(name, kind, f"%{value}", lanes))
    return "\n".join(lines)


def counting(lanes: int, step: int = 1, kind: str = "i64") -> str:
    """Return the vector 0, 1, ... with each number `step` times."""
    return "<" + ", ".join(f"{kind} {each // step}" for each in range(lanes)) + ">"


def clip(made: str, value: str, low: str, high: str, vector: str) -> str:
    """Return code that limits a vector to low..high."""
    return f"""
  %{made}.under = fcmp olt {vector} %{value}, %{low}
  %{made}.least = select <{lanes_of(vector)} x i1> %{made}.under, {vector} %{low}, {vector} %{value}
  %{made}.over = fcmp ogt {vector} %{made}.least, %{high}
  %{made} = select <{lanes_of(vector)} x i1> %{made}.over, {vector} %{high}, {vector} %{made}.least"""


def lanes_of(vector: str) -> int:
    """Return the numbers of a vector type."""
    return int(vector[1:].split()[0])
