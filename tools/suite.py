"""`jpegai suite`: what a set of streams is good for. `coverage` says what of the syntax the streams exercise."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from jpegai.codestream import Codestream
from jpegai.codestream.rules.catalogue import catalogue
from jpegai.tools.coverage import Coverage, Item
from jpegai.tools.documents import head
from jpegai.tools.options import edition_option
from jpegai.tools.terminal import console

__all__ = ["coverage_report", "suite"]

#: Version of the JSON form; changes when a reader would have to change.
SCHEMA_VERSION = 1

#: Parts of the report: attribute of `Coverage`, and what one case of it is.
_PARTS = {
    "elements": "elements that occur",
    "values": "classes of values",
    "conditions": "sides of conditions",
    "facets": "properties of streams",
    "rules": "examples of rules",
}


@click.group()
def suite() -> None:
    """Say what a set of streams exercises."""


@suite.command()
@click.argument("streams", nargs=-1, required=True, metavar="STREAMS...", type=click.Path(exists=True, path_type=Path))
@click.option("-r", "--recursive", is_flag=True, help="Look for streams (*.jai) in the folders of folders too.")
@click.option("--missing", is_flag=True, help="List everything that no stream exercises.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with everything that is and is not exercised.")
@edition_option
def coverage(streams: tuple[Path, ...], recursive: bool, missing: bool, as_json: bool, edition: str | None) -> None:
    """Report which elements, value classes, sides of conditions and rules STREAMS (files or folders) exercise.

    All of it comes from the declarations of the syntax. What can be read of a damaged stream counts. A rule has a
    passing example where a stream has what the rule speaks of; rules that need decoding are not judged here.
    """
    found = Coverage()
    files = list(_files(streams, recursive))
    if not files:
        raise click.UsageError("no streams (*.jai) there")
    for file in files:
        found.add(Codestream.open(file, edition=edition, recover=True), str(file))
    if as_json:
        click.echo(json.dumps(coverage_report(found), indent=1))
    else:
        _print(console(), found, missing)


def _files(paths: Iterable[Path], recursive: bool) -> Iterable[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(path.rglob("*.jai") if recursive else path.glob("*.jai"))
        else:
            yield path


def _count(items: Iterable[Item]) -> tuple[int, int]:
    """Return how many cases occur, and how many there are."""
    items = list(items)
    total = sum(len(item.cases) for item in items)
    return total - sum(len(item.missing) for item in items), total


def _share(met: int, total: int) -> str:
    """Percents, never rounded up to all of it."""
    return f"{1000 * met // total / 10:.1f} %" if total else ""


def _print(screen: Console, found: Coverage, missing: bool) -> None:
    screen.print(f"{len(found.names)} streams")
    table = Table("exercised", "", "of", "share", box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    for part, what in _PARTS.items():
        met, total = _count(getattr(found, part))
        table.add_row(what, str(met), str(total), _share(met, total))
    screen.print(table)
    screen.print(_by_segment(found))
    if not missing:
        screen.print("--missing lists what no stream exercises")
        return
    for part, what in _PARTS.items():
        lines = [f"  {_missing(part, item)}" for item in getattr(found, part) if item.missing]
        if lines:
            screen.print(f"\n[bold]missing: {what}[/]")
            screen.print("\n".join(map(escape, lines)))


def _by_segment(found: Coverage) -> Table:
    parts = ("elements", "values", "conditions")
    table = Table("segment", *parts, box=None)
    for segment in dict.fromkeys(item.segment for item in found.elements):
        cells = []
        for part in parts:
            met, total = _count(item for item in getattr(found, part) if item.segment == segment)
            cells.append(f"{met}/{total}" if total else "")
        table.add_row(segment, *cells)
    return table


def _missing(part: str, item: Item) -> str:
    if part == "elements":
        return f"{item.segment}.{item.name}"
    cases = ", ".join(item.missing)
    if part == "rules":
        return f"{item.name} ({catalogue()[item.name].severity}) {cases}: {catalogue()[item.name].statement}"
    return f"{item.segment}{'.' if part == 'values' else ': ' if item.segment else ''}{item.name}: {cases}"


def coverage_report(found: Coverage) -> dict[str, Any]:
    """Return everything that is and is not exercised, for JSON."""
    summary = {}
    for part in _PARTS:
        met, total = _count(getattr(found, part))
        summary[part] = {"met": met, "of": total}
    parts = {part: [_record(item, found.names) for item in getattr(found, part)] for part in _PARTS}
    for record in parts["rules"]:
        rule = catalogue()[record["name"]]
        record |= {"severity": rule.severity, "section": rule.section, "statement": rule.statement}
    return {**head(SCHEMA_VERSION), "streams": found.names, "summary": summary, **parts}


def _record(item: Item, names: Sequence[str]) -> dict[str, Any]:
    cases = [
        {"case": case, "streams": len(met), "example": names[met[0]] if met else None}
        for case, met in item.cases.items()
    ]
    return {**({"segment": item.segment} if item.segment else {}), "name": item.name, "cases": cases}
