"""What is known of a stream by the rules: findings, and for every rule whether it is kept, broken, or not checked.

The status of the tool (was the stream parsed to its end, was it decoded) and the validity of the stream are separate:
a rule that could not be looked at is never reported as kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from jpegai.codestream.errors import Finding, JpegAIError
from jpegai.codestream.rules.catalogue import FRAMING_RULES, Rule, catalogue
from jpegai.codestream.rules.check import CONDITIONS, check, claimed_names, header_names
from jpegai.codestream.rules.conditions import unjudged
from jpegai.codestream.rules.levels import Claim
from jpegai.codestream.rules.picture_header import CLAIM_CONDITIONS

if TYPE_CHECKING:
    from jpegai.codestream.codestream import Codestream

__all__ = ["Decoding", "Report", "State", "Verdict", "validate"]

State = Literal["kept", "broken", "not checked"]

#: Rules that no bit pattern breaks (12.6.2).
_ALWAYS_KEPT = {"R-17": "diff_display has 6 bits: at most 63 of 64 rows or columns"}
#: What stands in the way of a rule, and the words for it.
_REASONS = {
    "framing": "the framing is damaged",
    "pih": "the picture header cannot be read to its end",
    "ton": "the tools header cannot be read to its end",
    "rdi": "the rendering information cannot be read to its end",
    "payloads": "an entropy-coded payload cannot be cut in regions and threads",
}


def _ids(kind: str, first: int, last: int) -> tuple[str, ...]:
    return tuple(f"{kind}-{number:02}" for number in range(first, last + 1))


#: What a rule takes, by `_REASONS`; rules of the sections 12.6.2 to 12.6.4 take their header.
_TAKES = {
    **dict.fromkeys(FRAMING_RULES, ("framing",)),
    **dict.fromkeys(("S-01", "S-03"), ()),
    **dict.fromkeys(("S-11", "S-13", "S-14", "S-15", "S-26", "S-29"), ("framing",)),
    **dict.fromkeys(("S-12", "S-27", "S-28", "S-30"), ("framing", "pih")),
    **dict.fromkeys(("S-16", "S-19"), ("pih",)),
    "S-17": ("pih", "ton"),
    **dict.fromkeys(("S-18", "S-22", "S-24", "S-25"), ("pih", "rdi")),
    **dict.fromkeys(("S-20", "S-21", "S-23"), ("pih", "ton", "rdi")),
    **dict.fromkeys((*_ids("S", 31, 35), *_ids("S", 37, 44), "R-37"), ("framing", "pih", "payloads")),
    "S-36": ("pih",),
}
_BY_SECTION = {"12.6.2": ("pih",), "12.6.3": ("pih", "ton"), "12.6.4": ("pih", "rdi")}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of a rule: its state, and why it was not checked (or that it cannot be broken)."""

    rule: str
    state: State
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Decoding:
    """What a decode told of the rules that need one (12.6.5).

    Attributes:
        models: what the models were.
        decoded: whether the stream was decoded to its end.
        error: why not.
        findings: breaches of rules that need a decode.
        reasons: why rules were not checked, by id; rules that are neither here nor broken are kept.
    """

    models: str
    decoded: bool
    error: str | None
    findings: tuple[Finding, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that validation tells of one stream.

    Attributes:
        edition: ``is`` or ``dis``; None where no picture header could be read.
        claim: profile and level that was asked for, or that of the header where `claimed`.
        claimed: whether conformance to a profile and level was asked for: then breaches of severity C count.
        findings: every breach, in file order.
        verdicts: what is known of each rule, in the order of the catalogue.
        errors: what kept the stream from being parsed to its end.
        decoding: the decode; None where none was asked for.
    """

    edition: str | None
    claim: Claim | None
    claimed: bool
    findings: tuple[Finding, ...]
    verdicts: Mapping[str, Verdict]
    errors: tuple[str, ...]
    decoding: Decoding | None

    @property
    def parsed(self) -> bool:
        """Whether the stream was parsed to its end."""
        return not self.errors

    def counts(self, state: State) -> int:
        """Return how many rules are in a state."""
        return sum(1 for verdict in self.verdicts.values() if verdict.state == state)

    def is_error(self, found: Finding) -> bool:
        """Whether a finding makes the stream invalid: E, or C where it was asked for.

        R-98 is judged only where an expected picture is given: that asks for it.
        """
        return found.severity == "E" or (found.severity == "C" and (self.claimed or found.rule == "R-98"))

    @property
    def valid(self) -> bool | None:
        """Whether nothing that was checked makes the stream invalid; None where nobody knows: it was not parsed."""
        if any(self.is_error(found) for found in self.findings):
            return False
        return True if self.parsed else None


def validate(
    stream: Codestream,
    *,
    claim: Claim | None = None,
    claimed: bool = False,
    edition_given: bool = False,
    decoding: Decoding | None = None,
) -> Report:
    """Judge a stream by every rule of the catalogue.

    Args:
        stream: the stream, parsed with `recover` so that a damaged one is judged too.
        claim: profile and level to hold the stream to; by default those of its header.
        claimed: conformance to a profile and level is asked for; implied by `claim`.
        edition_given: the edition of the stream was not detected.
        decoding: what a decode told, where there was one.
    """
    findings = check(stream, claim, decoding.findings if decoding is not None else ())
    broken = {found.rule for found in findings}
    reasons = {**dict(_unjudged(stream, claim)), **dict(_out_of_reach(stream)), **dict(_undecoded(decoding))}
    if edition_given:
        reasons.setdefault("S-19", "the edition was given (--edition)")
    verdicts = {}
    for rule in catalogue():
        if rule in broken:
            verdicts[rule] = Verdict(rule, "broken")
        elif rule in reasons:
            verdicts[rule] = Verdict(rule, "not checked", reasons[rule])
        else:
            verdicts[rule] = Verdict(rule, "kept", _ALWAYS_KEPT.get(rule))
    errors = tuple(_line(error) for error in stream.errors)
    edition = stream.edition if stream.pih else None
    return Report(edition, claim, claimed or claim is not None, findings, verdicts, errors, decoding)


def _line(error: JpegAIError) -> str:
    """An error without the name of the file, which the report has."""
    text = str(error)
    return text.removeprefix(f"{error.file}, ") if error.file else text


def _takes(rule: Rule) -> tuple[str, ...]:
    return _TAKES.get(rule.id, _BY_SECTION.get(rule.section, ()))


def _damaged(stream: Codestream) -> Iterator[str]:
    """What of `_REASONS` could not be read to its end."""
    if any(error.rule in FRAMING_RULES for error in stream.errors):
        yield "framing"
    if not stream.complete:
        yield "pih"
    for name in ("ton", "rdi"):
        segment = stream.segment(name)
        hidden = segment is None and any(error.rule in FRAMING_RULES for error in stream.errors)
        if hidden or (segment is not None and header_names(stream, name) is None):
            yield name
    if any(stream.payload(segment).errors for segment in stream.entropy_segments):
        yield "payloads"


def _out_of_reach(stream: Codestream) -> Iterator[tuple[str, str]]:
    """Rules that cannot be checked behind what is damaged."""
    damaged = set(_damaged(stream))
    for rule in catalogue().values():
        obstacle = next((what for what in _takes(rule) if what in damaged), None)
        if obstacle is not None:
            yield rule.id, _REASONS[obstacle]


def _unjudged(stream: Codestream, claim: Claim | None) -> Iterator[tuple[str, str]]:
    """Rules that have no meaning for the values of the headers."""
    for group, conditions in CONDITIONS.items():
        known = header_names(stream, group)
        if known is not None:
            yield from unjudged(conditions, known[1])
            if group == "pih":
                yield from unjudged(CLAIM_CONDITIONS, claimed_names(known[1], claim))


def _undecoded(decoding: Decoding | None) -> Iterator[tuple[str, str]]:
    """Rules that need a decode, where there was none or it did not tell."""
    if decoding is not None:
        yield from decoding.reasons.items()
        return
    for rule in catalogue().values():
        if {*rule.needs} & {"N", "M"}:
            yield rule.id, "it takes a decode (--models)"
