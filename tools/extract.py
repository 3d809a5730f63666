"""`jpegai extract`: the bytes of a segment, a region, a thread or a byte string. Needs no models and no NumPy."""

from __future__ import annotations

import sys

import click

from jpegai.codestream import Codestream, Field, SelectorError, select
from jpegai.codestream.fields import Entry, bytes_field
from jpegai.codestream.selectors import Selector
from jpegai.decoder.output import atomic_file
from jpegai.tools.options import edition_option

__all__ = ["extract", "selected_bytes"]


@click.command()
@click.argument("file", type=click.Path(allow_dash=True))
@click.argument("selector")
@edition_option
@click.option(
    "-o", "--output", type=click.Path(allow_dash=True), default="-", help="Where to; by default the standard output."
)
@click.option("--value", is_flag=True, help="Print the values of elements as text instead, one a line.")
@click.option("--recover", is_flag=True, help="Take what can be known of a damaged file.")
def extract(file: str, selector: str, edition: str | None, output: str, value: bool, recover: bool) -> None:
    """Write the bytes of what SELECTOR names in FILE: the payload of a segment, a region, a thread, a byte string.

    Examples: soz, sorp[2], sorp.regions[1], sorp.threads[5], udi.UDI_data, rdi.dm_data_byte[0..3].
    """
    stream = Codestream.open(file, edition=edition, recover=recover)
    if value:
        data: bytes | memoryview = "".join(f"{text}\n" for text in _values(select(stream.fields, selector))).encode()
    else:
        data = selected_bytes(stream, selector)
    if output == "-":
        if not value and sys.stdout.isatty():
            raise click.UsageError("bytes are not written to a terminal: give -o FILE, or --value for text")
        sys.stdout.buffer.write(data)
        return
    with atomic_file(output) as target:
        target.write(data)


def selected_bytes(stream: Codestream, text: str) -> memoryview:
    """Return the bytes that a selector names: of one payload, region, thread or byte string.

    Raises:
        SelectorError: it names nothing, several things, or something that is no bytes.
    """
    wanted = Selector(text)
    named = [each for each in _ranges(stream) if isinstance(each, Field) and wanted.names(each.path)]
    found: list[Entry] = list(named or select(stream.fields, text))
    if len(found) > 1:
        shown = ", ".join(each.path for each in found[:4]) + (" ..." if found[4:] else "")
        raise SelectorError("bytes can be taken of one thing at a time", selector=text, found=shown)
    entry = found[0]
    if isinstance(entry, Field) and isinstance(entry.value, memoryview):
        return entry.value
    if entry.kind in ("bytes", "gap"):
        start = entry.offset // 8
        return stream.data[start : start + entry.bits // 8]
    raise SelectorError("this is an element of bits, not bytes: --value prints its value", selector=entry.path)


def _ranges(stream: Codestream) -> list[Field]:
    """Return payloads, and regions of them, as byte strings: the trace has only what is in them."""
    found = []
    for segment in stream.segments:
        kind = segment.kind
        start, payload = segment.payload_offset, segment.payload
        found.append(bytes_field(segment.group, kind.name, start, payload, kind.title, kind.section))
        if segment in stream.entropy_segments:
            found += [
                bytes_field(region.group, "regions", region.offset, region.data, "region", "01.6")
                for region in stream.payload(segment).regions
                if region.group != segment.group
            ]
    return found


def _values(entries: list[Entry]) -> list[str]:
    fields = (field for entry in entries for field in ((entry,) if isinstance(entry, Field) else entry))
    return [field.value.hex() if isinstance(field.value, memoryview) else str(field.value) for field in fields]
