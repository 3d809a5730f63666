"""Rounding of the exact engine, against exact rational arithmetic."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from jpegai.decoder.engines.rounding import divided, shifted

#: Kernels pass no float64 on to Python; the function itself does.
DIVIDED = getattr(divided, "function", divided)
LARGEST = 1 << 51
DIVISORS = st.one_of(st.integers(1, 9), st.integers(1, 7000), st.integers(1, LARGEST))
VALUES = st.one_of(st.integers(-40, 40), st.integers(-(1 << 62), 1 << 62))


@settings(deadline=None)
@given(VALUES, st.integers(1, 62))
def test_shifted(value: int, bits: int) -> None:
    assert shifted(value, bits) == round(Fraction(value, 1 << bits))


@settings(deadline=None)
@given(st.one_of(st.integers(-40, 40), st.integers(-LARGEST, LARGEST)), DIVISORS)
def test_divided(value: int, divisor: int) -> None:
    assert DIVIDED(value, divisor) == round(Fraction(value, divisor))


@settings(deadline=None)
@given(st.integers(0, LARGEST), DIVISORS, st.integers(-1, 0))
def test_divided_near_halves(value: int, divisor: int, off: int) -> None:
    value = min((2 * (value // divisor) + 1) * divisor // 2, LARGEST) + off
    assert DIVIDED(value, divisor) == round(Fraction(value, divisor))


@settings(deadline=None)
@given(st.integers(-(1 << 20), 1 << 20), st.integers(1, 12))
def test_halves_go_to_the_even_neighbour(value: int, bits: int) -> None:
    half = (2 * value + 1) << (bits - 1)
    assert shifted(half, bits) == DIVIDED(half, 1 << bits) == value + (value & 1)
