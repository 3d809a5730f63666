"""What `jpegai validate` shows on a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from jpegai.codestream.errors import Finding
from jpegai.codestream.rules.catalogue import Rule, rule_of
from jpegai.codestream.rules.report import Report

if TYPE_CHECKING:
    from jpegai.tools.validate import Result, Run

__all__ = ["print_rules", "print_run"]

_SEVERITIES = {"E": "error", "C": "error in a claim", "W": "warning"}
_NEEDS = {"P": "framing", "H": "headers", "N": "symbols", "M": "models"}


def print_run(screen: Console, run: Run) -> None:
    """Print every file with its findings; of one file also the rules that were not checked, of several a summary."""
    for number, result in enumerate(run.results):
        if number and (result.error or (result.report and result.report.findings)):
            screen.print()
        _print_result(screen, result, run.asked, whole=len(run.results) == 1)
    if len(run.results) > 1:
        screen.print()
        _print_summary(screen, run)


def _verdict(result: Result) -> tuple[str, str]:
    """What is to be said of a file in a few words, and their style."""
    report = result.report
    if report is None:
        return "cannot be read", "red"
    if not report.parsed:
        return f"{'not valid' if report.valid is False else 'validity unknown'}, not parsed to its end", "red"
    if not report.valid:
        return "not valid", "red"
    return ("valid, with warnings", "yellow") if report.findings else ("valid", "green")


def _print_result(screen: Console, result: Result, asked: str | None, whole: bool) -> None:
    words, style = _verdict(result)
    report = result.report
    line = f"[bold]{escape(result.name)}[/]: [{style}]{words}[/]"
    if report is None:
        screen.print(f"{line}: {escape(result.error or '')}")
        return
    edition = f"edition {report.edition.upper()}" if report.edition else "no picture header"
    screen.print(f"{line} ({edition}, {result.size} bytes{f', {asked}' if asked else ''})")
    if report.findings:
        screen.print(_findings(report))
    if whole:
        _print_counts(screen, report)


def _findings(report: Report) -> Table:
    table = Table(box=None, pad_edge=True, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, justify="right")
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for found in report.findings:
        style = "red" if report.is_error(found) else "yellow"
        cells = (_word(report, found), rule_of(found).id, _place(found), found.selector or "", found.message)
        table.add_row(f"[{style}]{cells[0]}[/]", *map(escape, cells[1:]))
    return table


def _word(report: Report, found: Finding) -> str:
    if found.severity == "C" and not report.is_error(found):
        return "claim"
    return "error" if report.is_error(found) else "warning"


def _place(found: Finding) -> str:
    if found.bit_offset is None:
        return ""
    byte, bit = divmod(found.bit_offset, 8)
    return f"byte {byte}.{bit}" if bit else f"byte {byte}"


def _print_counts(screen: Console, report: Report) -> None:
    states = {state: report.counts(state) for state in ("kept", "broken", "not checked")}
    screen.print("rules: " + ", ".join(f"{count} {state}" for state, count in states.items()))
    if report.decoding is not None:
        decoding = report.decoding
        outcome = "decoded" if decoding.decoded else f"not decoded: {decoding.error}"
        screen.print(f"models {escape(decoding.models)}: {escape(outcome)}")
    reasons: dict[str, list[str]] = {}
    for verdict in report.verdicts.values():
        if verdict.state == "not checked":
            reasons.setdefault(verdict.reason or "", []).append(verdict.rule)
    for reason, rules in reasons.items():
        screen.print(f"  not checked, {escape(reason)}: {' '.join(rules)}", style="dim")


def _print_summary(screen: Console, run: Run) -> None:
    counts: dict[str, int] = {}
    for result in run.results:
        words, _ = _verdict(result)
        counts[words] = counts.get(words, 0) + 1
    screen.print(f"{len(run.results)} files: " + ", ".join(f"{count} {words}" for words, count in counts.items()))
    by_rule: dict[str, int] = {}
    for result in run.results:
        for rule in {rule_of(found).id for found in (result.report.findings if result.report else ())}:
            by_rule[rule] = by_rule.get(rule, 0) + 1
    if by_rule:
        screen.print("broken rules by files: " + ", ".join(f"{rule} {by_rule[rule]}" for rule in sorted(by_rule)))


def print_rules(screen: Console, rules: Iterable[Rule]) -> None:
    """Print the catalogue."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("rule", "breach is", "needs", "section", "statement", "why"):
        table.add_column(title, no_wrap=title not in ("statement", "why"), overflow="fold")
    for rule in rules:
        needs = ", ".join(_NEEDS[need] for need in rule.needs)
        cells = (rule.id, _SEVERITIES[rule.severity], needs, rule.section, rule.statement, rule.why)
        table.add_row(*map(escape, cells))
    screen.print(table)
