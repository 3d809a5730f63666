"""From residual and psi to latents: the phases of the context model and the chroma addition (section 06.7)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.geometry import ceil_div
from jpegai.decoder.jit import kernel
from jpegai.decoder.workers import Workers

__all__ = ["PHASES", "add_psi", "context_latents", "merge_phases"]

#: Row and column of each phase in the 2x2 cell, in the order of prediction: the diagonal first (06.7.1).
PHASES = ((0, 0), (1, 1), (0, 1), (1, 0))

Float32 = NDArray[np.float32]


@kernel
def _split(latents: Float32, parts: Float32, phases: NDArray[np.int64], first: int, last: int) -> None:
    """Cut channels first..last-1 of (C, h, w) into four phases of (4, C, ceil(h/2), ceil(w/2)), padded with 0."""
    height, width = latents.shape[1], latents.shape[2]
    for phase in range(4):
        for channel in range(first, last):
            for i in range(parts.shape[2]):
                row = 2 * i + phases[phase, 0]
                for j in range(parts.shape[3]):
                    column = 2 * j + phases[phase, 1]
                    inside = row < height and column < width
                    parts[phase, channel, i, j] = latents[channel, row, column] if inside else np.float32(0)


@kernel
def _merge(parts: Float32, latents: Float32, phases: NDArray[np.int64], first: int, last: int) -> None:
    """The inverse of `_split`; what lies in the padding is dropped."""
    height, width = latents.shape[1], latents.shape[2]
    for phase in range(4):
        for channel in range(first, last):
            for i in range((height + 1 - phases[phase, 0]) // 2):
                row = 2 * i + phases[phase, 0]
                for j in range((width + 1 - phases[phase, 1]) // 2):
                    latents[channel, row, 2 * j + phases[phase, 1]] = parts[phase, channel, i, j]


@kernel
def _add_psi(residual: Float32, psi: Float32, out: Float32, phases: NDArray[np.int64], first: int, last: int) -> None:
    channels, height, width = residual.shape
    for channel in range(first, last):
        for phase in range(4):
            source = phase * channels + channel
            for row in range(phases[phase, 0], height, 2):
                for column in range(phases[phase, 1], width, 2):
                    out[channel, row, column] = residual[channel, row, column] + psi[source, row >> 1, column >> 1]


_PHASES = np.array(PHASES)


def context_latents(
    residual: Float32,
    psi: Float32,
    predict: Sequence[Callable[..., Float32]],
    out: Float32,
    workers: Workers,
    predictions: list[Float32] | None = None,
) -> None:
    """Run the four phases of the context model (06.7.2) into `out`.

    Args:
        residual: (C, h, w) float32, dequantised.
        psi: (4 C, ceil(h/2), ceil(w/2)) float32.
        predict: the networks of the four phases; the first takes psi's slice, the others the phases done and the slice.
        out: (C, h, w) float32, written with y_hat.
        workers: channels are shared among them.
        predictions: collects the four predictions, each (C, ceil(h/2), ceil(w/2)), when given.

    At the padding of odd sizes the residual is 0 and the prediction stays: it feeds the later phases.
    """
    channels, height, width = residual.shape
    parts = np.empty((4, channels, ceil_div(height, 2), ceil_div(width, 2)), np.float32)
    workers.split(lambda first, last: _split(residual, parts, _PHASES, first, last), channels)
    for phase, network in enumerate(predict):
        known = [parts[:phase].reshape(phase * channels, *parts.shape[2:])] if phase else []
        prediction = network(*known, psi[phase * channels : (phase + 1) * channels])
        if predictions is not None:
            predictions.append(prediction)
        parts[phase] += prediction
    workers.split(lambda first, last: _merge(parts, out, _PHASES, first, last), channels)


def merge_phases(parts: Sequence[Float32], height: int, width: int) -> Float32:
    """Return four phases (C, ceil(h/2), ceil(w/2)) interleaved to (C, h, w)."""
    out = np.empty((parts[0].shape[0], height, width), np.float32)
    _merge(np.stack(parts), out, _PHASES, 0, len(out))
    return out


def add_psi(residual: Float32, psi: Float32, out: Float32, workers: Workers) -> None:
    """Write residual + interleaved psi into `out`: the latents of the component without context (06.7.3).

    Args:
        residual: (C, h, w) float32.
        psi: (4 C, ceil(h/2), ceil(w/2)) float32.
        out: (C, h, w) float32.
        workers: channels are shared among them.
    """
    workers.split(lambda first, last: _add_psi(residual, psi, out, _PHASES, first, last), len(residual))
