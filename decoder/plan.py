"""What a decode will touch, before anything is touched: sizes, bands of rows, memory."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from jpegai.codestream import Codestream, LimitError
from jpegai.decoder.components import synthesis_names
from jpegai.decoder.engines.stages import activation_bytes
from jpegai.decoder.geometry import ceil_div, hyper_size, latent_size
from jpegai.decoder.networks import NETWORKS, Network

__all__ = ["DEFAULT_MAX_PIXELS", "Band", "Plan", "make_plan"]

#: Default limit on the coded size in samples: above level 3 (99.5 million), a picture of 11585 x 11585.
DEFAULT_MAX_PIXELS = 1 << 27

_MIB = 1 << 20
#: What the float32 runtime takes for the activations of a network, relative to what must live at once: it copies
#: tensors to layouts of its own and leaves gaps. Measured, with something to spare.
_OVERHEAD = 1.9
#: Bytes that do not depend on the picture.
_BASE = 8 * _MIB


@dataclass(frozen=True, slots=True)
class Band:
    """Rows of the picture that one run of the synthesis makes.

    `rows` of the picture come from latent rows `latents`; the network is run with height `size` (its size argument)
    and `skip` rows of its output are thrown away first.
    """

    rows: tuple[int, int]
    latents: tuple[int, int]
    size: int
    skip: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A decode, laid out.

    Attributes:
        height, width: coded size in luma samples.
        display: height and width of the picture that comes out.
        latents, hyper: (rows, columns) of y and z.
        transform: synthesis transform.
        bands: rows of the synthesis, from top to bottom.
        memory: estimate of the bytes the decode takes above libraries and loaded models.
    """

    height: int
    width: int
    display: tuple[int, int]
    latents: tuple[int, int]
    hyper: tuple[int, int]
    transform: str
    bands: tuple[Band, ...]
    memory: int


def make_plan(
    stream: Codestream,
    transform: str,
    *,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    max_memory: int | None = None,
) -> Plan:
    """Lay out the decode of a stream.

    Args:
        stream: a stream that `jpegai.decoder.support.check` accepts.
        transform: name of the synthesis transform.
        max_pixels: largest coded size in samples.
        max_memory: bytes the decode may take; by default half of the machine's memory.

    Raises:
        LimitError: the picture is larger than `max_pixels`, or does not fit in `max_memory` even in bands of 16 rows;
            networks that depend on the whole picture (HOP) have one band.
    """
    pih = stream.pih
    height, width = pih.img_height, pih.img_width
    if height * width > max_pixels:
        raise LimitError(
            "the picture is larger than the limit (--max-pixels)",
            file=stream.name,
            selector="pih.img_width_minus64",
            bit_offset=stream.fields["pih.img_width_minus64"].offset,
            expected=f"at most {max_pixels} samples",
            found=f"{width} x {height} = {width * height}",
        )
    latents = latent_size(height, width)
    limit = max_memory if max_memory is not None else _physical_memory() // 2
    networks = tuple(NETWORKS[name] for name in synthesis_names(transform))
    rows = latents[0]
    while True:
        bands = _bands(networks, latents[0], height, rows)
        memory = _memory(networks, bands, height, width, len(stream.data))
        if memory <= limit:
            break
        if rows == 1 or any(network.global_dependency for network in networks):
            raise LimitError(
                "the decode does not fit in the memory allowed (--max-memory)",
                file=stream.name,
                expected=f"at most {limit // _MIB} MiB",
                found=f"an estimate of {ceil_div(memory, _MIB)} MiB in the thinnest bands that {transform} allows",
            )
        rows = ceil_div(rows, 2)
    return Plan(
        height,
        width,
        (pih.display_height, pih.display_width),
        latents,
        hyper_size(height, width),
        transform,
        bands,
        memory,
    )


def _bands(networks: tuple[Network, ...], latent_rows: int, height: int, rows: int) -> tuple[Band, ...]:
    """Cut the picture in bands of `rows` latent rows, each read with the margin its networks reach (07.8)."""
    spans = [span for network in networks for span in network.reach]
    before, after = -min(low for low, _ in spans), max(high for _, high in spans)
    bands = []
    for first in range(0, latent_rows, rows):
        last = min(first + rows, latent_rows)
        top, bottom = max(0, first - before), min(latent_rows, last + after)
        size = (height if bottom == latent_rows else 16 * bottom) - 16 * top
        bands.append(Band((16 * first, min(16 * last, height)), (top, bottom), size, 16 * (first - top)))
    return tuple(bands)


def _memory(networks: tuple[Network, ...], bands: tuple[Band, ...], height: int, width: int, stream_bytes: int) -> int:
    """Estimate the bytes of a decode: the larger of its two stages."""
    latent_rows, latent_columns = latent_size(height, width)
    latents = 256 * latent_rows * latent_columns
    # per latent: residual, coding map, hyper scale (5 bytes), dequantised residual, phases, latents (12), psi (4)
    making_latents = latents * (5 + 12 + 4) + 2 * stream_bytes
    tallest = max(bottom - top for band in bands for top, bottom in [band.latents])
    activations = max(activation_bytes(network, tallest, latent_columns) for network in networks)
    # latents and picture of the whole; of one band its latents, luma and both chroma planes, and the activations
    band = 256 * tallest * latent_columns * (4 + 4 + 8) + int(_OVERHEAD * activations)
    return _BASE + max(making_latents, 4 * latents + 3 * height * width + band)


def _physical_memory() -> int:
    """Return the bytes of memory the process may use: the machine's, or its container's where that is less."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        memory = 8 << 30
    with contextlib.suppress(OSError, ValueError):  # no container, or one without a limit
        memory = min(memory, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return int(memory)
