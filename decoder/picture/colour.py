"""From decoded planes to RGB samples (sections 10.1, 10.6, 10.10.1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.jit import kernel
from jpegai.decoder.workers import Workers

__all__ = ["BT709", "Matrix", "to_rgb", "to_rgb8"]


@dataclass(frozen=True, slots=True)
class Matrix:
    """A luma-chroma matrix: Y = kr R + kg G + kb B, U = (B - Y)/kby + 0.5, V = (R - Y)/kry + 0.5 on 0..1."""

    kr: float
    kg: float
    kb: float
    kby: float
    kry: float

    @property
    def inverse(self) -> NDArray[np.float32]:
        """Coefficients V to R, U to G, V to G, U to B; computed in float64, rounded once (10.6)."""
        green_u = -self.kb * self.kby / self.kg
        green_v = -self.kr * self.kry / self.kg
        return np.array([self.kry, green_u, green_v, self.kby], np.float32)


#: The only matrix the codec uses (10.7).
BT709 = Matrix(0.2126, 0.7152, 0.0722, 1.8556, 1.5748)


@kernel
def _clip(x: np.float32) -> np.float32:
    return min(max(x, np.float32(0)), np.float32(255))


@kernel
def _rgb(
    y: np.float32, u: np.float32, v: np.float32, matrix: NDArray[np.float32]
) -> tuple[np.float32, np.float32, np.float32]:
    """One sample from 0..255 YUV to clipped 0..255 RGB, float32, in the order of 10.1.3, 10.6 and 10.4.6."""
    scale = np.float32(255)
    luma = y / scale
    blue = u / scale - np.float32(0.5)
    red = v / scale - np.float32(0.5)
    r = luma + matrix[0] * red
    g = luma + matrix[1] * blue + matrix[2] * red
    b = luma + matrix[3] * blue
    return _clip(r * scale), _clip(g * scale), _clip(b * scale)


@kernel
def _to_rgb8(
    y: NDArray[np.float32],
    u: NDArray[np.float32],
    v: NDArray[np.float32],
    matrix: NDArray[np.float32],
    out: NDArray[np.uint8],
    first: int,
    last: int,
) -> None:
    scale = np.float32(255)
    for row in range(first, last):
        for column in range(out.shape[1]):
            r, g, b = _rgb(y[row, column], u[row, column], v[row, column], matrix)
            out[row, column, 0] = np.uint8(np.rint(r / scale * scale))
            out[row, column, 1] = np.uint8(np.rint(g / scale * scale))
            out[row, column, 2] = np.uint8(np.rint(b / scale * scale))


@kernel
def _to_rgb(
    y: NDArray[np.float32],
    u: NDArray[np.float32],
    v: NDArray[np.float32],
    matrix: NDArray[np.float32],
    out: NDArray[np.float32],
    first: int,
    last: int,
) -> None:
    for row in range(first, last):
        for column in range(out.shape[2]):
            r, g, b = _rgb(y[row, column], u[row, column], v[row, column], matrix)
            out[0, row, column] = r
            out[1, row, column] = g
            out[2, row, column] = b


def to_rgb8(luma: NDArray[np.float32], chroma: NDArray[np.float32], out: NDArray[np.uint8], workers: Workers) -> None:
    """Convert 4:4:4 planes on 0..255 to 8-bit RGB: BT.709, clip, round half to even (10.6, 10.10.1).

    Args:
        luma: (h, w) float32, at least as large as `out`.
        chroma: (2, h, w) float32, U and V.
        out: (H, W, 3) uint8, written.
        workers: rows are shared among them.
    """
    matrix = BT709.inverse
    workers.split(lambda first, last: _to_rgb8(luma, chroma[0], chroma[1], matrix, out, first, last), len(out), 16)


def to_rgb(luma: NDArray[np.float32], chroma: NDArray[np.float32], workers: Workers) -> NDArray[np.float32]:
    """Return the same conversion before rounding: (3, H, W) float32 on 0..255, clipped (10.4.6)."""
    out = np.empty((3, *luma.shape), np.float32)
    matrix = BT709.inverse
    workers.split(lambda first, last: _to_rgb(luma, chroma[0], chroma[1], matrix, out, first, last), len(luma), 16)
    return out
