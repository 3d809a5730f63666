"""EFE linear: transmitted FIR filters of chroma over itself and over luma (section 8.3)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.engines.formats import ONE
from jpegai.decoder.filters.base import Pictures, Supplies
from jpegai.decoder.filters.fixed import Sums, is_fixed, settle, working
from jpegai.decoder.filters.planes import Float32, PictureShape, Samples, Window, WindowPlanes
from jpegai.decoder.filters.tables import DELTA, INTERPOLATION, SPLIT_PATTERNS, Cut
from jpegai.decoder.filters.values import WEIGHT_BITS, integers, require, weights
from jpegai.decoder.geometry import ceil_div
from jpegai.decoder.jit import kernel
from jpegai.decoder.workers import grain

__all__ = ["ChromaFilter", "EfeLinear", "split_windows"]

Int64 = NDArray[np.int64]

_GRID = 32  # windows of a split begin at multiples of this many plane samples
_ALTERNATIVE, _MAIN = 0, 1  # filter sets, in the order of the syntax


def split_windows(pattern: tuple[Cut, ...], rows: int, columns: int) -> Int64:
    """Return the windows of a split pattern (8.3.4).

    Args:
        pattern: cuts, as in `SPLIT_PATTERNS`.
        rows: height of a phase plane.
        columns: width of a phase plane.

    Returns:
        int64 (N, 4): row start, row end, column start, column end; a window may be empty (start >= end).
    """
    lengths = np.array([rows, rows, columns, columns])
    places: Int64 = np.rint(np.array(pattern) * (lengths + 31) / _GRID).astype(np.int64) * _GRID  # halves to even
    places[:, 1::2] = np.minimum(places[:, 1::2], lengths[1::2])
    return places


@dataclass(frozen=True, slots=True, eq=False)
class ChromaFilter:
    """What is done to one chroma component: kernels of 4 x 4 with centre (1, 1), whatever length was transmitted.

    Attributes:
        mean: hundredths, subtracted from chroma samples before they are filtered.
        windows: int64 (N, 4), as `split_windows` gives them.
        chroma: float32 (N, 4, 4, 4), by window and phase plane; exact multiples of 2^-11.
        luma: float32 (N, 4, 4), by window; the same.
    """

    mean: int
    windows: Int64
    chroma: Float32
    luma: Float32

    def numbers(self, *, fixed: bool) -> tuple[Sums, Sums, Sums]:
        """Return what the loops take: chroma kernels, luma kernels, and offsets of chroma, luma and the result.

        For int32 planes the kernels are integers, and so is the sum: with one mean, |K| of a window together at most
        16 * 2^15 + 25/16 * 2^11 and |L| 16 * 2^15, samples up to 2^31 and means below 2^25, it stays below 2^52.
        """
        if not fixed:
            mean = self.mean / 100
            return self.chroma, self.luma, np.array([mean, 0, mean], np.float32)
        mean, unit = round(Fraction(self.mean * ONE, 100)), np.float64(1 << WEIGHT_BITS)
        return self.chroma * unit, self.luma * unit, np.array([mean, 0, mean * unit], np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class EfeLinear:
    """Parameters of the filter.

    Attributes:
        picture: format of the whole picture.
        main: filters of U and V; None leaves the component as it is (8.8 D1).
        alternative: the same for the alternative picture; None where there is no such picture (8.3.7).
    """

    name: ClassVar[str] = "efe_linear"

    picture: PictureShape
    main: tuple[ChromaFilter | None, ...]
    alternative: tuple[ChromaFilter | None, ...] | None

    @classmethod
    def from_header(cls, ton: Mapping[str, Any], pih: Mapping[str, Any]) -> EfeLinear | None:
        """Read the filter from the tools header; None where it is off.

        Raises:
            ConformanceError: best_cand_idx above 8 (R-50), fL outside 1..4 (R-51), a code above 65535 (R-52).
        """
        if not ton.get("EFE_linear_filter_enabled_flag", 0):
            return None
        picture = PictureShape.from_header(pih)
        has_alternative = has_mask(ton) and any(ton["best_cand_idx"][_ALTERNATIVE][k] > 0 for k in range(2))
        return cls(
            picture,
            _filter_set(ton, picture, _MAIN),
            _filter_set(ton, picture, _ALTERNATIVE) if has_alternative else None,
        )

    def reads(self, window: Window) -> Window:
        """Return the input that an output window needs: one phase sample before it and two after (8.3.5)."""
        return self.picture.around(window.aligned(2, 2).grown(2, 4))

    def memory(self, window: Window) -> int:
        """Return the bytes of U and V of both pictures."""
        return (8 if self.alternative is None else 16) * math.prod(self.picture.chroma(window).shape)

    def apply(self, pictures: Pictures, window: Window, supplies: Supplies) -> Pictures:
        """Filter U and V of the main picture; the alternative one is made here, from the same input."""
        main = self._filtered(self.main, pictures.main, window, supplies)
        if self.alternative is None:
            return Pictures(main)
        return Pictures(main, self._filtered(self.alternative, pictures.main, window, supplies))

    def _filtered(
        self, filters: tuple[ChromaFilter | None, ...], planes: WindowPlanes, window: Window, supplies: Supplies
    ) -> WindowPlanes:
        kept = planes.crop(window, self.picture)
        u, v = (
            same if each is None else self._component(each, planes, source, window, supplies)
            for each, source, same in zip(filters, (planes.u, planes.v), (kept.u, kept.v), strict=True)
        )
        return WindowPlanes(kept.y, u, v, window)

    def _component(
        self, chroma_filter: ChromaFilter, planes: WindowPlanes, source: Samples, window: Window, supplies: Supplies
    ) -> Samples:
        picture, held = self.picture, planes.window
        target, held_chroma = picture.chroma(window), picture.chroma(held)
        out = np.empty(target.shape, source.dtype)
        steps = 3 - picture.source[0], 3 - picture.source[1]
        cells = target.divided(*steps)
        place = np.array(
            [
                *picture.whole.shape, *picture.chroma_size,
                held.top, held.left, held_chroma.top, held_chroma.left,
                target.top, target.left, *steps, cells.left, cells.right,
            ],
            np.int64,
        )  # fmt: skip
        width, fixed = cells.shape[1], is_fixed(source)
        numbers, bits = chroma_filter.numbers(fixed=fixed), WEIGHT_BITS if fixed else 0

        def rows(first: int, last: int) -> None:
            lines = np.empty((10, width + 3), working(source))
            cut = _filter_rows(
                planes.y, source, out, place, chroma_filter.windows, *numbers, bits, lines,
                cells.top + first, cells.top + last,
            )  # fmt: skip
            supplies.saturated(self.name, cut)

        supplies.workers.split(rows, cells.shape[0], grain(width))
        return out


def has_mask(ton: Mapping[str, Any]) -> bool:
    """Return whether the EFE non-linear filter has mask 1, which decides on all blending (8.3.7, 8.5.5)."""
    return bool(
        ton.get("EFE_nonlinear_filter_enabled_flag", 0)
        and ton["mask1_enabled_flag"]
        and ton["len_mask_y"]
        and ton["len_mask_x"]
    )


def _filter_set(ton: Mapping[str, Any], picture: PictureShape, s: int) -> tuple[ChromaFilter | None, ...]:
    return tuple(_chroma_filter(ton, picture, s, k) for k in range(2))


def _chroma_filter(ton: Mapping[str, Any], picture: PictureShape, s: int, k: int) -> ChromaFilter | None:
    """Return the kernels of component `k` in set `s`, laid into 4 x 4 (8.3.5)."""
    dense = picture.coded == picture.source
    index = ton["best_cand_idx"][s][k]
    require(0 <= index <= len(SPLIT_PATTERNS), "R-50", f"best_cand_idx[{s}][{k}]", "0..8", index)
    if index == 0 and dense:
        return None
    pattern = SPLIT_PATTERNS[max(index, 1) - 1]
    base = DELTA if dense else INTERPOLATION
    chroma = np.repeat(base[None], len(pattern), axis=0)
    luma = np.zeros((len(pattern), 4, 4), np.float32)
    if index > 0:
        length = ton["fL"][s][k]
        require(1 <= length <= 4, "R-51", f"fL[{s}][{k}]", "1..4", length)
        first = 1 - (length - 1) // 2
        taps = slice(first, first + length)
        minimum, square = ton["minSymbol"][s], (length, length)
        for name, kernels, planes in (("weightsC", chroma, (1 if dense else 4,)), ("weightsY", luma, ())):
            symbols = integers(ton[name][s][k], (len(pattern), *planes, *square))
            kernels[..., taps, taps] += weights(symbols, minimum, f"{name}[{s}][{k}]")
    rows, columns = (ceil_div(side, 2) for side in picture.whole.shape)
    return ChromaFilter(ton["B1"][k], split_windows(pattern, rows, columns), chroma, luma)


@kernel
def _gather(
    source: Samples,
    row: int,
    step: int,
    phase: int,
    cells: int,
    last: int,
    left: int,
    first: int,
    mean: np.floating[Any],
    line: Sums,
) -> None:
    """Fill `line` with the samples of one phase from cell `first` on, minus the mean; edges are replicated.

    A row has `cells` cells of `step` samples, its last sample is `last`, and the array begins with sample `left`.
    """
    count = line.size
    before = min(max(-first, 0), count)
    inner = min(max(min(cells - 1, (last - phase) // step) + 1 - first, before), count)
    # loops over views vectorise: their index cannot be negative
    for t in range(before):
        line[t] = source[row, min(phase, last) - left] - mean
    if before < inner:
        start = step * (first + before) + phase - left
        samples, middle = source[row, start : start + step * (inner - 1 - before) + 1 : step], line[before:inner]
        for t in range(middle.size):
            middle[t] = samples[t] - mean
    for t in range(inner, count):
        line[t] = source[row, min(step * (cells - 1) + phase, last) - left] - mean


@kernel
def _add_taps(line: Sums, taps: Sums, total: Sums) -> None:
    """Add a row of a kernel; `line` begins one sample before `total`."""
    k0, k1, k2, k3 = taps[0], taps[1], taps[2], taps[3]
    if k0 != 0 or k1 != 0 or k2 != 0 or k3 != 0:
        for t in range(total.size):
            total[t] += k0 * line[t] + k1 * line[t + 1] + k2 * line[t + 2] + k3 * line[t + 3]


@kernel
def _filter_rows(
    luma: Samples,
    chroma: Samples,
    out: Samples,
    place: Int64,
    windows: Int64,
    chroma_kernels: Sums,
    luma_kernels: Sums,
    offsets: Sums,
    bits: int,
    lines: Sums,
    first: int,
    last: int,
) -> int:
    """Make the output samples whose row lies in rows first..last-1 of the phase planes (8.3.5, 8.3.6).

    `place`: size of luma, size of chroma, origins of the luma, chroma and output arrays, chroma samples to a cell by
    rows and columns, first and end column of the cells to make.
    `offsets`: subtracted from chroma, subtracted from luma, added to the sums.
    `bits`: fraction bits of the kernels where they are integers, else 0.
    `lines`: room for the last four rows of chroma and of luma, row m in line m mod 4, and for the two sums.
    Returns how many samples the format cut.
    """
    cut = 0
    height, width, chroma_height, chroma_width = place[0], place[1], place[2], place[3]
    luma_top, luma_left, chroma_top, chroma_left = place[4], place[5], place[6], place[7]
    out_top, out_left, down, across = place[8], place[9], place[10], place[11]
    rows, columns = (height + 1) >> 1, (width + 1) >> 1
    for k in range(windows.shape[0]):
        top, bottom = max(windows[k, 0], first), min(windows[k, 1], last)
        begin, end = max(windows[k, 2], place[12]), min(windows[k, 3], place[13])
        count = end - begin
        if count <= 0:
            continue
        from_chroma, from_luma = lines[8, :count], lines[9, :count]
        for phase in range(4):
            a, b = phase >> 1, phase & 1
            if a >= down or b >= across:
                continue
            left = across * begin + b - out_left
            made = min(count, (chroma_width - b + across - 1) // across - begin)  # the last cell may lack this phase
            for m in range(top, min(bottom, (chroma_height - a + down - 1) // down)):
                for cell in range(m - 1 if m == top else m + 2, m + 3):
                    inside, slot = min(max(cell, 0), rows - 1), cell & 3
                    y = min(down * inside + a, chroma_height - 1) - chroma_top
                    line = lines[slot, : count + 3]
                    _gather(chroma, y, across, b, columns, chroma_width - 1, chroma_left, begin - 1, offsets[0], line)
                    y = min(2 * inside + a, height - 1) - luma_top
                    line = lines[slot + 4, : count + 3]
                    _gather(luma, y, 2, b, columns, width - 1, luma_left, begin - 1, offsets[1], line)
                for t in range(count):
                    from_chroma[t] = 0
                    from_luma[t] = 0
                for i in range(4):
                    slot = (m + i - 1) & 3
                    _add_taps(lines[slot], chroma_kernels[k, phase, i], from_chroma)
                    _add_taps(lines[slot + 4], luma_kernels[k, i], from_luma)
                if made > 0:
                    target = out[down * m + a - out_top, left : left + across * (made - 1) + 1 : across]
                    if bits == 0:
                        for t in range(target.size):
                            target[t] = offsets[2] + from_chroma[t] + from_luma[t]
                    else:
                        for t in range(count):
                            from_chroma[t] += offsets[2] + from_luma[t]
                        cut += settle(from_chroma, target, 1, bits)
    return cut
