"""Exact products of integers carried by floating point, as matrix products of NumPy's BLAS.

The caller proves that all partial sums fit the carrier, so neither the order of summation nor the number of threads
can change the result. BLAS is held to one thread while it works: its own threads keep spinning after a product and
would take the processors from what comes next. Rows are shared among our workers instead.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from jpegai.decoder.workers import Workers

__all__ = ["NUMPY", "Products", "current", "libraries", "one_thread", "product", "products", "use"]

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


#: Holds NumPy's BLAS to one thread inside.
one_thread = _OneThread()

#: ``multiply(matrices, columns, out)``, as `products`.
Products = Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], object]


def _numpy(matrices: NDArray[np.float64], columns: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    np.matmul(matrices[:, None], columns, out=out)


#: The products of NumPy's BLAS: what is used unless somebody asks for something else.
NUMPY: Products = _numpy
_multiply = NUMPY


def current() -> Products:
    """Return what does the products of the exact engine."""
    return _multiply


def libraries() -> list[dict[str, Any]]:
    """Return the BLAS libraries of the process: name, version, architecture and so on, as threadpoolctl has them."""
    return [entry for entry in _controller().info() if entry.get("user_api") == "blas"]


def products(matrices: NDArray[np.float64], columns: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Multiply stacks of matrices of integers: out[g, r] = matrices[g] @ columns[g, r].

    Every partial sum is an integer below 2^53, so whatever does the work gives the same result.

    Args:
        matrices: (G, M, K) float64, C-contiguous.
        columns: (G, R, K, N) float64; stacks may overlap, the last axis is contiguous and the one before steps by N.
        out: (G, R, M, N) float64, C-contiguous, written.
    """
    _multiply(matrices, columns, out)


@contextlib.contextmanager
def use(multiply: Products) -> Iterator[None]:
    """Let something else than NumPy's BLAS do the products of the exact engine, in the whole process."""
    global _multiply
    before, _multiply = _multiply, multiply
    try:
        yield
    finally:
        _multiply = before


def product(matrix: NDArray[Any], columns: NDArray[Any], workers: Workers) -> NDArray[Any]:
    """Return matrix @ columns: (m, k) and (k, n) of the same floating-point type to (m, n)."""
    out = np.empty((matrix.shape[0], columns.shape[1]), matrix.dtype)
    rows = max(1, _GRAIN // max(1, matrix.shape[1] * columns.shape[1]))

    def piece(first: int, last: int) -> None:
        np.matmul(matrix[first:last], columns, out=out[first:last])

    with one_thread():
        workers.split(piece, len(matrix), rows)
    return out
