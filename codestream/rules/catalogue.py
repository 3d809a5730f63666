"""The catalogue of conformance rules as section 12.6 has it, and why each matters; its rows are in `catalogue.json`."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from importlib.resources import files

from jpegai.codestream.errors import Finding

__all__ = ["FRAMING_RULES", "Rule", "catalogue", "finding", "rule_of"]

#: Rules that are met where the file is cut in segments, before these have their names.
FRAMING_RULES = tuple(f"S-{number:02}" for number in range(1, 11))


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: what it demands, of what, how grave a breach is, and what it takes to check it.

    Attributes:
        id: stable number (``S-12``, ``R-25``).
        severity: ``E`` error always; ``C`` error when a profile and level are claimed or asked for; ``W`` warning.
        needs: ``P`` framing only, ``H`` header syntax, ``N`` entropy decoding, ``M`` models or reconstruction.
        source: ``R`` a check of the reference, ``B`` its behaviour, ``L`` the logic of the format, ``Q`` quality.
        section: where the rule stands in the specification.
        element: what it speaks of.
        statement: what holds when it is kept.
        why: why that matters; it ends a sentence that tells a breach.
    """

    id: str
    severity: str
    needs: str
    source: str
    section: str
    element: str
    statement: str
    why: str


@functools.cache
def catalogue() -> dict[str, Rule]:
    """Return every rule by its id, in the order of the catalogue."""
    rows = json.loads((files(__package__) / "catalogue.json").read_text(encoding="utf-8"))
    return {row[0]: Rule(*row) for row in rows}


def finding(
    rule: str,
    message: str | None = None,
    selector: str | None = None,
    bit_offset: int | None = None,
    bits: int = 0,
    severity: str | None = None,
) -> Finding:
    """Return the finding that a rule is broken.

    Args:
        rule: id of the rule.
        message: what was found; by default that the rule's statement does not hold.
        selector: path of the element.
        bit_offset: place in the file, in bits.
        bits: length of what is there.
        severity: of this breach; by default that of the rule.
    """
    entry = catalogue()[rule]
    text = message if message is not None else f"does not hold: {entry.statement}"
    return Finding(rule, severity or entry.severity, text, selector, bit_offset, bits)


def rule_of(found: Finding) -> Rule:
    """Return the rule that a finding of validation tells the breach of; only a decoder's may have none."""
    assert found.rule is not None
    return catalogue()[found.rule]
