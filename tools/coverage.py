"""What a set of streams exercises, worked out from the schemas themselves.

Values come from the field trace of each stream, sides of conditions from the declarations run over its values. Ordinary
parsing knows nothing of this.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import construct

from jpegai.codestream import Codestream
from jpegai.codestream.fields import Entry, Field, FieldRun
from jpegai.codestream.framing import Segment
from jpegai.codestream.rules.catalogue import Rule, catalogue
from jpegai.codestream.rules.check import check
from jpegai.codestream.schema.base import Derived
from jpegai.codestream.schema.describe import Row, content, tables
from jpegai.codestream.schema.flow import For, When
from jpegai.codestream.schema.values import Header, Scope
from jpegai.tools.coverage_classes import FACETS, stream_facets, value_classes

__all__ = ["Coverage", "Item"]

#: The loop variable whose turns count apart: what holds of one component need not hold of the other.
_APART = "c"
#: Segments that rules of a section of 12.6 speak of, where the rule names no element.
_SPOKEN_OF = {"12.6.3": "ton", "12.6.4": "rdi"}


@dataclass(slots=True)
class Item:
    """Something with several cases, and the streams in which each case occurs.

    Attributes:
        segment: segment it belongs to; empty for facets and rules.
        name: path, condition, title or id.
        cases: case to the numbers of the streams that have it, in file order; empty where none has.
    """

    segment: str
    name: str
    cases: dict[str, list[int]]

    def meet(self, case: str, stream: int) -> None:
        """Note that a stream has a case; a case that was not foreseen is left out."""
        met = self.cases.get(case)
        if met is not None and (not met or met[-1] != stream):
            met.append(stream)

    @property
    def missing(self) -> list[str]:
        """Cases that no stream has."""
        return [case for case, met in self.cases.items() if not met]


def _apart(text: str, turns: Mapping[str, int]) -> str:
    """Return an expression for one turn of the loop over components."""
    return text.replace(f"[{_APART}]", f"[{turns[_APART]}]") if _APART in turns else text


@dataclass(frozen=True, slots=True)
class _Element:
    """A row of the tables, and how its fields are told from others of the same name."""

    row: Row
    items: Mapping[int | None, tuple[Item, Item]]
    place: int | None

    def fits(self, indices: Sequence[int]) -> bool:
        pairs = zip(self.row.index, indices, strict=False)
        return all(not text.isdecimal() or int(text) == found for text, found in pairs)


class Coverage:
    """What streams exercise; add them one by one.

    Attributes:
        names: the streams that were added.
        elements: every element: present or not.
        values: every element: the classes of its values.
        conditions: every condition: both sides.
        facets: what derived variables and segments say of a stream as a whole.
        rules: every rule: a passing and a failing example.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.elements: list[Item] = []
        self.values: list[Item] = []
        self._rows: dict[tuple[str, str], list[_Element]] = {}
        self._sides: dict[tuple[str, str], Item] = {}
        for table in tables():
            for row in table.rows:
                if row.kind == "element" and row.code is None:
                    self._rows.setdefault((table.name, row.name), []).append(self._element(row))
                for condition in row.conditions:
                    self._foresee(table.name, condition, [loop.variable for loop in row.loops])
        self.conditions = list(self._sides.values())
        cases = {facet.title: tuple(facet.cases.values()) for facet in FACETS}
        cases |= {title: tuple(tests) for title, tests in stream_facets().items()}
        self._facets = {title: Item("", title, {case: [] for case in cases[title]}) for title in cases}
        self.facets = list(self._facets.values())
        self.rules = [Item("", rule.id, {"passing": [], "failing": []}) for rule in checked_rules()]

    def _element(self, row: Row) -> _Element:
        place = row.index.index(_APART) if _APART in row.index else None
        items = {}
        for turn in (None,) if place is None else (0, 1):
            turns = {} if turn is None else {_APART: turn}
            path = _apart(row.path, turns)
            presence = Item(row.segment, path, {"present": []})
            classes = Item(row.segment, path, {case: [] for case in value_classes(row, turn)})
            items[turn] = presence, classes
            self.elements.append(presence)
            self.values.append(classes)
        return _Element(row, items, place)

    def _foresee(self, segment: str, condition: str, loops: Sequence[str]) -> None:
        apart = _APART in loops and f"[{_APART}]" in condition
        for turns in ({_APART: 0}, {_APART: 1}) if apart else ({},):
            text = _apart(condition, turns)
            self._sides.setdefault((segment, text), Item(segment, text, {"true": [], "false": []}))

    # -- adding streams ---------------------------------------------------------------------------------------

    def add(self, stream: Codestream, name: str) -> None:
        """Add a stream, parsed with `recover` where it may be damaged: what can be read of it counts."""
        number = len(self.names)
        self.names.append(name)
        kinds = {segment.group: segment.name for segment in stream.segments}
        for entry in stream.fields.entries:
            if entry.kind in ("coded", "bytes"):
                self._meet_value(kinds, entry, number)
        if stream.complete:
            for segment in {segment.name: segment for segment in reversed(stream.segments)}.values():
                for condition, holds in _sides(stream, segment):
                    self._sides[segment.name, condition].meet("true" if holds else "false", number)
            for facet in FACETS:
                self._facets[facet.title].meet(facet.case({**stream.names, **stream.ton}), number)
        for title, case in _stream_cases(stream):
            self._facets[title].meet(case, number)
        self._judge(stream, number)

    def _meet_value(self, kinds: Mapping[str, str], entry: Entry, number: int) -> None:
        group, _, rest = (entry.path if isinstance(entry, Field) else entry.array).rpartition(".")
        kind = kinds.get(group) or kinds.get(group.partition(".")[0], "")
        indices = [int(text) for text in re.findall(r"\[(\d+)\]", rest)]
        for element in self._rows.get((kind, entry.name), ()):
            if not element.fits(indices):
                continue
            if element.place is None or element.place < len(indices):
                turn = None if element.place is None else indices[element.place]
                self._meet(element, turn, (entry.value,) if isinstance(entry, Field) else {*entry.values}, number)
            else:  # the run goes over the components
                for each in entry if isinstance(entry, FieldRun) else ():
                    self._meet(element, int(each.path[-2]), (each.value,), number)

    @staticmethod
    def _meet(element: _Element, turn: int | None, values: Iterable[Any], number: int) -> None:
        presence, classes = element.items[turn]
        presence.meet("present", number)
        for value in values:
            for case in _cases(element.row, turn, len(value) if isinstance(value, memoryview) else value):
                classes.meet(case, number)

    def _judge(self, stream: Codestream, number: int) -> None:
        broken = {finding.rule for finding in check(stream)}
        present = {entry.name for entry in stream.fields.entries if entry.kind in ("coded", "bytes")}
        segments = {segment.name for segment in stream.segments}
        for item in self.rules:
            rule = catalogue()[item.name]
            if item.name in broken:
                item.meet("failing", number)
            elif not stream.errors and _speaks_of(rule, present, segments):
                item.meet("passing", number)


def checked_rules() -> list[Rule]:
    """Return the rules that can be judged without decoding."""
    return [rule for rule in catalogue().values() if {*rule.needs} <= {"P", "H"}]


@functools.cache
def _element_names() -> frozenset[str]:
    return frozenset(row.name for table in tables() for row in table.rows if row.kind == "element")


def _speaks_of(rule: Rule, present: set[str], segments: set[str]) -> bool:
    """Return whether a stream has what a rule speaks of: one that lacks it is no example."""
    named = _element_names().intersection(re.findall(r"\w+", rule.element))
    if named:
        return bool(named & present)
    segment = _SPOKEN_OF.get(rule.section)
    return segment is None or segment in segments


@functools.lru_cache(maxsize=1 << 16)
def _cases(row: Row, turn: int | None, value: int) -> tuple[str, ...]:
    return tuple(case for case, holds in value_classes(row, turn).items() if holds(value))


def _sides(stream: Codestream, segment: Segment) -> Iterator[tuple[str, bool]]:
    """Yield the conditions that the syntax of a segment met, and whether they held."""
    kind = segment.kind
    if kind.schema is None:
        header = Header(kind.name)
    elif any(error.segment == segment.group for error in stream.errors):
        return  # the header ended early
    else:
        header = Header(kind.name, getattr(stream, kind.name))
    yield from _run(content(kind), Scope(header, stream.names))


def _run(declaration: construct.Construct, scope: Scope) -> Iterator[tuple[str, bool]]:
    if isinstance(declaration, When):
        holds = bool(declaration.condition.evaluate(scope))
        yield _apart(str(declaration.condition), scope.loop), holds
        if not holds:
            return
    if isinstance(declaration, Derived):
        place = tuple(index.evaluate(scope) for index in declaration.index)
        scope.header.set(declaration.name, place, declaration.func.evaluate(scope))
    elif isinstance(declaration, For):
        if _has_conditions(declaration):
            outside = dict(scope.loop)
            for turn in range(declaration.count.evaluate(scope)):
                scope.loop[declaration.variable] = turn
                for member in declaration.body:
                    yield from _run(member, scope)
            scope.loop = outside
    else:
        for member in getattr(declaration, "body", None) or getattr(declaration, "subcons", None) or ():
            yield from _run(member, scope)


@functools.cache
def _has_conditions(declaration: construct.Construct) -> bool:
    members = getattr(declaration, "body", None) or getattr(declaration, "subcons", None) or ()
    return isinstance(declaration, When) or any(map(_has_conditions, members))


def _stream_cases(stream: Codestream) -> Iterator[tuple[str, str]]:
    for title, cases in stream_facets().items():
        for case, holds in cases.items():
            if holds(stream):
                yield title, case
