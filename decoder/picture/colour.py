"""RGB and YUV, and the rounding to integer samples (sections 10.1, 10.6, 10.7, 10.10).

Planes are float32, or int32 in fixed point (`engines.formats`): what is done with these stands in `fixed`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.jit import kernel
from jpegai.decoder.picture import fixed
from jpegai.decoder.picture.formats import Planes, is_fixed
from jpegai.decoder.picture.matrix import BT709, Matrix
from jpegai.decoder.picture.rows import interleave_row, over_rows, over_samples
from jpegai.decoder.workers import Workers

__all__ = [
    "BT709",
    "Matrix",
    "interleave",
    "rgb_to_yuv",
    "round_plane",
    "user_transform",
    "yuv_to_rgb",
    "yuv_to_samples",
]

Float32 = NDArray[np.float32]


@kernel
def _clip(x: np.float32) -> np.float32:
    return min(max(x, np.float32(0)), np.float32(255))


@kernel
def _rgb(
    y: np.float32, u: np.float32, v: np.float32, matrix: Float32, chroma: np.float32
) -> tuple[np.float32, np.float32, np.float32]:
    """One sample from 0..255 YUV to 0..255 RGB, not clipped, in float32 and the order of 10.1.3 and 10.6.

    U and V are divided by `chroma`: by 1 where they are on 0..1 already.
    """
    scale = np.float32(255)
    luma = y / scale
    blue = u / chroma - np.float32(0.5)
    red = v / chroma - np.float32(0.5)
    r = luma + matrix[0] * red
    g = luma + matrix[1] * blue + matrix[2] * red
    b = luma + matrix[3] * blue
    return r * scale, g * scale, b * scale


@kernel
def _sample(value: np.float32, peak: np.float32) -> np.float32:
    """One sample of 0..255, clipped, on 0..peak and rounded, half to even (10.10.1)."""
    return np.float32(np.rint(_clip(value) / np.float32(255) * peak))


@kernel
def _yuv_to_samples(
    y: Float32,
    u: Float32,
    v: Float32,
    matrix: Float32,
    chroma: np.float32,
    peak: np.float32,
    out: NDArray[Any],
    scratch: NDArray[Any],
    first: int,
    last: int,
) -> None:
    for row in range(first, last):
        for column in range(out.shape[1]):
            r, g, b = _rgb(y[row, column], u[row, column], v[row, column], matrix, chroma)
            scratch[0, column] = _sample(r, peak)
            scratch[1, column] = _sample(g, peak)
            scratch[2, column] = _sample(b, peak)
        interleave_row(scratch, out, row)


@kernel
def _yuv_to_rgb(
    y: Float32,
    u: Float32,
    v: Float32,
    matrix: Float32,
    chroma: np.float32,
    clip: bool,
    out: Float32,
    first: int,
    last: int,
) -> None:
    for row in range(first, last):
        for column in range(out.shape[2]):
            r, g, b = _rgb(y[row, column], u[row, column], v[row, column], matrix, chroma)
            out[0, row, column] = _clip(r) if clip else r
            out[1, row, column] = _clip(g) if clip else g
            out[2, row, column] = _clip(b) if clip else b


@kernel
def _rgb_to_yuv(
    r: Float32, g: Float32, b: Float32, matrix: Float32, out: Float32, first: int, last: int
) -> None:
    scale, half = np.float32(255), np.float32(0.5)
    for row in range(first, last):
        for column in range(out.shape[2]):
            red, green, blue = r[row, column] / scale, g[row, column] / scale, b[row, column] / scale
            luma = matrix[0] * red + matrix[1] * green + matrix[2] * blue
            out[0, row, column] = luma * scale
            out[1, row, column] = ((blue - luma) / matrix[3] + half) * scale
            out[2, row, column] = ((red - luma) / matrix[4] + half) * scale


@kernel
def _user_transform(
    y: Float32, u: Float32, v: Float32, matrix: Float32, out: Float32, first: int, last: int
) -> None:
    scale = np.float32(255)
    for row in range(first, last):
        for column in range(out.shape[2]):
            a, b, c = y[row, column] / scale, u[row, column] / scale, v[row, column] / scale
            for i in range(3):
                value = matrix[i, 0] * a + matrix[i, 1] * b + matrix[i, 2] * c + matrix[i, 3]
                out[i, row, column] = _clip(value * scale)


@kernel
def _interleave(
    a: Float32,
    b: Float32,
    c: Float32,
    peak: np.float32,
    out: NDArray[Any],
    scratch: NDArray[Any],
    first: int,
    last: int,
) -> None:
    for row in range(first, last):
        for column in range(out.shape[1]):
            scratch[0, column] = _sample(a[row, column], peak)
            scratch[1, column] = _sample(b[row, column], peak)
            scratch[2, column] = _sample(c[row, column], peak)
        interleave_row(scratch, out, row)


@kernel
def _round(plane: Float32, peak: np.float32, out: NDArray[Any], first: int, last: int) -> None:
    for row in range(first, last):
        for column in range(out.shape[1]):
            out[row, column] = _sample(plane[row, column], peak)


def yuv_to_samples(planes: Planes, chroma: float, peak: int, out: NDArray[Any], workers: Workers) -> None:
    """Convert 4:4:4 YUV to integer RGB in one pass: BT.709, clip, round half to even (10.6, 10.10.1).

    Args:
        planes: Y on 0..255, U and V on 0..`chroma`, at least as large as `out`.
        chroma: 255, or 1 where float32 U and V have been divided already.
        peak: largest sample: 2^depth - 1.
        out: (H, W, 3) uint8 or uint16, written.
        workers: rows are shared among them.
    """
    if is_fixed(planes[0]):
        assert chroma == 255
        fixed.samples(planes, BT709.fixed_inverse, peak, out, workers)
        return
    over_samples(workers, out, _yuv_to_samples, *planes, BT709.inverse, np.float32(chroma), np.float32(peak))


def yuv_to_rgb(
    planes: Planes, workers: Workers, *, chroma: float = 255, matrix: Matrix = BT709, clip: bool = True
) -> Planes:
    """Return RGB on 0..255 of 4:4:4 YUV (10.6), clipped as the decoded picture is (10.4.6) or not.

    Args:
        planes: Y on 0..255, U and V on 0..`chroma`, all of one size.
        workers: rows are shared among them.
        chroma: 255, or 1 where float32 U and V have been divided already.
        matrix: the matrix.
        clip: clip to 0..255.
    """
    if is_fixed(planes[0]):
        assert chroma == 255
        return fixed.combine(planes, matrix.fixed_inverse, workers, clip=clip)
    shape = planes[0].shape
    out = np.empty((3, *shape), np.float32)
    over_rows(workers, shape, _yuv_to_rgb, *planes, matrix.inverse, np.float32(chroma), clip, out)
    return out[0], out[1], out[2]


def rgb_to_yuv(planes: Planes, workers: Workers, *, matrix: Matrix = BT709) -> Planes:
    """Return 4:4:4 YUV on 0..255 of RGB on 0..255 (10.6), not clipped."""
    if is_fixed(planes[0]):
        return fixed.combine(planes, matrix.fixed_forward, workers, clip=False)
    shape = planes[0].shape
    out = np.empty((3, *shape), np.float32)
    over_rows(workers, shape, _rgb_to_yuv, *planes, matrix.forward, out)
    return out[0], out[1], out[2]


def user_transform(planes: Planes, matrix: NDArray[np.int32], workers: Workers) -> Planes:
    """Return the planes transformed as a user-defined transform must have been intended, clipped to 0..255 (10.7).

    Args:
        planes: on 0..255, all of one size.
        matrix: (3, 4) int32, the matrix and the offset as signalled, 0..255; 255 stands for 1.
        workers: rows are shared among them.
    """
    if is_fixed(planes[0]):
        rows = matrix.astype(np.float64) * [1, 1, 1, fixed.FULL]
        return fixed.combine(planes, rows, workers, divisor=255)
    shape = planes[0].shape
    out = np.empty((3, *shape), np.float32)
    over_rows(workers, shape, _user_transform, *planes, matrix.astype(np.float32) / np.float32(255), out)
    return out[0], out[1], out[2]


def interleave(planes: Planes, peak: int, out: NDArray[Any], workers: Workers) -> None:
    """Clip, scale and round planes on 0..255 to interleaved samples 0..`peak`, (H, W, 3) uint8 or uint16 (10.10.1)."""
    if is_fixed(planes[0]):
        fixed.samples(planes, fixed.IDENTITY, peak, out, workers)
        return
    over_samples(workers, out, _interleave, *planes, np.float32(peak))


def round_plane(plane: NDArray[Any], peak: int, out: NDArray[Any], workers: Workers) -> None:
    """Clip, scale and round a plane on 0..255 to samples 0..`peak` (10.10.2).

    For 8 bits the reference does not scale (10.1.3); dividing by 255 and multiplying again changes no rounded sample.

    Args:
        plane: float32 or fixed-point int32, at least as large as `out`.
        peak: largest sample: 2^depth - 1.
        out: (rows, columns) uint8 or uint16, written.
        workers: rows are shared among them.
    """
    if is_fixed(plane):
        fixed.round_plane(plane, peak, out, workers)
        return
    over_rows(workers, out.shape, _round, plane, np.float32(peak), out)
