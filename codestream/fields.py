"""The field trace: one record for everything that has a name and a place in the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Field", "Fields", "bytes_field", "padding_field", "selector"]


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
        kind: ``coded``, ``inferred`` (absent, holds its default), ``derived`` or ``bytes``.
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


def bytes_field(path: str, name: str, start: int, data: memoryview, meaning: str, section: str) -> Field:
    """Return the field of a byte string that begins at byte `start` of the file."""
    return Field(path, name, 8 * start, 8 * len(data), None, data, meaning, section, "bytes")


def padding_field(path: str, offset: int, bits: int, value: int, section: str) -> Field:
    """Return the field of the bits that fill a byte, from bit `offset` of the file."""
    return Field(path, path.rpartition(".")[2], offset, bits, value, value, "to the byte", section)


class Fields(Mapping[str, Field]):
    """The fields of a stream in file order, by path."""

    def __init__(self, fields: list[Field]) -> None:
        self._by_path = {field.path: field for field in fields}

    def __getitem__(self, path: str) -> Field:
        return self._by_path[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_path)

    def __len__(self) -> int:
        return len(self._by_path)

    def of(self, group: str) -> list[Field]:
        """Return the fields of one segment (``pih``, ``sorp[2]``)."""
        return [field for field in self._by_path.values() if field.path.startswith(f"{group}.")]
