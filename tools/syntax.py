"""`jpegai syntax`: the syntax tables of the codestream, printed from the declarations that parse it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import click
from rich import box
from rich.markup import escape
from rich.table import Table as Grid

from jpegai.codestream.schema.base import Derived, Element
from jpegai.codestream.schema.describe import Row, Table, tables
from jpegai.codestream.schema.segments import ALIASES
from jpegai.tools.documents import head
from jpegai.tools.terminal import console

__all__ = ["markdown", "report", "syntax"]

#: Version of the JSON form; changes when a reader would have to change.
SCHEMA_VERSION = 1

_COLUMNS = ("element", "bits", "present", "range", "meaning", "section")
#: Texts of single values that a table shows; the JSON has all.
_MOST_TEXTS = 8
_INTRODUCTION = """\
# Syntax of a JPEG AI codestream

Made by `jpegai syntax --format markdown` from the declarations in `codestream/schema`, which are what parses and builds
streams; a test holds this file equal to them. Elements stand in coding order, derived variables (which take no bits)
where they become known; *v* is the value of the element in its row. Sections are those of `docs/spec`.

Everything is big-endian, bits most significant first. `u(n)` is an unsigned number of n bits, `ue(v)` and `se(v)` are
Exp-Golomb codes (01.5). The bits up to the next byte are 0 behind the length, the last element of a header and the last
entry of a table of sizes.
"""


@click.command()
@click.argument("segments", nargs=-1, metavar="[SEGMENT]...")
@click.option(
    "--format", "form", type=click.Choice(["text", "markdown", "json"]), default="text", show_default=True,
    help="What to print.",
)  # fmt: skip
def syntax(segments: tuple[str, ...], form: str) -> None:
    """Print the syntax tables of SEGMENTs (pih, ton, rdi, udi, soz, sorp, sors, soq, soc, eoc), by default of all.

    Each element with its bits, when it is present, its legal range, its meaning and its section of the specification.
    """
    chosen = _chosen(segments)
    if form == "json":
        click.echo(json.dumps(report(chosen), indent=1))
    elif form == "markdown":
        click.echo(markdown(chosen, introduction=not segments), nl=False)
    else:
        _print(chosen)


def _chosen(names: Sequence[str]) -> list[Table]:
    every = {table.name: table for table in tables()}
    wanted = [ALIASES.get(name.lower(), name.lower()) for name in names]
    for name, given in zip(wanted, names, strict=True):
        if name not in every:
            raise click.UsageError(f"no segment {given!r}; there are {', '.join(every)}")
    return [every[name] for name in wanted] or list(every.values())


def _present(row: Row) -> str:
    """When an element is there and how often, in a few words."""
    return "; ".join([*([f"if {row.condition}"] if row.condition else []), *map(str, row.loops)])


def _meaning(row: Row) -> str:
    declaration = row.declaration
    text = row.meaning
    if isinstance(declaration, Element):
        texts = [f"{value}: {meaning}" for value, meaning in declaration.meanings.items()]
        if texts:
            more = ["..."] if len(texts) > _MOST_TEXTS else []
            text += f" ({', '.join(texts[:_MOST_TEXTS] + more)})"
        if declaration.inferred is not None:
            text += f"; absent: {declaration.inferred}"
    return text


def _cells(row: Row) -> tuple[str, ...]:
    label = {"element": row.descriptor, "derived": "derived", "requirement": "required"}[row.kind]
    return row.path, label, _present(row), row.range, _meaning(row), row.section


def _title(table: Table) -> str:
    return f"{table.name.upper()} ({table.marker:04X}): {table.title}"


def _print(chosen: Sequence[Table]) -> None:
    screen = console()
    for table in chosen:
        grid = Grid(*_COLUMNS, title=escape(_title(table)), title_justify="left", box=box.SIMPLE_HEAD)
        grid.columns[0].overflow = "fold"
        for row in table.rows:
            style = {"derived": "cyan", "requirement": "yellow"}.get(row.kind, "")
            grid.add_row(*map(escape, _cells(row)), style=style)
        screen.print(grid)


def markdown(chosen: Sequence[Table], introduction: bool = True) -> str:
    """Return the tables in Markdown."""
    parts = [_INTRODUCTION] if introduction else []
    for table in chosen:
        lines = [f"## {_title(table)}", "", f"Section {table.section}.", ""]
        lines += _markdown_row(_COLUMNS), _markdown_row(["---"] * len(_COLUMNS))
        lines += [_markdown_row(_code(row)) for row in table.rows]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _markdown_row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _code(row: Row) -> Iterator[str]:
    """Yield the cells, what is code marked as such."""
    for column, cell in zip(_COLUMNS, _cells(row), strict=True):
        cell = cell.replace("|", "\\|")
        is_code = column in ("element", "present") or (column == "range" and re.search(r"[a-z]", cell))
        yield f"`{cell}`" if is_code and cell else cell


def report(chosen: Sequence[Table]) -> dict[str, Any]:
    """Return the tables for JSON."""
    return head(SCHEMA_VERSION) | {
        "segments": [
            {
                "name": table.name,
                "aliases": [alias for alias, name in ALIASES.items() if name == table.name],
                "marker": f"{table.marker:04X}",
                "title": table.title,
                "section": table.section,
                "rows": [_record(row) for row in table.rows],
            }
            for table in chosen
        ],
    }


def _record(row: Row) -> dict[str, Any]:
    declaration = row.declaration
    record: dict[str, Any] = {
        "path": row.path,
        "name": row.name,
        "index": list(row.index),
        "kind": row.kind,
        "loops": [{"variable": loop.variable, "count": loop.count} for loop in row.loops],
        "conditions": list(row.conditions),
        "range": row.range,
        "meaning": row.meaning,
        "section": row.section,
    }
    if isinstance(declaration, Element):
        return record | {
            "descriptor": row.descriptor,
            "legal": _text(declaration.legal),
            "max_symbol_value": _text(declaration.most),
            "rule": declaration.rule,
            "counts": _text(declaration.counts),
            "inferred": _text(declaration.inferred),
            "meanings": {str(value): text for value, text in declaration.meanings.items()},
        }
    if isinstance(declaration, Derived):
        sets = declaration.sets
        return record | {
            "formula": str(declaration.func),
            "inferred": _text(declaration.inferred),
            "sets": None if sets is None else {"element": sets[0], "value": str(sets[1])},
        }
    return record | {"holds": str(declaration.holds), "rule": declaration.rule}


def _text(expression: object) -> str | None:
    return None if expression is None else str(expression)
