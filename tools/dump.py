"""`jpegai dump`: the intermediate results of a decode."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jpegai.tools.options import decoding_options, open_stream, print_findings

if TYPE_CHECKING:
    from jpegai.decoder import Decoder

__all__ = ["chosen_stages", "dump", "stage_options"]

#: Formats of files by extension; folders have none.
_EXTENSIONS = {".npz": "npz", ".json": "hashes"}


def stage_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that choose stages; `chosen_stages` reads them."""
    command = click.option(
        "--stage",
        "--stages",
        "stages",
        multiple=True,
        metavar="NAMES",
        help="These only: stages (latents) or single results (primary.latents), with commas between them.",
    )(command)
    return click.option(
        "--points",
        multiple=True,
        metavar="NUMBERS",
        help="The stages of these conformance points only, with commas between them: 1 symbols, 2 residual and "
        "latents, 3 planes and picture.",
    )(command)


def chosen_stages(points: tuple[str, ...], stages: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the stages and results that are asked for; None where all are.

    Raises:
        UsageError: there is no such point or stage.
    """
    from jpegai.decoder.recorder import POINTS, STAGES, is_result

    chosen: list[str] = []
    for point in _names(points):
        if point not in map(str, POINTS):
            raise click.UsageError(f"{point!r} is no conformance point; there are 1, 2 and 3")
        chosen += POINTS[int(point)]
    for name in _names(stages):
        if not is_result(name):
            raise click.UsageError(f"{name!r} is no stage; there are {', '.join(STAGES)}")
        chosen.append(name)
    return tuple(dict.fromkeys(chosen)) or None


def _names(texts: tuple[str, ...]) -> list[str]:
    return [name.strip() for text in texts for name in text.split(",")]


@click.command()
@click.argument("file", type=click.Path(allow_dash=True))
@click.argument("out", type=click.Path(allow_dash=True))
@stage_options
@click.option(
    "--stop-after", metavar="STAGE", help="Decode so far only; by default as far as what is written asks for."
)
@click.option(
    "--format",
    type=click.Choice(["npz", "npy", "pgx", "hashes"]),
    help="NPZ file, folder of NPY or PGX files, or hashes only.  [default: by the extension of OUT]",
)
@click.option(
    "--quantise",
    type=click.IntRange(0, 24),
    metavar="BITS",
    help="Write float32 results as 32-bit integers with so many fraction bits.",
)
@decoding_options
def dump(
    file: str,
    out: str,
    decoder: Callable[..., Decoder],
    options: dict[str, Any],
    edition: str | None,
    points: tuple[str, ...],
    stages: tuple[str, ...],
    stop_after: str | None,
    format: str | None,
    quantise: int | None,
) -> None:
    """Decode FILE and write its results by stage to OUT: OUT.npz, hashes to OUT.json or '-', or a folder.

    The stages are, in order: z, quality_map, hyper_scale, scale0, scale1, sigma_index, coded_mask, cube_flags,
    grfs_flags, rvs_block_sigma, lsbs_block_sigma, residual (conformance point 1); residual_dequantised, psi,
    prediction (without regions), latents, latents_scaled (point 2); planes, filter_input, efe_linear,
    filter_EFElinear_alt, eicci, efe_nonlinear, lef, output, picture (point 3). Results of a component begin with its
    name (primary.z, secondary.z), those of a plane end with its number (lef.0, lef.1, lef.2); quality_map and picture
    stand alone. What a stream does not use is absent.

    NPZ and NPY are read with numpy.load; index.json among the results says what was decoded by what, and the shape,
    dtype, fraction bits and sha256 of every result. PGX has a file for each channel of a result, integers only.
    """
    format = format or _EXTENSIONS.get("".join(Path(out).suffixes[-1:]).lower())
    if format is None and out == "-":
        format = "hashes"
    if format is None:
        raise click.UsageError(f"OUT must end in .npz or .json, or be a folder with --format npy or pgx: {out}")
    if out == "-" and format != "hashes":
        raise click.UsageError("only hashes go to the standard output")
    chosen = chosen_stages(points, stages)
    stream = open_stream(file, edition)

    from jpegai.decoder.recorder import STAGES, is_result
    from jpegai.decoder.support import choose_transform
    from jpegai.tools.dump_recorder import DumpWriter, facts
    from jpegai.tools.dump_writers import FORMATS

    if stop_after is not None and not is_result(stop_after):
        raise click.UsageError(f"{stop_after!r} is no stage; there are {', '.join(STAGES)}")
    with FORMATS[format](out) as writer:
        recorder = DumpWriter(chosen, stop_after, writer, quantise)
        made = decoder()
        picture = made.record(stream, recorder, **options)
        transform = choose_transform(stream, options["transform"], force=options["force"])
        asked = tuple(name for name in chosen or STAGES if recorder.wants(name))
        recorder.finish(picture, facts(made, stream, transform, recorder), asked)
    if out != "-":
        for entry in recorder.entries.values():
            bits = "" if entry.fraction_bits is None else f", {entry.fraction_bits} fraction bits"
            click.echo(f"{entry.name:<32}{entry.dtype:<9}{'x'.join(map(str, entry.shape))}{bits}")
        if recorder.md5 is not None:
            click.echo(recorder.md5)
        cut = recorder.saturations.counts
        if made.engine_name == "exact" and not cut:
            click.echo("no value was cut by its fixed-point format")
        for tensor, count in sorted(cut.items()):
            click.echo(f"{tensor:<32}{count} values cut by its fixed-point format")
    print_findings(stream.name, recorder.findings)
