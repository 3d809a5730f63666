"""Analytic models, the luma context model: prediction of eight coefficients from the four nearest blocks (21.5)."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.models.analytic_basis import C16, ZY, Array, Fill, Fills, round_to

__all__ = ["fills", "predictor"]

_PREDICTED = np.array([(0, 0), (1, 0), (0, 1), (1, 1), (2, 0), (0, 2), (3, 0), (0, 3)])  # K
_CHANNEL = [ZY.tolist().index(pair) for pair in _PREDICTED.tolist()]  # κ
_COUNT = len(_PREDICTED)
_CORRELATION = 0.98  # ρ of neighbouring samples
_REGULARISATION = 0.012

_DIAGONAL = ((-1, -1), (-1, 1), (1, -1), (1, 1))
_ADJACENT = ((0, -1), (0, 1), (-1, 0), (1, 0))
_OWN = {1: (1, 1), 2: (0, 1), 3: (1, 0)}  # position of a phase in the 2x2 cell
_PARTS = {1: ((0, 0),), 2: ((0, 0), (1, 1)), 3: ((0, 0), (1, 1))}  # positions of the phases it is predicted from
_NEIGHBOURS = {1: _DIAGONAL, 2: _ADJACENT, 3: _ADJACENT}


def fills() -> Fills:
    """Return the tensors ``context.MCM.1`` to ``.3``; phase 0 is all zero."""
    tensors: dict[str, Fill] = {}
    for phase in (1, 2, 3):
        prefix = f"context.MCM.{phase}."
        tensors |= {
            prefix + "conv.0.weight": functools.partial(_select, phase),
            prefix + "conv.1.weight": functools.partial(_predict, phase),
            prefix + "fusion_pred_net.conv1.weight": _both_signs,
            prefix + "fusion_pred_net.conv2.weight": _keep,
            prefix + "fusion_pred_net.conv3.weight": _join,
        }
    return tensors


def _select(phase: int, w: Array) -> None:
    for part in range(len(_PARTS[phase])):
        for j, channel in enumerate(_CHANNEL):
            w[_COUNT * part + j, 160 * part + channel] = 1


def _predict(phase: int, w: Array) -> None:
    weights = predictor(_NEIGHBOURS[phase])
    own = _OWN[phase]
    for part, position in enumerate(_PARTS[phase]):
        for n, neighbour in enumerate(_NEIGHBOURS[phase]):
            dy, dx = (own[axis] + neighbour[axis] - position[axis] for axis in (0, 1))
            if dy % 2 == 0 and dx % 2 == 0:
                w[:_COUNT, _COUNT * part : _COUNT * (part + 1), dy // 2 + 1, dx // 2 + 1] = weights[n].T


def _both_signs(w: Array) -> None:
    for j in range(_COUNT):
        w[2 * j, j] = 1
        w[2 * j + 1, j] = -1


def _keep(w: Array) -> None:
    for i in range(2 * _COUNT):
        w[i, i] = 1


def _join(w: Array) -> None:
    for j, channel in enumerate(_CHANNEL):
        w[channel, 2 * j] = 1
        w[channel, 2 * j + 1] = -1


@functools.cache
def predictor(neighbours: tuple[tuple[int, int], ...]) -> Array:
    """Return W[p, s, t], rounded: weight of coefficient s of neighbour p for the prediction of coefficient t."""
    places = np.array(neighbours)
    between = np.block([[_covariance(*(q - p)) for q in places] for p in places])
    towards = np.concatenate([_covariance(*-p) for p in places])
    exact = np.linalg.solve(between + _REGULARISATION * np.eye(len(between)), towards)
    return round_to(exact, 12).reshape(len(places), _COUNT, _COUNT)


def _covariance(dy: int, dx: int) -> Array:
    """Cov(dy, dx)[s, t] of coefficients of two blocks that are (dy, dx) blocks apart."""
    u, v = _PREDICTED[:, 0], _PREDICTED[:, 1]
    basis = np.einsum("ji,jk->jik", C16[u], C16[v]).reshape(_COUNT, 256)
    covariance: Array = basis @ _sample_covariance(dy, dx) @ basis.T
    return covariance


def _sample_covariance(dy: int, dx: int) -> NDArray[np.float64]:
    """Return ρ^distance of every sample of one block (row-major) from every sample of the other, (256, 256)."""
    apart = np.arange(-15, 16)  # index of the first block's sample minus index of the second's
    table = _CORRELATION ** np.hypot((apart - 16 * dy)[:, None], apart - 16 * dx)
    index = np.arange(16)[:, None] - np.arange(16) + 15
    covariance: Array = table[index[:, None, :, None], index[None, :, None, :]].reshape(256, 256)
    return covariance
