"""`jpegai models prove`: what is proved of the sums of the exact engine, and the test of the products it stands on."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from jpegai.codestream.errors import ModelError, UnsupportedError
from jpegai.tools.documents import head
from jpegai.tools.options import models_option, threads_option
from jpegai.tools.terminal import console

if TYPE_CHECKING:
    from jpegai.decoder.engines.exact.proof import Certificate
    from jpegai.decoder.engines.exact.self_test import SelfTest
    from jpegai.decoder.engines.exact.weights import Bound

__all__ = ["prove"]

#: Version of the JSON forms; changes when a reader would have to change.
SCHEMA_VERSION = 1

_COLUMNS = "layer", "kind", "channels", "weight bits", "largest bound (channel)", "limit", "margin", "positions"


@click.command()
@models_option
@click.option(
    "--network", "networks", multiple=True, metavar="NAME", help="Of this network only (bop_prim); may be repeated."
)
@click.option("--channels", is_flag=True, help="Print the bound of every channel, too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with the figures of every channel.")
@click.option("--formats", is_flag=True, help="Print the formats of all tensors, in Markdown, and prove nothing.")
@click.option(
    "--self-test",
    is_flag=True,
    help="Test the products of the BLAS library at the bound, keep the verdict, and prove nothing.",
)
@threads_option
def prove(
    models: str,
    networks: tuple[str, ...],
    channels: bool,
    as_json: bool,
    formats: bool,
    self_test: bool,
    threads: int | None,
) -> None:
    """Prove that no sum of the exact engine can overflow with the weights of --models.

    For every layer, the largest magnitude that a partial sum can have, in any order and whatever the input: below
    2^53 in the float networks, below 2^31 in the integer hyper scale decoder, as the standard requires. Weights are
    taken with as many bits as the limit allows, from 12 to 40, so that what large weights cost shows as their bits;
    the margin is what is left of the limit, in bits. Sums over positions name how many positions they are proved for.

    The exit code is 5 where a sum is not proved; file, layer, channel and bound are named. Certificates are kept in
    the cache, by weights and formats.
    """
    if formats:
        from jpegai.tools.prove_formats import formats_document

        click.echo(formats_document(), nl=False)
        return
    if self_test:
        _self_test(threads, as_json)
        return
    certificates = _certificates(models, networks)
    failed = [each for each in certificates if each.failures]
    if as_json:
        _print_json(
            models=models, proved=not failed, networks=[_document(certificate) for certificate in certificates]
        )
    else:
        screen = console()
        for certificate in certificates:
            screen.print(_table(certificate))
            if channels:
                click.echo("\n".join(_channels(certificate)))
            screen.print()
        sums = sum(len(each.sums) for each in certificates)
        open_sums = sum(len(each.failures) for each in failed)
        verdict = f"not proved: {open_sums}" if failed else "all proved"
        click.echo(f"{models}: {len(certificates)} networks, {sums} kinds of sums, {verdict}")
    for certificate in failed:
        certificate.check()


def _certificates(models: str, names: tuple[str, ...]) -> list[Certificate]:
    from rich.progress import Progress

    from jpegai.decoder.engines.exact.proof import provable, prove
    from jpegai.decoder.models.store import ModelStore
    from jpegai.decoder.networks import NETWORKS

    for name in names:
        if name not in NETWORKS:
            raise click.BadParameter(f"{name}: there are {', '.join(NETWORKS)}", param_hint="--network")
    store = ModelStore.open(models)
    chosen = list(provable(store, names))
    if not chosen:
        raise ModelError("there is no file of such a network", file=models)
    errors = Console(stderr=True)
    certificates = []
    with Progress(console=errors, transient=True, disable=not errors.is_terminal) as progress:
        task = progress.add_task("proving", total=len(chosen))
        for network, file in chosen:
            progress.update(task, advance=1, description=escape(f"{network.name} {file}"))
            certificates.append(prove(store, network, file))
    return certificates


# -- text -------------------------------------------------------------------------------------------------------------


def _power(number: int) -> str:
    """Return a number as a power of two, never less than it is."""
    return "0" if number < 1 else f"2^{math.ceil(100 * math.log2(number) - 1e-9) / 100:.2f}"


def _table(certificate: Certificate) -> Table:
    title = f"{certificate.network}  {certificate.file}"
    table = Table(title=escape(title), title_justify="left", box=None)
    for column in _COLUMNS:
        table.add_column(column, justify="left" if column in ("layer", "kind") else "right")
    for each in certificate.sums:
        bits = f"{min(each.fraction)}..{max(each.fraction)}" if each.fraction else ""
        bound = f"{_power(max(each.bounds))} ({each.channel})"
        margin = f"{each.margin:.2f}" if each.holds else f"[red]{each.margin:.2f} FAILS[/]"
        positions = str(each.positions) if each.positions else ""
        table.add_row(
            escape(each.layer), each.kind, str(len(each.bounds)), bits, bound, _power(each.limit), margin, positions
        )
    return table


def _channels(certificate: Certificate) -> Iterator[str]:
    """Yield a line for every channel: thousands, which a table would take long to lay out."""
    wide = max(len(each.layer) for each in certificate.sums)
    yield f" {'layer':<{wide}}  channel  weight bits  {'bound':>19}  margin"
    for each in certificate.sums:
        for channel, bound in enumerate(each.bounds):
            bits = str(each.fraction[channel]) if each.fraction else ""
            margin = math.log2(each.limit) - math.log2(max(1, bound))
            yield f" {each.layer:<{wide}}  {channel:>7}  {bits:>11}  {bound:>19}  {margin:>6.2f}"


# -- JSON -------------------------------------------------------------------------------------------------------------


def _document(certificate: Certificate) -> dict[str, Any]:
    return {
        "network": certificate.network,
        "file": certificate.file,
        "proved": not certificate.failures,
        "sums": [_sum(each) for each in certificate.sums],
    }


def _sum(bound: Bound) -> dict[str, Any]:
    weights: dict[str, Sequence[int]] = {"weight_bits": bound.fraction} if bound.fraction else {}
    return {
        "layer": bound.layer,
        "kind": bound.kind,
        "proved": bound.holds,
        "limit": bound.limit,
        "largest_bound": max(bound.bounds),
        "channel": bound.channel,
        "margin_bits": round(bound.margin, 3),
        **({"positions": bound.positions} if bound.positions else {}),
        "channels": {"bounds": bound.bounds, **weights},
    }


def _print_json(**content: Any) -> None:
    click.echo(json.dumps({**head(SCHEMA_VERSION), **content}, indent=1))


# -- self-test --------------------------------------------------------------------------------------------------------


def _self_test(threads: int | None, as_json: bool) -> None:
    from jpegai.decoder.engines.exact.self_test import CASES, INTEGER_CASES, measure
    from jpegai.decoder.workers import available_cpus

    count = threads or available_cpus()
    verdict: SelfTest = measure(count)
    cases = [*CASES, *INTEGER_CASES]
    if as_json:
        rows = [
            {"name": case.name, "limit": case.limit, "exact": case.name not in verdict.failed} for case in cases
        ]
        _print_json(library=verdict.library, threads=count, exact=verdict.exact, cases=rows)
    else:
        table = Table("product", "groups x rows x results x taps x columns", "reaches", "", box=None)
        for case in cases:
            shape = " x ".join(map(str, (case.groups, case.rows, case.results, case.taps, case.columns)))
            table.add_row(case.name, shape, _power(case.limit), "FAILS" if case.name in verdict.failed else "exact")
        console().print(table)
        click.echo(f"{verdict.library}, {count} thread{'s' if count > 1 else ''}: {_verdict(verdict)}")
    if not verdict.exact:
        raise UnsupportedError("the BLAS library does not multiply exactly", found=verdict.library)


def _verdict(verdict: SelfTest) -> str:
    return "exact" if verdict.exact else f"not exact in {len(verdict.failed)} of the products"
