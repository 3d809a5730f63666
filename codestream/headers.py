"""Reading and writing the payload of a header segment by its schema (sections 02 and 03)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jpegai.codestream.cursor import BitReader, BitWriter
from jpegai.codestream.errors import Finding, JpegAIError
from jpegai.codestream.fields import Entry, padding_field, without_gaps
from jpegai.codestream.rules.catalogue import finding
from jpegai.codestream.schema.flow import infer
from jpegai.codestream.schema.segments import SegmentKind
from jpegai.codestream.schema.values import Header, Scope

__all__ = ["HeaderReading", "absent_header", "build_header", "read_header"]


@dataclass(slots=True)
class HeaderReading:
    """A header as it was read: its values, what it breaks, and the error that ended it too early.

    `fields` is the trace, where one was asked for; it covers the payload.
    """

    header: Header
    findings: list[Finding]
    error: JpegAIError | None = None
    fields: list[Entry] = field(default_factory=list)


def read_header(
    kind: SegmentKind, group: str, payload: memoryview, offset: int, outer: Mapping[str, Any], *, trace: bool = False
) -> HeaderReading:
    """Read a header whose payload starts at byte `offset` of the file; never raises for its bytes.

    Args:
        kind: segment with a schema.
        group: its name in selectors.
        payload: bytes of the segment.
        offset: place of the payload in the file.
        outer: names of other headers that the schema speaks of, and ``edition``.
        trace: collect the fields too.
    """
    assert kind.schema is not None
    header = Header(group)
    fields: list[Entry] | None = [] if trace else None
    scope = Scope(header, {**outer, "segment_length": len(payload)}, fields)
    reader = BitReader(payload, offset)
    result = HeaderReading(header, scope.findings)
    try:
        kind.schema.parse_stream(reader, scope=scope)
    except JpegAIError as error:
        error.rule = error.rule or kind.incomplete
        result.error = error.locate(segment=group)
    else:
        _trailing(kind, reader, scope)
    if fields is not None:
        meaning = "not understood" if result.error is None else f"not read: {result.error.message}"
        result.fields = without_gaps(fields, group, offset, payload, meaning)
    return result


def _trailing(kind: SegmentKind, reader: BitReader, scope: Scope) -> None:
    """Judge what is left behind the last element (01.5.5)."""
    start, left = reader.position, reader.remaining
    path = f"{scope.header.group}.padding"
    if left >= 8 or (left and kind.aligned):
        scope.findings.append(finding("S-20", f"{left} bits are left over", path, start, left))
    if kind.aligned or not left:
        return
    padding = reader.u(-start % 8)
    value = padding or any(reader.take(reader.remaining // 8))
    if value:
        scope.findings.append(finding("S-21", "the bits after the last element are not 0", path, start, left))
    if scope.fields is not None and start % 8:
        scope.fields.append(padding_field(path, start, -start % 8, padding, "01.5.5"))


def absent_header(kind: SegmentKind, outer: Mapping[str, Any]) -> Header:
    """Return the values of a header that the stream does not have: all inferred."""
    assert kind.schema is not None
    header = Header(kind.name)
    infer(kind.schema, Scope(header, outer))
    return header


def build_header(kind: SegmentKind, header: Header, outer: Mapping[str, Any]) -> bytes:
    """Return the payload of a header built from values; counts and derived variables are recomputed.

    Raises:
        StreamSyntaxError: a value is missing or does not fit its element.
    """
    assert kind.schema is not None
    writer = BitWriter()
    scope = Scope(header, outer)
    if "UDI_data" in header:  # its length is that of the segment
        scope.outer = {**outer, "segment_length": len(header["UDI_data"])}
    kind.schema.build_stream(None, writer, scope=scope)
    return writer.bytes()
