"""Analytic models, chroma synthesis: inverse DCT (SOP), with deblocking (BOP) (21.7)."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.models.analytic_basis import (
    C8,
    C16,
    CHROMA_STEP,
    NEIGHBOURS,
    SHRINKAGE,
    Z16,
    Z18,
    ZC,
    Array,
    Fills,
    T,
    radius,
    round_to,
)

__all__ = ["FIRST_LATENT", "bop_decoder_UV", "half_block_dct", "ramp", "samples", "shrunk_scale", "sop_decoder_UV"]

_COMPONENTS = (0, 1)
FIRST_LATENT = 48
"""First input of the second layer that is a latent; those before come from the combine block."""


def shrunk_scale(m: int) -> Array:
    """Return α_c·S of the 48 channels of a component (21.7)."""
    alpha: Array = 1 - SHRINKAGE[m] * radius(ZC)
    return alpha * CHROMA_STEP[m] / 128


def half_block_dct(m: int, cell: NDArray[np.int64]) -> Array:
    """Return Q[96, 2n, a, b]: the n coefficients `cell` of every 8x8 cell, from the coefficients of the block."""
    n = len(cell)
    result = np.zeros((96, 2 * n, 2, 2))
    u, v = ZC[:, 0, None], ZC[:, 1, None]
    p, q = cell.T
    for a, b in NEIGHBOURS:
        block = round_to(shrunk_scale(m)[:, None] * T[a][u, p] * T[b][v, q], 22)
        for comp in _COMPONENTS:
            result[48 * comp : 48 * comp + 48, n * comp : n * comp + n, a, b] = block
    return result


def samples(cell: NDArray[np.int64]) -> Array:
    """Return D[128, 2n]: the samples of an 8x8 cell from its n coefficients `cell`."""
    n = len(cell)
    result = np.zeros((128, 2 * n))
    p, q = cell.T
    block = round_to(np.einsum("jr,jc->rcj", C8[p], C8[q]).reshape(64, n), 20)
    for comp in _COMPONENTS:
        result[64 * comp : 64 * comp + 64, n * comp : n * comp + n] = block
    return result


def ramp() -> Array:
    """Return RAMP[d, p, l]: correction at distance d from the edge, row profile p, sample l along the edge."""
    distance = 1 - (np.arange(8) + 0.5) / 8
    return round_to(distance[:, None, None] * C8[:2], 16)


def sop_decoder_UV(m: int) -> Fills:
    """Return the tensors of ``VM_sop/decoder_UV`` of model index `m`: the plain inverse DCT (21.7)."""

    def half_blocks(w: Array) -> None:
        coefficients = half_block_dct(m, Z16).transpose(1, 2, 3, 0)  # [j, a, b, i]
        w[:128, FIRST_LATENT:, 0, 0] = coefficients.reshape(128, 96)

    def keep(w: Array) -> None:
        for i in range(32):
            w[i, i, 1, 1] = 1

    def inverse_dct(w: Array) -> None:
        w[:, :, 0, 0] = samples(Z16)

    return {"conv2_t.conv.weight": half_blocks, "conv3.weight": keep, "conv4.weight": inverse_dct}


def bop_decoder_UV(m: int) -> Fills:
    """Return the tensors of ``VM_bop/decoder_UV`` of model index `m`: inverse DCT and clipped deblocking (21.7)."""
    clip = CHROMA_STEP[m] / 2048 * math.sqrt(8)  # t
    gain = 1.5 / clip  # g
    slope = float(round_to(np.array(clip / 3), 24))  # tr
    echo = (*range(40, 48), *range(56, 64))  # ECH

    def constant(w: Array) -> None:
        w[0] = 1

    def cells_and_steps(w: Array) -> None:
        w[FIRST_LATENT:, :36, 1:3, 1:3] = half_block_dct(m, Z18)
        scale = gain * shrunk_scale(m)
        u, v = ZC.T
        for comp, p, a in product(_COMPONENTS, (0, 1), (0, 1)):
            latents = slice(FIRST_LATENT + 48 * comp, FIRST_LATENT + 48 * comp + 48)
            i = 2 * comp + p
            left, right = (scale * T[a][u, p] * C16[v, end] for end in (0, 15))
            w[latents, 48 + i, 1 + a, :] = round_to(np.stack([left, -left, -right, right], axis=1), 16)
            upper, lower = (scale * T[a][v, p] * C16[u, end] for end in (0, 15))
            w[latents, 52 + i, :, 1 + a] = round_to(np.stack([upper, -upper, -lower, lower], axis=1), 16)
        for o in (1, 2):
            for n, (y, x) in enumerate(((o, 3), (o, 0), (3, o), (0, o))):
                w[0, 36 + n, y, x] = 1
                w[0, echo[4 * n : 4 * n + 4], y, x] = 1

    def step_offset(w: Array) -> None:
        w[48:56] = 3

    def clip_steps(w: Array) -> None:
        for i in range(8):
            w[48 + i, i, 1, 1] = 1

    def corrections(w: Array) -> None:
        for n, i in product(range(4), range(4)):
            w[echo[4 * n + i], 48 + 4 * (n // 2) + i] = slope

    def deblock(w: Array) -> None:
        w[:, :36, 1, 1] = samples(Z18)
        ramps = ramp()
        for comp, row, col in product(_COMPONENTS, range(8), range(8)):
            output = w[64 * comp + 8 * row + col, :, 1, 1]
            for n, (d, along) in enumerate(((col, row), (7 - col, row), (row, col), (7 - row, col))):
                for p in (0, 1):
                    output[echo[4 * n + 2 * comp + p]] = ramps[d, p, along]
                    output[36 + n] -= ramps[d, p, along] * (1 + 3 * slope)

    def keep(w: Array) -> None:
        for i in range(128):
            w[i, i] = 1

    return {
        "first_stage.conv1.bias": constant,
        "conv2_t.weight": cells_and_steps,
        "conv2_t.bias": step_offset,
        "iact2.conv.weight": clip_steps,
        "iact2.conv2.weight": corrections,
        "conv3.weight": deblock,
        "conv4.weight": keep,
    }
