"""Cutting a codestream into its segments (sections 01.1 to 01.5). Payloads are views into the file, never copies."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from jpegai.codestream.cursor import BitReader, BitWriter
from jpegai.codestream.errors import Finding, StreamSyntaxError, TruncatedError
from jpegai.codestream.fields import Field, padding_field
from jpegai.codestream.schema.segments import EOC, SEGMENTS, SOC, SegmentKind

__all__ = ["Framing", "Segment", "frame", "length_field"]

#: Bytes of the longest length field: 32 zero bits, a one, 32 bits.
_LONGEST_LENGTH = 9


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment and where it stands (bytes of the file).

    `group` is its name in selectors: ``sorp``, or ``sorp[2]`` where the stream has several of the kind.
    """

    kind: SegmentKind
    group: str
    offset: int
    payload_offset: int
    payload: memoryview

    @property
    def name(self) -> str:
        """Lower-case name of the kind."""
        return self.kind.name

    @property
    def size(self) -> int:
        """Bytes of the whole segment: marker, length field, payload."""
        return self.payload_offset - self.offset + len(self.payload)


@dataclass(frozen=True, slots=True)
class Framing:
    """All segments in file order, the position of EOC, and what stands behind it."""

    segments: tuple[Segment, ...]
    eoc_offset: int
    trailing: memoryview
    findings: tuple[Finding, ...]
    fields: tuple[tuple[Field, ...], ...]


def length_field(length: int) -> bytes:
    """Return the length field of a payload of `length` bytes (01.3)."""
    writer = BitWriter()
    writer.ue(length)
    writer.align()
    return writer.bytes()


def frame(data: memoryview) -> Framing:
    """Find the segments of a codestream.

    Raises:
        TruncatedError: the file ends inside a marker, a length field or a payload, or without EOC (S-02, S-07, S-09).
        StreamSyntaxError: no SOC at the start (S-01), an undefined marker (S-05), a segment before PIH (S-10).
    """
    if _marker(data, 0, "soc") != SOC:
        raise StreamSyntaxError(
            "not a JPEG AI codestream",
            selector="soc.marker",
            bit_offset=0,
            expected="FF80",
            found=bytes(data[:2]).hex().upper(),
        )
    found: list[tuple[SegmentKind, int, int, memoryview, tuple[Field, ...]]] = []
    findings: list[Finding] = []
    position = 2
    while (marker := _marker(data, position, "eoc" if found else "pih")) != EOC:
        kind = SEGMENTS.get(marker)
        if kind is None:
            raise StreamSyntaxError(
                "undefined marker" if marker != SOC else "second start of codestream",
                selector="marker",
                bit_offset=8 * position,
                expected="a segment or FF81",
                found=f"{marker:04X}",
            )
        if not found and kind.name != "pih":
            raise StreamSyntaxError(
                "the first segment is not the picture header",
                segment=kind.name,
                bit_offset=8 * position,
                expected="FF82",
                found=f"{marker:04X}",
            )
        reader = BitReader(data[position + 2 : position + 2 + _LONGEST_LENGTH], position + 2)
        try:
            length = reader.ue()
        except (TruncatedError, StreamSyntaxError) as error:
            raise error.locate(segment=kind.name, selector=f"{kind.name}.length") from None
        coded = reader.position - 8 * (position + 2)
        padding, value = reader.align()
        if value:
            findings.append(
                Finding(
                    "S-08",
                    "W",
                    "padding of the length field is not 0",
                    f"{kind.name}.length",
                    reader.position - padding,
                )
            )
        start = reader.position // 8
        if start + length > len(data):
            raise TruncatedError(
                "the file ends inside the payload",
                segment=kind.name,
                selector=f"{kind.name}.payload",
                bit_offset=8 * start,
                expected=f"{length} bytes",
                found=f"{len(data) - start}",
            )
        fields = [
            Field("marker", "marker", 8 * position, 16, marker, marker, kind.title, "01.2"),
            Field("length", "length", 8 * (position + 2), coded, length, length, "bytes of the payload", "01.3"),
        ]
        if padding:
            fields.append(padding_field("length_padding", 8 * start - padding, padding, value, "01.3"))
        found.append((kind, position, start, data[start : start + length], tuple(fields)))
        position = start + length
    if not found:
        raise StreamSyntaxError("the codestream has no picture header", selector="pih.marker", bit_offset=8 * position)
    trailing = data[position + 2 :]
    if trailing:
        findings.append(
            Finding("S-04", "W", f"{len(trailing)} bytes after the end of codestream", "eoc", 8 * (position + 2))
        )
    total = Counter(kind.name for kind, *_ in found)
    seen: Counter[str] = Counter()
    segments = []
    for kind, offset, start, payload, _ in found:
        group = kind.name if total[kind.name] == 1 else f"{kind.name}[{seen[kind.name]}]"
        seen[kind.name] += 1
        segments.append(Segment(kind, group, offset, start, payload))
    return Framing(tuple(segments), position, trailing, tuple(findings), tuple(entry[-1] for entry in found))


def _marker(data: memoryview, position: int, expected: str) -> int:
    word = data[position : position + 2]
    if len(word) < 2:
        what = {"soc": "the file is too short for a codestream", "pih": "the file ends before the picture header"}
        raise TruncatedError(
            what.get(expected, "the end of codestream is missing"),
            selector=f"{expected}.marker",
            bit_offset=8 * position,
            expected="2 bytes",
            found=f"{len(word)}",
        )
    return word[0] << 8 | word[1]
