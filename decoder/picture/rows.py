"""Kernels over the rows of a picture, shared among workers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.jit import kernel
from jpegai.decoder.workers import Workers, grain

__all__ = ["interleave_row", "over_rows", "over_samples"]


@kernel
def interleave_row(planes: NDArray[Any], out: NDArray[Any], row: int) -> None:
    """Write a row of three components, (3, columns), to a row of interleaved samples, (rows, columns, 3).

    Vectors of one component are fast, stores of three in turn are not: a row is computed first and then interleaved.
    """
    for column in range(out.shape[1]):
        out[row, column, 0] = planes[0, column]
        out[row, column, 1] = planes[1, column]
        out[row, column, 2] = planes[2, column]


def over_rows(workers: Workers, shape: tuple[int, ...], rows: Any, *arguments: Any) -> None:
    """Run a kernel over the rows of a picture; its last arguments are the first row and the row behind the last."""
    workers.split(lambda first, last: rows(*arguments, first, last), shape[0], grain(3 * shape[1]))


def over_samples(workers: Workers, out: NDArray[Any], rows: Any, *arguments: Any) -> None:
    """Run a kernel that interleaves samples over the rows of `out`, with a row of each component to itself."""

    def run(first: int, last: int) -> None:
        rows(*arguments, out, np.empty((3, out.shape[1]), out.dtype), first, last)

    workers.split(run, len(out), grain(3 * out.shape[1]))
