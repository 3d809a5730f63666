"""What is declared under a name: the elements and variables of a schema, and when they are present."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import construct

from jpegai.codestream.schema.base import Derived, Element
from jpegai.codestream.schema.flow import When
from jpegai.codestream.schema.values import Expression

__all__ = ["Declaration", "declarations"]


@dataclass(frozen=True, slots=True)
class Declaration:
    """An element or variable of a schema, and the conditions that hold where it is present, outer ones first."""

    member: Element | Derived
    conditions: tuple[Expression, ...]

    @property
    def name(self) -> str:
        """Name of the element."""
        return str(self.member.name)

    def fits(self, index: tuple[int, ...]) -> bool:
        """Whether the element can have these indices: a declaration may be of one entry of an array only."""
        return len(index) == len(self.member.index) and all(
            not text.text.isdecimal() or int(text.text) == place
            for text, place in zip(self.member.index, index, strict=True)
        )

    @property
    def when(self) -> str:
        """The conditions as text; empty where there are none."""
        return " and ".join(f"({each})" if " or " in each.text else str(each) for each in self.conditions)


def declarations(schema: construct.Construct, conditions: tuple[Expression, ...] = ()) -> Iterator[Declaration]:
    """Yield what a schema declares, in coding order."""
    if isinstance(schema, (Element, Derived)):
        yield Declaration(schema, conditions)
        return
    if isinstance(schema, When):
        conditions = (*conditions, schema.condition)
    for member in getattr(schema, "body", None) or getattr(schema, "subcons", None) or ():
        yield from declarations(member, conditions)
