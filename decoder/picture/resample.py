"""Changing the size of chroma planes: separable interpolation with aligned corners (section 10.5)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.geometry import Area, Span
from jpegai.decoder.jit import kernel
from jpegai.decoder.picture.formats import SUBSAMPLING, Frame, Planes, chroma_shape
from jpegai.decoder.workers import Workers, grain

__all__ = ["Resampler", "conversion_reads", "convert_chroma", "resample"]

_BICUBIC = -0.75  # a of 10.5.4

Float32 = NDArray[np.float32]


@kernel
def _resample(
    plane: Float32,
    columns: NDArray[np.int64],
    across: Float32,
    rows: NDArray[np.int64],
    down: Float32,
    divisor: np.float32,
    scratch: Float32,
    out: Float32,
    first: int,
    last: int,
) -> None:
    """Write rows first..last-1 of the resampled plane to rows 0.. of `out`, horizontal direction first.

    `scratch` holds four rows of the horizontal result, row i in row i mod 4, and a source row with its margins.
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
                scratch[slot, column] = (
                    across[0, column] * scratch[4, left]
                    + across[1, column] * scratch[4, left + 1]
                    + across[2, column] * scratch[4, left + 2]
                    + across[3, column] * scratch[4, left + 3]
                )
            done = source
        a, b = top & 3, rows[row] & 3
        c, d = min(rows[row] + 1, height - 1) & 3, bottom & 3
        for column in range(out.shape[1]):
            out[row - first, column] = (
                down[0, row] * scratch[a, column]
                + down[1, row] * scratch[b, column]
                + down[2, row] * scratch[c, column]
                + down[3, row] * scratch[d, column]
            )


class Resampler:
    """Resamples planes of one size to another: bicubic in a direction that grows, else linear (10.5.3, 10.5.4).

    Args:
        size: (rows, columns) of the whole planes given.
        target: (rows, columns) of the whole planes wanted.
        held: what the arrays given hold of their planes; by default all.
        made: what is wanted of the target; by default all. Where `held` lacks taps, its border is repeated.
    """

    def __init__(
        self,
        size: tuple[int, int],
        target: tuple[int, int],
        held: Area | None = None,
        made: Area | None = None,
    ) -> None:
        held, made = held or Area.whole(*size), made or Area.whole(*target)
        self.target = made.shape
        self._rows, self._down = _part(_taps(size[0], target[0]), held.rows, made.rows)
        self._columns, self._across = _part(_taps(size[1], target[1]), held.columns, made.columns)
        self._scratch = 5, max(held.columns.size + 3, made.columns.size)

    def rows(self, plane: Float32, first: int, last: int, out: Float32, divisor: float = 1) -> None:
        """Write rows first..last-1 of the resampled plane, of samples divided by `divisor`, to the first rows of `out`.

        Args:
            plane: float32, what is held.
            first: first row of what is made.
            last: the row behind the last one.
            out: (at least last - first, columns of the target) float32, written.
            divisor: what the samples are divided by before they are resampled.
        """
        scratch = np.empty(self._scratch, np.float32)
        _resample(
            plane,
            self._columns,
            self._across,
            self._rows,
            self._down,
            np.float32(divisor),
            scratch,
            out,
            first,
            last,
        )

    def plane(self, plane: Float32, workers: Workers, divisor: float = 1) -> Float32:
        """Return all that is made; rows are shared among the workers."""
        out = np.empty(self.target, np.float32)
        workers.split(
            lambda first, last: self.rows(plane, first, last, out[first:last], divisor),
            self.target[0],
            grain(8 * self.target[1]),
        )
        return out


def _taps(count: int, target: int) -> tuple[NDArray[np.int64], Float32]:
    """Return for each position the index of its second tap, (target,), and the weights of its four taps, (4, target).

    A linear interpolation has weights 0 outside; equal counts give the identity.
    """
    one = np.float32(1)
    scale = np.float32(count - 1) / np.float32(target - 1) if target > 1 else np.float32(0)
    position = np.arange(target, dtype=np.float32) * scale
    index = np.minimum(np.floor(position), np.float32(count - 1))
    f = np.clip(position - index, np.float32(0), one)
    if target > count:
        weights = _outer(one + f), _inner(f), _inner(one - f), _outer(np.float32(2) - f)
    else:
        weights = np.zeros_like(f), one - f, f, np.zeros_like(f)
    return index.astype(np.int64), np.stack(weights)


def _inner(t: Float32) -> Float32:
    a = np.float32(_BICUBIC)
    return ((a + 2) * t - (a + 3)) * t * t + np.float32(1)


def _outer(t: Float32) -> Float32:
    a = np.float32(_BICUBIC)
    return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a


def _part(taps: tuple[NDArray[np.int64], Float32], held: Span, made: Span) -> tuple[NDArray[np.int64], Float32]:
    """Return the taps of the positions `made`, counted from the first position held."""
    index, weights = taps
    own = index[slice(*made)] - held.start
    return own.clip(0, held.size - 1), np.ascontiguousarray(weights[:, slice(*made)])


def resample(plane: Float32, target: tuple[int, int], workers: Workers, divisor: float = 1) -> Float32:
    """Return a plane of another size; the plane itself where nothing changes."""
    if plane.shape == target and divisor == 1:
        return plane
    return Resampler((plane.shape[0], plane.shape[1]), target).plane(plane, workers, divisor)


def convert_chroma(
    planes: Planes, source: str, target: str, workers: Workers, frame: Frame | None = None
) -> Planes:
    """Return YUV planes in another chroma format; between 4:2:2 and 4:2:0 by way of 4:4:4 (10.5.6).

    Args:
        planes: float32 Y, U and V.
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
        resampler = Resampler(given, wanted, frame.part(before), frame.part(after))
        u, v = resampler.plane(u, workers), resampler.plane(v, workers)
    return luma, u, v


def conversion_reads(frame: Frame, source: str, target: str) -> Frame:
    """Return what `convert_chroma` must be given so that it makes all of a frame as it is in the whole picture."""
    for before, after in reversed(_steps(source, target)):
        given, wanted = (chroma_shape(chroma, *frame.size) for chroma in (before, after))
        luma, made = (frame.area.rows, frame.area.columns), frame.part(after)
        spans = []
        for axis, span in enumerate((made.rows, made.columns)):
            index, _ = _taps(given[axis], wanted[axis])
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
