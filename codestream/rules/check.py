"""Judging a stream by the rules of syntax (12.6, needs P and H): what the reading met, conditions, structure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jpegai.codestream.errors import Finding, JpegAIError, LimitError
from jpegai.codestream.rules.catalogue import catalogue, finding, rule_of
from jpegai.codestream.rules.conditions import Condition, broken
from jpegai.codestream.rules.levels import Claim
from jpegai.codestream.rules.payload import PAYLOADS
from jpegai.codestream.rules.picture_header import CLAIM_CONDITIONS, PICTURE_HEADER_CONDITIONS
from jpegai.codestream.rules.places import Places
from jpegai.codestream.rules.rendering import RENDERING_CONDITIONS
from jpegai.codestream.rules.structure import STRUCTURE
from jpegai.codestream.rules.tools_header import TOOLS_HEADER_CONDITIONS

if TYPE_CHECKING:
    from jpegai.codestream.codestream import Codestream

__all__ = [
    "CONDITIONS",
    "IMPLIED",
    "STREAM_CHECKS",
    "check",
    "claimed_names",
    "decoding_findings",
    "header_names",
]

#: Warnings that a decode repeats: something is ignored or missing.
_HEARD = {"S-28", "S-34", "S-35"}
#: Conditions on the headers, by the header that their elements belong to.
CONDITIONS: Mapping[str, tuple[Condition, ...]] = {
    "pih": PICTURE_HEADER_CONDITIONS,
    "ton": TOOLS_HEADER_CONDITIONS,
    "rdi": RENDERING_CONDITIONS,
}
#: Every rule on a stream that takes a function.
STREAM_CHECKS = (*STRUCTURE, *PAYLOADS)
#: Rules that an error of the reading breaks besides its own.
IMPLIED = {"S-25": ("S-18",)}


def check(
    stream: Codestream, claim: Claim | None = None, further: Iterable[Finding] = ()
) -> tuple[Finding, ...]:
    """Return every breach of a rule of syntax, in file order, with its place, and why it matters.

    Args:
        stream: the stream; parse it with `recover` to have a damaged one judged.
        claim: profile and level that the rules of severity C ask for; by default those of the header.
        further: breaches of other rules, to be among them.
    """
    places = Places(stream)
    found = [places.of(each) for each in (*_reading(stream), *_judge(stream, claim), *further)]
    found = [replace(each, message=f"{each.message}: {rule_of(each).why}") for each in found]
    return tuple(sorted(found, key=lambda each: (each.bit_offset is None, each.bit_offset or 0, each.rule)))


def decoding_findings(stream: Codestream) -> tuple[Finding, ...]:
    """Return what a decode must know: errors, and warnings about what is passed over, ignored or missing."""
    places = Places(stream)
    found = (*_reading(stream), *_judge(stream, None, decoding=True))
    return tuple(each if each.bit_offset is not None else places.of(each) for each in found)


def _reading(stream: Codestream) -> Iterator[Finding]:
    """What the reading met on its way: errors that ended it, illegal values, padding."""
    for error in stream.errors:
        yield from _from_error(error)
    yield from stream.reading_findings
    for segment in stream.entropy_segments:
        payload = stream.payload(segment)
        yield from payload.findings
        for error in payload.errors:
            yield from _from_error(error)


def _from_error(error: JpegAIError) -> Iterator[Finding]:
    if isinstance(error, LimitError) or error.rule is None:
        return  # a limit of the tool is no fault of the stream
    detail = f"expected {error.expected}" if error.expected is not None else ""
    detail += f"{', ' if detail else ''}found {error.found}" if error.found is not None else ""
    message = f"{error.message} ({detail})" if detail else error.message
    for rule in (error.rule, *IMPLIED.get(error.rule, ())):
        yield finding(rule, message, error.selector or error.segment, error.bit_offset)


def header_names(stream: Codestream, group: str) -> tuple[str, Mapping[str, Any]] | None:
    """Return the selector of a header, and the names that rules on it speak of; None where it cannot be judged.

    That is where the stream does not have it, or its reading ended early.
    """
    segment = stream.segment(group)
    if segment is None or not stream.complete or any(error.segment == segment.group for error in stream.errors):
        return None
    if group == "pih":
        return group, stream.names
    return segment.group, {**stream.names, **getattr(stream, group)}


def claimed_names(names: Mapping[str, Any], claim: Claim | None) -> Mapping[str, Any]:
    """Return the names with the profile and level of a claim in the place of the header's own."""
    return names if claim is None else {**names, "decoder_profile_id": claim.profile, "level_idc": claim.level}


def _judge(stream: Codestream, claim: Claim | None, decoding: bool = False) -> Iterator[Finding]:
    """What the rules say of what was read; for a `decoding`, only what concerns it."""

    def concerns(rule: str, gravity: str) -> bool:
        return not decoding or gravity == "E" or rule in _HEARD

    for each in STREAM_CHECKS:
        if (stream.complete or not each.needs_header) and concerns(each.rule, catalogue()[each.rule].severity):
            yield from each.find(stream)
    for group, conditions in CONDITIONS.items():
        known = header_names(stream, group)
        if known is not None:
            chosen = [each for each in conditions if concerns(each.rule, each.gravity)]
            yield from broken(chosen, *known)
            if group == "pih" and not decoding:
                yield from broken(CLAIM_CONDITIONS, known[0], claimed_names(known[1], claim))
