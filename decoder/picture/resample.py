"""Changing the size of chroma planes: separable interpolation with aligned corners (section 10.5).

Planes are float32, or int32 in fixed point (`engines.formats`). The positions are those of 10.5.1 in both. Weights of
fixed-point planes are multiples of 2^-22 in float64: with what a plane may hold, and behind the first direction with
1.375 times as much, all sums are exact, and the result of each direction is rounded once, half to even. What leaves the
range of planes is cut; it is not counted, for only a plane that is out of all proportion makes it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.engines.formats import PLANE_LIMIT
from jpegai.decoder.engines.rounding import shifted
from jpegai.decoder.geometry import Area, Span
from jpegai.decoder.jit import kernel
from jpegai.decoder.picture.formats import SUBSAMPLING, Frame, Planes, chroma_shape, is_fixed
from jpegai.decoder.workers import Workers, grain

__all__ = ["Resampler", "conversion_reads", "convert_chroma", "resample"]

_BICUBIC = -0.75  # a of 10.5.4
#: Fraction bits for fixed-point planes: of positions between samples, of their squares, of weights.
_POSITION, _SQUARE, _WEIGHT = 24, 36, 22

Float32 = NDArray[np.float32]
#: Planes, and the weights and intermediate rows of either kind.
Numbers = NDArray[Any]


@kernel
def _kept(value: np.float32, rounds: bool) -> np.float32:
    """The result of a direction: as it is, or rounded half to even to an integer."""
    return np.rint(value) if rounds else value


@kernel
def _cut(value: np.float32, limit: np.float32, rounds: bool) -> np.float32:
    return min(max(value, -limit), limit) if rounds else value


@kernel
def _resample(
    plane: Numbers,
    columns: NDArray[np.int64],
    across: Numbers,
    rows: NDArray[np.int64],
    down: Numbers,
    divisor: np.float32,
    rounds: bool,
    limit: Numbers,
    scratch: Numbers,
    out: Numbers,
    first: int,
    last: int,
) -> None:
    """Write rows first..last-1 of the resampled plane to rows 0.. of `out`, horizontal direction first.

    `scratch` holds four rows of the horizontal result, row i in row i mod 4, and a source row with its margins.
    `rounds` says whether results of a direction are rounded to integers, and those of the second cut to +-limit[0].
    """
    height, width = plane.shape
    done = -1
    for row in range(first, last):
        top, bottom = max(rows[row] - 1, 0), min(rows[row] + 2, height - 1)
        for source in range(max(top, done + 1), bottom + 1):
            for column in range(width):
                scratch[4, column + 1] = plane[source, column] / divisor
            scratch[4, 0] = scratch[4, 1]
            scratch[4, width + 1] = scratch[4, width]
            scratch[4, width + 2] = scratch[4, width]
            slot = source & 3
            for column in range(out.shape[1]):
                left = columns[column]
                value = (
                    across[0, column] * scratch[4, left]
                    + across[1, column] * scratch[4, left + 1]
                    + across[2, column] * scratch[4, left + 2]
                    + across[3, column] * scratch[4, left + 3]
                )
                scratch[slot, column] = _kept(value, rounds)
            done = source
        a, b = top & 3, rows[row] & 3
        c, d = min(rows[row] + 1, height - 1) & 3, bottom & 3
        for column in range(out.shape[1]):
            value = (
                down[0, row] * scratch[a, column]
                + down[1, row] * scratch[b, column]
                + down[2, row] * scratch[c, column]
                + down[3, row] * scratch[d, column]
            )
            out[row - first, column] = _cut(_kept(value, rounds), limit[0], rounds)


class Resampler:
    """Resamples planes of one size to another: bicubic in a direction that grows, else linear (10.5.3, 10.5.4).

    Args:
        size: (rows, columns) of the whole planes given.
        target: (rows, columns) of the whole planes wanted.
        held: what the arrays given hold of their planes; by default all.
        made: what is wanted of the target; by default all. Where `held` lacks taps, its border is repeated.
        fixed: whether the planes are in fixed point.
    """

    def __init__(
        self,
        size: tuple[int, int],
        target: tuple[int, int],
        held: Area | None = None,
        made: Area | None = None,
        *,
        fixed: bool = False,
    ) -> None:
        held, made = held or Area.whole(*size), made or Area.whole(*target)
        self.target = made.shape
        self._fixed = fixed
        self._rows, self._down = _part(_taps(size[0], target[0], fixed), held.rows, made.rows)
        self._columns, self._across = _part(_taps(size[1], target[1], fixed), held.columns, made.columns)
        self._scratch = 5, max(held.columns.size + 3, made.columns.size)

    def rows(self, plane: Numbers, first: int, last: int, out: Numbers, divisor: float = 1) -> None:
        """Write rows first..last-1 of the resampled plane, of samples divided by `divisor`, to the first rows of `out`.

        Args:
            plane: float32 or int32, what is held.
            first: first row of what is made.
            last: the row behind the last one.
            out: (at least last - first, columns of the target) of the same dtype, written.
            divisor: what float32 samples are divided by before they are resampled.
        """
        assert self._fixed == is_fixed(plane)
        assert divisor == 1 or not self._fixed
        scratch = np.empty(self._scratch, self._across.dtype)
        _resample(
            plane,
            self._columns,
            self._across,
            self._rows,
            self._down,
            np.float32(divisor),
            self._fixed,
            np.array([PLANE_LIMIT], scratch.dtype),
            scratch,
            out,
            first,
            last,
        )

    def plane(self, plane: Numbers, workers: Workers, divisor: float = 1) -> Numbers:
        """Return all that is made; rows are shared among the workers."""
        out = np.empty(self.target, plane.dtype)
        workers.split(
            lambda first, last: self.rows(plane, first, last, out[first:last], divisor),
            self.target[0],
            grain(8 * self.target[1]),
        )
        return out


def _taps(count: int, target: int, fixed: bool) -> tuple[NDArray[np.int64], Numbers]:
    """Return for each position the index of its second tap, (target,), and the weights of its four taps, (4, target).

    A linear interpolation has weights 0 outside; equal counts give the identity.
    """
    index, f = _positions(count, target)
    return index, (_fixed_weights if fixed else _weights)(f, target > count)


def _positions(count: int, target: int) -> tuple[NDArray[np.int64], Float32]:
    """Return for each position the index i of the sample at or before it and its distance f from that (10.5.1)."""
    scale = np.float32(count - 1) / np.float32(target - 1) if target > 1 else np.float32(0)
    position = np.arange(target, dtype=np.float32) * scale
    index = np.minimum(np.floor(position), np.float32(count - 1))
    return index.astype(np.int64), np.clip(position - index, np.float32(0), np.float32(1))


def _weights(f: Float32, bicubic: bool) -> Float32:
    one = np.float32(1)
    if bicubic:
        return np.stack([_outer(one + f), _inner(f), _inner(one - f), _outer(np.float32(2) - f)])
    return np.stack([np.zeros_like(f), one - f, f, np.zeros_like(f)])


def _inner(t: Float32) -> Float32:
    a = np.float32(_BICUBIC)
    return ((a + 2) * t - (a + 3)) * t * t + np.float32(1)


def _outer(t: Float32) -> Float32:
    a = np.float32(_BICUBIC)
    return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a


def _fixed_weights(f: Float32, bicubic: bool) -> NDArray[np.float64]:
    """Return multiples of 2^-22 whose sum is 1; the second weight is what the others leave."""
    position = np.rint(np.ldexp(f.astype(np.float64), _POSITION)).astype(np.int64)
    out = np.zeros((4, len(position)), np.int64)
    _fill_weights(position, bicubic, out)
    out[1] = (1 << _WEIGHT) - out.sum(axis=0)
    return np.ldexp(out.astype(np.float64), -_WEIGHT)


@kernel
def _fill_weights(position: NDArray[np.int64], bicubic: bool, out: NDArray[np.int64]) -> None:
    """Write the weights beside the second.

    With t = f and u = 1 - f those of 10.5.4 are (-3 t u^2, 5 t^3 - 9 t^2 + 4, 5 u^3 - 9 u^2 + 4, -3 t^2 u) / 4: from
    the rounded squares all numbers stay below 2^63.
    """
    one = 1 << _POSITION
    drop = _POSITION + _SQUARE + 2 - _WEIGHT
    for i in range(position.shape[0]):
        t = position[i]
        u = one - t
        if bicubic:
            t2, u2 = shifted(t * t, 2 * _POSITION - _SQUARE), shifted(u * u, 2 * _POSITION - _SQUARE)
            out[0, i] = shifted(-3 * t * u2, drop)
            out[2, i] = shifted((5 * u - 9 * one) * u2 + (4 << (_POSITION + _SQUARE)), drop)
            out[3, i] = shifted(-3 * u * t2, drop)
        else:
            out[2, i] = shifted(t, _POSITION - _WEIGHT)


def _part(taps: tuple[NDArray[np.int64], Numbers], held: Span, made: Span) -> tuple[NDArray[np.int64], Numbers]:
    """Return the taps of the positions `made`, counted from the first position held."""
    index, weights = taps
    own = index[slice(*made)] - held.start
    return own.clip(0, held.size - 1), np.ascontiguousarray(weights[:, slice(*made)])


def resample(plane: Numbers, target: tuple[int, int], workers: Workers, divisor: float = 1) -> Numbers:
    """Return a plane of another size; the plane itself where nothing changes."""
    if plane.shape == target and divisor == 1:
        return plane
    return Resampler((plane.shape[0], plane.shape[1]), target, fixed=is_fixed(plane)).plane(plane, workers, divisor)


def convert_chroma(
    planes: Planes, source: str, target: str, workers: Workers, frame: Frame | None = None
) -> Planes:
    """Return YUV planes in another chroma format; between 4:2:2 and 4:2:0 by way of 4:4:4 (10.5.6).

    Args:
        planes: Y, U and V.
        source: chroma format of the planes.
        target: chroma format wanted.
        workers: rows are shared among them.
        frame: where the planes lie in the picture, by default all of it. Near its borders inside the picture the
            result lacks taps: `conversion_reads` says how much more than what is used must be given.
    """
    luma, u, v = planes
    frame = frame or Frame.whole(*luma.shape)
    for before, after in _steps(source, target):
        given, wanted = (chroma_shape(chroma, *frame.size) for chroma in (before, after))
        resampler = Resampler(given, wanted, frame.part(before), frame.part(after), fixed=is_fixed(u))
        u, v = resampler.plane(u, workers), resampler.plane(v, workers)
    return luma, u, v


def conversion_reads(frame: Frame, source: str, target: str) -> Frame:
    """Return what `convert_chroma` must be given so that it makes all of a frame as it is in the whole picture."""
    for before, after in reversed(_steps(source, target)):
        given, wanted = (chroma_shape(chroma, *frame.size) for chroma in (before, after))
        luma, made = (frame.area.rows, frame.area.columns), frame.part(after)
        spans = []
        for axis, span in enumerate((made.rows, made.columns)):
            index, _ = _positions(given[axis], wanted[axis])
            step = SUBSAMPLING[before][axis]
            first, last = step * (int(index[span.start]) - 1), step * (int(index[span.stop - 1]) + 3)
            spans.append(Span(max(0, min(luma[axis].start, first)), max(luma[axis].stop, last)))
        frame = frame.around(*spans)
    return frame


def _steps(source: str, target: str) -> list[tuple[str, str]]:
    if source == target:
        return []
    if "444" in (source, target):
        return [(source, target)]
    return [(source, "444"), ("444", target)]
