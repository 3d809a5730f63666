"""From the hyper scale to what is coded and how (sections 05.7 to 05.9).

The coding map of a region is made in one pass over the hyper scale. The single steps exist for dumps, and are written
plainly for whole arrays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.entropy.gains import check_added
from jpegai.decoder.entropy.metans import Integer
from jpegai.decoder.entropy.scaling import BLOCK, each_latent, spread
from jpegai.decoder.entropy.tables import NOT_CODED
from jpegai.decoder.geometry import Area, ceil_div
from jpegai.decoder.jit import kernel
from jpegai.decoder.workers import Workers, grain

__all__ = ["SKIP_THRESHOLD", "Scales"]

SKIP_THRESHOLD = 382
"""A position is coded if its scale before RVS is above (05.9.1)."""

_NOT_CODED = np.uint8(NOT_CODED)
_LEAST_INDEX, _GREATEST_INDEX = np.int16(0), np.int16(31)
#: All channels.
_ALL = slice(None)
_PHASES = 4
_CUBE = 8


@dataclass(frozen=True, slots=True)
class Scales:
    """What decides how the residual of a component is coded, for the whole picture.

    Attributes:
        hyper: int16 (C, h, w), 0..3967: output of the hyper scale decoder.
        log: int32 (C,): L, the gain of the model plus the displacement of the component (05.5.1).
        quality: int16 (h, w): what the quality map adds to the scale, 0 without one.
        variance: int16 (C, hb, wb): what RVS and GRFS add to the scale of a block, 0 with both off.
        forced: uint8 (h, w), 1 where cube flags force all channels to be coded.
    """

    hyper: NDArray[np.int16]
    log: NDArray[np.int32]
    quality: NDArray[np.int16]
    variance: NDArray[np.int16]
    forced: NDArray[np.uint8]

    @classmethod
    def of(
        cls,
        hyper: NDArray[np.int16],
        log: NDArray[np.int32],
        *,
        quality: NDArray[np.int16] | None = None,
        variance: NDArray[np.int16] | None = None,
        cube_flags: NDArray[np.uint8] | None = None,
    ) -> Scales:
        """Return the scales of a component; the arguments are the attributes, but for the cube flags.

        Args:
            hyper: see the attributes.
            log: see the attributes.
            quality: see the attributes; None without a quality map.
            variance: see the attributes; None with RVS and GRFS off.
            cube_flags: uint8 (4, cubeH, cubeW), None where use_cube_flags is 0.

        Raises:
            ConformanceError: what is added to a scale leaves -8192..8191 (rule R-96).
        """
        channels, height, width = hyper.shape
        blocks = channels, ceil_div(height, BLOCK), ceil_div(width, BLOCK)
        if quality is None:
            quality = np.zeros((height, width), np.int16)
        if variance is None:
            variance = np.zeros(blocks, np.int16)
        _check(log.shape == (channels,), f"{channels} gains")
        _check(quality.shape == (height, width), f"a quality map of {height} x {width}")
        _check(variance.shape == blocks, f"{blocks} blocks")
        check_added(np.array([pick(log) + pick(quality) for pick in (np.min, np.max)], np.int32))
        return cls(
            np.ascontiguousarray(hyper, np.int16),
            np.ascontiguousarray(log, np.int32),
            np.ascontiguousarray(quality, np.int16),
            np.ascontiguousarray(variance, np.int16),
            _forced(cube_flags, height, width),
        )

    def coding_map(self, num_chs: int, region: Area, workers: Workers) -> NDArray[np.uint8]:
        """Return the coding map of a region (05.7.1, 05.8.3, 05.9).

        Args:
            num_chs: number of coded channels, 0..C.
            region: its latents, without overlap.
            workers: what the channels are split over.

        Returns:
            uint8 (num_chs, h, w) of the region: sigma index 0..31 where a symbol is coded, 255 elsewhere.
        """
        _check(0 <= num_chs <= len(self.hyper), f"num_chs in 0..{len(self.hyper)}")
        _check(Area.whole(*self.forced.shape).contains(region), "a region inside the picture")
        out = np.empty((num_chs, *region.shape), np.uint8)
        origin = region.rows.start, region.columns.start
        sources = self.hyper, self.log, self.quality, self.variance, self.forced

        def fill(first: int, last: int) -> None:
            _map_loop(*sources, *origin, np.empty(region.columns.size, np.int16), out, first, last)

        workers.split(fill, num_chs, grain(out[:1].size))
        return out

    def before_variance(self, channels: slice = _ALL) -> NDArray[np.int16]:
        """Return the scale that decides what is coded (scale0, 05.7.1), int16 (C, h, w); of some channels only."""
        log = self.log[channels, None, None].astype(np.int16)
        result: NDArray[np.int16] = self.hyper[channels] + log + self.quality
        return result

    def after_variance(self, channels: slice = _ALL) -> NDArray[np.int16]:
        """Return the scale that decides the distribution (scale1, 05.8.2), int16 (C, h, w); of some channels only."""
        return self.before_variance(channels) + each_latent(self.variance[channels], *self.forced.shape)

    def sigma_index(self) -> NDArray[np.uint8]:
        """Return the index of the distribution (05.8.3), uint8 (C, h, w), 0..31, whether or not it is used."""
        index: NDArray[np.int16] = (self.after_variance() + np.int16(64)) >> 7
        return index.clip(_LEAST_INDEX, _GREATEST_INDEX).astype(np.uint8)

    def coded_mask(self) -> NDArray[np.uint8]:
        """Return which positions are coded (05.9) as if num_chs were C: uint8 (C, h, w), 1 where one is."""
        mask: NDArray[np.bool_] = (self.before_variance() > SKIP_THRESHOLD) | (self.forced != 0)
        return mask.astype(np.uint8)


def _forced(cube_flags: NDArray[np.uint8] | None, height: int, width: int) -> NDArray[np.uint8]:
    """Return where cube flags of 0 force all channels to be coded (05.9.2): uint8 (height, width), 0 or 1."""
    forced = np.zeros((height, width), np.uint8)
    if cube_flags is not None:
        cubes = tuple(ceil_div(size, 2 * _CUBE) for size in (height, width))
        _check(cube_flags.shape == (_PHASES, *cubes), f"cube flags of shape {(_PHASES, *cubes)}")
        for phase in range(_PHASES):
            part = forced[phase >> 1 :: 2, phase & 1 :: 2]
            cells = np.repeat(np.repeat(cube_flags[phase] == 0, _CUBE, 0), _CUBE, 1)
            part[:] = cells[: part.shape[0], : part.shape[1]]
    return forced


def _check(condition: bool, needed: str) -> None:
    """Guard the loops, which do not check indices, against a mistake of the caller."""
    if not condition:
        raise ValueError(f"needed: {needed}")


@kernel
def _entry(scale0: Integer, scale1: Integer, forced: Integer) -> Integer:
    """Return the entry of the coding map for a position (05.8.3, 05.9): coded by its scale, or forced by its cube."""
    index = np.uint8(min(max(np.int16(np.int16(scale1 + 64) >> 7), _LEAST_INDEX), _GREATEST_INDEX))
    return index if (scale0 > SKIP_THRESHOLD) | (forced != 0) else _NOT_CODED


@kernel
def _map_loop(
    hyper: NDArray[np.int16],
    log: NDArray[np.int32],
    quality: NDArray[np.int16],
    variance: NDArray[np.int16],
    forced: NDArray[np.uint8],
    top: int,
    left: int,
    line: NDArray[np.int16],
    out: NDArray[np.uint8],
    first: int,
    last: int,
) -> None:
    """Fill channels first..last-1 of `out` with the region at (top, left); `line` is space for a row of blocks."""
    for c in range(first, last):
        added = np.int16(log[c])
        for i in range(out.shape[1]):
            y = np.uint64(top + i)
            if i == 0 or y & 7 == 0:
                spread(variance, c, y >> np.uint64(3), left, line)
            for j in range(out.shape[2]):
                x = np.uint64(left + j)
                scale = np.int16(np.int16(hyper[c, y, x] + added) + quality[y, x])
                out[c, i, j] = _entry(scale, np.int16(scale + line[j]), forced[y, x])
