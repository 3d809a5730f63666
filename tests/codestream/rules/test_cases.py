"""Every rule of syntax against streams that break it, and the checker against itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from jpegai.codestream import Codestream
from jpegai.codestream.errors import Finding
from jpegai.codestream.rules import check as checker
from jpegai.codestream.rules.catalogue import catalogue, finding
from jpegai.codestream.rules.conditions import Condition
from jpegai.codestream.rules.structure import StreamCheck
from jpegai.codestream.schema.base import Element
from jpegai.codestream.schema.flow import Require, elements
from jpegai.codestream.schema.segments import SEGMENTS
from jpegai.codestream.schema.values import Expression
from tests.codestream.rules.cases import BASE, CASES, NOT_VIOLATED, Case
from tests.vectors import SHARED

OF_SYNTAX = [rule.id for rule in catalogue().values() if not {*rule.needs} & {"N", "M"}]


def findings(data: bytes, edition: str | None = "is") -> tuple[Finding, ...]:
    return checker.check(Codestream.parse(data, edition=edition, recover=True))


def as_text(found: Finding) -> str:
    return f"{found.rule} {found.selector} {found.bit_offset}+{found.bits}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_breach_is_found_in_its_place_with_what_it_implies(case: Case) -> None:
    found = findings(case.make(), case.edition)
    assert tuple(map(as_text, found)) == case.findings
    assert case.rule in case.rules
    for each in found:
        assert "\n" not in each.message
        assert each.message.endswith(f": {catalogue()[each.rule].why}")
        if each.rule == "R-69":
            assert each.severity == ("E" if case.about == "no channel" else "W")
        else:
            assert each.severity == catalogue()[each.rule].severity


def test_the_base_stream_is_clean() -> None:
    assert findings(BASE) == ()


def test_every_rule_of_syntax_has_a_case_or_a_reason() -> None:
    assert {case.rule for case in CASES} | {*NOT_VIOLATED} == {*OF_SYNTAX}
    assert not {case.rule for case in CASES} & {*NOT_VIOLATED}
    assert len({case.name for case in CASES}) == len(CASES)


def test_the_catalogue_is_that_of_the_specification() -> None:
    chapter = SHARED / "spec" / "12-profiles-conformance.md"
    if not chapter.is_file():
        pytest.skip(f"no specification at {chapter}")
    rows, section = {}, ""
    for line in chapter.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            section = line.split()[1]
        if re.match(r"\| [SR]-\d\d \|", line):
            rule, *cells = (cell.strip() for cell in line.strip("|").split("|"))
            rows[rule] = (section, *cells)
    assert len(rows) == 124
    for rule in catalogue().values():
        section, statement, element, severity, needs, source = rows.pop(rule.id)
        assert rule.section == section
        assert rule.statement == statement
        assert rule.element == element
        assert severity[0] == rule.severity
        assert needs.replace(", ", "") == rule.needs
        assert source[0] == rule.source
        assert rule.why
    assert not rows


# -- the checker itself -------------------------------------------------------------------------------------------


def noticed(rule: str) -> bool:
    """Whether the cases that speak of a rule notice that something is not as it should be."""
    try:
        return any(
            tuple(map(as_text, findings(case.make(), case.edition))) != case.findings
            for case in CASES
            if rule in case.rules
        )
    except Exception:
        return True


def conditions() -> Iterator[Any]:
    groups = {**checker.CONDITIONS, "claim": checker.CLAIM_CONDITIONS}
    for group, entries in groups.items():
        for number, condition in enumerate(entries):
            yield pytest.param(group, number, condition, id=f"{condition.rule}-{condition.element}-{number}")


def patch(monkeypatch: pytest.MonkeyPatch, group: str, number: int, condition: Condition) -> None:
    entries = checker.CLAIM_CONDITIONS if group == "claim" else checker.CONDITIONS[group]
    changed = (*entries[:number], condition, *entries[number + 1 :])
    if group == "claim":
        monkeypatch.setattr(checker, "CLAIM_CONDITIONS", changed)
    else:
        monkeypatch.setattr(checker, "CONDITIONS", {**checker.CONDITIONS, group: changed})


@pytest.mark.parametrize(("group", "number", "condition"), list(conditions()))
@pytest.mark.parametrize("change", ["not ({})", "True"], ids=["inverted", "dropped"])
def test_another_condition_is_noticed(
    group: str, number: int, condition: Condition, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not noticed(condition.rule)
    patch(monkeypatch, group, number, replace(condition, holds=Expression(change.format(condition.holds))))
    assert noticed(condition.rule)


@pytest.mark.parametrize("each", checker.STREAM_CHECKS, ids=lambda each: each.rule)
@pytest.mark.parametrize("inverted", [True, False], ids=["inverted", "dropped"])
def test_another_function_is_noticed(each: StreamCheck, inverted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def changed(stream: Codestream) -> Iterator[Finding]:
        if inverted and not [*each.find(stream)]:
            yield finding(each.rule, bit_offset=0)

    checks = tuple(replace(one, find=changed) if one is each else one for one in checker.STREAM_CHECKS)
    monkeypatch.setattr(checker, "STREAM_CHECKS", checks)
    assert noticed(each.rule)


def legal_values() -> Iterator[Any]:
    for kind in SEGMENTS.values():
        for element in elements(kind.schema) if kind.schema is not None else ():
            where = f"{kind.name}.{element.name}"
            if element.legal is not None:
                yield pytest.param(element, "legal", f"not ({element.legal})", id=f"{where}-legal-inverted")
                yield pytest.param(element, "legal", None, id=f"{where}-legal-dropped")
            if element.most is not None:
                yield pytest.param(element, "most", None, id=f"{where}-most-dropped")


@pytest.mark.parametrize(("element", "attribute", "text"), list(legal_values()))
def test_other_legal_values_are_noticed(
    element: Element, attribute: str, text: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = element.rule if attribute == "legal" else "S-23"
    assert rule is not None
    monkeypatch.setattr(element, attribute, None if text is None else Expression(text))
    assert noticed(rule)


def requirements(schema: Any) -> Iterator[Require]:
    if isinstance(schema, Require):
        yield schema
    for member in getattr(schema, "body", None) or getattr(schema, "subcons", None) or ():
        yield from requirements(member)


@pytest.mark.parametrize(
    "each", [each for kind in SEGMENTS.values() for each in requirements(kind.schema)], ids=lambda each: each.element
)
@pytest.mark.parametrize("change", ["not ({})", "True"], ids=["inverted", "dropped"])
def test_another_requirement_is_noticed(each: Require, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(each, "holds", Expression(change.format(each.holds)))
    assert noticed(each.rule)
