"""The two-level Haar transform of eICCI: 4 x 4 samples to 16 coefficients and back (section 8.4.5)."""

from __future__ import annotations

from typing import Any

import numpy as np

from jpegai.decoder.engines.rounding import divided
from jpegai.decoder.filters.fixed import Sums, is_fixed, settle, working
from jpegai.decoder.filters.planes import Samples, Window
from jpegai.decoder.jit import kernel
from jpegai.decoder.workers import Workers, grain

__all__ = ["BANDS", "CELL", "forward", "inverse"]

CELL = 4
"""Side of the block of samples that one set of coefficients stands for."""
BANDS = CELL * CELL
"""Coefficients of a cell."""

#: Fixed-point samples are on 0..255, their coefficients on 0..1. Two levels halve twice, which leaves quarters: of 16
#: numbers up to 2^31 together at most 2^35, and times 255 below 2^43.
_QUARTERS = 4 * 255

_Number = np.floating[Any]
_Four = tuple[_Number, _Number, _Number, _Number]


@kernel
def _split(x00: _Number, x10: _Number, x01: _Number, x11: _Number) -> _Four:
    """One level of four samples, each named by row and column."""
    half = np.float32(0.5)
    a, b, c, d = x00 * half, x10 * half, x01 * half, x11 * half
    return a + b + c + d, -a - b + c + d, -a + b - c + d, a - b - c + d


@kernel
def _merge(s0: _Number, s1: _Number, s2: _Number, s3: _Number) -> _Four:
    """The inverse: samples 00, 01, 10, 11."""
    half = np.float32(0.5)
    a, b, c, d = s0 * half, s1 * half, s2 * half, s3 * half
    return a - b - c + d, a + b - c - d, a - b + c - d, a + b + c + d


@kernel
def _quad(x: Samples, row: int, below: int, left: int, right: int, divisor: np.float32) -> _Four:
    return _split(x[row, left] / divisor, x[below, left] / divisor, x[row, right] / divisor, x[below, right] / divisor)


@kernel
def _forward_rows(
    x: Samples,
    z: Samples,
    band: int,
    top: int,
    left: int,
    bottom: int,
    right: int,
    divisor: np.float32,
    fixed: bool,
    lines: Sums,
    first: int,
    last: int,
) -> None:
    """Transform rows first..last-1 of cells; the first cell's corner is at (top, left)."""
    cells = z.shape[2]
    for i in range(first, last):
        r0 = top + 4 * i
        r1, r2, r3 = min(r0 + 1, bottom - 1), min(r0 + 2, bottom - 1), min(r0 + 3, bottom - 1)
        for j in range(cells):
            c0 = left + 4 * j
            c1, c2, c3 = min(c0 + 1, right - 1), min(c0 + 2, right - 1), min(c0 + 3, right - 1)
            ul0, ul1, ul2, ul3 = _quad(x, r0, r1, c0, c1, divisor)
            ur0, ur1, ur2, ur3 = _quad(x, r0, r1, c2, c3, divisor)
            ll0, ll1, ll2, ll3 = _quad(x, r2, r3, c0, c1, divisor)
            lr0, lr1, lr2, lr3 = _quad(x, r2, r3, c2, c3, divisor)
            lines[0, j], lines[1, j], lines[2, j], lines[3, j] = _split(ul0, ll0, ur0, lr0)
            lines[4, j], lines[5, j], lines[6, j], lines[7, j] = _split(ul1, ll1, ur1, lr1)
            lines[8, j], lines[9, j], lines[10, j], lines[11, j] = _split(ul2, ll2, ur2, lr2)
            lines[12, j], lines[13, j], lines[14, j], lines[15, j] = _split(ul3, ll3, ur3, lr3)
        for k in range(BANDS):
            line = z[band + k, i]
            for j in range(line.size):
                line[j] = divided(lines[k, j] * 4, _QUARTERS) if fixed else lines[k, j]


def forward(
    x: Samples,
    divisor: float,
    z: Samples,
    band: int,
    start: tuple[int, int],
    end: tuple[int, int],
    workers: Workers,
) -> None:
    """Transform a rectangle of a plane whose right and bottom edges are replicated.

    Args:
        x: (H, W), float32 or int32.
        divisor: every sample is divided by it first; for int32, 255, and coefficients are rounded once.
        z: (C, h, w) of the same type; channels `band`..`band` + 15 are written.
        band: first channel.
        start: row and column of the first cell's corner.
        end: row and column behind the last sample; what cells have beyond is replicated.
        workers: rows of cells are shared among them.
    """
    fixed = is_fixed(x)
    place = *start, *end, np.float32(1 if fixed else divisor)

    def rows(first: int, last: int) -> None:
        _forward_rows(x, z, band, *place, fixed, _room(z, z.shape[2]), first, last)

    workers.split(rows, z.shape[1], grain(BANDS * z.shape[2]))


@kernel
def _merge_cell(lines: Sums, line: int, j: int) -> _Four:
    return _merge(lines[line, j], lines[line + 1, j], lines[line + 2, j], lines[line + 3, j])


@kernel
def _inverse_rows(
    z: Samples,
    band: int,
    x: Samples,
    fixed: bool,
    lines: Sums,
    block: Sums,
    row: int,
    column: int,
    cells: int,
    top: int,
    left: int,
    clip_top: int,
    clip_left: int,
    clip_bottom: int,
    clip_right: int,
    first: int,
    last: int,
) -> int:
    """Write rows first..last-1 of cells, taken from (row, column) of the coefficients on, into the clip rectangle.

    Returns how many samples the format cut.
    """
    cut = 0
    for i in range(first, last):
        for k in range(BANDS):
            line = z[band + k, row + i, column : column + cells]
            for j in range(line.size):
                lines[k, j] = line[j]
        for j in range(cells):
            ul0, ur0, ll0, lr0 = _merge_cell(lines, 0, j)
            ul1, ur1, ll1, lr1 = _merge_cell(lines, 4, j)
            ul2, ur2, ll2, lr2 = _merge_cell(lines, 8, j)
            ul3, ur3, ll3, lr3 = _merge_cell(lines, 12, j)
            k = 4 * j
            block[0, k], block[0, k + 1], block[1, k], block[1, k + 1] = _merge(ul0, ul1, ul2, ul3)
            block[0, k + 2], block[0, k + 3], block[1, k + 2], block[1, k + 3] = _merge(ur0, ur1, ur2, ur3)
            block[2, k], block[2, k + 1], block[3, k], block[3, k + 1] = _merge(ll0, ll1, ll2, ll3)
            block[2, k + 2], block[2, k + 3], block[3, k + 2], block[3, k + 3] = _merge(lr0, lr1, lr2, lr3)
        begin, end = max(clip_left, left), min(clip_right, left + 4 * cells)
        for r in range(4):
            y = top + 4 * i + r
            if clip_top <= y < clip_bottom:
                target, source = x[y, begin:end], block[r, begin - left : end - left]
                if fixed:
                    cut += settle(source, target, _QUARTERS, 2)
                else:
                    for k in range(target.size):
                        target[k] = source[k]
    return cut


def inverse(
    z: Samples, band: int, cells: Window, x: Samples, start: tuple[int, int], clip: Window, workers: Workers
) -> int:
    """Transform coefficients back into a rectangle of a plane.

    Args:
        z: (C, h, w), float32 or int32, of which channels `band`..`band` + 15 are taken.
        band: first channel.
        cells: the cells to transform, in coordinates of `z`.
        x: (H, W) of the same type, written inside `clip`; int32 samples are 255 times what coefficients make.
        start: row and column of `x` where the first of these cells has its corner.
        clip: what may be written.
        workers: rows of cells are shared among them.

    Returns:
        How many samples were cut because int32 planes end at `PLANE_LIMIT`.
    """
    height, width = cells.shape
    place = (cells.top, cells.left, width, *start, clip.top, clip.left, clip.bottom, clip.right)

    cuts: list[int] = []

    def rows(first: int, last: int) -> None:
        block = np.empty((CELL, CELL * width), working(z))
        cuts.append(_inverse_rows(z, band, x, is_fixed(z), _room(z, width), block, *place, first, last))

    workers.split(rows, height, grain(BANDS * width))
    return sum(cuts)


def _room(z: Samples, width: int) -> Sums:
    """Return room for a row of cells, one line for each coefficient.

    The planes of the coefficients often begin at addresses that a cache cannot hold together, so cells are put
    together in lines that lie close to each other, and lines are copied.
    """
    return np.empty((BANDS, width + BANDS), working(z))
