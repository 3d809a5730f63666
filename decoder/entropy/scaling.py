"""Activity of the scales, and what follows from it: RVS, GRFS and LSBS (sections 05.7.2, 05.8.1, 05.11).

All of them hold for blocks of 8 x 8 latents, aligned to the picture: arrays of (C, ceil(h/8), ceil(w/8)), a 64th of
the latents.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.engines.formats import LATENT_LIMIT, Fixed, Saturations
from jpegai.decoder.engines.rounding import shifted
from jpegai.decoder.engines.saturation import saturate
from jpegai.decoder.entropy.gains import KAPPA
from jpegai.decoder.entropy.metans import Integer
from jpegai.decoder.geometry import Area, ceil_div
from jpegai.decoder.jit import kernel
from jpegai.decoder.workers import Workers, grain

__all__ = [
    "BLOCK",
    "MODELS",
    "BiasScaling",
    "Steps",
    "VarianceScaling",
    "block_activity",
    "each_latent",
    "spread",
    "steps",
]

BLOCK = 8
"""Rows and columns of a block, in latents."""

_OUTSIDE = 1411  # log value of a sigma of 1, taken for what lies outside the picture
_GREATEST = 4351
_FULL = 128  # a scale of 1


@dataclass(frozen=True, slots=True)
class ModelScaling:
    """What one model says of RVS and LSBS.

    Attributes:
        thresholds: activity thresholds of RVS; the class of a block is the number of those below its activity.
        scales: scale of each class, times 128.
        bias_mean, bias_residual: LSBS factors of the mean and of the residual for each class, times 8192.
    """

    thresholds: tuple[int, ...]
    scales: tuple[int, ...]
    bias_mean: tuple[int, ...]
    bias_residual: tuple[int, ...]


#: By model_id.
MODELS = (
    ModelScaling((1003, 1352, 1937), (115, 125, 146, 160), (23, 0, 46), (28, 0, 56)),
    ModelScaling((1003, 1270, 1908), (115, 122, 125, 160), (17, 0, 34), (23, 0, 46)),
    ModelScaling((1003, 1378, 1934), (115, 130, 156, 175), (12, 0, 23), (17, 0, 34)),
    ModelScaling((1003, 1296, 1908), (115, 130, 156, 160), (9, 0, 28), (12, 0, 26)),
)
#: Activity thresholds of LSBS, of all models.
_BIAS_THRESHOLDS = (1378, 1411)
#: What GRFS makes of the scales of the channels whose flag is 0 and of those whose flag is 1.
_GROUP_FACTORS = (Fraction(98, 100), Fraction(106, 100))


@dataclass(frozen=True, slots=True)
class Steps:
    """The scales S' of the classes of one group of channels and what they come to (05.8.1).

    Attributes:
        scales: S', times 128.
        log: added to the scale (rlog).
        inverse: multiplies the residual, before a division by 65536 (rinv).
    """

    scales: tuple[int, ...]
    log: tuple[int, ...]
    inverse: tuple[int, ...]


@functools.cache
def steps(model_id: int, rvs: bool, group: int | None) -> Steps:
    """Return the scales of the classes (05.8.1); with RVS off there is one class.

    Args:
        model_id: 0..3.
        rvs: whether RVS is on.
        group: value of the channel's flag, None with GRFS off.
    """
    base = MODELS[model_id].scales if rvs else (_FULL,)
    # halves go to the even neighbour, as in all of Python's rounding
    scales = base if group is None else tuple(round(_GROUP_FACTORS[group] * scale) for scale in base)
    log = tuple(round(math.log(scale / _FULL) / (KAPPA / 128)) for scale in scales)
    return Steps(scales, log, tuple(round(Fraction(1 << 23, scale)) for scale in scales))


@dataclass(frozen=True, slots=True)
class VarianceScaling:
    """RVS and GRFS of a component, block by block.

    Attributes:
        log: int16 (C, hb, wb): added to the scale before RVS (05.8.2).
        inverse: float32 (C, hb, wb): multiplies the decoded integers, before a division by 65536 (05.10).
    """

    log: NDArray[np.int16]
    inverse: NDArray[np.float32]

    @classmethod
    def of(
        cls, model_id: int, activity: NDArray[np.int16], *, rvs: bool, group_flags: NDArray[np.uint8] | None
    ) -> VarianceScaling:
        """Return the scaling of a component.

        Args:
            model_id: 0..3.
            activity: int16 (C, hb, wb), what `block_activity` returns.
            rvs: rvs_enable_flag of the component.
            group_flags: uint8 (C,): grfs_channel_flag, None with GRFS off.
        """
        thresholds = MODELS[model_id].thresholds if rvs else ()
        classes = np.searchsorted(np.array(thresholds, np.int16), activity, "left")
        groups = [None] if group_flags is None else [0, 1]
        tables = [steps(model_id, rvs, group) for group in groups]
        row = np.zeros(len(activity), np.intp) if group_flags is None else group_flags.astype(np.intp)
        log = np.array([table.log for table in tables], np.int16)
        inverse = np.array([table.inverse for table in tables], np.float32)
        return cls(log[row[:, None, None], classes], inverse[row[:, None, None], classes])


@dataclass(frozen=True, slots=True)
class BiasScaling:
    """LSBS of a component, block by block (05.11); float32 (C, hb, wb), factors times 8192."""

    mean: NDArray[np.float32]
    residual: NDArray[np.float32]

    @classmethod
    def of(cls, model_id: int, activity: NDArray[np.int16]) -> BiasScaling:
        """Return the scaling for an activity, int16 (C, hb, wb)."""
        model = MODELS[model_id]
        classes = np.searchsorted(np.array(_BIAS_THRESHOLDS, np.int16), activity, "left")
        return cls(np.array(model.bias_mean, np.float32)[classes], np.array(model.bias_residual, np.float32)[classes])

    def apply(
        self,
        latents: NDArray[Any],
        residual: NDArray[Any],
        workers: Workers,
        area: Area | None = None,
        saturations: Saturations | None = None,
    ) -> None:
        """Scale latents in place.

        Args:
            latents: float32 or fixed-point int32 (C, h, w): y_hat, replaced by y_hat'.
            residual: (C, h, w) of the same dtype, dequantised.
            workers: channels are shared among them.
            area: which latents; by default all.
            saturations: counts the int32 results that are cut to +-`LATENT_LIMIT`, as ``latents_scaled``; int32
                needs it.
        """
        whole = Area.whole(*latents.shape[1:])
        area = whole if area is None else area
        if not whole.contains(area):
            raise ValueError("needed: an area of the latents")
        (top, bottom), (left, right) = area.rows, area.columns
        if latents.shape != residual.shape or _blocks(latents.shape) != self.mean.shape:
            raise ValueError("needed: latents, residual and factors of one picture")

        loop = _bias_loop_fixed if latents.dtype == np.int32 else _bias_loop

        def scale(first: int, last: int) -> None:
            lines = np.empty((2, right - left), latents.dtype)
            loop(latents, residual, self.mean, self.residual, top, bottom, left, lines, first, last)

        workers.split(scale, len(latents), grain((bottom - top) * (right - left)))
        if latents.dtype == np.int32:
            assert saturations is not None
            saturate(latents[area.index], LATENT_LIMIT, "latents_scaled", saturations, workers)


@kernel
def spread(blocks: NDArray[Any], channel: Integer, row: Integer, left: Integer, line: NDArray[Any]) -> None:
    """Write the values of one row of blocks, (C, hb, wb), for each latent from column `left` on."""
    for j in range(line.shape[0]):
        line[j] = blocks[channel, row, np.uint64((left + j) >> 3)]


@kernel
def _bias_loop(
    latents: NDArray[np.float32],
    residual: NDArray[np.float32],
    mean_factor: NDArray[np.float32],
    residual_factor: NDArray[np.float32],
    top: int,
    bottom: int,
    left: int,
    lines: NDArray[np.float32],
    first: int,
    last: int,
) -> None:
    """Scale rows top..bottom-1 of channels first..last-1; `lines` takes both factors of the columns from `left` on."""
    for c in range(first, last):
        for row in range(top, bottom):
            y = np.uint64(row)
            if row == top or y & 7 == 0:
                spread(mean_factor, c, y >> np.uint64(3), left, lines[0])
                spread(residual_factor, c, y >> np.uint64(3), left, lines[1])
            for j in range(lines.shape[1]):
                x = np.uint64(left + j)
                value, r = latents[c, y, x], residual[c, y, x]
                error = lines[0, j] * (value - r) + lines[1, j] * r
                latents[c, y, x] = value + error / np.float32(8192)


@kernel
def _bias_loop_fixed(
    latents: Fixed,
    residual: Fixed,
    mean_factor: NDArray[np.float32],
    residual_factor: NDArray[np.float32],
    top: int,
    bottom: int,
    left: int,
    lines: NDArray[np.int32],
    first: int,
    last: int,
) -> None:
    """Do as `_bias_loop`, with one rounding; what may leave the range of latents is still far from that of int32."""
    for c in range(first, last):
        for row in range(top, bottom):
            y = np.uint64(row)
            if row == top or y & 7 == 0:
                spread(mean_factor, c, y >> np.uint64(3), left, lines[0])
                spread(residual_factor, c, y >> np.uint64(3), left, lines[1])
            for j in range(lines.shape[1]):
                x = np.uint64(left + j)
                value, r = np.int64(latents[c, y, x]), np.int64(residual[c, y, x])
                latents[c, y, x] = shifted((value << 13) + lines[0, j] * (value - r) + lines[1, j] * r, 13)


@kernel
def _activity(total: Integer, outside: Integer) -> Integer:
    """Return the activity of a block from the sum inside the picture and the number of positions outside."""
    return min(max((total + _OUTSIDE * outside + 32) >> 6, 0), _GREATEST)


@kernel
def _activity_loop(
    hs: NDArray[np.int16],
    log: NDArray[np.int32],
    quality: NDArray[np.int16],
    line: NDArray[np.int32],
    out: NDArray[np.int16],
    first: int,
    last: int,
) -> None:
    """Fill channels first..last-1 of `out`; `line` is space for the sums of the columns of a row of blocks."""
    for c in range(first, last):
        for i in range(out.shape[1]):
            rows = min(8, hs.shape[1] - 8 * i)
            for x in range(line.shape[0]):
                line[x] = log[c] * rows
            for y in range(rows):
                row = np.uint64(8 * i + y)
                for x in range(line.shape[0]):
                    line[x] += np.int32(hs[c, row, x]) + np.int32(quality[row, x])
            for j in range(out.shape[2]):
                columns = min(8, hs.shape[2] - 8 * j)
                total = np.int64(0)
                for x in range(columns):
                    total += line[np.uint64(8 * j + x)]
                out[c, i, j] = _activity(total, 64 - rows * columns)


def block_activity(
    hs: NDArray[np.int16], log: NDArray[np.int32], quality: NDArray[np.int16], workers: Workers
) -> NDArray[np.int16]:
    """Return the activity of the scale before RVS (05.7.2).

    Args:
        hs: int16 (C, h, w), 0..3967: output of the hyper scale decoder.
        log: int32 (C,): L, the gain of the model plus the displacement of the component (05.5.1).
        quality: int16 (h, w): what the quality map adds to the scale, 0 without one.
        workers: channels are shared among them.

    Returns:
        int16 (C, ceil(h/8), ceil(w/8)), 0..4351.
    """
    channels, height, width = hs.shape
    if log.shape != (channels,) or quality.shape != (height, width):
        raise ValueError("needed: a gain for every channel and a quality for every latent")
    out = np.empty(_blocks(hs.shape), np.int16)

    def fill(first: int, last: int) -> None:
        _activity_loop(hs, log, quality, np.empty(width, np.int32), out, first, last)

    workers.split(fill, channels, grain(height * width))
    return out


def _blocks(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape (C, hb, wb) of the blocks of latents (C, h, w)."""
    channels, height, width = shape
    return channels, ceil_div(height, BLOCK), ceil_div(width, BLOCK)


def each_latent(blocks: NDArray[np.int16], height: int, width: int) -> NDArray[np.int16]:
    """Return the values of blocks, (C, hb, wb), for each latent of its block, (C, h, w)."""
    return np.repeat(np.repeat(blocks, BLOCK, 1), BLOCK, 2)[:, :height, :width]
