"""Proof that a trace says where things are: it covers the bytes, and the bits at every offset are what it claims."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jpegai.codestream.fields import Entry, Field, FieldRun
from jpegai.codestream.schema.describe import tables

#: Elements that are Exp-Golomb codes: their bits are not their value.
_CODES = {row.name: row.descriptor for table in tables() for row in table.rows if row.descriptor in ("ue(v)", "se(v)")}


def bits_at(data: bytes, offset: int, bits: int) -> int:
    """The number that stands in `bits` bits from bit `offset` on."""
    end = offset + bits
    number = int.from_bytes(data[offset // 8 : -(-end // 8)])
    return number >> (-end % 8) & ((1 << bits) - 1)


def decoded(name: str, number: int) -> int:
    """What the bits of a field say."""
    descriptor = _CODES.get(name)
    if descriptor is None:
        return number
    code = number - 1  # the zeros in front add nothing
    if descriptor == "ue(v)":
        return code
    return (code + 1) // 2 if code & 1 else -(code // 2)


def prove(entries: Iterable[Entry], data: bytes, start: int = 0) -> int:
    """Check that entries follow each other from bit `start` on and say what the bits say; return where they end."""
    view = memoryview(data)
    position = start
    for entry in entries:
        if not entry.bits:
            assert entry.kind in ("inferred", "derived", "bytes") or isinstance(entry, FieldRun) or entry.value == 0
            continue
        assert entry.offset == position, entry.path
        position += entry.bits
        if isinstance(entry, FieldRun):
            number, width, count = bits_at(data, entry.offset, entry.bits), entry.width, len(entry)
            text = f"{number:0{entry.bits}b}"
            assert [int(text[k * width : (k + 1) * width], 2) for k in range(count)] == list(entry.values), entry.path
            assert [entry[k].offset for k in (0, count - 1)] == [entry.offset, entry.offset + (count - 1) * width]
        elif entry.kind in ("bytes", "gap"):
            assert entry.value == view[entry.offset // 8 : -(-position // 8)], entry.path
        else:
            assert decoded(entry.name, bits_at(data, entry.offset, entry.bits)) == entry.raw == entry.value, entry.path
    return position


def plain(value: Any) -> Any:
    """Arrays as dictionaries, byte strings as bytes."""
    if isinstance(value, Mapping):
        return {index: plain(entry) for index, entry in value.items()}
    return bytes(value) if isinstance(value, memoryview) else value


def coded(entries: Iterable[Entry]) -> Iterable[Field]:
    """The fields of entries one by one."""
    for entry in entries:
        yield from (entry,) if isinstance(entry, Field) else entry
