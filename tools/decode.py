"""`jpegai decode`: a codestream to a picture."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jpegai.tools.options import decoding_options, open_stream, print_findings

if TYPE_CHECKING:
    from jpegai.codestream import Codestream
    from jpegai.decoder import Decoder
    from jpegai.decoder.picture.formats import PictureFormat

__all__ = ["decode"]


@click.command()
@click.argument("file", type=click.Path(allow_dash=True))
@click.argument("out", type=click.Path(allow_dash=True))
@click.option(
    "--format",
    metavar="FORMAT",
    help="Convert to rgb444, yuv444, yuv422 or yuv420, with :BITS where the depth changes (yuv420:10).",
)
@click.option(
    "--colour",
    type=click.Choice(["signalled", "intended"]),
    default="signalled",
    show_default=True,
    help="'intended' applies a user-defined colour transform by the formula that must have been intended.",
)
@click.option("--reference-output", is_flag=True, help="Write .png, .yuv and .pgx as the reference software does.")
@click.option("--times", is_flag=True, help="Print the seconds spent by stage.")
@decoding_options
def decode(
    file: str,
    out: str,
    decoder: Callable[[], Decoder],
    transform: str | None,
    edition: str | None,
    format: str | None,
    colour: str,
    reference_output: bool,
    times: bool,
) -> None:
    """Decode FILE to the picture OUT ('-' is the standard input; as OUT, a PNG file on the standard output).

    OUT's extension says what is written: .png, .tif, .ppm, .pam, .pgm, .pgx, .yuv, .npy or .npz. {geometry} in its
    name becomes size, depth and format of the picture.
    """
    stream = open_stream(file, edition)
    target = _output_format(stream, out, format, colour, reference_output)
    picture = decoder().decode(stream, transform=transform, format=target, colour=colour)
    if out == "-":
        from jpegai.decoder.picture.writers.png import write_png

        write_png(sys.stdout.buffer, picture)
    else:
        picture.save(out, reference_output=reference_output)
    print_findings(stream.name, picture.findings)
    if times:
        for stage, seconds in picture.times.items():
            click.echo(f"{stage:<18}{seconds:8.3f} s", err=True)


def _output_format(
    stream: Codestream, out: str, format: str | None, colour: str, reference_output: bool
) -> PictureFormat | None:
    """Return the format to decode to, before any work; None where it is the stream's own.

    Raises:
        UnsupportedError: the file format cannot hold it.
    """
    from jpegai.decoder.picture.formats import parse_format
    from jpegai.decoder.picture.signalling import choose_rendering
    from jpegai.decoder.picture.writers import WRITERS, check_output

    path = "out.png" if out == "-" else out
    if Path(path).suffix.lower() not in WRITERS:
        raise click.UsageError(f"OUT must end in one of {', '.join(WRITERS)}: {out}")
    try:
        asked = None if format is None else parse_format(format, stream.pih.bit_depth)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--format") from None
    if reference_output:
        if asked is not None:
            raise click.UsageError("--reference-output chooses the format itself: leave --format out")
        if out == "-":
            raise click.UsageError("--reference-output needs the name of a file")
        from jpegai.decoder.picture.reference import reference_format

        return reference_format(path, choose_rendering(stream, None, colour).target)
    check_output(path, choose_rendering(stream, asked, colour).target)
    return asked
