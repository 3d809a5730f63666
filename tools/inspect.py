"""`jpegai inspect`: what is in a codestream, as tables, trees, bits, bytes or JSON. Needs no models and no NumPy."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from jpegai.codestream import Codestream, Field, Finding, select
from jpegai.codestream.fields import Entry
from jpegai.tools.documents import head
from jpegai.tools.options import edition_option, models_option
from jpegai.tools.terminal import console
from jpegai.tools.views import print_bits, print_hex, print_segments, print_tree

__all__ = ["finding_record", "inspect", "report"]

#: Version of the JSON form; changes when a reader would have to change.
SCHEMA_VERSION = 2


@click.command()
@click.argument("file", type=click.Path(allow_dash=True))
@click.argument("selectors", nargs=-1, metavar="[SELECTOR]...")
@edition_option
@click.option("--bits", "view", flag_value="bits", help="One line per element: position, path, bits, value, meaning.")
@click.option("--hex", "view", flag_value="hex", help="Three columns: bytes, text, element.")
@click.option("--json", "view", flag_value="json", help="Everything as JSON.")
@click.option("--full", is_flag=True, help="Show byte strings and arrays whole.")
@click.option("--recover", is_flag=True, help="Show what can be known of a damaged file.")
@click.option("--can-decode", is_flag=True, help="Say whether a decode would succeed, and what stands against it.")
@models_option
def inspect(
    file: str,
    selectors: tuple[str, ...],
    edition: str | None,
    view: str | None,
    full: bool,
    recover: bool,
    can_decode: bool,
    models: str,
) -> None:
    """Show the segments and the headers of FILE ('-' is the standard input), or only what is selected.

    Selectors: pih, pih.num_chs[1], ton.A1[0][0..7], sorp[2].threads[5], '*.length'.
    """
    if selectors and view == "hex":
        raise click.UsageError("--hex shows the whole file: selectors go without it")
    stream = Codestream.open(file, edition=edition, recover=recover or can_decode)
    if can_decode:
        _can_decode(stream, models, view == "json")
    entries = [entry for text in selectors for entry in select(stream.fields, text)] or stream.fields.entries
    if view == "json":
        click.echo(json.dumps(report(stream, full, entries), indent=1))
    elif view == "bits" or selectors:
        print_bits(entries, full)
    elif view == "hex":
        print_hex(stream)
    else:
        screen = console()
        print_segments(screen, stream)
        print_tree(screen, stream, full)
    for finding in stream.findings:
        click.echo(f"{'error' if finding.severity == 'E' else 'warning'}: {finding}", err=True)
    if stream.errors:
        raise click.exceptions.Exit(stream.errors[0].exit_code)
    if any(finding.severity == "E" for finding in stream.findings):
        raise click.exceptions.Exit(1)


def _can_decode(stream: Codestream, models: str, as_json: bool) -> NoReturn:
    """Print whether the stream can be decoded, and end with the exit code that a decode would end with."""
    from jpegai.tools.can_decode import answer, exit_code, print_answer

    found = answer(stream, models)
    if as_json:
        click.echo(json.dumps(head(SCHEMA_VERSION) | {"file": stream.name} | found, indent=1))
    else:
        print_answer(found)
    raise click.exceptions.Exit(exit_code(found))


def report(stream: Codestream, full: bool = False, entries: Sequence[Entry] | None = None) -> dict[str, Any]:
    """Return everything that is known of a stream, for JSON; of its fields only `entries`, where they are given.

    Byte strings appear as length, sha256 and first bytes (all of them when `full`), arrays as lists of values.
    """
    return head(SCHEMA_VERSION) | {
        "file": stream.name,
        "bytes": len(stream.data),
        "sha256": hashlib.sha256(stream.data).hexdigest(),
        "edition": stream.edition,
        "complete": not stream.errors,
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
        "fields": [_record(entry, full) for entry in entries or stream.fields.entries],
        "findings": [finding_record(finding) for finding in stream.findings],
    }


def finding_record(finding: Finding) -> dict[str, Any]:
    """Return a finding for JSON."""
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "message": finding.message,
        "path": finding.selector,
        "bit_offset": finding.bit_offset,
        "bits": finding.bits,
    }


def _record(entry: Entry, full: bool) -> dict[str, Any]:
    record = {
        "path": entry.path,
        "name": entry.name,
        "kind": entry.kind,
        "bit_offset": entry.offset,
        "bits": entry.bits,
        "section": entry.section,
    }
    if not isinstance(entry, Field):
        texts = {str(value): entry.text(value) for value in sorted({*entry.values})[:16]}
        return record | {"bits_each": entry.width, "values": list(entry.values), "meanings": texts}
    value = entry.value
    if isinstance(value, (memoryview, bytes)):
        shown = value if full else value[:16]
        value = {"bytes": len(value), "sha256": hashlib.sha256(value).hexdigest(), "hex": shown.hex()}
    return record | {"raw": entry.raw, "value": value, "meaning": entry.meaning}
