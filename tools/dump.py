"""`jpegai dump`: every intermediate result of a decode."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jpegai.tools.options import decoding_options, open_stream

if TYPE_CHECKING:
    from jpegai.decoder import Decoder

__all__ = ["dump"]


@click.command()
@click.argument("file", type=click.Path(allow_dash=True))
@click.argument("out", type=click.Path())
@decoding_options
def dump(file: str, out: str, decoder: Callable[[], Decoder], transform: str | None, edition: str | None) -> None:
    """Decode FILE and write its results by stage to OUT.npz.

    Names are those of the stages, component first: primary.z, primary.hyper_scale, primary.scale0, primary.scale1,
    primary.sigma_index, primary.coded_mask, primary.cube_flags, primary.grfs_flags, primary.rvs_block_sigma,
    primary.lsbs_block_sigma, primary.residual, primary.residual_dequantised, primary.psi, primary.prediction (without
    regions), primary.latents, primary.latents_scaled, primary.planes, the same for secondary, quality_map, output.0 to
    output.2, picture; what a stream does not use is absent. Read them with numpy.load.
    """
    if Path(out).suffix.lower() != ".npz":
        raise click.UsageError(f"OUT must end in .npz: {out}")
    stream = open_stream(file, edition)
    results = decoder().dump(stream, transform=transform)

    import numpy as np

    from jpegai.decoder.output import atomic_file

    with atomic_file(out) as archive:
        np.savez(archive, **results)  # type: ignore[arg-type]
    for name, array in results.items():
        click.echo(f"{name:<32}{array.dtype!s:<9}{'x'.join(map(str, array.shape))}")
