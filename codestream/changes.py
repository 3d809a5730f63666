"""What differs between two streams: element by element in headers, payload by payload elsewhere."""

from __future__ import annotations

import operator
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jpegai.codestream.codestream import Codestream
from jpegai.codestream.fields import Entry, Field
from jpegai.codestream.framing import Segment

__all__ = ["Change", "changes"]

#: Longest byte strings whose bytes are compared one by one.
_COMPARED = 1 << 20
_INDEX = re.compile(r"\[(\d+)\]")
_FRAMING = ("marker", "length", "length_padding")


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    Attributes:
        path: selector, in the old stream where it is there.
        old: value in the old stream; None where it has none.
        new: value in the new stream; None where it has none.
        kind: ``coded``, ``inferred``, ``derived``, ``padding``, ``bytes`` or ``gap`` of an element, else ``segment``.
    """

    path: str
    old: Any
    new: Any
    kind: str

    def __str__(self) -> str:
        mark = {"derived": " (derived)", "inferred": " (absent: default)"}.get(self.kind, "")
        if self.old is None:
            return f"{self.path}: added, {_text(self.new)}{mark}"
        if self.new is None:
            return f"{self.path}: {_text(self.old)} -> removed{mark}"
        return f"{self.path}: {_text(self.old)} -> {_text(self.new)}{_differing(self.old, self.new)}{mark}"


def changes(before: Codestream, after: Codestream) -> list[Change]:
    """Return what differs between two streams, in the order of the first one, then what is new."""
    found = []
    if before.edition != after.edition:
        found.append(Change("edition", before.edition, after.edition, "segment"))
    old, new = _segments(before), _segments(after)
    same = bytes(before.segments[0].payload) == bytes(after.segments[0].payload) and before.edition == after.edition
    for key, segment in old.items():
        other = new.get(key)
        if other is None:
            found.append(Change(_label(key, segment), segment.payload, None, "segment"))
            for path, value, default in _beyond_defaults(before, segment, after):
                found.append(Change(path, value, default, "inferred"))
        elif segment.kind.schema is not None:
            if segment.payload != other.payload or not same:
                found += _elements(segment.group, _entries(before, segment), _entries(after, other))
        elif segment.payload != other.payload:
            found.append(Change(_label(key, segment), segment.payload, other.payload, "segment"))
    for key, segment in new.items():
        if key not in old:
            found.append(Change(_label(key, segment), None, segment.payload, "segment"))
            for path, value, default in _beyond_defaults(after, segment, before):
                found.append(Change(path, default, value, "coded"))
    kept = [[key for key in there if key in old and key in new] for there in (old, new)]
    if kept[0] != kept[1]:
        was, now = (", ".join(map(_kind, there)) for there in kept)
        found.append(Change("order", was, now, "segment"))
    if before.trailing != after.trailing:
        found.append(Change("trailing", before.trailing or None, after.trailing or None, "segment"))
    return found


def _beyond_defaults(stream: Codestream, segment: Segment, other: Codestream) -> Iterator[tuple[str, Any, Any]]:
    """Yield elements of a header with values that another stream, which has no such header, does not mean."""
    if segment.kind.schema is None or other.segment(segment.name) is not None:
        return
    defaults = getattr(other, segment.name)
    for entry in stream.fields.of(segment.group):
        for field in (entry,) if isinstance(entry, Field) else entry:
            if field.kind != "coded" or field.name in _FRAMING:
                continue
            place = tuple(map(int, _INDEX.findall(field.path.rpartition(".")[2])))
            try:
                default = defaults.get_value(field.name, place)
            except KeyError:
                default = None
            if default != field.value:
                yield field.path, field.value, default


_Key = tuple[str, int | None, int]
_Entry = tuple[str, tuple[int, ...] | None]


def _segments(stream: Codestream) -> Mapping[_Key, Segment]:
    """Return segments by what they are: name, region of independent ones, and number among the same."""
    found: dict[_Key, Segment] = {}
    seen: Counter[tuple[str, int | None]] = Counter()
    for segment in stream.segments:
        region = None
        if stream.complete and stream.independent(segment.kind):
            regions = stream.payload(segment).regions
            region = regions[0].index if regions else None
        what = segment.name, region
        found[*what, seen[what]] = segment
        seen[what] += 1
    return found


def _kind(key: _Key) -> str:
    name, region, _ = key
    return name if region is None else f"{name} of region {region}"


def _label(key: _Key, segment: Segment) -> str:
    return segment.group if key[1] is None else f"{segment.group} (region {key[1]})"


def _entries(stream: Codestream, segment: Segment) -> dict[_Entry, Entry]:
    """Return the entries of a header, by what makes them the same in another stream."""
    found: dict[_Entry, Entry] = {}
    for entry in stream.fields.of(segment.group):
        path = entry.path[len(segment.group) :]
        if not isinstance(entry, Field):
            found[path, tuple(entry.values)] = entry
        elif entry.name not in _FRAMING:
            found[path, None] = entry
    return found


def _elements(group: str, old: dict[_Entry, Entry], new: dict[_Entry, Entry]) -> Iterator[Change]:
    """Yield the elements whose values differ."""
    fields: list[dict[str, Field]] = []
    for entries, other in ((old, new), (new, old)):
        # arrays that are the same are not expanded
        left = [entry for key, entry in entries.items() if isinstance(entry, Field) or key not in other]
        fields.append({
            f"{group}.{field.path.partition('.')[2]}": field
            for entry in left for field in ((entry,) if isinstance(entry, Field) else entry)
        })  # fmt: skip
    for path in dict.fromkeys((*fields[0], *fields[1])):
        yield from _element(path, fields[0].get(path), fields[1].get(path))


def _element(path: str, old: Field | None, new: Field | None) -> Iterator[Change]:
    """Yield the change of an element; what takes no bits and is only on one side says nothing."""
    values = [each.value if each is not None else None for each in (old, new)]
    if values[0] == values[1]:
        return
    for here, there in ((old, new), (new, old)):
        if here is None and there is not None and (not there.bits or (there.kind == "padding" and not there.value)):
            return
    field = new or old
    assert field is not None
    yield Change(path, values[0], values[1], field.kind)


def _differing(old: Any, new: Any) -> str:
    """Say how many bytes differ where two byte strings look the same."""
    if not isinstance(old, (bytes, memoryview)) or len(old) != len(new) or len(old) > _COMPARED:
        return ""
    return f", {sum(map(operator.ne, old, new))} of them differ"


def _text(value: Any) -> str:
    return f"{len(value)} bytes" if isinstance(value, (bytes, memoryview)) else str(value)
