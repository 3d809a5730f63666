"""The two-level Haar transform of eICCI: 4 x 4 samples to 16 coefficients and back (section 8.4.5)."""

from __future__ import annotations

import numpy as np

from jpegai.decoder.filters.planes import Float32, Window
from jpegai.decoder.jit import kernel
from jpegai.decoder.workers import Workers, grain

__all__ = ["BANDS", "CELL", "forward", "inverse"]

CELL = 4
"""Side of the block of samples that one set of coefficients stands for."""
BANDS = CELL * CELL
"""Coefficients of a cell."""

_Four = tuple[np.float32, np.float32, np.float32, np.float32]


@kernel
def _split(x00: np.float32, x10: np.float32, x01: np.float32, x11: np.float32) -> _Four:
    """One level of four samples, each named by row and column."""
    half = np.float32(0.5)
    a, b, c, d = x00 * half, x10 * half, x01 * half, x11 * half
    return a + b + c + d, -a - b + c + d, -a + b - c + d, a - b - c + d


@kernel
def _merge(s0: np.float32, s1: np.float32, s2: np.float32, s3: np.float32) -> _Four:
    """The inverse: samples 00, 01, 10, 11."""
    half = np.float32(0.5)
    a, b, c, d = s0 * half, s1 * half, s2 * half, s3 * half
    return a - b - c + d, a + b - c - d, a - b + c - d, a + b + c + d


@kernel
def _quad(x: Float32, row: int, below: int, left: int, right: int, divisor: np.float32) -> _Four:
    return _split(x[row, left] / divisor, x[below, left] / divisor, x[row, right] / divisor, x[below, right] / divisor)


@kernel
def _forward_rows(
    x: Float32,
    z: Float32,
    band: int,
    top: int,
    left: int,
    bottom: int,
    right: int,
    divisor: np.float32,
    lines: Float32,
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
                line[j] = lines[k, j]


def forward(
    x: Float32,
    divisor: float,
    z: Float32,
    band: int,
    start: tuple[int, int],
    end: tuple[int, int],
    workers: Workers,
) -> None:
    """Transform a rectangle of a plane whose right and bottom edges are replicated.

    Args:
        x: (H, W) float32.
        divisor: every sample is divided by it first.
        z: (C, h, w) float32; channels `band`..`band` + 15 are written.
        band: first channel.
        start: row and column of the first cell's corner.
        end: row and column behind the last sample; what cells have beyond is replicated.
        workers: rows of cells are shared among them.
    """
    place = *start, *end, np.float32(divisor)

    def rows(first: int, last: int) -> None:
        _forward_rows(x, z, band, *place, _room(z.shape[2]), first, last)

    workers.split(rows, z.shape[1], grain(BANDS * z.shape[2]))


@kernel
def _merge_cell(lines: Float32, line: int, j: int) -> _Four:
    return _merge(lines[line, j], lines[line + 1, j], lines[line + 2, j], lines[line + 3, j])


@kernel
def _inverse_rows(
    z: Float32,
    band: int,
    x: Float32,
    lines: Float32,
    block: Float32,
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
) -> None:
    """Write rows first..last-1 of cells, taken from (row, column) of the coefficients on, into the clip rectangle."""
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
                for k in range(target.size):
                    target[k] = source[k]


def inverse(
    z: Float32, band: int, cells: Window, x: Float32, start: tuple[int, int], clip: Window, workers: Workers
) -> None:
    """Transform coefficients back into a rectangle of a plane.

    Args:
        z: (C, h, w) float32, of which channels `band`..`band` + 15 are taken.
        band: first channel.
        cells: the cells to transform, in coordinates of `z`.
        x: (H, W) float32, written inside `clip`.
        start: row and column of `x` where the first of these cells has its corner.
        clip: what may be written.
        workers: rows of cells are shared among them.
    """
    height, width = cells.shape
    place = (cells.top, cells.left, width, *start, clip.top, clip.left, clip.bottom, clip.right)

    def rows(first: int, last: int) -> None:
        block = np.empty((CELL, CELL * width), np.float32)
        _inverse_rows(z, band, x, _room(width), block, *place, first, last)

    workers.split(rows, height, grain(BANDS * width))


def _room(width: int) -> Float32:
    """Return room for a row of cells, one line for each coefficient.

    The planes of the coefficients often begin at addresses that a cache cannot hold together, so cells are put
    together in lines that lie close to each other, and lines are copied.
    """
    return np.empty((BANDS, width + BANDS), np.float32)
