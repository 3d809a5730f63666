"""From decoded integers to the residual, in binary32 step by step (section 05.10)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.entropy.scaling import BLOCK, spread
from jpegai.decoder.geometry import Area, ceil_div
from jpegai.decoder.jit import kernel
from jpegai.decoder.workers import Workers, grain

__all__ = ["Dequantiser"]


@dataclass(frozen=True, slots=True)
class Dequantiser:
    """What the decoded integers of a component are multiplied with and divided by.

    Attributes:
        divisor: float32 (C,): `Gains.divisor`.
        variance: float32 (C, hb, wb): `VarianceScaling.inverse`, None with RVS and GRFS off.
        quality: float32 (h, w): `QualityMap.divisor`, None without a quality map.
    """

    divisor: NDArray[np.float32]
    variance: NDArray[np.float32] | None = None
    quality: NDArray[np.float32] | None = None

    def __call__(self, values: NDArray[np.int16], region: Area, out: NDArray[np.float32], workers: Workers) -> None:
        """Dequantise the integers of a region.

        Args:
            values: int16 (n, h, w), the integers of the first n channels.
            region: the latents they belong to.
            out: float32 (C, H, W), C >= n, of which the region's first n channels are written.
            workers: what the channels are split over.
        """
        channels, height, width = out.shape
        blocks = channels, ceil_div(height, BLOCK), ceil_div(width, BLOCK)
        # where a tool is off its step changes no bit: x * 65536 / 65536 and x / 1 are exact
        variance = np.full(blocks, 65536, np.float32) if self.variance is None else self.variance
        quality = np.ones((height, width), np.float32) if self.quality is None else self.quality
        fits = values.shape[1:] == region.shape and Area.whole(height, width).contains(region)
        if not fits or len(values) > channels:
            raise ValueError("needed: a place in the picture for every integer")
        if self.divisor.shape != (channels,) or variance.shape != blocks or quality.shape != (height, width):
            raise ValueError("needed: a divisor for every latent")
        origin = region.rows.start, region.columns.start

        def fill(first: int, last: int) -> None:
            line = np.empty(region.columns.size, np.float32)
            _dequantise_loop(values, self.divisor, variance, quality, *origin, line, out, first, last)

        workers.split(fill, len(values), grain(values[:1].size))


@kernel
def _dequantise_loop(
    values: NDArray[np.int16],
    divisor: NDArray[np.float32],
    variance: NDArray[np.float32],
    quality: NDArray[np.float32],
    top: int,
    left: int,
    line: NDArray[np.float32],
    out: NDArray[np.float32],
    first: int,
    last: int,
) -> None:
    """Write channels first..last-1 of the region at (top, left); `line` is space for a row of blocks."""
    for c in range(first, last):
        by = np.float32(divisor[c])
        for i in range(values.shape[1]):
            y = np.uint64(top + i)
            if i == 0 or y & 7 == 0:
                spread(variance, c, y >> np.uint64(3), left, line)
            for j in range(values.shape[2]):
                x = np.uint64(left + j)
                value = np.float32(values[c, i, j]) * line[j] / np.float32(65536)
                out[c, y, x] = value / quality[y, x] / by
