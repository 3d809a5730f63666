"""Exact products of integers carried by floating point, as matrix products of NumPy's BLAS.

The caller proves that all partial sums fit the carrier, so neither the order of summation nor the number of threads
can change the result. BLAS is held to one thread while it works: its own threads keep spinning after a product and
would take the processors from what comes next. Rows are shared among our workers instead.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from jpegai.decoder.workers import Workers

__all__ = ["product"]

#: Multiply-adds that are worth a thread.
_GRAIN = 1 << 22


class _OneThread:
    """Holds BLAS to one thread while anybody is inside; the setting is one per process, so entries are counted."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._limit: Any = None

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            if self._inside == 0:
                self._limit = _controller().limit(limits=1, user_api="blas")
                self._limit.__enter__()
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if self._inside == 0:
                    self._limit.__exit__(None, None, None)


@functools.cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


_one_thread = _OneThread()


def product(matrix: NDArray[Any], columns: NDArray[Any], workers: Workers) -> NDArray[Any]:
    """Return matrix @ columns: (m, k) and (k, n) of the same floating-point type to (m, n)."""
    out = np.empty((matrix.shape[0], columns.shape[1]), matrix.dtype)
    rows = max(1, _GRAIN // max(1, matrix.shape[1] * columns.shape[1]))

    def piece(first: int, last: int) -> None:
        np.matmul(matrix[first:last], columns, out=out[first:last])

    with _one_thread():
        workers.split(piece, len(matrix), rows)
    return out
