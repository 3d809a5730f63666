"""The field trace: one record for everything that has a name and a place in the file."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Entry", "Field", "FieldRun", "Fields", "bytes_field", "padding_field", "selector", "without_gaps"]


def selector(group: str, name: str, index: tuple[int, ...] = ()) -> str:
    """Return the path of an element as all views print it: ``pih.num_chs[1]``."""
    return f"{group}.{name}" + "".join(f"[{position}]" for position in index)


@dataclass(frozen=True, slots=True)
class Field:
    """One parsed, inferred or derived element.

    Attributes:
        path: selector, unique in the file (``pih.beta_displacement_log_plus_2048[0]``).
        name: element name of the specification.
        offset: position in the file, in bits.
        bits: length in bits; 0 for an element that is inferred or derived.
        raw: the coded number, None for inferred and derived elements and for byte strings.
        value: the value (number, or a memory view for a byte string).
        meaning: what this value means, or else what the element is.
        section: section of the specification that declares it.
        kind: ``coded``, ``inferred`` (absent, holds its default), ``derived``, ``padding``, ``bytes``, or ``gap``
            (bytes that nothing claims).
    """

    path: str
    name: str
    offset: int
    bits: int
    raw: int | None
    value: Any
    meaning: str
    section: str
    kind: str = "coded"

    @property
    def inferred(self) -> bool:
        """Whether the element is absent and holds its declared default."""
        return self.kind == "inferred"


@dataclass(frozen=True, slots=True)
class FieldRun:
    """Neighbouring entries of an array as one record: large headers have a million of them.

    `array` is the path of the array, `first` the index of the first entry, `width` the bits of an entry; `text` tells
    what a value means. Iterating gives the fields.
    """

    array: str
    name: str
    first: int
    offset: int
    width: int
    values: Sequence[int]
    text: Callable[[Any], str]
    section: str
    kind: str = "coded"

    @property
    def path(self) -> str:
        """Selector of all entries: ``ton.A1[0][0..7]``."""
        return f"{self.array}[{self.first}..{self.first + len(self.values) - 1}]"

    @property
    def bits(self) -> int:
        """Length of all entries in bits."""
        return self.width * len(self.values)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, entry: int) -> Field:
        """Return the field of entry `entry` of the run, counted from 0."""
        value = self.values[entry]
        path, start = f"{self.array}[{self.first + entry}]", self.offset + entry * self.width
        return Field(path, self.name, start, self.width, value, value, self.text(value), self.section, self.kind)

    def __iter__(self) -> Iterator[Field]:
        return map(self.__getitem__, range(len(self.values)))


Entry = Field | FieldRun


def bytes_field(
    path: str, name: str, start: int, data: memoryview, meaning: str, section: str, kind: str = "bytes"
) -> Field:
    """Return the field of a byte string that begins at byte `start` of the file."""
    return Field(path, name, 8 * start, 8 * len(data), None, data, meaning, section, kind)


def padding_field(path: str, offset: int, bits: int, value: int, section: str) -> Field:
    """Return the field of the bits that fill a byte, from bit `offset` of the file."""
    return Field(path, path.rpartition(".")[2], offset, bits, value, value, "to the byte", section, "padding")


def without_gaps(entries: Iterable[Entry], group: str, start: int, data: memoryview, meaning: str) -> list[Entry]:
    """Return the entries of `data`, which begins at byte `start` of the file, with what none claims as gaps.

    `meaning` says why it is not understood. A gap that begins within a byte holds that byte too in its value.
    """
    result: list[Entry] = []
    position, end, gaps = 8 * start, 8 * (start + len(data)), 0

    def fill(until: int) -> None:
        nonlocal gaps
        if until > position:
            path = f"{group}.gap[{gaps}]"
            view = data[position // 8 - start : -(-until // 8) - start]
            result.append(Field(path, "gap", position, until - position, None, view, meaning, "01.9", "gap"))
            gaps += 1

    for entry in entries:
        if entry.bits:
            fill(entry.offset)
            position = entry.offset + entry.bits
        result.append(entry)
    fill(end)
    return result


class Fields(Mapping[str, Field]):
    """The fields of a stream in file order, by path; `entries` has runs of array entries as one record."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries = tuple(entries)

    @functools.cached_property
    def _by_path(self) -> dict[str, Field]:
        return {entry.path: entry for entry in self.entries if isinstance(entry, Field)}

    @functools.cached_property
    def _runs(self) -> dict[str, list[FieldRun]]:
        runs: dict[str, list[FieldRun]] = {}
        for entry in self.entries:
            if isinstance(entry, FieldRun):
                runs.setdefault(entry.array, []).append(entry)
        return runs

    def __getitem__(self, path: str) -> Field:
        field = self._by_path.get(path)
        if field is not None:
            return field
        array, _, index = path.removesuffix("]").rpartition("[")
        if index.isdecimal():
            for run in self._runs.get(array, ()):
                if 0 <= int(index) - run.first < len(run):
                    return run[int(index) - run.first]
        raise KeyError(path)

    def __iter__(self) -> Iterator[str]:
        return (field.path for field in self.expanded())

    def __len__(self) -> int:
        return sum(1 if isinstance(entry, Field) else len(entry) for entry in self.entries)

    def expanded(self) -> Iterator[Field]:
        """Yield every field, entries of arrays one by one; faster than looking each of them up."""
        for entry in self.entries:
            if isinstance(entry, Field):
                yield entry
            else:
                yield from entry

    def of(self, group: str) -> list[Entry]:
        """Return the entries of one segment (``pih``, ``sorp[2]``)."""
        return [entry for entry in self.entries if entry.path.startswith(f"{group}.")]
