"""Where a finding is: selector, bit offset and length in the file."""

from __future__ import annotations

import bisect
import functools
from dataclasses import replace
from typing import TYPE_CHECKING

from jpegai.codestream.errors import Finding
from jpegai.codestream.fields import Entry
from jpegai.codestream.rules.catalogue import FRAMING_RULES, rule_of

if TYPE_CHECKING:
    from jpegai.codestream.codestream import Codestream
    from jpegai.codestream.framing import Segment

__all__ = ["Places"]

#: Rules of framing that speak of a marker, and its bits.
_MARKERS = {"S-01": 16, "S-05": 16, "S-06": 16}


class Places:
    """Finds the places of what is broken in the field trace of a stream, which is made when it is first needed."""

    def __init__(self, stream: Codestream) -> None:
        self._stream = stream

    @functools.cached_property
    def _coded(self) -> list[Entry]:
        return sorted((entry for entry in self._stream.fields.entries if entry.bits), key=lambda entry: entry.offset)

    def _around(self, offset: int) -> Entry | None:
        """What covers a bit of the file."""
        place = bisect.bisect_right(self._coded, offset, key=lambda entry: entry.offset) - 1
        entry = self._coded[place] if place >= 0 else None
        return entry if entry is not None and offset < entry.offset + entry.bits else None

    def of(self, found: Finding) -> Finding:
        """Return a finding with selector, offset and length as far as the file has them."""
        if found.bit_offset is not None and found.bits:
            return self._framing(found) if found.rule in FRAMING_RULES else found
        if found.rule in FRAMING_RULES:
            return self._framing(found)
        field = self._stream.fields.get(found.selector) if found.selector is not None else None
        if field is not None and (found.bit_offset is None or field.bits):
            return replace(found, bit_offset=field.offset, bits=field.bits)
        if found.bit_offset is None:
            return found
        entry = self._around(found.bit_offset)
        if entry is None or found.selector is None or not _same_segment(entry.path, found.selector):
            return found
        return replace(found, bits=entry.offset + entry.bits - found.bit_offset)

    def _framing(self, found: Finding) -> Finding:
        """Name what a finding on the framing speaks of: it knows its offset alone for sure."""
        assert found.bit_offset is not None
        if found.rule == "S-09":
            segment = self._segment(found.bit_offset)
            if segment is not None:
                return replace(found, selector=segment.group, bits=8 * len(segment.payload))
        entry = self._around(found.bit_offset)
        if entry is None:
            return found
        marked = _MARKERS.get(rule_of(found).id, entry.bits)
        bits = found.bits or min(marked, entry.offset + entry.bits - found.bit_offset)
        return replace(found, selector=entry.path, bits=bits)

    def _segment(self, offset: int) -> Segment | None:
        """The segment whose payload begins at a bit of the file."""
        return next((each for each in self._stream.segments if 8 * each.payload_offset == offset), None)


def _same_segment(path: str, other: str) -> bool:
    return path.partition(".")[0] == other.partition(".")[0]
