"""Cutting a codestream into its segments (sections 01.1 to 01.5). Payloads are views into the file, never copies.

Damage is met by the tolerant rule of 01.9: an undefined marker is jumped over by the length behind it when a defined
marker follows; else what cannot be understood is a gap, up to the next place from which segment follows segment to the
end of codestream.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from jpegai.codestream.cursor import BitReader, BitWriter
from jpegai.codestream.errors import Finding, JpegAIError, StreamSyntaxError, TruncatedError
from jpegai.codestream.fields import Entry, Field, padding_field
from jpegai.codestream.rules.catalogue import finding
from jpegai.codestream.schema.payload import LENGTH, MARKER
from jpegai.codestream.schema.segments import EOC, SEGMENTS, SOC, SegmentKind

__all__ = ["Framing", "Gap", "Segment", "frame", "join_codestream", "length_field", "segment_parts", "start_fields"]

#: Places that recovery looks at before it gives up: more of them are no damaged stream.
_MOST_LINKS = 1 << 17
_START = re.compile(b"\xff\x80\xff\x82")
_ANY_MARKER = re.compile(b"\xff[\x81-\x84\x88-\x8c]")


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment and where it stands (bytes of the file).

    Attributes:
        kind: what it is.
        group: its name in selectors: ``sorp``, or ``sorp[2]`` where the stream has several of the kind.
        offset: byte of its marker.
        payload_offset: first byte behind the length field.
        payload: view of its bytes; fewer than the length says where the file ends inside.
        length: what the length field says.
    """

    kind: SegmentKind
    group: str
    offset: int
    payload_offset: int
    payload: memoryview
    length: int

    @property
    def name(self) -> str:
        """Lower-case name of the kind."""
        return self.kind.name

    @property
    def size(self) -> int:
        """Bytes of the whole segment: marker, length field, payload."""
        return self.payload_offset - self.offset + len(self.payload)


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes that nothing claims, and why."""

    offset: int
    data: memoryview
    meaning: str


@dataclass(frozen=True, slots=True)
class Framing:
    """What a file is cut into.

    Attributes:
        segments: all segments in file order.
        gaps: what is not understood; empty in a sound file.
        soc_offset: byte of the start of codestream; None when it is missing.
        eoc_offset: byte of the end of codestream; None when it is missing.
        trailing: what stands behind it.
        findings: what is odd but harmless.
        errors: what breaks the framing, in file order; empty in a sound file.
    """

    segments: tuple[Segment, ...]
    gaps: tuple[Gap, ...]
    soc_offset: int | None
    eoc_offset: int | None
    trailing: memoryview
    findings: tuple[Finding, ...]
    errors: tuple[JpegAIError, ...]


def length_field(length: int) -> bytes:
    """Return the length field of a payload of `length` bytes (01.3)."""
    writer = BitWriter()
    writer.ue(length)
    writer.align()
    return writer.bytes()


def segment_parts(kind: SegmentKind, payload: bytes | memoryview) -> tuple[bytes, bytes, bytes | memoryview]:
    """Return a segment as marker, length field and payload."""
    return kind.marker.to_bytes(2), length_field(len(payload)), payload


def join_codestream(parts: Iterable[bytes | memoryview], trailing: bytes | memoryview = b"") -> bytes:
    """Return the bytes of segments as a codestream, between its two markers, and what stands behind it (01.1)."""
    return b"".join((SOC.to_bytes(2), *parts, EOC.to_bytes(2), trailing))


@dataclass(frozen=True, slots=True)
class _Length:
    """A length field: its value, its coded bits, its padding, and the byte behind it."""

    value: int
    bits: int
    padding: int
    padding_value: int
    end: int


def _length(data: memoryview, position: int) -> _Length:
    """Read the length field at byte `position`.

    Raises:
        JpegAIError: it is not complete or too long (S-07).
    """
    reader = BitReader(data[position:], position, ahead=False)
    try:
        value = reader.ue()
    except JpegAIError as error:
        error.rule = "S-07"
        raise
    bits = reader.position - 8 * position
    padding, padding_value = reader.align()
    return _Length(value, bits, padding, padding_value, reader.position // 8)


def start_fields(segment: Segment, data: memoryview) -> list[Entry]:
    """Return the fields of marker and length of a segment."""
    group, position = segment.group, segment.offset
    length = _length(data, position + 2)
    kind = segment.kind
    fields: list[Entry] = [
        Field(f"{group}.marker", MARKER.name, 8 * position, 16, kind.marker, kind.marker, kind.title, MARKER.section),
        Field(
            f"{group}.length", LENGTH.name, 8 * (position + 2), length.bits, length.value, length.value,
            LENGTH.meaning, LENGTH.section,
        ),
    ]  # fmt: skip
    if length.padding:
        start = 8 * length.end - length.padding
        fields.append(padding_field(f"{group}.length_padding", start, length.padding, length.padding_value, "01.3"))
    return fields


def frame(data: memoryview, *, recover: bool = False) -> Framing:
    """Find the segments of a codestream.

    Args:
        data: the whole file.
        recover: go on behind damage, and keep the errors in the result.

    Raises:
        TruncatedError: the file ends inside a marker, a length field or a payload, or without EOC (S-02, S-07, S-09).
        StreamSyntaxError: no SOC at the start (S-01, S-03), an undefined marker (S-05), a segment before PIH (S-10).
    """
    return _Framer(data, recover).run()


class _Framer:
    """Walks over a file from marker to marker."""

    def __init__(self, data: memoryview, recover: bool) -> None:
        self.data = data
        self.recover = recover
        self.found: list[tuple[SegmentKind, int, _Length, memoryview]] = []
        self.gaps: list[Gap] = []
        self.findings: list[Finding] = []
        self.errors: list[JpegAIError] = []
        self.soc: int | None = None
        self.links: dict[int, int | None] = {}  # marker to the end of codestream that segments lead to from there

    def run(self) -> Framing:
        position: int | None = self._start()
        eoc = None
        while position is not None and eoc is None:
            try:
                if self._is_end(position):
                    eoc = position
                else:
                    position = self._segment(position)
            except JpegAIError as error:
                self._fail(error)
                position = self._resume(position, error.message)
        trailing = self.data[len(self.data) if eoc is None else eoc + 2 :]
        if trailing:
            message = f"{len(trailing)} bytes after the end of codestream"
            self.findings.append(finding("S-04", message, "trailing.bytes", 8 * (len(self.data) - len(trailing)),
                                         8 * len(trailing)))  # fmt: skip
        if eoc is not None and not self.found:
            self._fail(
                StreamSyntaxError(
                    "the codestream has no picture header", selector="pih.marker", bit_offset=8 * eoc, rule="S-10"
                )
            )
        return Framing(
            self._segments(), tuple(self.gaps), self.soc, eoc, trailing, tuple(self.findings), tuple(self.errors)
        )

    def _fail(self, error: JpegAIError) -> None:
        if not self.recover:
            raise error
        self.errors.append(error)

    def _segments(self) -> tuple[Segment, ...]:
        """Name the segments: those of a kind that occurs several times by their number."""
        total = Counter(kind.name for kind, *_ in self.found)
        seen: Counter[str] = Counter()
        segments = []
        for kind, offset, length, payload in self.found:
            group = kind.name if total[kind.name] == 1 else f"{kind.name}[{seen[kind.name]}]"
            seen[kind.name] += 1
            segments.append(Segment(kind, group, offset, length.end, payload, length.value))
        return tuple(segments)

    def _start(self) -> int | None:
        """Find the start of codestream; return where the segments begin."""
        try:
            if self._word(0, "soc", "the file is too short for a codestream", "S-01") == SOC:
                self.soc = 0
                return 2
        except JpegAIError as error:
            self._fail(error)
            return self._resume(0, error.message)
        found = _START.search(self.data)  # a tool may search for the start (01.9)
        message = "not a JPEG AI codestream"
        self._fail(
            StreamSyntaxError(
                f"{message}; one begins at byte {found.start()}" if found else message,
                selector="soc.marker",
                bit_offset=0,
                expected="FF80",
                found=bytes(self.data[:2]).hex().upper(),
                rule="S-03" if found else "S-01",
            )
        )
        if found is None:
            return self._resume(0, message)
        self.gaps.append(Gap(0, self.data[: found.start()], "before the start of codestream"))
        self.soc = found.start()
        return self.soc + 2

    def _is_end(self, position: int) -> bool:
        what = "the end of codestream is missing" if self.found else "the file ends before the picture header"
        return self._word(position, "eoc" if self.found else "pih", what, "S-02") == EOC

    def _word(self, position: int, name: str, message: str, rule: str) -> int:
        word = self.data[position : position + 2]
        if len(word) < 2:
            raise TruncatedError(
                message, selector=f"{name}.marker", bit_offset=8 * position, expected="2 bytes", found=f"{len(word)}",
                rule=rule,
            )  # fmt: skip
        return word[0] << 8 | word[1]

    def _segment(self, position: int) -> int:
        """Take the segment at `position`; return where the next marker is."""
        marker = self.data[position] << 8 | self.data[position + 1]
        kind = SEGMENTS.get(marker)
        if kind is None:
            raise StreamSyntaxError(
                "undefined marker" if marker != SOC else "second start of codestream",
                selector="marker",
                bit_offset=8 * position,
                expected="a segment or FF81",
                found=f"{marker:04X}",
                rule="S-05" if marker != SOC else "S-06",
            )
        if not self.found and kind.name != "pih":
            self._fail(
                StreamSyntaxError(
                    "the first segment is not the picture header",
                    segment=kind.name,
                    bit_offset=8 * position,
                    expected="FF82",
                    found=f"{marker:04X}",
                    rule="S-10",
                )
            )
        try:
            length = _length(self.data, position + 2)
        except JpegAIError as error:
            raise error.locate(segment=kind.name, selector=f"{kind.name}.length") from None
        end = length.end + length.value
        if end > len(self.data):
            self._fail(
                TruncatedError(
                    "the file ends inside the payload",
                    segment=kind.name,
                    selector=f"{kind.name}.payload",
                    bit_offset=8 * length.end,
                    expected=f"{length.value} bytes",
                    found=len(self.data) - length.end,
                    rule="S-09",
                )
            )
            # a damaged length may hide segments that are sound
            end = self._chain(length.end) or len(self.data)
        if length.padding_value:
            path, start = f"{kind.name}.length", 8 * length.end - length.padding
            self.findings.append(
                finding("S-08", "padding of the length field is not 0", path, start, length.padding)
            )
        self.found.append((kind, position, length, self.data[length.end : end]))
        return end

    # -- recovery ---------------------------------------------------------------------------------------------

    def _resume(self, position: int, meaning: str) -> int | None:
        """Return the next place that is understood, None when there is none; what lies before it is a gap."""
        following = self._jump(position) or self._chain(position)
        end = len(self.data) if following is None else following
        if end > position:
            self.gaps.append(Gap(position, self.data[position:end], meaning))
        return following

    def _jump(self, position: int) -> int | None:
        """Return the place behind an undefined segment when a defined marker follows (01.9)."""
        word = bytes(self.data[position : position + 2])
        if word == SOC.to_bytes(2):
            return position + 2
        if word[:1] != b"\xff" or _ANY_MARKER.match(self.data, position):
            return None
        try:
            length = _length(self.data, position + 2)
        except JpegAIError:
            return None
        end = length.end + length.value
        return end if _ANY_MARKER.match(self.data, end) else None

    def _chain(self, position: int) -> int | None:
        """Return the next place from which segment follows segment to the end of codestream."""
        links = self.links
        for match in _ANY_MARKER.finditer(self.data, position):
            path: list[int] = []
            place: int | None = match.start()
            while place is not None and place not in links and len(links) + len(path) < _MOST_LINKS:
                path.append(place)
                if self.data[place + 1] == EOC & 0xFF:
                    links[place] = place
                    break
                place = self._next(place)
            reached = links.get(place) if place is not None else None
            links |= dict.fromkeys(path, reached)
            # an end alone is believed only where nothing else is left
            if reached is not None and (reached != match.start() or reached + 2 == len(self.data)):
                return match.start()
            if len(links) >= _MOST_LINKS:
                break
        return None

    def _next(self, place: int) -> int | None:
        """Return the place of the marker behind the segment at `place`, None when there is none."""
        try:
            length = _length(self.data, place + 2)
        except JpegAIError:
            return None
        end = length.end + length.value
        return end if _ANY_MARKER.match(self.data, end) else None
