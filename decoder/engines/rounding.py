"""How the exact engine drops bits: to the nearest integer, halves to the even one.

Arrays are int32, so kernels widen what they read first (``np.int64(x[i])``): as plain Python, NumPy's int32 would wrap
around where the compiled form does not.
"""

from __future__ import annotations

from typing import Any

from jpegai.decoder.jit import kernel

__all__ = ["divided", "shifted"]

#: An int64 of a kernel, or a Python integer.
_Integer = Any

_NO_FRACTION = 3.0 * 2**51  # float64 numbers between 2^52 and 2^53 are integers


@kernel
def shifted(value: _Integer, bits: int) -> _Integer:
    """Return value / 2^bits, rounded half to even; bits 1..62, and |value| + 2^(bits - 1) below 2^63."""
    # an odd quotient lets a half carry, an even one does not
    return (value + (1 << (bits - 1)) - 1 + ((value >> bits) & 1)) >> bits


@kernel
def divided(value: Any, divisor: int) -> Any:
    """Return value / divisor of integers, rounded half to even, as a float64; |value| up to 2^51, divisor 1..2^51.

    A quotient that is no half lies at least 1 / (2 * divisor) from every half: more than what IEEE's division, itself
    rounded to 53 bits, can be off by. Adding and subtracting leaves no room for fraction bits.
    """
    return (value / divisor + _NO_FRACTION) - _NO_FRACTION
