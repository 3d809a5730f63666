"""How the exact engine drops bits: to the nearest integer, halves to the even one, of int64 numbers alone.

Arrays are int32, so kernels widen what they read first (``np.int64(x[i])``): as plain Python, NumPy's int32 would wrap
around where the compiled form does not.
"""

from __future__ import annotations

from typing import Any

from jpegai.decoder.jit import kernel

__all__ = ["divided", "shifted"]

#: An int64 of a kernel, or a Python integer.
_Integer = Any


@kernel
def shifted(value: _Integer, bits: int) -> _Integer:
    """Return value / 2^bits, rounded half to even; bits 1..62, and |value| + 2^(bits - 1) below 2^63."""
    # an odd quotient lets a half carry, an even one does not
    return (value + (1 << (bits - 1)) - 1 + ((value >> bits) & 1)) >> bits


@kernel
def divided(value: _Integer, divisor: int) -> _Integer:
    """Return value / divisor, rounded half to even; divisor 1..2^62."""
    quotient = value // divisor
    twice = 2 * (value - quotient * divisor)
    return quotient + (1 if twice > divisor or (twice == divisor and quotient & 1) else 0)
