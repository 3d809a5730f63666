"""Judging a stream by the rules of syntax (12.6, needs P and H): what the reading met, conditions, structure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from jpegai.codestream.errors import Finding, JpegAIError
from jpegai.codestream.rules.catalogue import finding
from jpegai.codestream.rules.conditions import broken
from jpegai.codestream.rules.picture_header import PICTURE_HEADER_CONDITIONS
from jpegai.codestream.rules.structure import STRUCTURE

if TYPE_CHECKING:
    from jpegai.codestream.codestream import Codestream

__all__ = ["check", "decoding_findings"]

#: Warnings that a decode repeats: something is ignored or missing.
_HEARD = {"S-28", "S-34", "S-35"}
#: Conditions on the headers, by the header that their elements belong to.
CONDITIONS = {"pih": PICTURE_HEADER_CONDITIONS}


def _reading(stream: Codestream, wanted: Mapping[str, Collection[int]] | None = None) -> Iterator[Finding]:
    """What the reading met on its way: errors that ended it, illegal values, padding; `wanted` as there."""
    for error in stream.errors:
        yield _from_error(error)
    yield from stream.reading_findings
    for segment in stream.entropy_segments:
        regions = None if wanted is None else wanted.get(segment.name)
        payload = stream.payload(segment, regions)
        errors = (region.error for region in payload.regions if regions is None or region.index in regions)
        yield from payload.findings
        yield from (_from_error(error) for error in (payload.error, *errors) if error is not None)


def _from_error(error: JpegAIError) -> Finding:
    where = error.selector or error.segment
    detail = f"expected {error.expected}" if error.expected is not None else ""
    detail += f"{', ' if detail else ''}found {error.found}" if error.found is not None else ""
    return finding(error.rule or "S-05", f"{error.message} ({detail})" if detail else error.message, where,
                   error.bit_offset)  # fmt: skip


def _judge(stream: Codestream) -> Iterator[Finding]:
    for rule in STRUCTURE:
        yield from rule(stream)
    if stream.complete:
        for group, conditions in CONDITIONS.items():
            yield from broken(conditions, group, {**stream.names, **getattr(stream, group)})


def check(stream: Codestream) -> tuple[Finding, ...]:
    """Return every breach of a rule of syntax, in file order, with its place."""
    found = [_placed(stream, each) for each in (*_reading(stream), *_judge(stream))]
    return tuple(sorted(found, key=lambda each: (each.bit_offset is None, each.bit_offset or 0, each.rule)))


def decoding_findings(
    stream: Codestream, wanted: Mapping[str, Collection[int]] | None = None
) -> tuple[Finding, ...]:
    """Return what a decode must know: errors, and warnings about what is passed over, ignored or missing.

    Args:
        stream: the stream.
        wanted: kind of segment to the regions that are read of it; None for all.

    Returns:
        The findings; places that need the field trace are left out.
    """
    heard = (each for each in _judge(stream) if each.severity == "E" or each.rule in _HEARD)
    return (*_reading(stream, wanted), *heard)


def _placed(stream: Codestream, found: Finding) -> Finding:
    """Give a finding on an element the place of the element."""
    if found.bit_offset is not None or found.selector is None:
        return found
    field = stream.fields.get(found.selector)
    return found if field is None else replace(found, bit_offset=field.offset, bits=field.bits)
