"""Colour and the rounding to samples for planes in fixed point (`engines.formats`, sections 10.1, 10.6, 10.10).

The kernels compute in float64, where vectors of it are fast, with numbers that it holds exactly: sums are multiples of
2^-20 below 2^33. So neither the order of the operations nor their fusion changes a bit; all that rounds is ``rint``,
half to even.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.engines.formats import ONE, PLANE_LIMIT, Fixed
from jpegai.decoder.jit import kernel
from jpegai.decoder.picture.rows import interleave_row, over_rows, over_samples
from jpegai.decoder.workers import Workers

__all__ = ["FULL", "IDENTITY", "combine", "round_plane", "samples"]

#: The integer that stands for 255.
FULL = 255 * ONE
#: Leaves three planes as they are.
IDENTITY = np.eye(3, 4)


@kernel
def _combined(a: int, b: int, c: int, matrix: NDArray[np.float64], row: int) -> float:
    total: float = matrix[row, 0] * a + matrix[row, 1] * b + matrix[row, 2] * c + matrix[row, 3]
    return total


@kernel
def _clip(value: float, low: int, high: int) -> float:
    return min(max(value, np.float64(low)), np.float64(high))


@kernel
def _sample(value: float, full: int, peak: int) -> np.int32:
    """One sample of 0..full, clipped, on 0..peak and rounded, half to even (10.10.1).

    The product is exact. The quotient is not, but where it is no half it is further from one, by 1/(2 full) at least,
    than the division errs.
    """
    return np.int32(np.rint(_clip(value, 0, full) * peak / full))


@kernel
def _combine(
    a: Fixed,
    b: Fixed,
    c: Fixed,
    matrix: NDArray[np.float64],
    divisor: int,
    low: int,
    high: int,
    out: Fixed,
    first: int,
    last: int,
) -> None:
    for row in range(first, last):
        for i in range(3):
            for column in range(out.shape[2]):
                total = _combined(a[row, column], b[row, column], c[row, column], matrix, i)
                out[i, row, column] = np.int32(_clip(np.rint(total / divisor), low, high))


@kernel
def _samples(
    a: Fixed,
    b: Fixed,
    c: Fixed,
    matrix: NDArray[np.float64],
    full: int,
    peak: int,
    out: NDArray[Any],
    scratch: NDArray[Any],
    first: int,
    last: int,
) -> None:
    for row in range(first, last):
        for i in range(3):
            for column in range(out.shape[1]):
                value = np.rint(_combined(a[row, column], b[row, column], c[row, column], matrix, i))
                scratch[i, column] = _sample(value, full, peak)
        interleave_row(scratch, out, row)


@kernel
def _round(plane: Fixed, full: int, peak: int, out: NDArray[Any], first: int, last: int) -> None:
    for row in range(first, last):
        for column in range(out.shape[1]):
            out[row, column] = _sample(np.float64(plane[row, column]), full, peak)


def combine(
    planes: tuple[Fixed, Fixed, Fixed],
    matrix: NDArray[np.float64],
    workers: Workers,
    *,
    divisor: int = 1,
    clip: bool = True,
) -> tuple[Fixed, Fixed, Fixed]:
    """Return three planes that are linear in those given, each rounded half to even once.

    Args:
        planes: int32, all of one size.
        matrix: (3, 4) float64, factors and constant of each result: multiples of 2^-20 with which sums stay below
            2^33, or integers with which they stay below 2^53.
        workers: rows are shared among them.
        divisor: the sums are divided by it, 1..255.
        clip: clip to 0..255; else the results are cut to the range of planes, which samples of 0..255 do not reach.
    """
    shape = planes[0].shape
    out = np.empty((3, *shape), np.int32)
    low, high = (0, FULL) if clip else (-PLANE_LIMIT, PLANE_LIMIT)
    over_rows(workers, shape, _combine, *planes, matrix, divisor, low, high, out)
    return out[0], out[1], out[2]


def samples(
    planes: tuple[Fixed, Fixed, Fixed], matrix: NDArray[np.float64], peak: int, out: NDArray[Any], workers: Workers
) -> None:
    """Write the interleaved samples 0..`peak`, (H, W, 3), of the planes that `combine` makes, in one pass."""
    over_samples(workers, out, _samples, *planes, matrix, FULL, peak)


def round_plane(plane: Fixed, peak: int, out: NDArray[Any], workers: Workers) -> None:
    """Write the samples 0..`peak` of a plane to `out`, uint8 or uint16."""
    over_rows(workers, out.shape, _round, plane, FULL, peak, out)
