"""`jpegai compare`: dumps, codestreams and pictures against each other, stage by stage."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from jpegai.tools.dump import chosen_stages, stage_options
from jpegai.tools.options import ENGINES, DecoderMaker, decoding_options, open_stream, print_findings
from jpegai.tools.terminal import console

if TYPE_CHECKING:
    from jpegai.codestream import Codestream
    from jpegai.decoder import Decoder
    from jpegai.tools.compare_report import Report
    from jpegai.tools.compare_sources import Source

__all__ = ["compare"]


@click.command()
@click.argument("a", type=click.Path(allow_dash=True))
@click.argument("b", type=click.Path(allow_dash=True))
@stage_options
@click.option(
    "--tolerance",
    default="exact",
    show_default=True,
    metavar="exact|conformance|X",
    help="What may differ: nothing, what section 12.6.6 allows right decoders, or values by at most X.",
)
@click.option("--engine-b", type=click.Choice(ENGINES), help="Engine that decodes B, where it is another than A's.")
@click.option("--json", "as_json", is_flag=True, help="JSON, by compare.schema.json.")
@decoding_options
def compare(
    a: str,
    b: str,
    decoder: DecoderMaker,
    options: dict[str, Any],
    edition: str | None,
    points: tuple[str, ...],
    stages: tuple[str, ...],
    tolerance: str,
    engine_b: str | None,
    as_json: bool,
) -> None:
    """Compare A and B: each a dump, a codestream or a picture.

    A dump is what 'jpegai dump' writes: an NPZ file, a folder, or hashes (JSON). A codestream is decoded as far as
    the comparison needs. A picture is PNG, TIFF, PPM, PAM, PGM, PGX, NPY, or YUV with its geometry beside it or in
    its name.

    The results are compared in the order in which a decode makes them: how many samples differ and by how much, which
    is the first, and what that means. Fixed point and floats, and pictures of different depths, are converted, and the
    report says so. What one side was not asked for is not compared.

    Exit codes: 0 equal, or within the tolerance; 1 different, or not comparable; 2 usage; 3 and above as 'decode'.
    """
    chosen = chosen_stages(points, stages)
    if a == b == "-":
        raise click.UsageError("the standard input is read once")
    if engine_b is not None and not _decoded(b):
        raise click.UsageError("--engine-b goes with a codestream as B")
    streams = {name: open_stream(name, edition) for name in (a, b) if _decoded(name)}

    from jpegai.tools.compare_report import Report
    from jpegai.tools.compare_results import parse_tolerance

    try:
        limits = parse_tolerance(tolerance)
    except ValueError:
        raise click.BadParameter(f"{tolerance!r} is neither exact nor conformance nor a number from 0 on") from None
    first, second = _sources(a, b, streams, decoder, engine_b, options, chosen)
    report = Report.of(first, second, limits, chosen)
    if not report.results:
        raise click.UsageError("A and B have no result in common")
    _print(report, as_json)


def _decoded(name: str) -> bool:
    from jpegai.tools.compare_sources import is_codestream

    return is_codestream(name)


def _sources(
    a: str,
    b: str,
    streams: dict[str, Codestream],
    decoder: DecoderMaker,
    engine_b: str | None,
    options: dict[str, Any],
    chosen: tuple[str, ...] | None,
) -> tuple[Source, Source]:
    """Open both sides; of a stream that is held against a file, decode what the file has."""
    from jpegai.tools.compare_sources import opened

    limits = {"max_bytes": decoder.memory, "max_pixels": decoder.max_pixels}
    files = {name: opened(name, **limits) for name in (a, b) if name not in streams}
    wanted = chosen
    for source in files.values():
        wanted = _wanted(source, chosen)
    if streams and wanted is not None and not wanted:
        raise click.UsageError("A and B have no result in common")
    made: dict[str, Decoder] = {}
    sides = []
    for name, engine in ((a, decoder.engine), (b, engine_b or decoder.engine)):
        if name in files:
            sides.append(files[name])
            continue
        from jpegai.tools.compare_streams import decoded

        if engine not in made:
            made[engine] = decoder(engine=engine)
        side = decoded(made[engine], streams[name], options, wanted)
        print_findings(side.name, side.findings)
        sides.append(side)
    return sides[0], sides[1]


def _wanted(source: Source, chosen: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return what is decoded to be held against a file: what it has, or was asked for; of that, what is chosen."""
    from jpegai.decoder.recorder import stage_of

    there = source.index.stages or tuple(source.index.results)
    if chosen is None:
        return there
    found = [name for name in there if {name, stage_of(name)} & {*chosen}]
    return tuple(dict.fromkeys([*found, *(name for name in chosen if stage_of(name) in there)]))


def _print(report: Report, as_json: bool) -> None:
    """Print a report, and exit with 1 where it tells of a difference."""
    if as_json:
        click.echo(json.dumps(report.document(), indent=1))
    else:
        from jpegai.tools.compare_text import print_report

        print_report(console(), report)
    if not report.equal:
        raise click.exceptions.Exit(1)
