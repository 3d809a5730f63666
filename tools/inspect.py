"""`jpegai inspect`: what is in a codestream, as tables, trees, bits, bytes or JSON. Needs no models and no NumPy."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from jpegai.codestream import Codestream, Field
from jpegai.codestream.errors import position
from jpegai.codestream.schema.pih import TRANSFORMS
from jpegai.tools.options import edition_option
from jpegai.tools.terminal import console

__all__ = ["headline", "inspect", "print_segments", "report"]

#: Version of the JSON form; changes when a reader would have to change.
SCHEMA_VERSION = 1
_PREVIEW = 8


@click.command()
@click.argument("file", type=click.Path(allow_dash=True))
@edition_option
@click.option("--bits", "view", flag_value="bits", help="One line per element: position, path, bits, value, meaning.")
@click.option("--hex", "view", flag_value="hex", help="Three columns: bytes, text, element.")
@click.option("--json", "view", flag_value="json", help="Everything as JSON.")
def inspect(file: str, edition: str | None, view: str | None) -> None:
    """Show the segments and the headers of FILE ('-' is the standard input)."""
    stream = Codestream.open(file, edition=edition)
    if view == "json":
        click.echo(json.dumps(report(stream), indent=1))
    elif view == "bits":
        _bits(stream)
    elif view == "hex":
        _hex(stream)
    else:
        screen = console()
        print_segments(screen, stream)
        for segment in stream.segments:
            if segment.kind.threads is None:
                _tree(screen, stream, segment.group, segment.kind.title)
    for finding in stream.findings:
        click.echo(f"{'error' if finding.severity == 'E' else 'warning'}: {finding}", err=True)
    if any(finding.severity == "E" for finding in stream.findings):
        raise click.exceptions.Exit(1)


def report(stream: Codestream) -> dict[str, Any]:
    """Return everything that is known of a stream, for JSON. Byte strings appear as length and sha256."""
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": f"jpegai {version('jpegai')}",
        "file": stream.name,
        "bytes": len(stream.data),
        "sha256": hashlib.sha256(stream.data).hexdigest(),
        "edition": stream.edition,
        "segments": [
            {
                "path": segment.group,
                "name": segment.name,
                "marker": f"{segment.kind.marker:04X}",
                "title": segment.kind.title,
                "offset": segment.offset,
                "payload_offset": segment.payload_offset,
                "payload_bytes": len(segment.payload),
                "bytes": segment.size,
            }
            for segment in stream.segments
        ],
        "fields": [_field(field) for field in stream.fields.values()],
        "findings": [
            {
                "rule": finding.rule,
                "severity": finding.severity,
                "message": finding.message,
                "path": finding.selector,
                "bit_offset": finding.bit_offset,
            }
            for finding in stream.findings
        ],
    }


def _field(field: Field) -> dict[str, Any]:
    value = field.value
    if isinstance(value, memoryview):
        value = {"bytes": len(value), "sha256": hashlib.sha256(value).hexdigest()}
    return {
        "path": field.path,
        "name": field.name,
        "kind": field.kind,
        "bit_offset": field.offset,
        "bits": field.bits,
        "raw": field.raw,
        "value": value,
        "meaning": field.meaning,
        "section": field.section,
    }


def _value(field: Field) -> str:
    if isinstance(field.value, memoryview):
        shown = bytes(field.value[:_PREVIEW]).hex(" ")
        return f"{len(field.value)} bytes: {shown}{' ...' if len(field.value) > _PREVIEW else ''}"
    if field.name == "marker":
        return f"{field.value:04X}"
    return str(field.value)


def headline(stream: Codestream) -> str:
    """Return one line that says what a stream is."""
    pih = stream.pih
    listed = [TRANSFORMS.get(value, str(value)) for value in pih.synthesis_transform_id.values()]
    size = f"{pih.img_width}x{pih.img_height}"
    if (pih.display_width, pih.display_height) != (pih.img_width, pih.img_height):
        size += f" (display {pih.display_width}x{pih.display_height})"
    chroma = {(1, 1): "4:4:4", (1, 2): "4:2:2", (2, 2): "4:2:0"}.get((pih.s_ver, pih.s_hor), "?")
    bpp = 8 * len(stream.data) / (pih.img_width * pih.img_height)
    return (
        f"{stream.name or 'codestream'}: JPEG AI, edition {stream.edition.upper()}, {size}, {pih.bit_depth} bit "
        f"{chroma}, {'/'.join(listed)}, model {pih.model_id}, {len(stream.data)} bytes, {bpp:.3f} bpp"
    )


def print_segments(console: Console, stream: Codestream) -> None:
    """Print what a stream is and where its segments are."""
    console.print(headline(stream), style="bold", markup=False)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title, justify in (
        ("segment", "left"),
        ("marker", "left"),
        ("offset", "right"),
        ("payload at", "right"),
        ("payload", "right"),
        ("share", "right"),
        ("", "left"),
    ):
        table.add_column(title, justify=justify)  # type: ignore[arg-type]
    total = len(stream.data)
    table.add_row("soc", "FF80", "0", "", "", "", "start of codestream")
    for segment in stream.segments:
        table.add_row(
            escape(segment.group),
            f"{segment.kind.marker:04X}",
            str(segment.offset),
            str(segment.payload_offset),
            str(len(segment.payload)),
            f"{segment.size / total:.1%}",
            segment.kind.title,
        )
    table.add_row("eoc", "FF81", str(stream.eoc_offset), "", "", "", "end of codestream")
    if stream.trailing:
        table.add_row(
            "trailing", "", str(stream.eoc_offset + 2), "", str(len(stream.trailing)), "", "not part of the stream"
        )
    console.print(table)


def _tree(console: Console, stream: Codestream, group: str, title: str) -> None:
    """Print the elements of one header; long runs of flags are shown as one line."""
    console.print(f"\n[bold]{escape(group)}[/]  {title}")
    grid = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(3):
        grid.add_column()
    fields = [field for field in stream.fields.of(group) if field.name not in ("marker", "length", "length_padding")]
    for run in _runs(fields):
        first = run[0]
        path, value, meaning = first.path, _value(first), first.meaning
        if len(run) > 1:
            path += f" .. {run[-1].path.removeprefix(f'{group}.{first.name}')}"
            value = "".join(str(field.value) for field in run)
            value = value if len(value) <= 32 else f"{value[:32]} ... ({len(run)} values)"
            meaning = ", ".join(dict.fromkeys(f"{field.value}: {field.meaning}" for field in run))
        style = {"derived": "cyan", "inferred": "dim"}.get(first.kind, "")
        mark = {"derived": " (derived)", "inferred": " (absent: default)"}.get(first.kind, "")
        grid.add_row(f"  {escape(path)}", escape(value), escape(f"{meaning}{mark}"), style=style)
    console.print(grid)


def _runs(fields: list[Field]) -> list[list[Field]]:
    """Gather neighbouring one-bit array entries, which would fill pages; group flags stand between cube flags."""
    runs: list[list[Field]] = []
    open_runs: dict[str, list[Field]] = {}
    for field in fields:
        if field.name not in ("cube_group_flag", "cube_flag", "grfs_channel_flag"):
            open_runs = {}
            runs.append([field])
        elif field.name in open_runs:
            open_runs[field.name].append(field)
        else:
            open_runs[field.name] = [field]
            runs.append(open_runs[field.name])
    return runs


def _bits(stream: Codestream) -> None:
    rows = [
        (position(field.offset).removeprefix("byte "), field.path, str(field.bits), _value(field), field.meaning)
        for field in stream.fields.values()
        if field.bits or field.kind in ("derived", "inferred")
    ]
    titles = ("position", "path", "bits", "value", "meaning")
    widths = [max(len(row[column]) for row in [titles, *rows]) for column in range(4)]
    for row in [titles, *rows]:
        cells = [
            row[0].ljust(widths[0]),
            row[1].ljust(widths[1]),
            row[2].rjust(widths[2]),
            row[3].ljust(widths[3]),
            row[4],
        ]
        click.echo("  ".join(cells).rstrip())


def _hex(stream: Codestream) -> None:
    """Print bytes, their text and the elements that start in them, sixteen bytes a row."""
    starts: dict[int, list[str]] = {}
    for field in stream.fields.values():
        if field.bits:
            starts.setdefault(field.offset // 128, []).append(
                f"{field.path}={_value(field)}"
                if not isinstance(field.value, memoryview)
                else f"{field.path} ({len(field.value)} bytes)"
            )
    data = stream.data
    skipped = False
    for row in range((len(data) + 15) // 16):
        if row not in starts and row + 1 < (len(data) + 15) // 16 and row - 1 not in starts:
            if not skipped:
                click.echo("   ...")
            skipped = True
            continue
        skipped = False
        piece = bytes(data[16 * row : 16 * row + 16])
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in piece)
        names = starts.get(row, [""])
        click.echo(f"{16 * row:08x}  {piece.hex(' '):<47}  {text:<16}  {names[0]}".rstrip())
        for name in names[1:]:
            click.echo(f"{'':8}  {'':47}  {'':16}  {name}")
