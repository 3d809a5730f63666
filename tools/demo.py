"""`jpegai demo`: the embedded streams, inspected and decoded."""

from __future__ import annotations

from pathlib import Path

import click
from rich.table import Table

from jpegai.codestream import Codestream
from jpegai.conformance_streams import STREAMS
from jpegai.tools.options import threads_option
from jpegai.tools.terminal import console
from jpegai.tools.views import headline, print_segments

__all__ = ["demo"]


@click.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False),
    default="jpegai-demo",
    show_default=True,
    help="Folder for the pictures; made when it is not there.",
)
@threads_option
def demo(output: str, threads: int | None) -> None:
    """Inspect and decode the embedded streams with the built-in analytic models and write PNG files."""
    from jpegai.decoder import Decoder
    from jpegai.decoder.picture.compare import differences, read_png

    screen = console()
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    decoder = Decoder("analytic", threads=threads)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("stream", "picture", "bytes", "bpp", "transform", "seconds", "against the reference", "written"):
        table.add_column(title, justify="right" if title in ("bytes", "bpp", "seconds") else "left")
    for entry in STREAMS:
        stream = Codestream.parse(entry.read(), name=entry.file)
        if entry is STREAMS[0]:
            print_segments(screen, stream)
        else:
            click.echo(headline(stream))
        for transform in entry.references:
            picture = decoder.decode(stream, transform=transform)
            path = folder / f"{Path(entry.file).stem}.{transform}.png"
            picture.save(path)
            largest, count = differences(picture.rgb, read_png(entry.reference(transform)))
            verdict = "equal" if not count else f"{count} of {picture.rgb.size} samples differ, by at most {largest}"
            pixels = stream.pih.img_width * stream.pih.img_height
            table.add_row(
                entry.file,
                f"{picture.width}x{picture.height}",
                str(len(stream.data)),
                f"{8 * len(stream.data) / pixels:.3f}",
                transform.upper(),
                f"{sum(picture.times.values()):.3f}",
                verdict,
                str(path),
            )
    screen.print(table)
    screen.print(f"Try: jpegai inspect {STREAMS[0].path}", soft_wrap=True)
