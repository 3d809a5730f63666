"""`jpegai stats`: where the bytes of codestreams go. Needs no models and no NumPy."""

from __future__ import annotations

import json
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from jpegai.codestream import Codestream
from jpegai.codestream.statistics import PARTS, SegmentStatistics, Statistics, statistics
from jpegai.tools.documents import head
from jpegai.tools.options import edition_option
from jpegai.tools.terminal import console

__all__ = ["report", "stats"]

#: Version of the JSON form; changes when a reader would have to change.
SCHEMA_VERSION = 1


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(allow_dash=True), metavar="FILE...")
@edition_option
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON.")
def stats(files: tuple[str, ...], edition: str | None, as_json: bool) -> None:
    """Show bytes, bits per pixel and share of every segment, component, region and thread of FILE...

    Bits per pixel are bits per sample of the coded luma plane.
    """
    streams = [Codestream.open(file, edition=edition) for file in files]
    if as_json:
        click.echo(json.dumps(report(streams), indent=1))
        return
    for stream in streams:
        _print(stream, statistics(stream))


def report(streams: list[Codestream]) -> dict[str, Any]:
    """Return the statistics of streams, for JSON."""
    return head(SCHEMA_VERSION) | {
        "files": [_record(stream, statistics(stream)) for stream in streams],
    }


def _record(stream: Codestream, found: Statistics) -> dict[str, Any]:
    def amount(size: int) -> dict[str, Any]:
        return {"bytes": size, "bits_per_pixel": found.bits_per_pixel(size), "share": found.share(size)}

    return {
        "file": stream.name,
        "edition": stream.edition,
        "width": found.width,
        "height": found.height,
        **amount(found.size),
        "parts": {name: amount(size) for name, size in found.parts.items()},
        "segments": [
            {
                "path": each.segment.group,
                "name": each.segment.name,
                **amount(each.segment.size),
                "framing_bytes": each.framing,
                "table_bytes": each.tables,
                "part": each.part,
                "content_bytes": each.content,
                "regions": [
                    {
                        "region": region.index,
                        **amount(region.size),
                        "table_bytes": region.table,
                        "threads": [amount(thread) for thread in region.threads],
                    }
                    for region in each.regions
                ],
            }
            for each in found.segments
        ],
    }


def _print(stream: Codestream, found: Statistics) -> None:
    screen = console()
    screen.print(
        f"{stream.name}: {found.width}x{found.height}, {found.size} bytes, "
        f"{found.bits_per_pixel(found.size):.4f} bits per pixel",
        style="bold", markup=False,
    )  # fmt: skip
    screen.print(_table(found, "part", ((name, size, PARTS[name]) for name, size in found.parts.items() if size)))
    screen.print(_table(found, "segment", (row for each in found.segments for row in _rows(each))))


def _rows(each: SegmentStatistics) -> list[tuple[str, int, str]]:
    """Return the lines of a segment, of its regions and of its threads, where there are several."""
    overhead = f"{each.framing} framing" + (f", {each.tables} tables" if each.tables else "")
    group = each.segment.group
    rows = [(group, each.segment.size, f"{each.segment.kind.title} ({overhead})")]
    for region in each.regions:
        path = group
        if len(each.regions) > 1:
            path = f"{group}.regions[{region.index}]"
            rows.append((f"  {path}", region.size, f"({region.table} tables)" if region.table else ""))
        elif region.index:
            rows[0] = (group, each.segment.size, f"{rows[0][2]}, region {region.index}")
        if len(region.threads) > 1:
            rows += [(f"    {path}.threads[{t}]", size, "") for t, size in enumerate(region.threads)]
    return rows


def _table(found: Statistics, title: str, rows: Any) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in (title, "bytes", "bits per pixel", "share", ""):
        table.add_column(heading, justify="left" if heading in (title, "") else "right")
    for name, size, text in rows:
        cells = name, str(size), f"{found.bits_per_pixel(size):.4f}", f"{found.share(size):.1%}", text
        table.add_row(*map(escape, cells))
    return table
