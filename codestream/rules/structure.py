"""Rules on the segments of a stream as a whole (12.6.1), as small functions: each gives the breaches of one rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jpegai.codestream.errors import Finding
from jpegai.codestream.rules.catalogue import FRAMING_RULES, finding
from jpegai.codestream.schema.segments import REFERENCE_ORDER

if TYPE_CHECKING:
    from jpegai.codestream.codestream import Codestream
    from jpegai.codestream.framing import Segment

__all__ = ["STRUCTURE", "StreamCheck", "at_segment", "missing"]


@dataclass(frozen=True, slots=True)
class StreamCheck:
    """One rule on a stream, and the function that yields what breaks it.

    `needs_header` keeps the function from streams without a picture header that can be read.
    """

    rule: str
    find: Callable[[Codestream], Iterator[Finding]]
    needs_header: bool = True


def missing(stream: Codestream, rule: str, name: str, message: str) -> Iterator[Finding]:
    """Yield the finding that a segment is missing, behind the last one; of a damaged file nobody knows."""
    if stream.eoc_offset is not None and not any(error.rule in FRAMING_RULES for error in stream.errors):
        yield finding(rule, message, name, 8 * stream.eoc_offset)


def at_segment(segment: Segment, rule: str, message: str) -> Finding:
    """Return a finding on a whole segment."""
    return finding(rule, message, segment.group, 8 * segment.offset, 8 * segment.size)


def _named(stream: Codestream, name: str) -> list[Segment]:
    return [segment for segment in stream.segments if segment.name == name]


def _once(stream: Codestream) -> Iterator[Finding]:
    """S-11: exactly one PIH, exactly one SOZ."""
    for name in ("pih", "soz"):
        found = _named(stream, name)
        if not found:
            yield from missing(stream, "S-11", name, f"found no {name} segment, expected exactly one")
        for segment in found[1:]:
            yield at_segment(segment, "S-11", f"found {len(found)} segments {name}, expected exactly one")


def _at_most_once(stream: Codestream) -> Iterator[Finding]:
    """S-12: at most one TON, RDI, UDI, SOQ; in dependent mode at most one SORP and one SORS."""
    names = ["ton", "rdi", "udi", "soq"]
    if stream.complete and not stream.pih.region_residual_in_its_own_substream_flag:
        names += ["sorp", "sors"]
    for name in names:
        found = _named(stream, name)
        for segment in found[1:]:
            yield at_segment(segment, "S-12", f"found {len(found)} segments {name}, expected at most one")


def _in_order(stream: Codestream) -> Iterator[Finding]:
    """S-13: segments are in the reference order."""
    furthest = 0
    for segment in stream.segments:
        rank = REFERENCE_ORDER.index(segment.name)
        if rank < furthest:
            behind = REFERENCE_ORDER[furthest]
            yield at_segment(segment, "S-13", f"found {segment.name} behind {behind}, expected it before")
            return
        furthest = rank


def _tools_header(stream: Codestream) -> Iterator[Finding]:
    """S-14: TON is present."""
    if stream.segment("ton") is None:
        yield from missing(stream, "S-14", "ton", "found no ton segment, expected one")


def _rendering(stream: Codestream) -> Iterator[Finding]:
    """S-15: RDI is present."""
    if stream.segment("rdi") is None:
        yield from missing(stream, "S-15", "rdi", "found no rdi segment, expected one")


def _rendering_length(stream: Codestream) -> Iterator[Finding]:
    """S-24: the length of RDI is that of what its flags announce."""
    segment, rdi = stream.segment("rdi"), stream.rdi
    if segment is None:
        return
    sizes = {"cicp_info": 4, "mdcv_info": 24, "clli_info": 4, "dm": 3 + rdi.get("dm_size", 0)}
    parts = {name: size for name, size in sizes.items() if rdi.get(f"{name}_present_flag")}
    expected, found = 1 + sum(parts.values()), len(segment.payload)
    if found != expected:
        announced = ", ".join(parts) or "nothing"
        message = f"found {found} bytes, expected {expected} where {announced} is present"
        yield finding("S-24", message, f"{segment.group}.length")


def _user_data(stream: Codestream) -> Iterator[Finding]:
    """S-26: UDI is not empty."""
    for segment in _named(stream, "udi"):
        if not segment.payload:
            yield finding("S-26", "found 0 bytes, expected at least 1", f"{segment.group}.length")


def _map_present(stream: Codestream) -> Iterator[Finding]:
    """S-27: a quality map where one is announced."""
    if stream.pih.gain_3D_enable_flag and stream.segment("soq") is None:
        yield from missing(stream, "S-27", "soq", "found no soq segment, expected the quality map that is announced")


def _map_absent(stream: Codestream) -> Iterator[Finding]:
    """S-28: a quality map only where one is announced."""
    if not stream.pih.gain_3D_enable_flag:
        for segment in _named(stream, "soq"):
            yield at_segment(segment, "S-28", "found a soq segment, expected none where no quality map is announced")


def _hyper_latents(stream: Codestream) -> Iterator[Finding]:
    """S-29: SOZ is not empty."""
    for segment in _named(stream, "soz"):
        if not segment.payload:
            yield finding("S-29", "found 0 bytes, expected the hyper latents", f"{segment.group}.length")


def _dependent(stream: Codestream) -> Iterator[Finding]:
    """S-30: dependent mode has exactly one SORP and one SORS."""
    if stream.pih.region_residual_in_its_own_substream_flag:
        return
    for name in ("sorp", "sors"):
        found = _named(stream, name)
        if not found:
            yield from missing(stream, "S-30", name, f"found no {name} segment, expected exactly one")
        for segment in found[1:]:
            yield at_segment(segment, "S-30", f"found {len(found)} segments {name}, expected exactly one")


#: Every rule of structure.
STRUCTURE = (
    StreamCheck("S-11", _once, needs_header=False),
    StreamCheck("S-12", _at_most_once, needs_header=False),
    StreamCheck("S-13", _in_order, needs_header=False),
    StreamCheck("S-14", _tools_header, needs_header=False),
    StreamCheck("S-15", _rendering, needs_header=False),
    StreamCheck("S-24", _rendering_length),
    StreamCheck("S-26", _user_data, needs_header=False),
    StreamCheck("S-27", _map_present),
    StreamCheck("S-28", _map_absent),
    StreamCheck("S-29", _hyper_latents, needs_header=False),
    StreamCheck("S-30", _dependent),
)
