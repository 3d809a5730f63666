"""EFE non-linear: hinge functions of luma added to chroma, and blending with the alternative picture (section 8.5)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.engines.formats import ONE
from jpegai.decoder.filters.base import Pictures, Supplies, given
from jpegai.decoder.filters.efe_linear import has_mask
from jpegai.decoder.filters.fixed import Sums, is_fixed, settle, working
from jpegai.decoder.filters.planes import Float32, PictureShape, Samples, Window, WindowPlanes
from jpegai.decoder.filters.tables import KNOTS
from jpegai.decoder.filters.values import WEIGHT_BITS, integers, require, weights
from jpegai.decoder.geometry import ceil_div
from jpegai.decoder.jit import kernel
from jpegai.decoder.workers import grain

__all__ = ["EfeNonlinear", "Hinges"]

Int64 = NDArray[np.int64]

_REPLACES = 2  # the greatest mask value
_BITS = WEIGHT_BITS + 1  # fraction bits of a weight in fixed point: blending halves
_ENABLE_FLAGS = ("nonLinear_enabled_U_flag", "nonLinear_enabled_V_flag")
_MASKS = (("mask1_enabled_flag", "W5_U"), ("mask2_enabled_flag", "W5_V"))


@dataclass(frozen=True, slots=True, eq=False)
class Hinges:
    """Functions of luma that are added to a component, by tile.

    Attributes:
        tile: height and width of a tile in chroma samples.
        columns: tiles in a row of tiles.
        low, high: int64 (T, 1), hundredths: the luma values between which the slope changes.
        weights: float32 (T, 8), exact multiples of 2^-11.
    """

    tile: tuple[int, int]
    columns: int
    low: Int64
    high: Int64
    weights: Float32

    def numbers(self, *, fixed: bool) -> tuple[Sums, Sums]:
        """Return what the loops take: weights and knots t_i, (T, 8).

        For int32 planes both are integers, and so is what is made of them: with samples up to 2^31 and knots below
        2^26, eight products with weights of at most 2^16 and a sample times 2^12 stay below 2^51, and when blended
        below 2^52.
        """
        i = np.arange(KNOTS)
        if not fixed:
            low, high = self.low / 100, self.high / 100
            start, gap = low.astype(np.float32), ((high - low) / KNOTS).astype(np.float32)
            return self.weights, start + i.astype(np.float32) * gap
        # a quotient of integers below 2^36 that is no half lies further from one than its rounding error
        knots = np.rint(ONE * (KNOTS * self.low + i * (self.high - self.low)) / (100 * KNOTS))
        return self.weights * np.float64(1 << _BITS), knots


_NO_LIMITS = np.empty((0, 1), np.int64)
_NO_HINGES = Hinges((1, 1), 1, _NO_LIMITS, _NO_LIMITS, np.empty((0, KNOTS), np.float32))
_NO_MASK = np.empty((0, 0), np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class EfeNonlinear:
    """Parameters of the filter.

    Attributes:
        picture: format of the whole picture.
        hinges: what is added to U and V; None for a component that is not filtered.
        block: side of a mask block in chroma samples.
        masks: uint8 (rows, columns) of U and V: 0 keeps, 1 averages, 2 replaces by the alternative picture; None for
            a component that is not blended.
    """

    name: ClassVar[str] = "efe_nonlinear"

    picture: PictureShape
    hinges: tuple[Hinges | None, Hinges | None]
    block: int
    masks: tuple[NDArray[np.uint8] | None, NDArray[np.uint8] | None]

    @classmethod
    def from_header(cls, ton: Mapping[str, Any], pih: Mapping[str, Any]) -> EfeNonlinear | None:
        """Read the filter from the tools header; None where it is off.

        A mask of V alone is ignored, as 8.5.5 wants it.

        Raises:
            ConformanceError: tiles, masks or weights do not fit the picture (R-52, R-61 to R-67).
        """
        if not ton.get("EFE_nonlinear_filter_enabled_flag", 0):
            return None
        picture = PictureShape.from_header(pih)
        hinges = _hinges(ton, picture)
        if not has_mask(ton):
            return cls(picture, hinges, 1, (None, None))
        filtered = ton.get("EFE_linear_filter_enabled_flag", 0) and any(ton["best_cand_idx"][0][k] for k in range(2))
        require(bool(filtered), "R-63", "mask1_enabled_flag", "an EFE linear filter in set 0", "none")
        require(ton["bS"] >= 1, "R-62", "bS", "at least 1", ton["bS"])
        u, v = (_mask(ton, picture, *names) for names in _MASKS)
        return cls(picture, hinges, ton["bS"], (u, v))

    def reads(self, window: Window) -> Window:
        """Return the input that an output window needs: the same window."""
        return window

    def memory(self, window: Window) -> int:
        """Return the bytes of U and V."""
        return 8 * math.prod(self.picture.chroma(window).shape)

    def apply(self, pictures: Pictures, window: Window, supplies: Supplies) -> Pictures:
        """Filter U and V of the main picture; where there are masks, blend them with the alternative one."""
        main = pictures.main.crop(window, self.picture)
        # not read without a mask
        other = main if pictures.alternative is None else pictures.alternative.crop(window, self.picture)
        if any(mask is not None for mask in self.masks):
            given(pictures.alternative, "the alternative picture")
        u = self._component(0, main.y, main.u, other.u, window, supplies)
        v = self._component(1, main.y, main.v, other.v, window, supplies)
        return Pictures(WindowPlanes(main.y, u, v, window), pictures.alternative)

    def _component(
        self, k: int, luma: Samples, source: Samples, other: Samples, window: Window, supplies: Supplies
    ) -> Samples:
        hinges, mask = self.hinges[k], self.masks[k]
        if hinges is None and mask is None:
            return source
        hinges, mask = hinges or _NO_HINGES, _NO_MASK if mask is None else mask
        out = np.empty_like(source)
        origin, (down, across) = self.picture.chroma(window), self.picture.source
        fixed = is_fixed(source)
        weights, knots = hinges.numbers(fixed=fixed)

        def rows(first: int, last: int) -> None:
            lines = np.empty((1, out.shape[1]), working(source)) if fixed else out
            cut = _filter_rows(
                luma, source, other, out, weights, knots, *hinges.tile, hinges.columns, mask, self.block,
                origin.top, origin.left, down, across, _BITS if fixed else 0, lines, first, last,
            )  # fmt: skip
            supplies.saturated(self.name, cut)

        supplies.workers.split(rows, len(out), grain(out.shape[1]))
        return out


def _hinges(ton: Mapping[str, Any], picture: PictureShape) -> tuple[Hinges | None, Hinges | None]:
    """Read tiles, luma ranges and the weights of U and V (8.5.3, 8.5.4)."""
    if not any(ton[flag] for flag in _ENABLE_FLAGS):
        return None, None
    tile = ton["nonlinearH"], ton["nonlinearW"]
    require(tile[0] >= 1, "R-65", "nonlinearH", "at least 1", tile[0])
    require(tile[1] >= 1, "R-65", "nonlinearW", "at least 1", tile[1])
    rows, columns = (ceil_div(extent, side) for extent, side in zip(picture.chroma_size, tile, strict=True))
    tiles = rows * columns
    require(ton["numTiles"] == tiles, "R-66", "numTiles", str(tiles), ton["numTiles"])
    low, high = (integers(ton[name], (tiles,))[:, None] for name in ("minLuma", "maxLuma"))

    def component(k: int) -> Hinges | None:
        if not ton[_ENABLE_FLAGS[k]]:
            return None
        count = ton["candNum"][k]
        require(count == KNOTS * tiles, "R-67", f"candNum[{k}]", str(KNOTS * tiles), count)
        symbols = integers(ton["A1"][k], (count,)).reshape(tiles, KNOTS)
        return Hinges(tile, columns, low, high, weights(symbols, ton["nl_minSymbol"], f"A1[{k}]"))

    return component(0), component(1)


def _mask(ton: Mapping[str, Any], picture: PictureShape, flag: str, element: str) -> NDArray[np.uint8] | None:
    if not ton[flag]:
        return None
    shape = []
    for name, extent in zip(("len_mask_y", "len_mask_x"), picture.chroma_size, strict=True):
        blocks = ceil_div(extent, ton["bS"])
        require(ton[name] == blocks, "R-62", name, str(blocks), ton[name])
        shape.append(blocks)
    values = integers(ton[element], (shape[0], shape[1]))
    greatest = int(values.max())
    require(greatest <= _REPLACES, "R-61", element, f"0..{_REPLACES}", greatest)
    return values.astype(np.uint8)


@kernel
def _filter_rows(
    luma: Samples,
    chroma: Samples,
    alternative: Samples,
    out: Samples,
    weights: Sums,
    knots: Sums,
    tile_height: int,
    tile_width: int,
    tile_columns: int,
    mask: NDArray[np.uint8],
    block: int,
    top: int,
    left: int,
    down: int,
    across: int,
    bits: int,
    lines: Sums,
    first: int,
    last: int,
) -> int:
    """Make rows first..last-1 of `out`, whose corner is chroma sample (top, left) of the picture.

    Without tiles (no weights) nothing is added, without mask nothing is blended. Luma is read at every `down`-th row
    and `across`-th column (8.5.2).
    `bits`: fraction bits of the weights where they are integers, else 0.
    `lines`: room for rows, used in turn; those of `out` where they hold samples.
    Returns how many samples the format cut.
    """
    width, cut, unit = out.shape[1], 0, np.float32(1 << bits)
    for row in range(first, last):
        m, y, line = top + row, down * row, lines[row % lines.shape[0]]
        for n in range(width):
            line[n] = chroma[row, n] * unit
        begin = 0
        while begin < width and weights.shape[0] > 0:
            column = (left + begin) // tile_width
            end = min((column + 1) * tile_width - left, width)
            k = m // tile_height * tile_columns + column
            # loops over views vectorise: their index cannot be negative
            part, light = line[begin:end], luma[y, across * begin : across * (end - 1) + 1 : across]
            factor = weights[k, 0]
            bias = factor * -knots[k, 0]
            for n in range(part.size):
                part[n] = max(np.float32(0), part[n] + (factor * light[n] + bias))
            for i in range(1, weights.shape[1]):
                factor, knot = weights[k, i], knots[k, i]
                for n in range(part.size):
                    part[n] += factor * max(np.float32(0), light[n] - knot)
            begin = end
        begin = 0
        while begin < width and mask.shape[0] > 0:
            column = (left + begin) // block
            end = min((column + 1) * block - left, width)
            part, other = line[begin:end], alternative[row, begin:end]
            q = np.float32(mask[m // block, column])
            theirs, ours = q * unit, np.float32(2) - q
            for n in range(part.size):
                part[n] = (other[n] * theirs + ours * part[n]) * np.float32(0.5)
            begin = end
        if bits > 0:
            cut += settle(line, out[row], 1, bits)
    return cut
