"""Which values of an element are legal, worked out from its declaration."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from jpegai.codestream.schema.base import U
from jpegai.codestream.schema.values import Header, Scope

__all__ = ["interval_text", "legal_values"]

#: Widest element whose values are tried one by one; the legal values of a wider one are an interval.
_LISTED_BITS = 8


def legal_values(element: U, names: Mapping[str, Any]) -> Sequence[int]:
    """Return the legal values of an element, ascending.

    Args:
        element: a number of fixed length.
        names: what its width and its limits speak of: loop variables, other elements, derived variables.

    Raises:
        KeyError: a name is missing.
    """
    fixed = _fixed_values(element)
    return _values(element, Scope(Header(""), names)) if fixed is None else fixed


@functools.cache
def _fixed_values(element: U) -> Sequence[int] | None:
    """Return the legal values where they speak of nothing else, None where they do."""
    try:
        return _values(element, Scope(Header("")))
    except KeyError:
        return None


def _values(element: U, scope: Scope) -> Sequence[int]:
    top = (1 << element.width(scope)) - 1
    if element.legal is None and element.most is None:
        return range(top + 1)
    if top < 1 << _LISTED_BITS:
        return tuple(value for value in range(top + 1) if not element.broken(value, scope))
    first = next(value for value in range(top + 1) if not element.broken(value, scope))
    last, illegal = first, top + 1
    while illegal - last > 1:
        middle = (last + illegal) // 2
        if element.broken(middle, scope):
            illegal = middle
        else:
            last = middle
    return range(first, last + 1)


def interval_text(values: Sequence[int]) -> str:
    """Return ascending numbers as intervals: ``10..12, 20``."""
    if isinstance(values, range):
        return str(values[0]) if len(values) == 1 else f"{values[0]}..{values[-1]}"
    parts: list[list[int]] = []
    for value in values:
        if parts and value == parts[-1][1] + 1:
            parts[-1][1] = value
        else:
            parts.append([value, value])
    return ", ".join(str(first) if first == last else f"{first}..{last}" for first, last in parts)
