"""Rounding of the exact engine, against exact rational arithmetic."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from jpegai.decoder.engines.rounding import divided, shifted

VALUES = st.one_of(st.integers(-40, 40), st.integers(-(1 << 62), 1 << 62))


@settings(deadline=None)
@given(VALUES, st.integers(1, 62))
def test_shifted(value: int, bits: int) -> None:
    assert shifted(value, bits) == round(Fraction(value, 1 << bits))


@settings(deadline=None)
@given(VALUES, st.one_of(st.integers(1, 9), st.integers(1, 1 << 62)))
def test_divided(value: int, divisor: int) -> None:
    assert divided(value, divisor) == round(Fraction(value, divisor))


@settings(deadline=None)
@given(st.integers(-(1 << 20), 1 << 20), st.integers(1, 12))
def test_halves_go_to_the_even_neighbour(value: int, bits: int) -> None:
    half = (2 * value + 1) << (bits - 1)
    assert shifted(half, bits) == divided(half, 1 << bits) == value + (value & 1)
