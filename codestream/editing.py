"""What every edit is made of: segments as they stand, new payloads among them, and the judgement of the result."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jpegai.codestream.codestream import Codestream
from jpegai.codestream.errors import EditError, Finding, JpegAIError
from jpegai.codestream.framing import Segment, join_codestream, segment_parts
from jpegai.codestream.headers import build_header, read_header
from jpegai.codestream.rules.catalogue import rule_of
from jpegai.codestream.rules.check import check
from jpegai.codestream.schema.recoding import ELEMENT_CLASSES, TOOL_FILTERS, changed
from jpegai.codestream.schema.segments import SegmentKind
from jpegai.codestream.schema.values import Header

__all__ = ["Piece", "assemble", "header_of", "new_findings", "new_payload", "parsed", "pieces", "rebuilt"]

_NUMBER = re.compile(r"^(\w+)\[\d+\]")


@dataclass(frozen=True, slots=True)
class Piece:
    """One segment as bytes: marker, length field and payload."""

    kind: SegmentKind
    data: bytes | memoryview

    @classmethod
    def of(cls, kind: SegmentKind, payload: bytes | memoryview) -> Piece:
        """Return the segment with a payload."""
        return cls(kind, b"".join(segment_parts(kind, payload)))


def pieces(stream: Codestream) -> dict[str, Piece]:
    """Return the segments of a stream by their names, in file order, to the byte as they stand.

    Raises:
        EditError: the stream is damaged; what is not understood cannot be kept.
    """
    if stream.errors:
        raise EditError(f"a damaged stream cannot be edited: {stream.errors[0]}")
    return {
        each.group: Piece(each.kind, stream.data[each.offset : each.payload_offset + len(each.payload)])
        for each in stream.segments
    }


def assemble(
    before: Codestream,
    parts: Iterable[Piece],
    *,
    trailing: bytes | memoryview | None = None,
    edition: str | None = None,
) -> Codestream:
    """Return the stream of segments that came out of an edit of another one.

    Args:
        before: the stream that was edited.
        parts: the segments.
        trailing: bytes behind the end; by default those of the stream.
        edition: of the result; by default that of the stream.

    Raises:
        EditError: the result does not parse, its payloads would have to be coded again, data of a post-filter would
            mean something else, or it breaks a rule that the stream keeps.
    """
    after = parsed(before, parts, trailing=trailing, edition=edition)
    _refuse_recoding(before, after)
    _refuse_other_meaning(before, after)
    for found in new_findings(before, after):
        if found.severity == "E":
            raise EditError(f"the result would break {found.rule}: {found.message}", selector=found.selector)
    return after


def parsed(
    before: Codestream,
    parts: Iterable[Piece],
    *,
    trailing: bytes | memoryview | None = None,
    edition: str | None = None,
) -> Codestream:
    """Return the stream of segments, as `assemble`, without judging it.

    Raises:
        EditError: it does not parse.
    """
    behind = before.trailing if trailing is None else trailing
    data = join_codestream((part.data for part in parts), behind)
    try:
        return Codestream.parse(data, name=before.name, edition=edition or before.edition)
    except JpegAIError as error:
        raise _refusal(error) from None


def new_findings(before: Codestream, after: Codestream) -> list[Finding]:
    """Return the breaches of rules that a stream has and the one it was made of has not."""
    left = Counter(map(_breach, check(before)))
    found = []
    for each in check(after):
        if left[_breach(each)]:
            left[_breach(each)] -= 1
        else:
            found.append(each)
    return found


def _breach(found: Finding) -> tuple[str, str, str]:
    """What makes two findings of two streams the same: the number of a segment does not."""
    return rule_of(found).id, found.severity, _NUMBER.sub(r"\1", found.selector or "")


def _refusal(error: JpegAIError) -> EditError:
    rule = f" ({error.rule})" if error.rule else ""
    return EditError(
        f"the result would not be a codestream: {error.message}{rule}", selector=error.selector or error.segment,
        expected=error.expected, found=error.found,
    )  # fmt: skip


def _refuse_recoding(before: Codestream, after: Codestream) -> None:
    """Refuse a change of what the entropy decoding depends on (11.19)."""
    if not after.entropy_segments:
        return
    old, new = before.names, after.names
    for row in ELEMENT_CLASSES:
        if changed(row.depends, old, new):
            names = [name for name in row.elements if name in old and old[name] != new.get(name)] or row.elements
            raise EditError(
                f"the payloads would have to be coded again (class {row.level} of 11.19: {row.note})",
                selector=f"{row.segment}.{names[0]}",
            )


def _refuse_other_meaning(before: Codestream, after: Codestream) -> None:
    """Refuse a change of the picture header under which data of a post-filter that stay mean something else."""
    if before.segment("ton") is None or after.segment("ton") is None:
        return
    old, new = {**before.names, **before.ton}, {**after.names, **after.ton}
    for each in TOOL_FILTERS:
        path = f"ton.{each.flag}"
        field = after.fields.get(path)
        absent = field is not None and field.inferred
        if old[each.flag] and (absent or (new[each.flag] and changed(each.stated_for, old, new))):
            reason = "cannot be in the result" if absent else f"would mean something else: {each.why}"
            raise EditError(
                f"the data of the {each.title} filter {reason} (strip it first: --strip-filters={each.name})",
                selector=path,
            )


def header_of(stream: Codestream, segment: Segment) -> Header:
    """Return the values of a header segment, to be changed."""
    outer = {"edition": stream.edition} if segment.name == "pih" else stream.names
    return read_header(segment.kind, segment.group, segment.payload, segment.payload_offset, outer).header


def new_payload(kind: SegmentKind, header: Header, outer: Mapping[str, Any]) -> bytes:
    """Return the payload of a header with new values.

    Raises:
        EditError: a value is missing or does not fit.
    """
    try:
        return build_header(kind, header, outer)
    except JpegAIError as error:
        raise EditError(
            error.message, selector=error.selector, expected=error.expected, found=error.found
        ) from None


def rebuilt(stream: Codestream, headers: Mapping[str, Header], edition: str | None = None) -> list[Piece]:
    """Return the segments of a stream with new values in some headers.

    Other headers keep their bytes, unless the new picture header has them written otherwise: then elements that stay
    keep their values, and new ones have their inferred values.

    Args:
        stream: the stream.
        headers: headers to write anew, by the name of their segment.
        edition: to write in; by default that of the stream.

    Raises:
        EditError: a value is missing or does not fit.
    """
    parts = pieces(stream)
    names: Mapping[str, Any] = stream.names
    edition = edition or stream.edition
    for segment in stream.segments:
        header = headers.get(segment.group)
        if segment is stream.segment("pih"):
            if header is None:
                continue
            payload = new_payload(segment.kind, header, {"edition": edition})
            reading = read_header(segment.kind, "pih", memoryview(payload), 0, {"edition": edition})
            if reading.error is not None:
                raise _refusal(reading.error)
            names = {**reading.header, "edition": edition}
        elif header is not None:
            payload = new_payload(segment.kind, header, names)
        elif segment.kind.schema is not None and names is not stream.names:
            payload = new_payload(segment.kind, header_of(stream, segment), names)
            if payload == new_payload(segment.kind, header_of(stream, segment), stream.names):
                continue
        else:
            continue
        parts[segment.group] = Piece.of(segment.kind, payload)
    return list(parts.values())

