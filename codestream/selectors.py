"""Selectors: the names by which views, messages and edits speak of what is in a stream.

Examples: ``pih.num_chs[1]``, ``ton.A1[0][0..7]``, ``sorp[2].threads[5]``, ``sorp.regions[1]``, ``udi.UDI_data[5]``,
``*.length``. Segments are named in any case (``toh`` is ``ton``), elements as the specification does; each name may
have indices ``[3]``, ranges ``[0..7]`` (both ends included) or ``[*]``; ``*`` stands for any letters of a name. What is
not said is open: a name without its indices, or a segment alone, selects everything under it. Bytes of byte strings
have an index of their own. Every path that a view prints is a selector of what it stands for.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from jpegai.codestream.errors import SelectorError
from jpegai.codestream.fields import Entry, Field, FieldRun, Fields
from jpegai.codestream.schema.declared import Declaration, declarations
from jpegai.codestream.schema.segments import ALIASES, SEGMENTS, SegmentKind, kind_named

__all__ = ["Index", "Part", "Selector", "declared_as", "near", "select"]

_NAME = r"[A-Za-z_*][A-Za-z0-9_*]*"
_INDEX = r"\[(?:\*|\d{1,18}(?:\.\.\d{1,18})?)\]"
_PART = re.compile(rf"({_NAME})((?:{_INDEX})*)")
_WHOLE = re.compile(rf"{_PART.pattern}(?:\.{_PART.pattern})*")
_ENTRY = re.compile(r"\[([^\]]*)\]")
#: Names of a message that says what there is instead.
_SHOWN = 6
#: First parts of paths that are no segments.
_OTHERS = ("soc", "eoc", "gap", "trailing")


@dataclass(frozen=True, slots=True)
class Index:
    """One index of a selector: the values `first` to `last`; `last` is None where every index is meant."""

    first: int
    last: int | None

    @classmethod
    def parse(cls, text: str) -> Index:
        """Return the index written as ``3``, ``0..7`` or ``*``."""
        if text == "*":
            return cls(0, None)
        first, _, last = text.partition("..")
        return cls(int(first), int(last or first))

    def __contains__(self, value: int) -> bool:
        return self.first <= value and (self.last is None or value <= self.last)

    @property
    def single(self) -> bool:
        """Whether it is one number."""
        return self.first == self.last

    def clip(self, first: int, count: int) -> range:
        """Return the places of an array of `count` entries, numbered from `first`, that are meant."""
        end = first + count if self.last is None else min(first + count, self.last + 1)
        return range(max(self.first, first) - first, max(end, first) - first)


@dataclass(frozen=True, slots=True)
class Part:
    """One name of a selector and its indices."""

    name: str
    index: tuple[Index, ...]


class Selector:
    """A parsed selector.

    Raises:
        SelectorError: the text is none.
    """

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        if not _WHOLE.fullmatch(self.text):
            raise SelectorError(
                "this is no selector", selector=self.text, expected="names and indices such as pih.num_chs[1]"
            )
        parts = [
            Part(found[1], tuple(map(Index.parse, _ENTRY.findall(found[2])))) for found in _PART.finditer(self.text)
        ]
        group = parts[0].name.lower()
        self.parts = (Part(ALIASES.get(group, group), parts[0].index), *parts[1:])
        for part in self.parts:
            for index in part.index:
                if index.last is not None and index.last < index.first:
                    raise SelectorError(
                        "a range ends before it begins", selector=self.text, found=f"{index.first}..{index.last}"
                    )
        names = (re.escape(part.name).replace(r"\*", r"\w*") for part in self.parts)
        self._pattern = re.compile(r"\.".join(rf"{name}((?:\[\d+\])*)" for name in names) + r"(?=\.|$)")

    @property
    def group(self) -> str:
        """Name of the segment, ``*`` where it may be any."""
        return self.parts[0].name

    def find(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Yield what is selected, in the order of `entries`; runs are cut, never expanded."""
        for entry in entries:
            found = self._pattern.match(entry.path if isinstance(entry, Field) else entry.array)
            if found is None:
                continue
            left = self._left(found.groups())
            if left == ():
                yield entry
            elif left is not None and len(left) == 1 and found.end() == len(found.string):
                part = _cut(entry, left[0])
                if part is not None:
                    yield part

    def names(self, path: str) -> bool:
        """Whether the selector names a path itself, not something above it."""
        found = self._pattern.fullmatch(path)
        return found is not None and self._left(found.groups()) == ()

    def _left(self, groups: Sequence[str]) -> tuple[Index, ...] | None:
        """Return the indices that go beyond those of a path, None where the indices differ."""
        left: tuple[Index, ...] = ()
        for place, (part, text) in enumerate(zip(self.parts, groups, strict=True)):
            there = [int(entry) for entry in _ENTRY.findall(text)]
            if any(value not in index for value, index in zip(there, part.index, strict=False)):
                return None
            left = part.index[len(there) :]
            if place == 0 and not there and len(left) == 1 and 0 in left[0]:
                left = ()  # a segment that is there once is also number 0
            if left and place + 1 < len(self.parts):
                return None
        return left


def _cut(entry: Entry, index: Index) -> Entry | None:
    """Return the entries of a run, or the bytes of a byte string, at an index; None where there are none.

    Raises:
        SelectorError: a byte behind the end of its string.
    """
    if isinstance(entry, Field):
        if not isinstance(entry.value, memoryview):
            return None
        if index.last is not None and index.last >= len(entry.value):
            there = f"0..{len(entry.value) - 1}" if entry.value else "none: it is empty"
            raise SelectorError(
                "the byte string is shorter", selector=f"{entry.path}[{index.last}]", expected=there
            )
        entry = FieldRun(
            entry.path, entry.name, 0, entry.offset, 8, entry.value, lambda _: "one byte", entry.section, entry.kind
        )
    places = index.clip(entry.first, len(entry))
    if not places:
        return None
    if index.single:
        return entry[places[0]]
    first, start = entry.first + places[0], entry.offset + places[0] * entry.width
    values = entry.values[places.start : places.stop]
    return FieldRun(entry.array, entry.name, first, start, entry.width, values, entry.text, entry.section, entry.kind)


def select(fields: Fields, text: str) -> list[Entry]:
    """Return what a selector selects, in file order.

    Args:
        fields: the trace of a stream.
        text: the selector.

    Raises:
        SelectorError: it does not parse, or nothing is selected; the message says what there is instead.
    """
    selector = Selector(text)
    found = list(selector.find(fields.entries))
    if not found:
        raise _nothing(fields, selector)
    return found


def declared_as(selector: Selector) -> list[Declaration]:
    """Return the declarations of the element that a selector of two names means; none where there is no such."""
    if len(selector.parts) != 2:
        return []
    try:
        schema = kind_named(selector.group).schema
    except KeyError:
        return []
    return [] if schema is None else [each for each in declarations(schema) if each.name == selector.parts[1].name]


def _nothing(fields: Fields, selector: Selector) -> SelectorError:
    """Say why nothing is selected, and what there is instead."""
    text, bare = selector.text, _bare(selector.text)
    bare = ".".join((selector.group, *bare.split(".")[1:]))
    groups = {_bare(entry.path.partition(".")[0]) for entry in fields.entries}
    kinds = {kind.name: kind for kind in SEGMENTS.values()}
    if selector.group not in {*groups, *kinds, *_OTHERS} and "*" not in selector.group:
        return SelectorError(
            f"there is no such segment{near(selector.group, [*kinds, *ALIASES, *_OTHERS])}", selector=text
        )
    without = list(Selector(bare).find(fields.entries))
    if without:
        there = ", ".join(entry.path for entry in without[:_SHOWN]) + (" ..." if without[_SHOWN:] else "")
        return SelectorError(f"there is no such entry; there are {there}", selector=text)
    if selector.group not in groups and "*" not in selector.group:
        return SelectorError(f"the stream has no {selector.group} segment", selector=text)
    known = declared_as(selector)
    if known:
        when = f": it is present when {known[0].when}" if known[0].when else ""
        return SelectorError(f"the element is absent in this stream{when}", selector=text)
    names = {_bare(entry.path) for entry in fields.entries} | set(_declared(kinds.get(selector.group)))
    return SelectorError(f"there is nothing of this name{near(bare, sorted(names))}", selector=text)


def _bare(path: str) -> str:
    return _ENTRY.sub("", path)


def _declared(kind: SegmentKind | None) -> Iterator[str]:
    if kind is not None and kind.schema is not None:
        yield from (f"{kind.name}.{each.name}" for each in declarations(kind.schema))


def near(name: str, names: Sequence[str]) -> str:
    """Return those of `names` that look like a name, as the end of a message; nothing where none does."""
    lower = {each.lower(): each for each in names}
    found = difflib.get_close_matches(name.lower(), lower, n=3)
    return f"; did you mean {' or '.join(lower[each] for each in found)}?" if found else ""
