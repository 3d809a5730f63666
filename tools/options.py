"""Options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from jpegai.codestream import Codestream
    from jpegai.codestream.errors import Finding
    from jpegai.decoder import Decoder

__all__ = [
    "ENGINES",
    "MAX_PIXELS",
    "DecoderMaker",
    "decoding_options",
    "edition_option",
    "models_option",
    "numbers",
    "open_stream",
    "print_findings",
    "threads_option",
]

_Function = TypeVar("_Function", bound=Callable[..., Any])

#: The engines, repeated here so that `--help` needs no decoder; a test holds them together.
ENGINES = ("exact", "float32")
#: The default of `--max-pixels`, repeated here so that `--help` needs no decoder; a test holds them together.
MAX_PIXELS = 1 << 27

edition_option = click.option(
    "--edition", type=click.Choice(["is", "dis"]), help="Force the edition of the header instead of detecting it."
)
models_option = click.option(
    "--models",
    envvar="JPEGAI_MODELS",
    default="analytic",
    show_default=True,
    show_envvar=True,
    help="A directory of official checkpoints, a packed .safetensors file, 'analytic' or 'test'.",
)
threads_option = click.option(
    "--threads", type=click.IntRange(1, 1024), help="Threads; by default the CPUs the process may use."
)


def numbers(text: str, count: int) -> tuple[int, ...]:
    """Return whole numbers with commas between them.

    Raises:
        click.BadParameter: they are not so many.
    """
    try:
        found = tuple(int(each) for each in text.split(","))
    except ValueError:
        found = ()
    if len(found) != count:
        raise click.BadParameter(f"{text!r} is not {count} whole numbers with commas between them")
    return found


def _channels(text: str) -> tuple[int, ...]:
    found = numbers(text, 2)
    if min(found) < 0:
        raise click.BadParameter("a number of channels is at least 0")
    return found


@dataclass(frozen=True)
class DecoderMaker:
    """Makes decoders as the options say; until then nothing heavy is imported.

    Attributes:
        models, engine, provider, threads, max_pixels, allow_unproved: as `Decoder`.
        max_memory: MiB, None by default.
    """

    models: str
    engine: str
    provider: str
    threads: int | None
    max_memory: int | None
    max_pixels: int
    allow_unproved: bool = False

    @property
    def memory(self) -> int:
        """Bytes that all decodes together, or what is read for a comparison, may take."""
        from jpegai.decoder.memory import physical_memory

        return physical_memory() // 2 if self.max_memory is None else self.max_memory << 20

    def __call__(self, jobs: int = 1, engine: str | None = None) -> Decoder:
        """Return a decoder, or one that decodes so many streams at once, or one of another engine."""
        from jpegai.decoder import Decoder
        from jpegai.decoder.workers import available_cpus

        return Decoder(
            self.models,
            engine=engine or self.engine,
            provider=self.provider,
            threads=max(1, (self.threads or available_cpus()) // jobs),
            max_memory=self.memory // jobs,
            max_pixels=self.max_pixels,
            allow_unproved=self.allow_unproved,
        )


def decoding_options(command: _Function) -> _Function:
    """Add the options of a decode.

    The command gets `decoder`, a `DecoderMaker`; `options`, what `Decoder.decode` and `Decoder.dump` take; and
    `edition`.
    """

    @edition_option
    @models_option
    @click.option(
        "--transform",
        type=click.Choice(["sop", "bop", "hop"], case_sensitive=False),
        help="Synthesis transform; by default the first one listed in the stream.",
    )
    @click.option("--force", is_flag=True, help="Decode with a transform that the stream does not list.")
    @click.option(
        "--eicci-selection",
        type=click.Choice(["reference", "per-tile"]),
        default="reference",
        show_default=True,
        help="Models of eICCI tiles: those of the first tile for all, as the reference decodes, or each tile's own.",
    )
    @click.option(
        "--quality-prediction",
        type=click.Choice(["truncate", "floor"]),
        default="truncate",
        show_default=True,
        help="Rounding in the predictor of quality maps: toward zero, or down for encoders that did so.",
    )
    @click.option(
        "--channels",
        type=_channels,
        metavar="P,S",
        help="Decode so many latent channels of the primary and the secondary component at most, a coarser picture.",
    )
    @click.option(
        "--engine",
        type=click.Choice(ENGINES),
        default=ENGINES[0],
        show_default=True,
        help="What runs the networks: integers that are the same on every machine, or float32, which is faster.",
    )
    @click.option(
        "--allow-unproved",
        is_flag=True,
        help="Decode with weights that are too large for the exact engine; the result is not exact.",
    )
    @click.option(
        "--provider",
        type=click.Choice(["cpu", "cuda"]),
        default="cpu",
        show_default=True,
        help="Where the float32 networks run.",
    )
    @threads_option
    @click.option(
        "--max-memory",
        type=click.IntRange(1),
        metavar="MIB",
        help="Memory the decode may take above libraries and models; by default half of the machine's.",
    )
    @click.option(
        "--max-pixels",
        type=click.IntRange(1),
        default=MAX_PIXELS,
        show_default=True,
        help="Largest picture, in samples; of a window, what it needs of the picture.",
    )
    @functools.wraps(command)
    def wrapped(
        *args: Any,
        models: str,
        engine: str,
        allow_unproved: bool,
        provider: str,
        threads: int | None,
        max_memory: int | None,
        max_pixels: int,
        transform: str | None,
        force: bool,
        eicci_selection: str,
        quality_prediction: str,
        channels: tuple[int, int] | None,
        **rest: Any,
    ) -> Any:
        decoder = DecoderMaker(models, engine, provider, threads, max_memory, max_pixels, allow_unproved)
        options = {
            "transform": transform,
            "force": force,
            "channels": channels,
            "eicci_selection": eicci_selection,
            "quality_prediction": quality_prediction,
        }
        return command(*args, decoder=decoder, options=options, **rest)

    return wrapped  # type: ignore[return-value]


def open_stream(file: str, edition: str | None) -> Codestream:
    """Parse FILE before any heavy library is imported, so that damage is reported at once."""
    from jpegai.codestream import Codestream

    return Codestream.open(file, edition=edition)


def print_findings(name: str | None, findings: Iterable[Finding]) -> None:
    """Print what was odd, one line each, as warnings."""
    for finding in findings:
        click.echo(f"jpegai: warning: {name}: {finding}" if name else f"jpegai: warning: {finding}", err=True)
