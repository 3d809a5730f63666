"""Analytic models, luma synthesis: inverse DCT (SOP), with deblocking (BOP) (21.6)."""

from __future__ import annotations

from itertools import product

import numpy as np

from jpegai.decoder.models.analytic_basis import (
    C8,
    C16,
    LUMA_STEP,
    NEIGHBOURS,
    SHRINKAGE,
    Z48,
    ZY,
    Array,
    Fills,
    T,
    radius,
    round_to,
)

__all__ = ["EDGE", "bop_decoder_Y", "edge_decay", "inverse_dct", "shrunk_scale", "sop_decoder_Y"]

EDGE = (1.25, -0.25)
"""e0 and e1: weights of the first and second samples from a block edge in the step across it (21.6.2)."""


def shrunk_scale(m: int) -> Array:
    """Return α·S of every latent channel: back to the normalised range, shrunk by frequency (21.6)."""
    r = radius(ZY)
    alpha: Array = 1 - SHRINKAGE[m] * r * 2 ** ((r - 7) / 17)
    return alpha * LUMA_STEP[m] / 128


def inverse_dct(scale: Array) -> Array:
    """Return [row, col, a, b, k]: sample (row, col) of half block (a, b), from latent k times its scale (21.6)."""
    vertical, horizontal = (C16[ZY[:, axis]].reshape(160, 2, 8) for axis in (0, 1))
    return round_to(np.einsum("k,kar,kbc->rcabk", scale, vertical, horizontal), 22)


def edge_decay() -> Array:
    """Return DEC_d: share of the correction at distance d = 0..7 from the edge (21.6.2)."""
    return round_to(np.exp(-0.8 * (np.arange(8) + 0.5)), 16)


def _diagonal(w: Array) -> None:
    """Write the identity of the 16 samples of a 4x4 cell (centre tap of the convolution)."""
    centre = w.shape[2] // 2
    for i in range(16):
        w[i, i, centre, centre] = 1


def sop_decoder_Y(m: int) -> Fills:
    """Return the tensors of ``VM_sop/decoder_Y`` of model index `m`: the plain inverse DCT (21.6.1)."""

    def samples(w: Array) -> None:
        w[:, :, 0, 0] = inverse_dct(shrunk_scale(m)).reshape(256, 160)

    def cells(w: Array) -> None:
        for row, col in product(range(8), range(8)):
            w[4 * (4 * (row % 4) + col % 4) + 2 * (row // 4) + col // 4, 8 * row + col, 0, 0] = 1

    return {
        "first_stage.1.conv.weight": samples,
        "conv2_t.conv.weight": cells,
        "conv3.weight": _diagonal,
        "conv4.weight": _diagonal,
    }


def bop_decoder_Y(m: int) -> Fills:
    """Return the tensors of ``VM_bop/decoder_Y`` of model index `m`: inverse DCT and clipped deblocking (21.6.2)."""
    clip = LUMA_STEP[m] / 1280  # t
    gain = 1.5 / clip  # g
    slope = float(round_to(np.array(clip / 3), 24))  # tr
    e0, e1 = EDGE
    p, q = Z48.T

    def constant(w: Array) -> None:
        w[159] = 4096

    def half_blocks(w: Array) -> None:
        u, v = ZY[:159, 0, None], ZY[:159, 1, None]
        for a, b in NEIGHBOURS:
            w[:159, :48, 1 + a, 1 + b] = round_to(shrunk_scale(m)[:159, None] * T[a][u, p] * T[b][v, q], 22)
        for o in (1, 2):  # flags: does the left, right, upper, lower neighbour exist
            w[159, 48, o, 3] = w[159, 49, o, 0] = w[159, 50, 3, o] = w[159, 51, 0, o] = 1 / 4096

    def cells_and_steps(w: Array) -> None:
        for (a, b), i, i2 in product(NEIGHBOURS, range(4), range(4)):
            w[:48, 4 * i + i2, 1 + a, 1 + b] = C8[p, 4 * a + i] * C8[q, 4 * b + i2]
        low, high = e0 * C8[:, 0] + e1 * C8[:, 1], e0 * C8[:, 7] + e1 * C8[:, 6]
        for a, i in product((0, 1), range(4)):
            across = gain * C8[p, 4 * a + i]  # Rv: vertical edges, one step per row
            w[:48, 16 + i, 1 + a, 1] = -across * low[q]
            w[:48, 16 + i, 1 + a, 3] = across * high[q]
            w[:48, 16 + i, 1 + a, 2] = -across * high[q]
            w[:48, 16 + i, 1 + a, 0] = across * low[q]
            down = gain * C8[q, 4 * a + i]  # Rh: horizontal edges, one step per column
            w[:48, 20 + i, 1, 1 + a] = -down * low[p]
            w[:48, 20 + i, 3, 1 + a] = down * high[p]
            w[:48, 20 + i, 2, 1 + a] = -down * high[p]
            w[:48, 20 + i, 0, 1 + a] = down * low[p]
        w[:] = round_to(w, 16)
        for o in (1, 2):
            for n, (source, y, x) in enumerate(((48, o, 1), (49, o, 2), (50, 1, o), (51, 2, o))):
                w[source, 24 + n, y, x] = 1
                w[source, 32 + 4 * n : 36 + 4 * n, y, x] = 1

    def step_offset(w: Array) -> None:
        w[16:24] = 3

    def clip_steps(w: Array) -> None:
        for i in range(8):
            w[16 + i, i, 1, 1] = 1

    def corrections(w: Array) -> None:
        for i in range(4):
            w[32 + i, 16 + i] = w[36 + i, 16 + i] = w[40 + i, 20 + i] = w[44 + i, 20 + i] = slope

    def deblock(w: Array) -> None:
        decay = edge_decay()
        _diagonal(w)
        for row, col in product(range(4), range(4)):
            sides = (
                ((1, 1), col, (1, 0), 4 + col),
                ((1, 1), 3 - col, (1, 2), 7 - col),
                ((1, 1), row, (0, 1), 4 + row),
                ((1, 1), 3 - row, (2, 1), 7 - row),
            )
            for n, (near, near_distance, far, far_distance) in enumerate(sides):
                channel = 32 + 4 * n + (row if n < 2 else col)
                for (y, x), distance in ((near, near_distance), (far, far_distance)):
                    w[4 * row + col, channel, y, x] += decay[distance]
                    w[4 * row + col, 24 + n, y, x] -= decay[distance] * (1 + 3 * slope)

    return {
        "first_stage.0.0.conv1.bias": constant,
        "first_stage.1.weight": half_blocks,
        "conv2_t.weight": cells_and_steps,
        "conv2_t.bias": step_offset,
        "iact2.conv.weight": clip_steps,
        "iact2.conv2.weight": corrections,
        "conv3.weight": deblock,
        "conv4.weight": _diagonal,
    }
