"""`jpegai decode`: a codestream to a picture."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jpegai.tools.options import decoding_options, open_stream, print_findings

if TYPE_CHECKING:
    from jpegai.decoder import Decoder

__all__ = ["decode"]


@click.command()
@click.argument("file", type=click.Path(allow_dash=True))
@click.argument("out", type=click.Path(allow_dash=True))
@click.option("--times", is_flag=True, help="Print the seconds spent by stage.")
@decoding_options
def decode(
    file: str, out: str, decoder: Callable[[], Decoder], transform: str | None, edition: str | None, times: bool
) -> None:
    """Decode FILE to the PNG file OUT ('-' is the standard input or output)."""
    if out != "-" and Path(out).suffix.lower() != ".png":
        raise click.UsageError(f"OUT must end in .png: {out}")
    stream = open_stream(file, edition)
    picture = decoder().decode(stream, transform=transform)
    if out == "-":
        from jpegai.decoder.picture.picture import write_png

        write_png(sys.stdout.buffer, picture.rgb)
    else:
        picture.save(out)
    print_findings(stream.name, picture.findings)
    if times:
        for stage, seconds in picture.times.items():
            click.echo(f"{stage:<18}{seconds:8.3f} s", err=True)
