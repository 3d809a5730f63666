"""Options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from jpegai.codestream import Codestream
    from jpegai.codestream.errors import Finding
    from jpegai.decoder import Decoder

__all__ = ["decoding_options", "edition_option", "models_option", "open_stream", "print_findings", "threads_option"]

_Function = TypeVar("_Function", bound=Callable[..., Any])

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


def decoding_options(command: _Function) -> _Function:
    """Add the options of a decode.

    The command gets `decoder`, which makes the `Decoder`, or one that decodes so many streams at once; `options`, what
    `Decoder.decode` and `Decoder.dump` take; and `edition`.
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
        "--engine",
        type=click.Choice(["exact", "float32"]),
        default="exact",
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
        help="Largest picture, in samples.",
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
        **rest: Any,
    ) -> Any:
        def decoder(jobs: int = 1) -> Decoder:
            from jpegai.decoder import Decoder
            from jpegai.decoder.plan import physical_memory
            from jpegai.decoder.workers import available_cpus

            memory = physical_memory() // 2 if max_memory is None else max_memory << 20
            return Decoder(
                models,
                engine=engine,
                provider=provider,
                allow_unproved=allow_unproved,
                threads=max(1, (threads or available_cpus()) // jobs),
                max_memory=memory // jobs,
                max_pixels=max_pixels,
            )

        options = {"transform": transform, "force": force, "eicci_selection": eicci_selection}
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
