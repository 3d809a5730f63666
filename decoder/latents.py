"""From residual and psi to latents: the phases of the context model and the chroma addition (section 06.7)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.geometry import Area
from jpegai.decoder.jit import kernel
from jpegai.decoder.workers import Workers

__all__ = ["PHASES", "add_psi", "context_latents", "merge_phases"]

#: Row and column of each phase in the 2x2 cell, in the order of prediction: the diagonal first (06.7.1).
PHASES = ((0, 0), (1, 1), (0, 1), (1, 0))

Float32 = NDArray[np.float32]


@kernel
def _split(
    latents: Float32, parts: Float32, phases: NDArray[np.int64], window: NDArray[np.int64], first: int, last: int
) -> None:
    """Cut a window of channels first..last-1 of (C, H, W) into four phases of (4, C, ceil(h/2), ceil(w/2)).

    `window` holds its first row and column and those behind it; odd sizes are padded with 0.
    """
    top, left, bottom, right = window[0], window[1], window[2], window[3]
    for phase in range(4):
        for channel in range(first, last):
            for i in range(parts.shape[2]):
                row = top + 2 * i + phases[phase, 0]
                for j in range(parts.shape[3]):
                    column = left + 2 * j + phases[phase, 1]
                    inside = row < bottom and column < right
                    parts[phase, channel, i, j] = latents[channel, row, column] if inside else np.float32(0)


@kernel
def _merge(
    parts: Float32,
    latents: Float32,
    phases: NDArray[np.int64],
    window: NDArray[np.int64],
    paste: NDArray[np.int64],
    first: int,
    last: int,
) -> None:
    """The inverse of `_split` for the latents of `paste`, which lies in the window."""
    top, left, bottom, right = paste[0], paste[1], paste[2], paste[3]
    for phase in range(4):
        for channel in range(first, last):
            for i in range(parts.shape[2]):
                row = window[0] + 2 * i + phases[phase, 0]
                if row < top or row >= bottom:
                    continue
                for j in range(parts.shape[3]):
                    column = window[1] + 2 * j + phases[phase, 1]
                    if column >= left and column < right:
                        latents[channel, row, column] = parts[phase, channel, i, j]


@kernel
def _add_psi(
    residual: Float32,
    psi: Float32,
    out: Float32,
    phases: NDArray[np.int64],
    paste: NDArray[np.int64],
    first: int,
    last: int,
) -> None:
    channels = residual.shape[0]
    top, left, bottom, right = paste[0], paste[1], paste[2], paste[3]
    for channel in range(first, last):
        for phase in range(4):
            source = phase * channels + channel
            for row in range(top + ((top ^ phases[phase, 0]) & 1), bottom, 2):
                for column in range(left + ((left ^ phases[phase, 1]) & 1), right, 2):
                    out[channel, row, column] = residual[channel, row, column] + psi[source, row >> 1, column >> 1]


_PHASES = np.array(PHASES)


def _corners(area: Area) -> NDArray[np.int64]:
    """Return first row and column of a rectangle, and those behind it."""
    return np.array([area.rows.start, area.columns.start, area.rows.stop, area.columns.stop], np.int64)


def context_latents(
    residual: Float32,
    psi: Float32,
    predict: Sequence[Callable[..., Float32]],
    window: Area,
    paste: Area,
    out: Float32,
    workers: Workers,
    predictions: list[Float32] | None = None,
) -> None:
    """Run the four phases of the context model in the window of a region (06.7.2, 07.5).

    Args:
        residual: (C, H, W) float32, dequantised, of the picture.
        psi: (4 C, ceil(H/2), ceil(W/2)) float32, of the picture.
        predict: the networks of the four phases; the first takes psi's slice, the others the phases done and the slice.
        window: latents that the region reads; it begins at an even row and column.
        paste: latents of the window that it pastes.
        out: (C, H, W) float32, of the picture; takes y_hat of `paste`.
        workers: channels are shared among them.
        predictions: collects the four predictions of the window, each (C, ceil(h/2), ceil(w/2)), when given.

    At the padding of odd sizes the residual is 0 and the prediction stays: it feeds the later phases.
    """
    channels = len(residual)
    cells = window.covered_by(2)
    parts = np.empty((4, channels, *cells.shape), np.float32)
    read, kept = _corners(window), _corners(paste)
    workers.split(lambda first, last: _split(residual, parts, _PHASES, read, first, last), channels)
    for phase, network in enumerate(predict):
        known = [parts[:phase].reshape(phase * channels, *cells.shape)] if phase else []
        own = psi[phase * channels : (phase + 1) * channels][cells.index]
        prediction = network(*known, np.ascontiguousarray(own))
        if predictions is not None:
            predictions.append(prediction)
        parts[phase] += prediction
    workers.split(lambda first, last: _merge(parts, out, _PHASES, read, kept, first, last), channels)


def merge_phases(parts: Sequence[Float32], height: int, width: int) -> Float32:
    """Return four phases (C, ceil(h/2), ceil(w/2)) interleaved to (C, h, w)."""
    out = np.empty((parts[0].shape[0], height, width), np.float32)
    whole = _corners(Area.whole(height, width))
    _merge(np.stack(parts), out, _PHASES, whole, whole, 0, len(out))
    return out


def add_psi(residual: Float32, psi: Float32, paste: Area, out: Float32, workers: Workers) -> None:
    """Write residual + interleaved psi where a region pastes it: the component without context (06.7.3).

    Args:
        residual: (C, H, W) float32, of the picture.
        psi: (4 C, ceil(H/2), ceil(W/2)) float32, of the picture.
        paste: latents that the region pastes.
        out: (C, H, W) float32, of the picture.
        workers: channels are shared among them.
    """
    kept = _corners(paste)
    workers.split(lambda first, last: _add_psi(residual, psi, out, _PHASES, kept, first, last), len(residual))
