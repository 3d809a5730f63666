"""Functions of fixed-point numbers as integer tables: exponential, and what is made of it (docs/exact-arithmetic.md).

exp(-u) for u >= 0 with 24 fraction bits is a product of three table entries of 30 fraction bits: for the bits of 2^-8
and above, for the next eight and for the last eight. The entries are exp rounded to the nearest integer, computed with
40 decimal digits; the products are rounded half up. From u = 21 on the result is 0.
"""

from __future__ import annotations

import functools
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.jit import kernel

__all__ = ["COARSE", "EXP_BITS", "EXP_FRACTION", "exp_negative", "exp_tables"]

#: Fraction bits of the argument and of the result.
EXP_FRACTION, EXP_BITS = 24, 30
Integer = int | np.int64

#: Entries for steps of 2^-8; beyond them exp(-u) rounds to 0.
COARSE = 21 << 8
_FINE = 1 << 8


@functools.cache
def exp_tables() -> NDArray[np.int64]:
    """Return the tables one after the other: int64 (21 * 256 + 256 + 256,)."""
    with localcontext(Context(prec=40)):
        steps = [(i, 8) for i in range(COARSE)] + [(i, 16) for i in range(_FINE)] + [(i, 24) for i in range(_FINE)]
        entries = [(Decimal(-i) / (1 << bits)).exp() * (1 << EXP_BITS) for i, bits in steps]
        return np.array([int(entry.to_integral_value(ROUND_HALF_EVEN)) for entry in entries], np.int64)


@kernel
def exp_negative(u: Integer, tables: NDArray[np.int64]) -> Integer:
    """Return exp(-u) with 30 fraction bits for u >= 0 with 24."""
    coarse = u >> 16
    if coarse >= COARSE:
        return np.int64(0)
    high = tables[coarse]
    middle = tables[COARSE + ((u >> 8) & 255)]
    low = tables[COARSE + _FINE + (u & 255)]
    high = (high * middle + (1 << (EXP_BITS - 1))) >> EXP_BITS
    return np.int64((high * low + (1 << (EXP_BITS - 1))) >> EXP_BITS)
