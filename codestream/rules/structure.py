"""Rules on the segments of a stream as a whole (12.6.1), as small functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from jpegai.codestream.errors import Finding
from jpegai.codestream.rules.catalogue import finding

if TYPE_CHECKING:
    from jpegai.codestream.codestream import Codestream

__all__ = ["STRUCTURE"]


def _end(stream: Codestream) -> int:
    """Bit behind the last segment, where a missing one is missed."""
    return 8 * (len(stream.data) if stream.eoc_offset is None else stream.eoc_offset)


def _once(stream: Codestream) -> Iterator[Finding]:
    """S-11: exactly one PIH, exactly one SOZ."""
    count = Counter(segment.name for segment in stream.segments)
    if count["pih"] > 1 or count["soz"] != 1:
        message = f"exactly one PIH and one SOZ: {count['pih']} and {count['soz']} found"
        yield finding("S-11", message, None, _end(stream))


def _at_most_once(stream: Codestream) -> Iterator[Finding]:
    """S-12: at most one TON, RDI, UDI, SOQ."""
    count = Counter(segment.name for segment in stream.segments)
    for name in ("ton", "rdi", "udi", "soq"):
        if count[name] > 1:
            yield finding("S-12", f"{count[name]} segments {name}, at most one is allowed", name, _end(stream))


def _quality_map(stream: Codestream) -> Iterator[Finding]:
    """S-27, S-28: a quality map where one is announced, and only there."""
    if not stream.complete:
        return
    segment = stream.segment("soq")
    if stream.pih.gain_3D_enable_flag and segment is None:
        yield finding("S-27", "a quality map is announced, but there is no soq segment", "soq", _end(stream))
    if segment is not None and not stream.pih.gain_3D_enable_flag:
        message = "a soq segment is there, but no quality map is announced: ignored"
        yield finding("S-28", message, segment.group, 8 * segment.offset, 8 * segment.size)


def _dependent(stream: Codestream) -> Iterator[Finding]:
    """S-30: dependent mode has exactly one SORP and one SORS."""
    if not stream.complete or stream.pih.region_residual_in_its_own_substream_flag:
        return
    count = Counter(segment.name for segment in stream.segments)
    for name in ("sorp", "sors"):
        if count[name] != 1:
            yield finding("S-30", f"exactly one {name} segment: {count[name]} found", name, _end(stream))


#: Every rule of structure.
STRUCTURE: tuple[Callable[[Codestream], Iterator[Finding]], ...] = (_once, _at_most_once, _quality_map, _dependent)
