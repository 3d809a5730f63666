"""Parts of a picture on the command line: windows, tiles and regions, and plans of decodes."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from jpegai.tools.options import numbers

if TYPE_CHECKING:
    from jpegai.codestream import Codestream
    from jpegai.decoder import Decoder
    from jpegai.decoder.outline import Outline
    from jpegai.decoder.picture.picture import Picture

__all__ = ["Part", "decode_part", "describe_part", "part_options"]

SCHEMA_VERSION = 1

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _window(text: str) -> tuple[int, ...]:
    return numbers(text, 4)


def _place(text: str) -> tuple[int, ...]:
    return numbers(text, 2)


@dataclass(frozen=True, slots=True)
class Part:
    """What is asked for of a picture.

    Attributes:
        roi: windows; several make several pictures.
        tile: row and column of a synthesis tile.
        region: number of a region.
        list_tiles: only print the tiles.
        plan: only print what a decode would do.
        as_json: print as JSON.
    """

    roi: tuple[tuple[int, int, int, int], ...] = ()
    tile: tuple[int, int] | None = None
    region: int | None = None
    list_tiles: bool = False
    plan: bool = False
    as_json: bool = False

    @property
    def whole(self) -> bool:
        """Whether it is all of the picture."""
        return not self.roi and self.tile is None and self.region is None

    @property
    def printed(self) -> bool:
        """Whether something is printed and nothing decoded."""
        return self.list_tiles or self.plan

    @property
    def several(self) -> list[tuple[int, int, int, int]]:
        """The windows where there are several, else nothing."""
        return list(self.roi) if len(self.roi) > 1 else []

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of `Decoder.decode` where there is one picture."""
        return {"roi": self.roi[0] if self.roi else None, "tile": self.tile, "region": self.region}

    def check(self, stream: Codestream) -> None:
        """Refuse what the picture does not have.

        Raises:
            click.UsageError: it is empty or outside; the limits are named.
        """
        from jpegai.decoder.windows import chosen_window, roi_window

        try:
            for each in self.several:
                roi_window(stream, each)
            if not self.several:
                chosen_window(stream, **self.arguments)
        except ValueError as error:
            raise click.UsageError(str(error)) from None


def part_options(command: _Function) -> _Function:
    """Add the options that choose a part of the picture; the command gets them as `part`."""

    @click.option(
        "--roi",
        type=_window,
        multiple=True,
        metavar="X,Y,W,H",
        help="Decode a window, in luma samples of the picture. Several write OUT_x_y_w_h.",
    )
    @click.option("--tile", type=_place, metavar="R,C", help="Decode a synthesis tile.")
    @click.option("--region", type=int, metavar="N", help="Decode a region.")
    @click.option("--list-tiles", is_flag=True, help="Print the synthesis tiles and decode nothing.")
    @click.option("--plan", is_flag=True, help="Print what the decode would read and compute, and decode nothing.")
    @click.option("--json", "as_json", is_flag=True, help="With --plan or --list-tiles: print JSON.")
    @functools.wraps(command)
    def wrapped(
        *args: Any,
        roi: tuple[tuple[int, int, int, int], ...],
        tile: tuple[int, int] | None,
        region: int | None,
        list_tiles: bool,
        plan: bool,
        as_json: bool,
        **rest: Any,
    ) -> Any:
        if sum((bool(roi), tile is not None, region is not None)) > 1:
            raise click.UsageError("only one of --roi, --tile and --region can be given")
        if list_tiles and plan:
            raise click.UsageError("only one of --list-tiles and --plan can be given")
        if as_json and not (list_tiles or plan):
            raise click.UsageError("--json goes with --plan or --list-tiles")
        return command(*args, part=Part(roi, tile, region, list_tiles, plan, as_json), **rest)

    return wrapped  # type: ignore[return-value]


def decode_part(
    decoder: Decoder, stream: Codestream, part: Part, out: str, options: dict[str, Any]
) -> list[tuple[Picture, str]]:
    """Decode what is asked for; return the pictures, each with the name of its file.

    Raises:
        click.UsageError: there is no such part.
    """
    part.check(stream)
    if part.several:
        if out == "-":
            raise click.UsageError("several windows need the name of a file")
        return list(zip(decoder.decode(stream, roi=part.several, **options), map(_named(out), part.roi), strict=True))
    return [(decoder.decode(stream, **part.arguments, **options), out)]


def _named(out: str) -> Callable[[tuple[int, int, int, int]], str]:
    """Return what puts a window into the name of a file."""
    path = Path(out)
    return lambda roi: str(path.with_name(f"{path.stem}_{'_'.join(map(str, roi))}{path.suffix}"))


def describe_part(decoder: Decoder, stream: Codestream, part: Part, options: dict[str, Any]) -> str:
    """Return the plans or tiles that are asked for, as text or JSON.

    Raises:
        click.UsageError: there is no such part.
    """
    part.check(stream)
    if part.list_tiles:
        return _tiles(stream, part.as_json)
    if part.several:
        outlines = decoder.plan(stream, roi=part.several, **options)
    else:
        outlines = [decoder.plan(stream, **part.arguments, **options)]
    if part.as_json:
        document = {"schema_version": SCHEMA_VERSION, "plans": [outline.as_dict() for outline in outlines]}
        return json.dumps(document, indent=2)
    return "\n\n".join(map(_text, outlines))


def _tiles(stream: Codestream, as_json: bool) -> str:
    from jpegai.decoder.outline import rectangle
    from jpegai.decoder.windows import tile_windows

    rows = [
        {"row": row, "column": column, "samples": rectangle(tile)}
        for row, tiles in enumerate(tile_windows(stream))
        for column, tile in enumerate(tiles)
    ]
    if as_json:
        return json.dumps({"schema_version": SCHEMA_VERSION, "tiles": rows}, indent=2)
    lines = [f"{each['row']},{each['column']}: {_words(each['samples'])}" for each in rows]
    return "\n".join(["row,column: x,y,width,height", *lines])


def _words(values: Any) -> str:
    return ",".join(map(str, values))


def _text(outline: Outline) -> str:
    """Return a plan in words."""
    facts = outline.as_dict()
    margins = facts["margins"]
    lines = [
        f"picture      {facts['picture']['width']} x {facts['picture']['height']}, {facts['transform']}",
        f"window       {_words(facts['window'])} (x,y,width,height)",
        *(f"cut to       {_words(each)}" for each in facts["windows"] if each != facts["window"]),
        f"synthesis    {_words(facts['synthesised'])}, further than the window by "
        + ", ".join(f"{side} {samples}" for side, samples in margins.items()),
        f"latents      {_words(facts['latents'])}",
    ]
    for name, part in facts["components"].items():
        threads = sum(part["threads"].values())
        lines.append(
            f"{name:13}reads regions {_words(part['regions_read'])} ({threads} threads); residual "
            f"{_words(part['residual'])}; {len(part['synthesis'])} runs of synthesis"
        )
    share = facts["share"]
    lines += [
        f"bytes        {facts['bytes_read']} of {facts['file_bytes']} ({share['bytes']:.1%})",
        f"work         {facts['macs_total'] / 1e9:.3f} of {facts['macs_whole'] / 1e9:.3f} billion multiply-adds "
        f"({share['macs']:.1%}) for {share['samples']:.1%} of the samples",
        f"memory       {facts['memory'] / (1 << 20):.0f} MiB (estimate)",
    ]
    return "\n".join(lines + [f"note         {note}" for note in facts["notes"]])
