"""`jpegai models quantize`: float hyper scale decoders to the integers of the standard."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from jpegai.tools.documents import head
from jpegai.tools.options import edition_option, open_stream
from jpegai.tools.terminal import console

if TYPE_CHECKING:
    from jpegai.decoder.models.conversion import Agreement, QuantisedFile
    from jpegai.decoder.models.hyper_scale import QuantisedLayer

__all__ = ["quantize"]

#: Version of the JSON form; changes when a reader would have to change.
SCHEMA_VERSION = 1

_ACCUMULATOR_BITS = 31
_COLUMNS = "layer", "channels", "output range", "unit", "weight bits", "shifts", "accumulator (channel)", "free bits"


@click.command()
@click.argument("source", metavar="FLOAT_MODEL")
@click.option(
    "-o",
    "--output",
    "out",
    required=True,
    metavar="OUT",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The packed file to write; ends in .safetensors.",
)
@click.option(
    "--calibrate",
    "streams",
    multiple=True,
    metavar="STREAM",
    type=click.Path(exists=True, dir_okay=False),
    help="A stream made with the model, whose values set the ranges of the layers; may be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with the figures of every channel.")
@edition_option
def quantize(source: str, out: Path, streams: tuple[str, ...], as_json: bool, edition: str | None) -> None:
    """Turn the float hyper scale decoders of FLOAT_MODEL into the integer ones that decoding takes.

    FLOAT_MODEL is a directory of checkpoints, or a packed file, with float files VM_common/Y_0.002.pth and so on. OUT
    has the integer files in VM_common_int and everything else of FLOAT_MODEL that decoders and encoders use. Weights
    take 8 bits, accumulators are proved to fit 32; a channel that does not fit is named, and nothing is written.

    The range of the outputs between layers is that of <layer>.input_range in the file where there is one, else the
    largest value seen in the streams of --calibrate, else the largest that any z can make.
    """
    if out.suffix.lower() != ".safetensors":
        raise click.UsageError(f"OUT must end in .safetensors: {out}")
    calibration = [open_stream(stream, edition) for stream in streams]
    from rich.progress import Progress

    from jpegai.decoder.models.conversion import quantise_models
    from jpegai.decoder.models.store import ModelStore

    store = ModelStore.open(source)
    errors = Console(stderr=True)
    with Progress(console=errors, transient=True, disable=not errors.is_terminal) as progress:
        task = progress.add_task("quantizing", total=None)
        files = quantise_models(
            store, out, calibration, lambda file: progress.update(task, advance=1, description=escape(file))
        )
    if as_json:
        document = {**head(SCHEMA_VERSION), "output": str(out), "files": [_file(file) for file in files]}
        click.echo(json.dumps(document, indent=1))
        return
    screen = console()
    for file in files:
        screen.print(_table(file))
        screen.print(_summary(file))
        screen.print()
    click.echo(f"{out}: {len(files)} files quantized, {out.stat().st_size} bytes")


def _margin(bound: int) -> float:
    """Return how many bits an accumulator keeps free."""
    return _ACCUMULATOR_BITS - math.log2(max(1, bound))


def _table(file: QuantisedFile) -> Table:
    title = f"{file.source} -> {file.name}"
    table = Table(title=escape(title), title_justify="left", box=None)
    for column in _COLUMNS:
        table.add_column(column, justify="left" if column in ("layer", "output range") else "right")
    for layer in file.layers:
        bound = int(layer.bounds.max())
        span = "fixed by the standard" if layer.origin == "output" else f"{layer.range:.6g} {layer.origin}"
        table.add_row(
            layer.name.rpartition(".")[2],
            str(len(layer.shifts)),
            span,
            f"{layer.step:.6g}",
            f"{int(layer.bits.min())}..{int(layer.bits.max())}",
            f"{int(layer.shifts.min())}..{int(layer.shifts.max())}",
            f"{bound} ({int(layer.bounds.argmax())})",
            f"{_margin(bound):.1f}",
        )
    return table


def _summary(file: QuantisedFile) -> str:
    if file.agreement is None:
        return "not calibrated"
    shares = (f"{share:.3%} {what}" for what, share in _shares(file.agreement).items())
    streams = f"{file.streams} stream{'s' if file.streams > 1 else ''}"
    return f"sigma indices against the float network, {streams}: {', '.join(shares)}"


def _shares(agreement: Agreement) -> dict[str, float]:
    total = agreement.equal + agreement.off_by_one + agreement.off_by_more
    return {
        "equal": agreement.equal / total,
        "off by 1": agreement.off_by_one / total,
        "off by more": agreement.off_by_more / total,
    }


def _file(file: QuantisedFile) -> dict[str, Any]:
    calibration: dict[str, Any] = {"streams": file.streams}
    if file.agreement is not None:
        calibration |= {
            "equal": file.agreement.equal,
            "off_by_one": file.agreement.off_by_one,
            "off_by_more": file.agreement.off_by_more,
        }
    return {
        "file": file.name,
        "source": file.source,
        "calibration": calibration,
        "layers": [_layer(layer) for layer in file.layers],
    }


def _layer(layer: QuantisedLayer) -> dict[str, Any]:
    bound = int(layer.bounds.max())
    return {
        "name": layer.name,
        "range": layer.range,
        "origin": layer.origin,
        "unit": layer.step,
        "largest_bound": bound,
        "free_bits": round(_margin(bound), 3),
        "channels": {
            "weight_bits": layer.bits.tolist(),
            "shifts": layer.shifts.tolist(),
            "accumulator_bounds": layer.bounds.tolist(),
        },
    }
