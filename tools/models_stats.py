"""`jpegai models stats`: what the networks cost, and how long a decode will take on this machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape
from rich.table import Table

from jpegai.tools.documents import head
from jpegai.tools.options import decoding_options, open_stream, print_findings
from jpegai.tools.terminal import console

if TYPE_CHECKING:
    from fractions import Fraction

    from rich.console import Console

    from jpegai.codestream import Codestream
    from jpegai.decoder import Decoder
    from jpegai.decoder.complexity import Complexity

__all__ = ["stats"]

#: Version of the JSON form; changes when a reader would have to change.
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class _Prediction:
    """A decode predicted and, where it was made, measured: seconds by stage; a total is that of whole decodes."""

    stream: Codestream
    transform: str
    macs: int
    predicted: Mapping[str, float]
    measured: Mapping[str, float]
    total: float | None
    runs: int
    predicted_load: float
    measured_load: float | None

    @property
    def predicted_total(self) -> float:
        return sum(self.predicted.values())

    @property
    def ratio(self) -> float | None:
        """Predicted to measured."""
        return None if self.total is None else self.predicted_total / self.total


@click.command()
@click.option("--predict", is_flag=True, help="Predict the time of a decode of each STREAM, and measure it.")
@click.argument("streams", nargs=-1, metavar="[STREAM]...", type=click.Path(allow_dash=True))
@decoding_options
@click.option(
    "--runs",
    type=click.IntRange(0),
    default=3,
    show_default=True,
    help="Decodes of each stream after a first one, of which the fastest counts; 0 predicts only.",
)
@click.option("--remeasure", is_flag=True, help="Measure the machine again, though its rates are in the cache.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def stats(
    predict: bool,
    streams: tuple[str, ...],
    decoder: Callable[..., Decoder],
    options: dict[str, Any],
    edition: str | None,
    runs: int,
    remeasure: bool,
    as_json: bool,
) -> None:
    """Show parameters, multiply-adds and memory of every network and decoder, from the declarations.

    With --predict: how long decodes take on this machine, by stage, apart from output; loading the networks,
    which the first decode needs, is a line of its own. Its rate for each
    kind of layer, and of all else a decode does, is measured once and kept in the cache; predictions are sums of
    amounts times rates. Both are of the fastest runs, so they are those of a machine that does nothing else.
    """
    if bool(streams) != predict:
        raise click.UsageError("--predict takes one or more STREAM" if predict else "STREAM goes with --predict")
    opened = [open_stream(file, edition) for file in streams]
    document = head(SCHEMA_VERSION) | _complexity()
    screen = console()
    if not as_json:
        _print_complexity(screen)
    if predict:
        chosen = decoder()
        machine, rates = _rates(chosen, remeasure)
        found = [_predicted(chosen, stream, rates, runs, options) for stream in opened]
        document["prediction"] = _prediction_document(machine, rates, found)
        if not as_json:
            _print_predictions(screen, machine, rates, found)
    if as_json:
        click.echo(json.dumps(document, indent=1))


# -- counts ---------------------------------------------------------------------------------------------------


def _complexity() -> dict[str, Any]:
    from jpegai.decoder import complexity

    networks, decoders = complexity.all_networks(), complexity.all_decoders()
    return {
        "networks": [{"name": each.name, **_costs(each)} for each in networks],
        "decoders": [
            {
                "transform": each.name,
                **_costs(each),
                "specified_kmac_per_pixel": complexity.SPECIFIED[each.name],
                "published_kmac_per_pixel": complexity.PUBLISHED[each.name],
            }
            for each in decoders
        ],
        "note": " ".join(complexity.NOTE.split()),
    }


def _costs(each: Complexity) -> dict[str, Any]:
    return {
        "parameters": each.parameters,
        "kmac_per_pixel": _thousands(each.macs),
        "kmac_per_pixel_by_output": _thousands(each.macs_by_output),
        "attention_kmac_per_pixel": _thousands(each.attention),
        "activation_bytes_per_pixel": float(each.memory),
    }


def _thousands(macs: Fraction) -> float:
    return float(macs / 1000)


def _print_complexity(screen: Console) -> None:
    from jpegai.decoder import complexity

    heads = ("parameters", "kMAC/pixel", "by output", "bytes/pixel")
    table = _table("network", *heads)
    for each in complexity.all_networks():
        table.add_row(each.name, *_cells(each))
    screen.print(table)
    table = _table("\ndecoder", *(f"\n{title}" for title in heads), "section\n06.12", "\npublished")
    for each in complexity.all_decoders():
        name = each.name
        table.add_row(name, *_cells(each), f"{complexity.SPECIFIED[name]:.2f}", str(complexity.PUBLISHED[name]))
    screen.print(table)
    screen.print(complexity.NOTE, markup=False)


def _cells(each: Complexity) -> tuple[str, ...]:
    counts = f"{_thousands(each.macs):.3f}", f"{_thousands(each.macs_by_output):.3f}", f"{float(each.memory):.1f}"
    return f"{each.parameters:,}".replace(",", " "), *counts


# -- time -----------------------------------------------------------------------------------------------------


def _rates(decoder: Decoder, again: bool) -> tuple[dict[str, Any], dict[str, float]]:
    """Return what the rates belong to, and the rates; they are measured with built-in models and streams."""
    from jpegai.codestream import Codestream
    from jpegai.conformance_streams import STREAMS
    from jpegai.decoder import Decoder
    from jpegai.decoder.rates import machine, rates

    plain = Decoder(
        "analytic", engine=decoder.engine_name, provider=decoder.provider, threads=decoder.workers.threads
    )
    streams = [Codestream.parse(entry.read(), name=entry.file) for entry in STREAMS]
    return machine(plain), rates(plain, streams, again=again)


def _predicted(
    decoder: Decoder, stream: Codestream, rates: Mapping[str, float], runs: int, options: dict[str, Any]
) -> _Prediction:
    from jpegai.decoder.decoder import plan_networks
    from jpegai.decoder.prediction import predict
    from jpegai.decoder.rates import least, load_seconds, stage_times
    from jpegai.decoder.work import decode_work, load_work

    outline = decoder.plan(stream, **options)
    print_findings(stream.name, outline.plan.findings)
    work = decode_work(stream, outline, engine=decoder.engine_name, threads=decoder.workers.threads)
    networks = plan_networks(outline.plan, stream.pih.model_id)
    measured: Mapping[str, float] = {}
    load = None
    if runs:
        (measured,) = least([lambda: stage_times(decoder, stream, **options)], runs)
        load = load_seconds(decoder, networks)
    return _Prediction(
        stream,
        outline.plan.transform,
        sum(outline.macs.values()),
        predict(work, rates),
        {stage: seconds for stage, seconds in measured.items() if stage != "total"},
        measured.get("total"),
        runs,
        predict({"load": load_work(name for name, _, _ in networks)}, rates)["load"],
        load,
    )


def _prediction_document(
    machine: dict[str, Any], rates: Mapping[str, float], found: Iterable[_Prediction]
) -> dict[str, Any]:
    from jpegai.decoder.work import KINDS

    return {
        "machine": machine,
        "rates": [
            {"kind": kind, "unit": KINDS[kind], "seconds_per_unit": seconds} for kind, seconds in rates.items()
        ],
        "streams": [
            {
                "file": each.stream.name,
                "transform": each.transform,
                "width": each.stream.pih.img_width,
                "height": each.stream.pih.img_height,
                "macs": each.macs,
                "runs": each.runs,
                "predicted": dict(each.predicted),
                "predicted_total": each.predicted_total,
                "measured": dict(each.measured),
                "measured_total": each.total,
                "ratio": each.ratio,
                "predicted_load": each.predicted_load,
                "measured_load": each.measured_load,
            }
            for each in found
        ],
    }


def _print_predictions(
    screen: Console, machine: dict[str, Any], rates: Mapping[str, float], found: Iterable[_Prediction]
) -> None:
    from jpegai.decoder.work import KINDS

    screen.print(f"\n{machine['processor']}, engine {machine['engine']}, {machine['threads']} threads", markup=False)
    table = _table("kind of work", "rate")
    for kind, seconds in rates.items():
        table.add_row(kind, _rate(seconds, KINDS[kind]))
    screen.print(table)
    for each in found:
        screen.print(
            f"\n{each.stream.name}: {each.transform}, {each.stream.pih.img_width}x{each.stream.pih.img_height}, "
            f"{each.macs / 1e9:.2f} GMAC",
            markup=False,
        )
        table = _table("stage", "predicted ms", "measured ms", "ratio")
        for stage in dict.fromkeys((*each.predicted, *each.measured)):
            table.add_row(stage, *_milliseconds(each.predicted.get(stage), each.measured.get(stage)))
        table.add_row("whole decode", *_milliseconds(each.predicted_total, each.total), style="bold")
        table.add_row("networks, once", *_milliseconds(each.predicted_load, each.measured_load))
        screen.print(table)


def _milliseconds(predicted: float | None, measured: float | None) -> tuple[str, ...]:
    cells = ("-" if seconds is None else f"{1e3 * seconds:.1f}" for seconds in (predicted, measured))
    return *cells, f"{predicted / measured:.2f}" if predicted is not None and measured else "-"


def _rate(seconds: float, unit: str) -> str:
    """Return a rate in the usual words."""
    if unit == "decode":
        return f"{1e3 * seconds:.3f} ms a decode"
    if not seconds:
        return "nothing that could be measured"
    return f"{1e-9 / seconds:.2f} GMAC/s" if unit == "MAC" else f"{1e9 * seconds:.2f} ns a {unit}"


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(escape(first))
    for title in others:
        table.add_column(escape(title), justify="right")
    return table
