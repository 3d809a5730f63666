"""Analytic models, HOP synthesis: non-linear shrinkage and deblocking (21.6.3, 21.7)."""

from __future__ import annotations

import math
from itertools import product

import numpy as np

from jpegai.decoder.models.analytic_basis import (
    C16,
    CHROMA_STEP,
    LUMA_STEP,
    NEIGHBOURS,
    Z18,
    ZC,
    ZY,
    Array,
    Fills,
    T,
    radius,
    round_to,
)
from jpegai.decoder.models.analytic_chroma import FIRST_LATENT, half_block_dct, ramp, samples
from jpegai.decoder.models.analytic_chroma import shrunk_scale as chroma_scale
from jpegai.decoder.models.analytic_luma import EDGE, edge_decay, inverse_dct
from jpegai.decoder.models.analytic_luma import shrunk_scale as luma_scale

__all__ = ["hop_decoder_UV", "hop_decoder_Y"]

_SHRUNK = slice(1, 81)  # luma latents with non-linear shrinkage
_SHRINKAGE = (0.060, 0.042, 0.028, 0.0195)  # NLS by model index
_LIMIT = (0.35, 0.29, 0.24, 0.18)  # NLC by model index
_AWAY = 512  # K: what keeps steps off the block edges out of the range of relu6


def hop_decoder_Y(m: int) -> Fills:
    """Return the tensors of ``VM_hop/decoder_Y`` of model index `m` (21.6.3)."""
    clip = LUMA_STEP[m] / 1280  # t
    gain = float(round_to(np.array(1.5 / clip), 8))  # g'
    slope = float(round_to(np.array(clip / 3), 24))  # tr
    r = radius(ZY[_SHRUNK])
    level = round_to(2 ** ((32 * r - 220) / 443), 12)  # θ
    share = round_to(np.minimum(_LIMIT[m], _SHRINKAGE[m] * r * 2 ** ((r - 7) / 17)), 12)  # δ
    scale = luma_scale(m)
    scale[: _SHRUNK.stop] = LUMA_STEP[m] / 128  # these have no linear shrinkage
    decay = edge_decay()

    def beside(w: Array) -> None:
        for i in range(80):
            w[2 * i, i + 1, 1, 1] = w[2 * i + 1, i + 1, 1, 1] = 1

    def levels(w: Array) -> None:
        w[0:160:2], w[1:160:2] = level, -level

    def shrink(w: Array) -> None:
        for i in range(80):
            w[i + 1, 2 * i, 1, 1], w[i + 1, 2 * i + 1, 1, 1] = -share[i], share[i]

    def centre(w: Array) -> None:
        w[_SHRUNK] = share * level
        w[159] = 4096

    def half_blocks(w: Array) -> None:
        block = inverse_dct(scale)[:, :, :, :, :159]  # [row, col, a, b, k]
        for a, b in NEIGHBOURS:
            w[:159, :64, 1 + a, 1 + b] = block[:, :, a, b].reshape(64, 159).T
        for o in (1, 2):  # does the right, the lower neighbour exist
            w[159, 64, o, 0] = w[159, 65, 0, o] = 1 / 4096

    def cells_and_steps(w: Array) -> None:
        for row, col in product(range(8), range(8)):
            w[8 * row + col, 4 * (row % 4) + col % 4, 1 + row // 4, 1 + col // 4] = 1
        near, far = (gain * weight for weight in EDGE)
        for a, i in product((0, 1), range(4)):
            q = 4 * a + i
            w[8 * q + 7, 16 + i, 1 + a, 2], w[8 * q + 6, 16 + i, 1 + a, 2] = -near, -far
            w[8 * q, 16 + i, 1 + a, 0], w[8 * q + 1, 16 + i, 1 + a, 0] = near, far
            w[56 + q, 20 + i, 2, 1 + a], w[48 + q, 20 + i, 2, 1 + a] = -near, -far
            w[q, 20 + i, 0, 1 + a], w[8 + q, 20 + i, 0, 1 + a] = near, far
        for o in (1, 2):
            w[64, [16, 17, 18, 19, 24], o, 2] = _AWAY
            w[65, [20, 21, 22, 23, 25], 2, o] = _AWAY

    def step_offset(w: Array) -> None:
        w[16:26] = 3 - _AWAY
        w[32:48] = 1

    def clip_steps(w: Array) -> None:
        for n, (first, reference, y, x) in enumerate(((16, 24, 1, 1), (16, 24, 1, 0), (20, 25, 1, 1), (20, 25, 0, 1))):
            for i in range(4):
                w[4 * n + i, first + i, y, x] = 1
                w[4 * n + i, reference, y, x] = -1

    def corrections(w: Array) -> None:
        for i in range(16):
            w[32 + i, i] = slope if i % 8 < 4 else -slope

    def sides(row: int, col: int) -> tuple[tuple[int, float], ...]:
        """Return the channels of the corrections of a sample and their weights."""
        channels = 32 + row, 36 + row, 40 + col, 44 + col
        distances = 3 - col, col, 3 - row, row
        return tuple((channel, decay[distance]) for channel, distance in zip(channels, distances, strict=True))

    def deblock(w: Array) -> None:
        for row, col in product(range(4), range(4)):
            o = _shuffled(row, col, 2)
            w[o, 4 * row + col] = 1
            for channel, weight in sides(row, col):
                w[o, channel] += weight

    def base(w: Array) -> None:
        for row, col in product(range(4), range(4)):
            w[_shuffled(row, col, 2)] = -sum(weight for _, weight in sides(row, col))

    def halve(w: Array) -> None:
        for (a, b), i in product(NEIGHBOURS, range(4)):
            w[4 * (2 * a + b) + i, i, a + 1, b + 1] = 1

    def pixels(w: Array) -> None:
        for row, col in NEIGHBOURS:
            w[2 * row + col, 0, 1 + row, 1 + col] = 1

    return {
        "first_stage.0.0.conv1.weight": beside,
        "first_stage.0.0.conv1.bias": levels,
        "first_stage.0.0.conv2.weight": shrink,
        "first_stage.0.0.conv2.bias": centre,
        "first_stage.1.weight": half_blocks,
        "conv2_t.weight": cells_and_steps,
        "conv2_t.bias": step_offset,
        "iact2.conv.weight": clip_steps,
        "iact2.conv2.weight": corrections,
        "conv3_t.weight": deblock,
        "conv3_t.bias": base,
        "TAM.ds_conv.weight": halve,
        "TAM.us_conv.weight": halve,
        "conv4_t.weight": pixels,
    }


def hop_decoder_UV(m: int) -> Fills:
    """Return the tensors of ``VM_hop/decoder_UV`` of model index `m` (21.7)."""
    clip = CHROMA_STEP[m] / 2048 * math.sqrt(8)  # t
    gain = 1.5 / clip  # g
    slope = float(round_to(np.array(clip / 3), 24))  # tr
    echo = (*range(36, 48), *range(58, 62))  # ECH
    ramps = ramp()
    components = (0, 1)

    def constant(w: Array) -> None:
        w[0] = 1

    def cells_and_steps(w: Array) -> None:
        w[FIRST_LATENT:, :36, 1:3, 1:3] = half_block_dct(m, Z18)
        scale = gain * chroma_scale(m)
        u, v = ZC.T
        for comp, p, a in product(components, (0, 1), (0, 1)):
            latents = slice(FIRST_LATENT + 48 * comp, FIRST_LATENT + 48 * comp + 48)
            i = 2 * comp + p
            left, right = (round_to(scale * T[a][u, p] * C16[v, end], 16) for end in (0, 15))
            w[latents, 48 + i, 1 + a, 2], w[latents, 48 + i, 1 + a, 0] = -right, left
            upper, lower = (round_to(scale * T[a][v, p] * C16[u, end], 16) for end in (0, 15))
            w[latents, 52 + i, 2, 1 + a], w[latents, 52 + i, 0, 1 + a] = -lower, upper
        for o in (1, 2):
            w[0, [48, 49, 50, 51, 56], o, 0] = _AWAY
            w[0, [52, 53, 54, 55, 57], 0, o] = _AWAY
        w += 0.0  # no negative zeros

    def step_offset(w: Array) -> None:
        w[48:58] = 3 - _AWAY
        w[list(echo)] = 1

    def clip_steps(w: Array) -> None:
        for n, (first, reference, y, x) in enumerate(((0, 8, 1, 1), (0, 8, 1, 0), (4, 9, 1, 1), (4, 9, 0, 1))):
            for i in range(4):
                w[48 + 4 * n + i, first + i, y, x] = 1
                w[48 + 4 * n + i, reference, y, x] = -1

    def corrections(w: Array) -> None:
        for n, i in product(range(4), range(4)):
            w[echo[4 * n + i], 48 + 4 * n + i] = slope if n % 2 == 0 else -slope

    def sides(row: int, col: int, comp: int) -> list[tuple[int, float]]:
        """Return the channels of the corrections of a sample and their weights."""
        places = (7 - col, row), (col, row), (7 - row, col), (row, col)
        return [
            (echo[4 * n + 2 * comp + p], ramps[d, p, along]) for n, (d, along) in enumerate(places) for p in (0, 1)
        ]

    def deblock(w: Array) -> None:
        dct = samples(Z18)
        for comp, row, col in product(components, range(8), range(8)):
            o = 64 * comp + _shuffled(row, col, 4)
            w[o, :36, 0, 0] = dct[64 * comp + 8 * row + col]
            for channel, weight in sides(row, col, comp):
                w[o, channel] = weight

    def base(w: Array) -> None:
        for comp, row, col in product(components, range(8), range(8)):
            for _, weight in sides(row, col, comp):
                w[64 * comp + _shuffled(row, col, 4)] -= weight

    def pixels(w: Array) -> None:
        for comp, row, col in product(components, range(4), range(4)):
            w[16 * comp + 4 * row + col, 4 * comp + 2 * (row % 2) + col % 2, 1 + row // 2, 1 + col // 2] = 1

    return {
        "first_stage.conv1.bias": constant,
        "conv2_t.weight": cells_and_steps,
        "conv2_t.bias": step_offset,
        "iact2.conv.weight": clip_steps,
        "iact2.conv2.weight": corrections,
        "conv3_t.weight": deblock,
        "conv3_t.bias": base,
        "conv4_t.weight": pixels,
    }


def _shuffled(row: int, col: int, half: int) -> int:
    """Return the channel of a sample before a pixel shuffle by 2 that makes cells of half the side `half`."""
    return 4 * (half * (row % half) + col % half) + 2 * (row // half) + col // half
