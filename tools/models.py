"""`jpegai models`: which weights there are, whether they are the official ones, and packing them into one file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from jpegai.codestream.errors import ModelError
from jpegai.tools.documents import head
from jpegai.tools.export import export
from jpegai.tools.models_stats import stats
from jpegai.tools.options import models_option
from jpegai.tools.prove import prove
from jpegai.tools.quantize import quantize
from jpegai.tools.terminal import console

if TYPE_CHECKING:
    from jpegai.decoder.models.official import OfficialFile

__all__ = ["models"]

#: Version of the JSON forms; changes when a reader would have to change.
SCHEMA_VERSION = 1

_COLOURS = {"official": "green", "built-in": "green", "unknown": "yellow", "missing": "red"}
_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def models() -> None:
    """List, verify, pack, export, quantize and prove models, and say what they cost."""


models.add_command(export)
models.add_command(prove)
models.add_command(quantize)
models.add_command(stats)


@models.command("list")
@models_option
@_json_option
def list_models(models: str, as_json: bool) -> None:
    """List the built-in models and what --models points to: every file with its kind and status.

    Status: official (size and MD5 are those published), unknown (another file), built-in, or missing (a decoder
    would use the file). In a packed file it is the status that was found when it was packed.
    """
    from jpegai.decoder.models.official import official_files
    from jpegai.decoder.models.sources import BUILT_IN
    from jpegai.decoder.models.store import ModelStore

    store = ModelStore.open(models)
    rows = []
    for entry in official_files().values():
        status = store.status(entry.name)
        if status != "missing" or (entry.decoding and not store.built_in):
            rows.append((entry, status))
    if as_json:
        built_in = [{"name": name, "files": len(source.files())} for name, source in BUILT_IN.items()]
        _print_json(built_in=built_in, models={"name": store.name, "files": [_row(*row) for row in rows]})
        return
    screen = console()
    for name, source in BUILT_IN.items():
        screen.print(f"built-in  {name:<10} {len(source.files())} files")
    screen.print(_table(f"--models {store.name}", rows))
    screen.print(_summary(status for _, status in rows))


@models.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--all", "everything", is_flag=True, help="Check encoder and training files too.")
@_json_option
def verify(directory: Path, everything: bool, as_json: bool) -> None:
    """Compare the checkpoints in DIR with the published sizes and MD5 sums.

    Checks the files that decoding uses. The exit code is 5 unless every one is official.
    """
    from jpegai.decoder.models.official import official_files, official_status

    if not directory.is_dir():
        raise ModelError("is not a directory", file=str(directory))
    rows = [
        (entry, official_status(directory / entry.name, entry))
        for entry in official_files().values()
        if entry.decoding or everything
    ]
    all_official = all(status == "official" for _, status in rows)
    if as_json:
        _print_json(directory=str(directory), all_official=all_official, files=[_row(*row) for row in rows])
    else:
        screen = console()
        screen.print(_table(str(directory), rows))
        screen.print(_summary(status for _, status in rows))
    if not all_official:
        raise click.exceptions.Exit(ModelError.exit_code)


@models.command()
@click.argument("source", metavar="DIR")
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path, dir_okay=False))
def pack(source: str, out: Path) -> None:
    """Put all models of DIR into one file OUT.safetensors, which opens faster.

    DIR is a directory of official checkpoints or the name of built-in models. What decoders and encoders do not use
    (such as the state of the optimiser) is left out.
    """
    if out.suffix.lower() != ".safetensors":
        raise click.UsageError(f"OUT must end in .safetensors: {out}")
    from rich.progress import Progress

    from jpegai.decoder.models.store import ModelStore

    store = ModelStore.open(source)
    errors = Console(stderr=True)
    with Progress(console=errors, transient=True, disable=not errors.is_terminal) as progress:
        task = progress.add_task("packing", total=len(store.files()))
        info = store.pack(out, lambda file: progress.update(task, advance=1, description=escape(file)))
    for file in info:
        for name in store.unknown_entries(file):
            click.echo(f"jpegai: warning: {file}: left out the unknown entry {name!a:.80}", err=True)
    click.echo(f"{out}: {_summary(entry.status for entry in info.values())}, {out.stat().st_size} bytes")


def _row(entry: OfficialFile, status: str) -> dict[str, Any]:
    bank = {} if entry.bank is None else {"bank": entry.bank}
    return {
        "file": entry.name,
        "kind": entry.kind,
        **bank,
        "index": entry.index,
        "decoding": entry.decoding,
        "status": status,
    }


def _print_json(**content: Any) -> None:
    click.echo(json.dumps({**head(SCHEMA_VERSION), **content}, indent=1))


def _table(title: str, rows: Iterable[tuple[OfficialFile, str]]) -> Table:
    table = Table("file", "kind", "status", title=escape(title), title_justify="left", box=None)
    for entry, status in rows:
        table.add_row(entry.name, entry.kind, f"[{_COLOURS.get(status, 'yellow')}]{escape(status)}[/]")
    return table


def _summary(statuses: Iterable[str]) -> str:
    counts = Counter(statuses)
    parts = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    return f"{counts.total()} files: {parts}"
