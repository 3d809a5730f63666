"""`jpegai edit`: change a codestream without coding its payloads again. Needs no models and no NumPy."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import click

from jpegai.codestream import Codestream, JpegAIError, edits
from jpegai.codestream.changes import Change, changes
from jpegai.codestream.editing import new_findings
from jpegai.decoder.output import atomic_file
from jpegai.tools.options import edition_option

__all__ = ["edit"]

#: Entries of an array whose changes are told one by one.
_TOLD = 4


class _InOrder(click.Command):
    """Keeps the order in which options are given, also that of one option among others."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # names behind --strip-filters may be left out: what follows is then a file or an option
        following = dict(enumerate(args[1:]))
        args = [
            f"{text}=all" if text == "--strip-filters" and not _are_filters(following.get(place, "")) else text
            for place, text in enumerate(args)
        ]
        _, _, order = self.make_parser(ctx).parse_args(list(args))
        ctx.meta["order"] = [parameter.name for parameter in order if isinstance(parameter, click.Option)]
        return super().parse_args(ctx, args)


@click.command(cls=_InOrder)
@click.argument("source", metavar="IN", type=click.Path(allow_dash=True))
@click.argument("output", metavar="OUT", type=click.Path(allow_dash=True))
@edition_option
@click.option("--set", "set", multiple=True, metavar="SEL=VALUE", help="Set header elements.")
@click.option("--drop", multiple=True, metavar="SEL", help="Drop segments.")
@click.option("--replace", multiple=True, metavar="SEG=FILE", help="Replace the payload of a segment by a file.")
@click.option("--keep-regions", multiple=True, metavar="0,3", help="Keep some independent regions.")
@click.option(
    "--strip-filters", multiple=True, metavar="[NAMES]",
    help=f"Take out post-filters: {', '.join(edits.FILTERS)}; by default all.",
)  # fmt: skip
@click.option("--user-data", multiple=True, metavar="FILE", help="Set the user data.")
@click.option("--no-user-data", is_flag=True, help="Remove the user data.")
@click.option("--rendering", multiple=True, metavar="JSONFILE", help="Set the rendering information: values by name.")
@click.option("--no-rendering", is_flag=True, help="Remove the rendering information.")
@click.option("--to-edition", multiple=True, type=click.Choice(["is", "dis"]), help="Rewrite in an edition.")
@click.option("--display", multiple=True, metavar="WxH", help="Set the size that is displayed.")
@click.option("--order", multiple=True, metavar="ORDER", help="Order of segments: streaming, reference, or names.")
@click.option("--drop-trailing", is_flag=True, help="Drop what stands behind the end of codestream.")
@click.option("-q", "--quiet", is_flag=True, help="Do not tell what changed.")
@click.pass_context
def edit(
    ctx: click.Context, /, source: str, output: str, edition: str | None, quiet: bool, **options: Any
) -> None:
    """Change the codestream IN and write it to OUT ('-' is the standard input or output).

    Options are applied in the order given. An edit that would make the stream invalid, or need its payloads coded
    again, is refused, and OUT is not written.
    """
    before = after = Codestream.open(source, edition=edition)
    for step in _steps(ctx.meta["order"], options):
        after = step(after)
    if output == "-":
        sys.stdout.buffer.write(after.data)
    else:
        with atomic_file(output) as target:
            target.write(after.data)
    if not quiet:
        for line in _told(changes(before, after)):
            click.echo(line, err=output == "-")
    for finding in new_findings(before, after):
        click.echo(f"jpegai: warning: {finding}", err=True)
    if _detected(after) != after.edition:
        click.echo(f"jpegai: warning: readers need --edition {after.edition} for this stream", err=True)


_Step = Callable[[Codestream], Codestream]


def _steps(order: list[str], options: dict[str, Any]) -> Iterator[_Step]:
    """Yield the edits asked for; settings that follow each other are one."""
    given = {name: iter(value) for name, value in options.items() if isinstance(value, tuple)}
    for name, group in groupby(name for name in order if name in options):
        values: list[Any] = [next(given[name]) if name in given else None for name in group]
        if name == "set":
            pairs = [_pair(value, "--set") for value in values]
            yield lambda stream, pairs=pairs: edits.set_elements(stream, pairs)  # type: ignore[misc]
        else:
            for value in values:
                yield lambda stream, name=name, value=value: _EDITS[name](stream, value)  # type: ignore[misc]


def _pair(text: str, option: str) -> tuple[str, str]:
    """Cut ``NAME=VALUE``."""
    name, found, value = text.partition("=")
    if not found:
        raise click.UsageError(f"{option} {text}: '=' and what to set are missing")
    return name.strip(), value.strip()


def _replace(stream: Codestream, text: str) -> Codestream:
    selector, file = _pair(text, "--replace")
    return edits.replace(stream, selector, _read(file))


def _keep_regions(stream: Codestream, text: str) -> Codestream:
    try:
        return edits.keep_regions(stream, [int(part) for part in text.split(",")])
    except ValueError:
        raise click.UsageError(f"--keep-regions {text}: not numbers with commas between") from None


def _strip_filters(stream: Codestream, text: str) -> Codestream:
    if not _are_filters(text):
        raise click.UsageError(f"--strip-filters {text}: expected names of {', '.join(edits.FILTERS)}")
    return edits.strip_filters(stream, edits.FILTERS if text == "all" else text.split(","))


def _are_filters(text: str) -> bool:
    return text == "all" or all(name in edits.FILTERS for name in text.split(","))


def _rendering(stream: Codestream, file: str) -> Codestream:
    try:
        values = json.loads(_read(file))
        if not isinstance(values, dict):
            raise ValueError("no object of values by name")
        data = values.get("dm_data_byte")
        if data is not None:
            values["dm_data_byte"] = bytes.fromhex(data) if isinstance(data, str) else bytes([*data])
    except (ValueError, TypeError) as error:
        raise click.UsageError(f"--rendering {file}: {error}") from None
    return edits.set_rendering_information(stream, values)


def _display(stream: Codestream, text: str) -> Codestream:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise click.UsageError(f"--display {text}: expected WIDTHxHEIGHT")
    return edits.crop_display(stream, int(width), int(height))


def _order(stream: Codestream, text: str) -> Codestream:
    return edits.reorder(stream, text if text in edits.ORDERS else [part.strip() for part in text.split(",")])


def _read(file: str) -> bytes:
    return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()


_EDITS: dict[str, Callable[[Codestream, Any], Codestream]] = {
    "drop": edits.drop,
    "replace": _replace,
    "keep_regions": _keep_regions,
    "strip_filters": _strip_filters,
    "user_data": lambda stream, file: edits.set_user_data(stream, _read(file)),
    "no_user_data": lambda stream, _: edits.remove_user_data(stream),
    "rendering": _rendering,
    "no_rendering": lambda stream, _: edits.remove_rendering_information(stream),
    "to_edition": edits.change_edition,
    "display": _display,
    "order": _order,
    "drop_trailing": lambda stream, _: edits.drop_trailing(stream),
}


def _told(found: list[Change]) -> Iterator[str]:
    """Yield a line for every change; for arrays of which much changes one line."""
    if not found:
        yield "nothing changed"
    for _, group in groupby(found, lambda change: change.path.rpartition(".")[2].partition("[")[0]):
        entries = list(group)
        if len(entries) <= _TOLD:
            yield from map(str, entries)
            continue
        what = "removed" if all(each.new is None for each in entries) else "changed"
        if all(each.old is None for each in entries):
            what = "added"
        yield f"{entries[0].path} ... {entries[-1].path}: {len(entries)} entries {what}"


def _detected(stream: Codestream) -> str | None:
    """Return the edition that a reader takes a stream for."""
    try:
        return Codestream.parse(stream.data).edition
    except JpegAIError:
        return None
