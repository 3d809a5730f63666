"""Views of a parsed codestream on a terminal: segments, tree of elements, bits, bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from jpegai.codestream import Codestream, Field
from jpegai.codestream.errors import position
from jpegai.codestream.fields import Entry
from jpegai.codestream.payloads import Region
from jpegai.codestream.schema.pih import CHROMA_FORMATS, TRANSFORMS

__all__ = ["headline", "print_bits", "print_hex", "print_segments", "print_tree", "value_text"]

#: Bytes of a byte string, and values of an array, that are shown unless everything is asked for.
_PREVIEW = 8
_PREVIEW_VALUES = 16
_FRAMING = ("marker", "length", "length_padding")


def value_text(entry: Entry, full: bool = False) -> str:
    """Return the value of a field or of a run of fields as text; long ones in part, unless `full`."""
    if not isinstance(entry, Field):
        many = len(entry) > _PREVIEW_VALUES and not full
        shown = entry.values[:_PREVIEW_VALUES] if many else entry.values
        text = ("" if entry.width == 1 else " ").join(map(str, shown))
        return f"{text} ... ({len(entry)} values)" if many else text
    if isinstance(entry.value, (memoryview, bytes)):
        data = entry.value
        if full or not data:
            return f"{len(data)} bytes: {data.hex(' ')}" if data else "0 bytes"
        if len(data) <= _PREVIEW:
            return f"{len(data)} bytes: {data.hex(' ')}"
        digest = hashlib.sha256(data).hexdigest()[:16]
        return f"{len(data)} bytes: {data[:_PREVIEW].hex(' ')} ... (sha256 {digest}...)"
    return f"{entry.value:04X}" if entry.name == "marker" else str(entry.value)


def _meaning(entry: Entry) -> str:
    if isinstance(entry, Field):
        mark = {"derived": " (derived)", "inferred": " (absent: default)"}.get(entry.kind, "")
        return entry.meaning + mark
    texts = {value: entry.text(value) for value in sorted({*entry.values})[:_PREVIEW]}
    if len({*texts.values()}) == 1:
        return texts.popitem()[1]
    return ", ".join(f"{value}: {text}" for value, text in texts.items())


def headline(stream: Codestream) -> str:
    """Return one line that says what a stream is."""
    name = stream.name or "codestream"
    if not stream.complete:
        return f"{name}: {len(stream.data)} bytes without a picture header that can be read"
    pih = stream.pih
    listed = [TRANSFORMS.get(value, str(value)) for value in pih.synthesis_transform_id.values()]
    size = f"{pih.img_width}x{pih.img_height}"
    if (pih.display_width, pih.display_height) != (pih.img_width, pih.img_height):
        size += f" (display {pih.display_width}x{pih.display_height})"
    chroma = CHROMA_FORMATS.get((pih.s_ver, pih.s_hor), "?")
    bpp = 8 * len(stream.data) / (pih.img_width * pih.img_height)
    return (
        f"{name}: JPEG AI, edition {stream.edition.upper()}, {size}, {pih.bit_depth} bit "
        f"{chroma}, {'/'.join(listed)}, model {pih.model_id}, {len(stream.data)} bytes, {bpp:.3f} bpp"
    )


def print_segments(console: Console, stream: Codestream) -> None:
    """Print what a stream is and where its segments are."""
    console.print(headline(stream), style="bold", markup=False)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("segment", "marker", "offset", "payload at", "payload", "share", ""):
        table.add_column(title, justify="left" if title in ("segment", "marker", "") else "right")
    total = len(stream.data)
    rows: list[tuple[int, tuple[str, ...]]] = []
    for entry in stream.fields.entries:
        if not isinstance(entry, Field) or not (entry.name == "marker" or entry.path.startswith(("gap", "trailing"))):
            continue
        place, group = entry.offset // 8, entry.path.partition(".")[0]
        if entry.name != "marker":
            share = f"{entry.bits / 8 / total:.1%}"
            rows.append((place, (escape(group), "", str(place), "", str(entry.bits // 8), share, entry.meaning)))
        elif group in ("soc", "eoc"):
            rows.append((place, (group, value_text(entry), str(place), "", "", "", entry.meaning)))
    for segment in stream.segments:
        text = segment.kind.title
        if segment.kind.threads is not None and stream.complete:
            text += _cut(stream.payload(segment).regions)
        if len(segment.payload) < segment.length:
            text += f" (damaged: {segment.length} bytes announced)"
        rows.append(
            (
                segment.offset,
                (
                    escape(segment.group),
                    f"{segment.kind.marker:04X}",
                    str(segment.offset),
                    str(segment.payload_offset),
                    str(len(segment.payload)),
                    f"{segment.size / total:.1%}",
                    text,
                ),
            )
        )
    for _, row in sorted(rows):
        table.add_row(*row)
    console.print(table)


def _cut(regions: list[Region]) -> str:
    """How a payload is cut, in words; nothing where it is whole."""
    threads = max((len(region.threads) for region in regions), default=0)
    parts = []
    if len(regions) == 1 and regions[0].index:
        parts.append(f"region {regions[0].index}")
    elif len(regions) > 1:
        parts.append(f"{len(regions)} regions")
    if threads > 1:
        parts.append(f"{threads} threads")
    return f": {', '.join(parts)}" if parts else ""


def print_tree(console: Console, stream: Codestream, full: bool = False) -> None:
    """Print the elements of every segment but the plain payloads; arrays as one line."""
    for segment in stream.segments:
        entries = [entry for entry in stream.fields.of(segment.group) if entry.name not in _FRAMING]
        if segment.kind.threads is not None and not full:
            entries = [entry for entry in entries if entry.name != "threads"]
        if not entries:
            continue
        console.print(f"\n[bold]{escape(segment.group)}[/]  {segment.kind.title}")
        grid = Table.grid(padding=(0, 2, 0, 0))
        for _ in range(3):
            grid.add_column()
        shown = [entry for entry in entries if full or not _says_nothing(entry)]
        for entry in shown:
            style = {"derived": "cyan", "inferred": "dim", "gap": "red"}.get(entry.kind, "")
            cells = f"  {entry.path}", value_text(entry, full), _meaning(entry)
            grid.add_row(*map(escape, cells), style=style)
        console.print(grid)
        absent = sum(entry.kind == "inferred" for entry in entries)
        if absent and not full:
            console.print(f"  and {absent} absent elements with their default values (--full)", style="dim")


def _says_nothing(entry: Entry) -> bool:
    """Whether it is an absent element, or padding that is 0."""
    return entry.kind == "inferred" or (entry.kind == "padding" and isinstance(entry, Field) and not entry.value)


def print_bits(entries: Iterable[Entry], full: bool = False) -> None:
    """Print one line per element, or per array unless `full`: position, path, bits, value, meaning."""
    rows = [("position", "path", "bits", "value", "meaning")]
    for entry in entries:
        for each in (entry,) if isinstance(entry, Field) or not full else entry:
            bits = str(each.bits) if isinstance(each, Field) else f"{len(each)}x{each.width}"
            place = position(each.offset).removeprefix("byte ")
            rows.append((place, each.path, bits, value_text(each, full), _meaning(each)))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    value_width = min(40, max(len(row[3]) for row in rows))
    for place, path, bits, value, meaning in rows:
        line = f"{place:<{widths[0]}}  {path:<{widths[1]}}  {bits:>{widths[2]}}  {value:<{value_width}}  {meaning}"
        click.echo(line.rstrip())


def print_hex(stream: Codestream) -> None:
    """Print bytes, their text and the elements that start in them, sixteen bytes a row."""
    starts: dict[int, list[str]] = {}
    for entry in stream.fields.entries:
        if entry.bits:
            is_bytes = isinstance(entry, Field) and isinstance(entry.value, memoryview)
            text = f"{entry.path} ({entry.bits // 8} bytes)" if is_bytes else f"{entry.path}={value_text(entry)}"
            starts.setdefault(entry.offset // 128, []).append(text)
    data, last = stream.data, (len(stream.data) - 1) // 16
    shown: int | None = -1
    for row in sorted({0, last, *starts, *(row + 1 for row in starts if row < last)}):
        if shown is not None and row > shown + 1:
            click.echo("   ...")
        shown = row
        piece = data[16 * row : 16 * row + 16]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in piece)
        names = starts.get(row, [""])
        click.echo(f"{16 * row:08x}  {piece.hex(' '):<47}  {text:<16}  {names[0]}".rstrip())
        for name in names[1:]:
            click.echo(f"{'':8}  {'':47}  {'':16}  {name}")
