"""Pieces of synthesis output put together to one picture (section 10.4)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.picture import colour
from jpegai.decoder.picture.formats import SUBSAMPLING, Planes, Samples, chroma_shape
from jpegai.decoder.picture.render import decoded_planes, empty_samples, render
from jpegai.decoder.picture.resample import convert_chroma
from jpegai.decoder.picture.signalling import Rendering
from jpegai.decoder.workers import Workers

__all__ = ["Assembly"]

Float32 = NDArray[np.float32]


class Assembly:
    """Takes the planes of a picture piece by piece.

    Where a sample of the picture depends on the sample of the planes at the same place alone, a piece becomes samples
    at once and its planes are not kept. They are where chroma is resampled, and where they are asked for.

    Args:
        rendering: what the stream says and what is asked for.
        height: display height.
        width: display width.
        workers: rows are shared among them.
        keeps: whether the planes are needed: for filters, to be looked at, or because luma and chroma do not come
            together.
    """

    def __init__(self, rendering: Rendering, height: int, width: int, workers: Workers, *, keeps: bool) -> None:
        self._rendering = rendering
        self._workers = workers
        self._samples: Samples | None = None
        self._planes: tuple[Float32, Float32] | None = None
        if rendering.sample_by_sample and not keeps:
            self._samples = empty_samples(rendering.target, height, width)
        else:
            size = chroma_shape(rendering.coded, height, width)
            self._planes = np.empty((1, height, width), np.float32), np.empty((2, *size), np.float32)

    def add(self, top: int, left: int, luma: Float32, chroma: Float32) -> None:
        """Take a piece.

        Args:
            top: its first row in the picture, even.
            left: its first column in the picture, even.
            luma: (1, rows, columns) float32 on 0..255.
            chroma: (2, rows, columns) float32, U and V at the size of luma; decimated here (10.4.2).
        """
        if self._samples is None:
            self.add_component(0, top, left, luma)
            self.add_component(1, top, left, chroma)
            return
        target = self._rendering.target
        small = self._decimated(chroma)
        if target.space == "rgb":
            assert isinstance(self._samples, np.ndarray)
            rows = self._samples.transpose(1, 2, 0)[top : top + luma.shape[1], left : left + luma.shape[2]]
            colour.yuv_to_samples((luma[0], small[0], small[1]), 255, target.peak, rows, self._workers)
            return
        for index, plane in enumerate((luma[0], small[0], small[1])):
            place = self._place(min(index, 1), top, left, plane)
            colour.round_plane(plane, target.peak, self._samples[index][place], self._workers)

    def add_component(self, component: int, top: int, left: int, planes: Float32) -> None:
        """Take a piece of one component, luma (0) or chroma (1), where the planes are kept; else as `add`."""
        assert self._planes is not None
        if component == 1:
            planes = self._decimated(planes)
        self._planes[component][:, *self._place(component, top, left, planes[0])] = planes

    @property
    def coded(self) -> tuple[Float32, Float32]:
        """Luma (1, H, W) and chroma (2, rows, columns) as coded, where they are kept."""
        assert self._planes is not None
        return self._planes

    def filter_input(self) -> Planes:
        """Return Y, U and V in the chroma format of the source, which the filters take (10.4.4)."""
        return convert_chroma(self._yuv(), self._rendering.coded, self._rendering.source, self._workers)

    def decoded(self, filtered: Planes | None = None) -> Planes:
        """Return the decoded picture before rounding (10.4.6), of the planes behind the filters where there are any."""
        return decoded_planes(*self._behind(filtered), self._rendering, self._workers)

    def finish(self, filtered: Planes | None = None) -> Samples:
        """Return the samples of the picture, of the planes behind the filters where there are any."""
        if self._samples is not None:
            return self._samples
        return render(*self._behind(filtered), self._rendering, self._workers)

    def _decimated(self, chroma: Float32) -> Float32:
        vertical, horizontal = SUBSAMPLING[self._rendering.coded]
        return chroma[:, ::vertical, ::horizontal]

    def _place(self, component: int, top: int, left: int, plane: Float32) -> tuple[slice, slice]:
        """Return where a plane of a piece lies in the plane of the picture."""
        vertical, horizontal = SUBSAMPLING[self._rendering.coded] if component else (1, 1)
        row, column = top // vertical, left // horizontal
        return slice(row, row + plane.shape[0]), slice(column, column + plane.shape[1])

    def _yuv(self) -> Planes:
        (luma,), (u, v) = self.coded
        return luma, u, v

    def _behind(self, filtered: Planes | None) -> tuple[Planes, str]:
        if filtered is None:
            return self._yuv(), self._rendering.coded
        return filtered, self._rendering.source
