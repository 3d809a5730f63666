"""The declarations as tables: every element and variable with the loops and conditions around it.

Documentation, coverage and generators read them here, so that nothing of the syntax is written down twice.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

import construct

from jpegai.codestream.rules.catalogue import catalogue
from jpegai.codestream.schema.base import ByteString, Derived, Element, U, Ue
from jpegai.codestream.schema.flow import For, Require, When
from jpegai.codestream.schema.payload import LENGTH, MARKER, payload_syntax
from jpegai.codestream.schema.ranges import interval_text, legal_values
from jpegai.codestream.schema.segments import MARKERS, SEGMENTS, SegmentKind

__all__ = ["Loop", "Row", "Table", "content", "describe", "rows", "tables"]


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop around a row: `variable` runs from 0 to `count` - 1."""

    variable: str
    count: str

    def __str__(self) -> str:
        more = re.fullmatch(r"(\w+) ([+-]) (\d+)", self.count)
        if self.count.isdecimal():
            last = str(int(self.count) - 1)
        elif more is None:
            last = f"{self.count} - 1"
        else:
            rest = int(more[2] + more[3]) - 1
            last = f"{more[1]} {'+' if rest > 0 else '-'} {abs(rest)}" if rest else more[1]
        return f"{self.variable} = 0..{last}"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a syntax table.

    Attributes:
        segment: name of the segment in selectors.
        name: element name of the specification.
        index: expressions of its indices.
        kind: ``element``, ``derived`` (takes no bits) or ``requirement`` (nothing behind it can be read without it).
        declaration: what was declared.
        loops: the loops around it, from outside to inside.
        conditions: the conditions around it, all of which hold where it is present.
        code: the only value it has here: that of a marker.
    """

    segment: str
    name: str
    index: tuple[str, ...]
    kind: str
    declaration: Element | Derived | Require
    loops: tuple[Loop, ...] = ()
    conditions: tuple[str, ...] = ()
    code: int | None = None

    @property
    def path(self) -> str:
        """Name and indices: ``num_chs[c]``."""
        return self.name + "".join(f"[{place}]" for place in self.index)

    @property
    def descriptor(self) -> str:
        """``u(4)``, ``ue(v)``; empty for what takes no bits."""
        return self.declaration.descriptor if isinstance(self.declaration, Element) else ""

    @property
    def condition(self) -> str:
        """All conditions as one expression; empty where it is always present."""
        return " and ".join(f"({text})" if self._compound(text) else text for text in self.conditions)

    def _compound(self, text: str) -> bool:
        return len(self.conditions) > 1 and (" or " in text or " if " in text)

    @property
    def range(self) -> str:
        """Legal values, as intervals or as an expression of the value ``v``; what a variable is, what is required."""
        declaration = self.declaration
        if self.code is not None:
            return f"{self.code:04X}"
        if isinstance(declaration, Derived):
            return f"= {declaration.func}"
        if isinstance(declaration, Require):
            return str(declaration.holds)
        if isinstance(declaration, ByteString):
            return f"{declaration.count} bytes"
        if isinstance(declaration, Ue):
            return "0.."
        if not isinstance(declaration, U):
            return "any"
        largest = f"v <= {declaration.most}" if declaration.most else f"0..2^{declaration.bits} - 1"
        try:
            found = {turn: interval_text(legal_values(declaration, dict(turn))) for turn in self._turns()}
        except KeyError:  # they speak of other elements
            return str(declaration.legal or largest)
        if len({*found.values()}) == 1:
            return next(iter(found.values()))
        return "; ".join(f"{text} ({', '.join(f'{k} = {v}' for k, v in turn)})" for turn, text in found.items())

    def _turns(self) -> Iterator[tuple[tuple[str, int], ...]]:
        """Yield the turns of the loops of fixed length that the legal values speak of."""
        text = str(getattr(self.declaration, "legal", None))
        loops = [loop for loop in self.loops if loop.count.isdecimal() and f"[{loop.variable}]" in text]
        for turn in itertools.product(*(range(int(loop.count)) for loop in loops)):
            yield tuple(zip((loop.variable for loop in loops), turn, strict=True))

    @property
    def meaning(self) -> str:
        """What it is, without the texts of single values."""
        declaration = self.declaration
        return declaration.message if isinstance(declaration, Require) else declaration.meaning

    @property
    def section(self) -> str:
        """Section of the specification."""
        declaration = self.declaration
        return catalogue()[declaration.rule].section if isinstance(declaration, Require) else declaration.section


@dataclass(frozen=True, slots=True)
class Table:
    """The syntax of one segment, marker and length included; `kind` is None for the markers that stand alone."""

    name: str
    marker: int
    title: str
    section: str
    rows: tuple[Row, ...]
    kind: SegmentKind | None = None


def content(kind: SegmentKind) -> construct.Struct:
    """Return the declaration of what stands behind the length field."""
    if kind.schema is not None:
        return kind.schema
    assert kind.threads is not None
    return payload_syntax(kind.threads, regions=kind.regions)


def rows(
    declaration: construct.Construct, segment: str, loops: tuple[Loop, ...] = (), conditions: tuple[str, ...] = ()
) -> Iterator[Row]:
    """Yield a row for everything that is declared, in coding order."""
    if isinstance(declaration, (Element, Derived)):
        index = tuple(map(str, declaration.index))
        kind = "derived" if isinstance(declaration, Derived) else "element"
        yield Row(segment, declaration.name, index, kind, declaration, loops, conditions)
    elif isinstance(declaration, Require):
        yield Row(segment, declaration.element, (), "requirement", declaration, loops, conditions)
    elif isinstance(declaration, For):
        loops = (*loops, Loop(declaration.variable, str(declaration.count)))
    elif isinstance(declaration, When):
        conditions = (*conditions, str(declaration.condition))
    for member in getattr(declaration, "body", None) or getattr(declaration, "subcons", None) or ():
        yield from rows(member, segment, loops, conditions)


def tables() -> tuple[Table, ...]:
    """Return the syntax of everything between the first and the last byte of a codestream."""
    alone = [Table(name, marker, title, "01.1", (_marker(name, marker),)) for name, (marker, title) in MARKERS.items()]
    return (alone[0], *map(describe, SEGMENTS.values()), *alone[1:])


def describe(kind: SegmentKind) -> Table:
    """Return the syntax of one kind of segment."""
    front = _marker(kind.name, kind.marker), Row(kind.name, LENGTH.name, (), "element", LENGTH)
    inside = rows(content(kind), kind.name)
    return Table(kind.name, kind.marker, kind.title, kind.section, (*front, *inside), kind)


def _marker(segment: str, code: int) -> Row:
    return Row(segment, MARKER.name, (), "element", MARKER, code=code)
