"""`jpegai dump`: the intermediate results of a decode."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jpegai.tools.options import decoding_options, open_stream, print_findings

if TYPE_CHECKING:
    from jpegai.decoder import Decoder

__all__ = ["dump"]


@click.command()
@click.argument("file", type=click.Path(allow_dash=True))
@click.argument("out", type=click.Path())
@click.option(
    "--stage",
    "stages",
    multiple=True,
    metavar="NAMES",
    help="Write these only: stages (latents) or single results (primary.latents), with commas between them.",
)
@click.option(
    "--stop-after", metavar="STAGE", help="Decode so far only; by default as far as what is written asks for."
)
@decoding_options
def dump(
    file: str,
    out: str,
    decoder: Callable[..., Decoder],
    options: dict[str, Any],
    edition: str | None,
    stages: tuple[str, ...],
    stop_after: str | None,
) -> None:
    """Decode FILE and write its results by stage to OUT.npz.

    The stages are, in order: z, quality_map, hyper_scale, scale0, scale1, sigma_index, coded_mask, cube_flags,
    grfs_flags, rvs_block_sigma, lsbs_block_sigma, residual, residual_dequantised, psi, prediction (without regions),
    latents, latents_scaled, planes, filter_input, efe_linear, filter_EFElinear_alt, eicci, efe_nonlinear, lef, output,
    picture. Results of a component begin with its name (primary.z, secondary.z), those of a plane end with its number
    (lef.0, lef.1, lef.2); quality_map and picture stand alone. What a stream does not use is absent. Read them with
    numpy.load.
    """
    if Path(out).suffix.lower() != ".npz":
        raise click.UsageError(f"OUT must end in .npz: {out}")
    stream = open_stream(file, edition)

    import numpy as np

    from jpegai.decoder.output import atomic_file
    from jpegai.decoder.recorder import Dump

    wanted = [name for text in stages for name in text.split(",")]
    try:
        recorder = Dump(wanted or None, stop_after)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    decoder().record(stream, recorder, **options)
    with atomic_file(out) as archive:
        np.savez(archive, **recorder.results)  # type: ignore[arg-type]
    for name, array in recorder.results.items():
        click.echo(f"{name:<32}{array.dtype!s:<9}{'x'.join(map(str, array.shape))}")
    print_findings(stream.name, recorder.findings)
