"""From decoded integers to the residual, in binary32 step by step (section 05.10)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.entropy.scaling import spread
from jpegai.decoder.geometry import Area
from jpegai.decoder.jit import kernel
from jpegai.decoder.workers import Workers, grain

__all__ = ["Dequantiser"]

_NO_BLOCKS = np.zeros((0, 0, 0), np.float32)
_NO_MAP = np.zeros((0, 0), np.float32)


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
        if len(values) > min(len(out), len(self.divisor)) or values.shape[1:] != region.shape:
            raise ValueError("needed: a divisor and a place for every channel, and the integers of the region")
        arrays = (
            self.divisor,
            _NO_BLOCKS if self.variance is None else self.variance,
            _NO_MAP if self.quality is None else self.quality,
        )
        tools = self.variance is not None, self.quality is not None
        origin = region.rows.start, region.columns.start

        def fill(first: int, last: int) -> None:
            line = np.empty(region.columns.size, np.float32)
            _dequantise_loop(values, *arrays, *tools, *origin, line, out, first, last)

        workers.split(fill, len(values), grain(values[:1].size))


@kernel
def _dequantise_loop(
    values: NDArray[np.int16],
    divisor: NDArray[np.float32],
    variance: NDArray[np.float32],
    quality: NDArray[np.float32],
    with_variance: bool,
    with_quality: bool,
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
            if with_variance and (i == 0 or y & 7 == 0):
                spread(variance, c, y >> np.uint64(3), left, line)
            for j in range(values.shape[2]):
                x = np.uint64(left + j)
                value = np.float32(values[c, i, j])
                if with_variance:
                    value = value * line[j] / np.float32(65536)
                if with_quality:
                    value = value / quality[y, x]
                out[c, y, x] = value / by
