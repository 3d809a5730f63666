"""Luma-chroma matrices and their coefficients in both arithmetics (section 10.6)."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.engines.formats import ONE

__all__ = ["BT709", "Matrix"]

#: Fraction bits of fixed-point coefficients.
_BITS = 20
#: Neutral chroma (10.1.2).
_NEUTRAL = 255 * ONE // 2


@dataclass(frozen=True, slots=True)
class Matrix:
    """A luma-chroma matrix: Y = kr R + kg G + kb B, U = (B - Y)/kby + 0.5, V = (R - Y)/kry + 0.5 on 0..1."""

    kr: float
    kg: float
    kb: float
    kby: float
    kry: float

    @property
    def forward(self) -> NDArray[np.float32]:
        """Coefficients R, G and B to Y, and the divisors of B - Y and R - Y."""
        return np.array([self.kr, self.kg, self.kb, self.kby, self.kry], np.float32)

    @property
    def inverse(self) -> NDArray[np.float32]:
        """Coefficients V to R, U to G, V to G, U to B; computed in float64, rounded once (10.6)."""
        green_u = -self.kb * self.kby / self.kg
        green_v = -self.kr * self.kry / self.kg
        return np.array([self.kry, green_u, green_v, self.kby], np.float32)

    @property
    def fixed_forward(self) -> NDArray[np.float64]:
        """Rows of R, G, B and 1 to fixed-point Y, U and V, float64 (3, 4).

        Coefficients are multiples of 2^-20; that of G is what the others leave, so that grey stays grey.
        """
        return _fixed_forward(self)

    @property
    def fixed_inverse(self) -> NDArray[np.float64]:
        """Rows of Y, U, V and 1 to fixed-point R, G and B, float64 (3, 4); coefficients are multiples of 2^-20."""
        return _fixed_inverse(self)


#: The only matrix the codec uses (10.7).
BT709 = Matrix(0.2126, 0.7152, 0.0722, 1.8556, 1.5748)


@functools.cache
def _fixed_forward(matrix: Matrix) -> NDArray[np.float64]:
    kr, _, kb, kby, kry = _exact(matrix)
    rows = []
    for total, red, blue in ((1, kr, kb), (0, -kr / kby, (1 - kb) / kby), (0, (1 - kr) / kry, -kb / kry)):
        outer = [round(value * 2**_BITS) for value in (red, blue)]
        rows.append([outer[0], (total << _BITS) - sum(outer), outer[1], (1 - total) * _NEUTRAL << _BITS])
    return _scaled(rows)


@functools.cache
def _fixed_inverse(matrix: Matrix) -> NDArray[np.float64]:
    kr, kg, kb, kby, kry = _exact(matrix)
    rows = []
    for u, v in ((Fraction(0), kry), (-kb * kby / kg, -kr * kry / kg), (kby, Fraction(0))):
        chroma = [round(value * 2**_BITS) for value in (u, v)]
        rows.append([1 << _BITS, *chroma, -sum(chroma) * _NEUTRAL])
    return _scaled(rows)


def _exact(matrix: Matrix) -> list[Fraction]:
    """Return the constants as the decimal numbers they are."""
    return [Fraction(repr(value)) for value in (matrix.kr, matrix.kg, matrix.kb, matrix.kby, matrix.kry)]


def _scaled(rows: Sequence[Sequence[int]]) -> NDArray[np.float64]:
    """Return rows of integers, below 2^53, divided by 2^20: exact."""
    return np.ldexp(np.array(rows, np.float64), -_BITS)
