"""`jpegai models export`: the float networks as ONNX files."""

from __future__ import annotations

from pathlib import Path

import click

from jpegai.tools.options import models_option

__all__ = ["export"]


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False))
@models_option
@click.option("--network", "networks", multiple=True, metavar="NAME", help="Only this network; may be repeated.")
def export(folder: str, models: str, networks: tuple[str, ...]) -> None:
    """Write the float networks of all four models to DIR as ONNX files, with a README.

    The files are m<index>/<network>.onnx, of the eICCI filters <bank><index>/<network>.onnx. They run with ONNX
    Runtime alone, at any picture size.
    """
    from jpegai.decoder.engines.export import EXPORTABLE, export_networks
    from jpegai.decoder.models import ModelStore

    unknown = [name for name in networks if name not in EXPORTABLE]
    if unknown:
        raise click.UsageError(f"no network {', '.join(unknown)}; there are {', '.join(EXPORTABLE)}")
    for path in export_networks(Path(folder), ModelStore.open(models), networks or EXPORTABLE):
        click.echo(path)
