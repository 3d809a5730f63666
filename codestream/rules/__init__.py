"""Conformance rules as data (section 12.6): statement, severity and the expression that holds when it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jpegai.codestream.errors import Finding
from jpegai.codestream.fields import selector
from jpegai.codestream.schema.values import Expression

__all__ = ["Rule", "broken"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule on the values of a header.

    `holds` is an expression over the header's names and ``edition``; `element` is the element it speaks of.
    """

    id: str
    severity: str
    statement: str
    element: str
    holds: Expression


def broken(rules: tuple[Rule, ...], group: str, names: Mapping[str, Any]) -> list[Finding]:
    """Return a finding for every rule that does not hold."""
    return [
        Finding(rule.id, rule.severity, f"{rule.statement} does not hold", selector(group, rule.element))
        for rule in rules
        if not rule.holds.evaluate(names)
    ]
