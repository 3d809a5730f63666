"""`jpegai decode`: codestreams to pictures."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jpegai.tools.options import decoding_options, open_stream, print_findings
from jpegai.tools.windows import Part, decode_part, describe_part, part_options

if TYPE_CHECKING:
    from jpegai.codestream import Codestream
    from jpegai.codestream.errors import Finding
    from jpegai.decoder import Decoder
    from jpegai.decoder.picture.formats import PictureFormat
    from jpegai.decoder.picture.picture import Picture
    from jpegai.tools.batch import Job

__all__ = ["decode"]


@click.command()
@click.argument("files", metavar="FILE... [OUT]", nargs=-1, required=True, type=click.Path(allow_dash=True))
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    type=click.Path(file_okay=False),
    help="Decode every FILE to a picture in DIR, which is made when it is not there.",
)
@click.option(
    "--name",
    metavar="PATTERN",
    help="With --output: names of the pictures.  [default: {name}.png]",
)
@click.option("-r", "--recursive", is_flag=True, help="With --output: take the directories below, too.")
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1, 1024),
    help="With --output: decode so many files at once; they share threads and memory.  [default: 1]",
)
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
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
@part_options
@decoding_options
def decode(
    files: tuple[str, ...],
    part: Part,
    decoder: Callable[..., Decoder],
    options: dict[str, Any],
    edition: str | None,
    output: str | None,
    name: str | None,
    recursive: bool,
    jobs: int | None,
    quiet: bool,
    format: str | None,
    colour: str,
    reference_output: bool,
    times: bool,
) -> None:
    """Decode FILE to the picture OUT ('-' is the standard input; as OUT, a PNG file on the standard output).

    OUT's extension says what is written: .png, .tif, .ppm, .pam, .pgm, .pgx, .yuv, .npy or .npz. {geometry} in its
    name becomes size, depth and format of the picture. Of a part of the picture only what it needs is read.

    With --output every FILE is decoded, and of directories the .jai files; one that cannot be decoded does not keep
    the others from it. The names of the pictures follow PATTERN, where {name} is that of the file without its
    extension. The exit code is the worst.
    """

    def one(decoder: Callable[[], Decoder], stream: Codestream, out: str) -> Sequence[Finding]:
        target = _output_format(stream, out, format, colour, reference_output)
        findings: dict[Finding, None] = {}
        chosen = {"format": target, "colour": colour, **options}
        for picture, name in decode_part(decoder(), stream, part, out, chosen):
            finish(picture, name)
            findings.update(dict.fromkeys(picture.findings))
        return tuple(findings)

    def finish(picture: Picture, out: str) -> None:
        if out == "-":
            from jpegai.decoder.picture.writers.png import write_png

            write_png(sys.stdout.buffer, picture)
        else:
            picture.save(out, reference_output=reference_output)
        if times:
            for stage, seconds in picture.times.items():
                click.echo(f"{stage:<18}{seconds:8.3f} s", err=True)

    if part.printed:
        if len(files) != 1 or output is not None:
            raise click.UsageError("--plan and --list-tiles take one FILE")
        stream = open_stream(files[0], edition)
        asked = {"format": format, "colour": colour, **options}
        click.echo(describe_part(decoder(), stream, part, asked))
        return
    if output is None:
        if len(files) != 2:
            raise click.UsageError("give FILE and OUT, or several FILEs with --output DIR")
        if name is not None or recursive or jobs is not None:
            raise click.UsageError("--name, --recursive and --jobs go with --output")
        file, out = files
        _check_output(out, format, reference_output)
        stream = open_stream(file, edition)
        findings = one(decoder, stream, out)
        if not quiet:
            print_findings(stream.name, findings)
        return

    if not part.whole:
        raise click.UsageError("--roi, --tile and --region go with one FILE and its OUT")
    if times:
        raise click.UsageError("--times goes with one FILE and its OUT")
    from jpegai.tools.batch import plan_jobs, run_jobs

    pattern = name or "{name}.png"
    if "{name}" not in pattern or "/" in pattern:
        raise click.BadParameter("a file name with {name} in it is needed", param_hint="--name")
    _check_output(pattern, format, reference_output)
    planned = plan_jobs(files, Path(output), pattern, recursive=recursive)
    shared = decoder(jobs or 1)

    def work(job: Job) -> Sequence[Finding]:
        stream = open_stream(job.source, edition)
        job.target.parent.mkdir(parents=True, exist_ok=True)
        return one(lambda: shared, stream, str(job.target))

    code = run_jobs(planned, work, at_once=jobs or 1, quiet=quiet, done="decoded")
    raise click.exceptions.Exit(code)


def _check_output(out: str, format: str | None, reference_output: bool) -> None:
    """Refuse what no stream can be decoded to, before any is read."""
    from jpegai.decoder.picture.formats import parse_format
    from jpegai.decoder.picture.writers import WRITERS

    if out != "-" and Path(out).suffix.lower() not in WRITERS:
        raise click.UsageError(f"OUT must end in one of {', '.join(WRITERS)}: {out}")
    if format is not None:
        try:
            parse_format(format, 8)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--format") from None
    if reference_output and format is not None:
        raise click.UsageError("--reference-output chooses the format itself: leave --format out")
    if reference_output and out == "-":
        raise click.UsageError("--reference-output needs the name of a file")


def _output_format(
    stream: Codestream, out: str, format: str | None, colour: str, reference_output: bool
) -> PictureFormat | None:
    """Return the format to decode to, before any work; None where it is the stream's own.

    Raises:
        UnsupportedError: the file format cannot hold it.
    """
    from jpegai.decoder.picture.formats import parse_format
    from jpegai.decoder.picture.signalling import choose_rendering
    from jpegai.decoder.picture.writers import check_output

    path = "out.png" if out == "-" else out
    if reference_output:
        from jpegai.decoder.picture.reference import reference_format

        return reference_format(path, choose_rendering(stream, None, colour).target)
    asked = None if format is None else parse_format(format, stream.pih.bit_depth)
    check_output(path, choose_rendering(stream, asked, colour).target)
    return asked
