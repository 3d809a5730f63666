"""Pieces of synthesis output put together to one picture (section 10.4)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.geometry import Area
from jpegai.decoder.picture import colour
from jpegai.decoder.picture.formats import SUBSAMPLING, Frame, PictureFormat, Planes, Samples
from jpegai.decoder.picture.render import decoded_planes, empty_samples, render
from jpegai.decoder.picture.resample import convert_chroma
from jpegai.decoder.picture.signalling import Rendering
from jpegai.decoder.workers import Workers

__all__ = ["Assembly", "crop_samples"]

Plane = NDArray[Any]


class Assembly:
    """Takes the planes of a picture, or of an area of it, piece by piece.

    Where a sample of the picture depends on the sample of the planes at the same place alone, a piece becomes samples
    at once and its planes are not kept. They are where chroma is resampled, and where they are asked for.

    Args:
        rendering: what the stream says and what is asked for.
        height: display height.
        width: display width.
        workers: rows are shared among them.
        keeps: whether the planes are needed: for filters, to be looked at, or because luma and chroma do not come
            together.
        area: the luma samples that come, from even rows and columns on; by default all.
        dtype: float32, or int32 for planes in fixed point.
    """

    def __init__(
        self,
        rendering: Rendering,
        height: int,
        width: int,
        workers: Workers,
        *,
        keeps: bool,
        area: Area | None = None,
        dtype: type[np.float32 | np.int32] = np.float32,
    ) -> None:
        self._frame = Frame((height, width), area or Area.whole(height, width))
        self._rendering = rendering
        self._workers = workers
        self._samples: Samples | None = None
        self._planes: tuple[Plane, Plane] | None = None
        if rendering.sample_by_sample and not keeps:
            self._samples = empty_samples(rendering.target, *self._frame.area.shape)
        else:
            luma, chroma = self._frame.area.shape, self._frame.part(rendering.coded).shape
            self._planes = np.empty((1, *luma), dtype), np.empty((2, *chroma), dtype)

    def add(self, top: int, left: int, luma: Plane, chroma: Plane) -> None:
        """Take a piece.

        Args:
            top: its first row in the picture, even.
            left: its first column in the picture, even.
            luma: (1, rows, columns) on 0..255, of the assembly's dtype.
            chroma: (2, rows, columns), U and V at the size of luma; decimated here (10.4.2).
        """
        if self._samples is None:
            self.add_component(0, top, left, luma)
            self.add_component(1, top, left, chroma)
            return
        target = self._rendering.target
        small = self._decimated(chroma)
        if target.space == "rgb":
            assert isinstance(self._samples, np.ndarray)
            rows = self._samples.transpose(1, 2, 0)[self._place(0, top, left, luma[0])]
            colour.yuv_to_samples((luma[0], small[0], small[1]), 255, target.peak, rows, self._workers)
            return
        for index, plane in enumerate((luma[0], small[0], small[1])):
            place = self._place(min(index, 1), top, left, plane)
            colour.round_plane(plane, target.peak, self._samples[index][place], self._workers)

    def add_component(self, component: int, top: int, left: int, planes: Plane) -> None:
        """Take a piece of one component, luma (0) or chroma (1), where the planes are kept; else as `add`."""
        assert self._planes is not None
        if component == 1:
            planes = self._decimated(planes)
        self._planes[component][:, *self._place(component, top, left, planes[0])] = planes

    @property
    def coded(self) -> tuple[Plane, Plane]:
        """Luma (1, H, W) and chroma (2, rows, columns) as coded, where they are kept."""
        assert self._planes is not None
        return self._planes

    def filter_input(self) -> Planes:
        """Return Y, U and V in the chroma format of the source, which the filters take (10.4.4)."""
        rendering = self._rendering
        return convert_chroma(self._yuv(), rendering.coded, rendering.source, self._workers, self._frame)

    def decoded(self, filtered: Planes | None = None, area: Area | None = None, window: Area | None = None) -> Planes:
        """Return the decoded picture before rounding (10.4.6); arguments as `finish`."""
        planes, chroma, frame = self._behind(filtered, area)
        decoded = decoded_planes(planes, chroma, self._rendering, self._workers, frame)
        y, u, v = _cropped(decoded, self._rendering.decoded[1], frame, window)
        return y, u, v

    def finish(self, filtered: Planes | None = None, area: Area | None = None, window: Area | None = None) -> Samples:
        """Return the samples of the picture.

        Args:
            filtered: the planes behind the filters, where there are any.
            area: the luma samples they hold; by default those of the assembly.
            window: the luma samples that are wanted; by default all that are held.
        """
        target = self._rendering.target
        if self._samples is not None:
            samples, frame = self._samples, self._frame
        else:
            planes, chroma, frame = self._behind(filtered, area)
            samples = render(planes, chroma, self._rendering, self._workers, frame)
        return samples if window is None else crop_samples(samples, target, frame, window)

    def _decimated(self, chroma: Plane) -> Plane:
        vertical, horizontal = SUBSAMPLING[self._rendering.coded]
        return chroma[:, ::vertical, ::horizontal]

    def _place(self, component: int, top: int, left: int, plane: Plane) -> tuple[slice, slice]:
        """Return where a plane of a piece lies in the plane of the picture."""
        vertical, horizontal = SUBSAMPLING[self._rendering.coded] if component else (1, 1)
        row = (top - self._frame.area.rows.start) // vertical
        column = (left - self._frame.area.columns.start) // horizontal
        return slice(row, row + plane.shape[0]), slice(column, column + plane.shape[1])

    def _yuv(self) -> Planes:
        (luma,), (u, v) = self.coded
        return luma, u, v

    def _behind(self, filtered: Planes | None, area: Area | None) -> tuple[Planes, str, Frame]:
        if filtered is None:
            return self._yuv(), self._rendering.coded, self._frame
        return filtered, self._rendering.source, Frame(self._frame.size, area or self._frame.area)


def crop_samples(samples: Samples, format: PictureFormat, held: Frame, window: Area) -> Samples:
    """Return the samples of a window of those that are held, copied; the samples themselves where it is all.

    Args:
        samples: as in `Picture.planes`.
        format: their format.
        held: where they lie in the picture.
        window: luma samples of the picture; of a subsampled plane come the samples floor(first / s) to floor(last / s).
    """
    if window == held.area:
        return samples
    if format.space == "rgb":
        assert isinstance(samples, np.ndarray)
        index = window.within(held.area).index[1:]
        return np.ascontiguousarray(samples.transpose(1, 2, 0)[index]).transpose(2, 0, 1)
    y, u, v = _cropped((samples[0], samples[1], samples[2]), format.chroma, held, window)
    return np.stack((y, u, v)) if format.chroma == "444" else (y, u, v)


def _cropped(
    planes: tuple[NDArray[Any], NDArray[Any], NDArray[Any]], chroma: str, held: Frame, window: Area | None
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return what belongs to a window of the planes that are held; the arrays themselves where it is all."""
    if window is None or window == held.area:
        return planes
    part = Frame(held.size, window).part(chroma).within(held.part(chroma)).index[1:]
    y, u, v = planes
    return (
        np.ascontiguousarray(y[window.within(held.area).index[1:]]),
        np.ascontiguousarray(u[part]),
        np.ascontiguousarray(v[part]),
    )
