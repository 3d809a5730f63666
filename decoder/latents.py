"""From residual and psi to latents: the phases of the context model and the chroma addition (section 06.7).

All arrays are float32, or all are int32 latents in fixed point (`engines.formats`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.engines.formats import LATENT_LIMIT, Saturations
from jpegai.decoder.engines.saturation import saturate
from jpegai.decoder.geometry import Area
from jpegai.decoder.jit import kernel
from jpegai.decoder.workers import Workers

__all__ = ["PHASES", "add_psi", "context_latents", "merge_phases"]

#: Row and column of each phase in the 2x2 cell, in the order of prediction: the diagonal first (06.7.1).
PHASES = ((0, 0), (1, 1), (0, 1), (1, 0))

Numbers = NDArray[Any]


@kernel
def _split(
    latents: Numbers, parts: Numbers, phases: NDArray[np.int64], window: NDArray[np.int64], first: int, last: int
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
                    if row < bottom and column < right:
                        parts[phase, channel, i, j] = latents[channel, row, column]
                    else:
                        parts[phase, channel, i, j] = 0


@kernel
def _merge(
    parts: Numbers,
    latents: Numbers,
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
    residual: Numbers,
    psi: Numbers,
    out: Numbers,
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
    residual: Numbers,
    psi: Numbers,
    predict: Sequence[Callable[..., Numbers]],
    window: Area,
    paste: Area,
    out: Numbers,
    workers: Workers,
    predictions: list[Numbers] | None = None,
    saturations: Saturations | None = None,
) -> None:
    """Run the four phases of the context model in the window of a region (06.7.2, 07.5).

    Args:
        residual: (C, H, W) float32 or int32, dequantised, of the picture.
        psi: (4 C, ceil(H/2), ceil(W/2)), of the picture.
        predict: the networks of the four phases; the first takes psi's slice, the others the phases done and the slice.
        window: latents that the region reads; it begins at an even row and column.
        paste: latents of the window that it pastes.
        out: (C, H, W), of the picture; takes y_hat of `paste`.
        workers: channels are shared among them.
        predictions: collects the four predictions of the window, each (C, ceil(h/2), ceil(w/2)), when given.
        saturations: counts the int32 sums that are cut to +-`LATENT_LIMIT`, as ``latents``; int32 needs it.

    At the padding of odd sizes the residual is 0 and the prediction stays: it feeds the later phases.
    """
    channels = len(residual)
    cells = window.covered_by(2)
    parts = np.empty((4, channels, *cells.shape), out.dtype)
    read, kept = _corners(window), _corners(paste)
    workers.split(lambda first, last: _split(residual, parts, _PHASES, read, first, last), channels)
    for phase, network in enumerate(predict):
        known = [parts[:phase].reshape(phase * channels, *cells.shape)] if phase else []
        own = psi[phase * channels : (phase + 1) * channels][cells.index]
        prediction = network(*known, np.ascontiguousarray(own))
        if predictions is not None:
            predictions.append(prediction)
        parts[phase] += prediction
        _settle(parts[phase], saturations, workers)
    workers.split(lambda first, last: _merge(parts, out, _PHASES, read, kept, first, last), channels)


def merge_phases(parts: Sequence[Numbers], height: int, width: int) -> Numbers:
    """Return four phases (C, ceil(h/2), ceil(w/2)) interleaved to (C, h, w)."""
    out = np.empty((parts[0].shape[0], height, width), parts[0].dtype)
    whole = _corners(Area.whole(height, width))
    _merge(np.stack(parts), out, _PHASES, whole, whole, 0, len(out))
    return out


def add_psi(
    residual: Numbers,
    psi: Numbers,
    paste: Area,
    out: Numbers,
    workers: Workers,
    saturations: Saturations | None = None,
) -> None:
    """Write residual + interleaved psi where a region pastes it: the component without context (06.7.3).

    Args:
        residual: (C, H, W) float32 or int32, of the picture.
        psi: (4 C, ceil(H/2), ceil(W/2)), of the picture.
        paste: latents that the region pastes.
        out: (C, H, W), of the picture.
        workers: channels are shared among them.
        saturations: counts the int32 sums that are cut to +-`LATENT_LIMIT`, as ``latents``; int32 needs it.
    """
    kept = _corners(paste)
    workers.split(lambda first, last: _add_psi(residual, psi, out, _PHASES, kept, first, last), len(residual))
    _settle(out[paste.index], saturations, workers)


def _settle(sums: Numbers, saturations: Saturations | None, workers: Workers) -> None:
    """Cut sums in fixed point, which int32 holds, to the range of latents."""
    if sums.dtype == np.int32:
        assert saturations is not None
        saturate(sums, LATENT_LIMIT, "latents", saturations, workers)
