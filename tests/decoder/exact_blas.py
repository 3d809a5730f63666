"""Other ways to multiply for the exact engine: BLAS libraries that NumPy does not use, and plain integers."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.engines.product import Products

Float64 = NDArray[np.float64]

#: Names and paths of libraries besides those that the system finds, with `os.pathsep` between them.
VARIABLE = "JPEGAI_TEST_BLAS"
#: Where Debian has reference BLAS (libblas3) and BLIS (libblis4), and what they are called elsewhere.
LIBRARIES = {
    "libblas3": ("blas/libblas.so.3",),
    "libblis4": ("blis-pthread/libblis.so.4", "blis-openmp/libblis.so.4", "blis-serial/libblis.so.4", "libblis.so.4"),
    "mkl": ("libmkl_rt.so.2", "mkl_rt"),
}
_FOLDERS = ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib")


def find(name: str) -> str | None:
    """Return the path of one of `LIBRARIES`; None where it is absent."""
    for ending in LIBRARIES[name]:
        places = [Path(folder, ending) for folder in _FOLDERS]
        places += [Path(each) for each in os.environ.get(VARIABLE, "").split(os.pathsep) if each.endswith(ending)]
        for place in places:
            if place.is_file():
                return str(place)
        if "/" not in ending and (found := ctypes.util.find_library(ending)):
            return found
    return None


def fortran(path: str) -> Products:
    """Return what multiplies with the ``dgemm_`` of a library (32-bit sizes, arguments by reference)."""
    dgemm = ctypes.CDLL(path).dgemm_
    dgemm.restype = None
    number, real, text = ctypes.c_int32, ctypes.c_double, ctypes.c_char

    def multiply(matrices: Float64, columns: Float64, out: Float64) -> None:
        results, depth = matrices.shape[1:]
        rows, points = columns.shape[1], columns.shape[3]
        # column by column, C-ordered arrays are transposed: out^T = columns^T matrix^T
        sizes = [ctypes.byref(number(value)) for value in (points, results, depth)]
        one, zero, plain = ctypes.byref(real(1.0)), ctypes.byref(real(0.0)), ctypes.byref(text(b"N"))
        step = columns.strides[2] // 8
        wide, deep = ctypes.byref(number(max(step, 1))), ctypes.byref(number(depth))
        for group, matrix in enumerate(matrices):
            for row in range(rows):
                dgemm(
                    plain, plain, *sizes, one, _at(columns[group, row]), wide, _at(matrix), deep, zero,
                    _at(out[group, row]), sizes[0], ctypes.c_size_t(1), ctypes.c_size_t(1),
                )  # fmt: skip

    return multiply


def _at(array: NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def integers(matrices: Float64, columns: Float64, out: Float64) -> None:
    """Multiply 64-bit integers, one tap after the other, from the last to the first."""
    whole = columns.astype(np.int64)
    total = np.zeros(out.shape, np.int64)
    for tap in reversed(range(matrices.shape[2])):
        total += matrices[:, None, :, tap, None].astype(np.int64) * whole[:, :, tap, None]
    out[...] = total


def loop(matrices: Float64, columns: Float64, out: Float64) -> None:
    """Multiply Python's integers, one by one."""
    for group, row, result, point in np.ndindex(*out.shape):
        out[group, row, result, point] = sum(
            int(weight) * int(value)
            for weight, value in zip(matrices[group, result], columns[group, row, :, point], strict=True)
        )


#: What multiplies, by name.
MULTIPLIERS: dict[str, Callable[[], Products]] = {
    "integers": lambda: integers,
    "loop": lambda: loop,
}
