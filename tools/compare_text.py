"""What `jpegai compare` shows on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from jpegai.tools.compare_report import Report
from jpegai.tools.compare_results import Comparison
from jpegai.tools.compare_sources import Source

__all__ = ["print_report"]

_KINDS = {"dump": "dump", "hashes": "hashes of a dump", "stream": "stream", "picture": "picture"}


def print_report(screen: Console, report: Report) -> None:
    """Print what was compared, a table of all results, and the first difference with what it means."""
    for letter, side in (("A", report.a), ("B", report.b)):
        screen.print(f"{letter} {escape(side.name)}: {escape(_described(side))}", soft_wrap=True)
    for note in report.notes:
        screen.print(f"[yellow]note:[/] {escape(note)}", soft_wrap=True)
    screen.print(_table(report))
    if report.not_compared:
        names = " ".join(report.not_compared)
        screen.print(f"not compared, in one of them only: {names}", style="dim", soft_wrap=True)
    for line in _verdict(report):
        screen.print(line, soft_wrap=True)


def _described(side: Source) -> str:
    """Return what a side is, in words."""
    words, about = [_KINDS[side.kind]], side.about
    if side.picture_file is not None:
        rows, columns = side.picture_file.planes[0].shape
        words.append(f"{columns}x{rows}")
        if side.picture_file.depth is not None:
            words.append(f"{side.picture_file.depth} bits")
        return ", ".join(words)
    if "stream" in about and side.kind != "stream":
        words[0] += f" of {about['stream'].get('name')}"
    words.append(_results(len(side.index.results)))
    if "transform" in about:
        words.append(about["transform"])
    if "engine" in about:
        exact = "exact, " if about.get("exact") else ""
        words.append(f"{exact}engine {about['engine']}")
    if "models" in about:
        words.append(f"models {about['models'].get('name')}")
    text = ", ".join(words)
    return text if text.isprintable() else ascii(text)


def _results(count: int) -> str:
    return f"{count} result{'s' * (count != 1)}"


def _table(report: Report) -> Table:
    pictures = any(result.psnr is not None for result in report.results)
    titles = ["result", "samples", "different", "rate", "maximum", "rms", *["PSNR"] * pictures, "verdict"]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in titles:
        table.add_column(title, justify="left" if title in ("result", "verdict") else "right", no_wrap=True)
    for result in report.results:
        cells = [result.name, *_figures(result)]
        if pictures:
            cells.append("" if result.psnr is None else f"{result.psnr:.2f} dB")
        table.add_row(*cells, f"[{'green' if result.good else 'red'}]{result.verdict}[/]")
    return table


def _figures(result: Comparison) -> list[str]:
    if result.samples is None:
        return [""] * 5
    if not result.differing:
        return [str(result.samples), "0", "", "", ""]
    rate = f"{100 * result.differing / result.samples:.3g} %"
    return [str(result.samples), str(result.differing), rate, f"{result.maximum:.4g}", f"{result.rms:.3g}"]


def _verdict(report: Report) -> list[str]:
    first, count = report.first, len(report.results)
    if first is None:
        inside = sum(result.verdict == "within" for result in report.results)
        allowed = f", {inside} of them within the tolerance ({report.tolerance.name})" if inside else ""
        return [f"[green]equal[/]: {_results(count)}{allowed}"]
    bad = sum(not result.good for result in report.results)
    place = f"the first is {first.name}"
    if first.first is not None:
        at = first.first
        what = "plane" if first.name == "picture" else "channel"
        place += f", {what} {at.channel}, row {at.row}, column {at.column}: {at.a:.9g} in A, {at.b:.9g} in B"
    if first.reason is not None:
        place += f": {first.reason}"
    lines = [f"[red]different[/]: {bad} of {_results(count)}", escape(place)]
    return [*lines, escape(report.meaning)] if report.meaning is not None else lines
