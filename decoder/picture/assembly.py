"""Bands of synthesis output put together to one picture (section 10.4)."""

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


class Assembly:
    """Takes the planes of a picture band by band.

    Where every row of the picture depends on the same row of the planes alone, a band becomes samples at once and
    its planes are not kept. Where chroma is resampled, filters follow or the planes are asked for, they are.

    Args:
        rendering: what the stream says and what is asked for.
        height, width: display size.
        workers: rows are shared among them.
        keeps: whether the planes are needed: for filters, or to be looked at.
    """

    def __init__(self, rendering: Rendering, height: int, width: int, workers: Workers, *, keeps: bool) -> None:
        self._rendering = rendering
        self._workers = workers
        self._steps = SUBSAMPLING[rendering.coded]
        self._samples: Samples | None = None
        if not keeps and rendering.row_by_row:
            self._samples = empty_samples(rendering.target, height, width)
            return
        size = chroma_shape(rendering.coded, height, width)
        self._luma = np.empty((1, height, width), np.float32)
        self._chroma = np.empty((2, *size), np.float32)

    def add(self, first: int, luma: NDArray[np.float32], chroma: NDArray[np.float32]) -> None:
        """Take the rows of a band.

        Args:
            first: its first row in the picture, even.
            luma: (1, rows, W) float32 on 0..255.
            chroma: (2, rows, W) float32, U and V at the size of luma; decimated here (10.4.2).
        """
        vertical, horizontal = self._steps
        small = chroma[:, ::vertical, ::horizontal]
        start = first // vertical
        if self._samples is None:
            self._luma[:, first : first + luma.shape[1]] = luma
            self._chroma[:, start : start + small.shape[1]] = small
            return
        planes = luma[0], small[0], small[1]
        target = self._rendering.target
        if target.space == "rgb":
            assert isinstance(self._samples, np.ndarray)
            rows = self._samples.transpose(1, 2, 0)[first : first + luma.shape[1]]
            colour.yuv_to_samples(planes, 255, target.peak, rows, self._workers)
        else:
            for plane, samples, begin in zip(planes, self._samples, (first, start, start), strict=True):
                colour.round_plane(plane, target.peak, samples[begin : begin + len(plane)], self._workers)

    @property
    def coded(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Luma (1, H, W) and chroma (2, rows, columns) as coded; they have been kept."""
        return self._luma, self._chroma

    def filter_input(self) -> Planes:
        """Return Y, U and V in the chroma format of the source, which the filters take (10.4.4)."""
        return convert_chroma(self._planes(), self._rendering.coded, self._rendering.source, self._workers)

    def decoded(self, filtered: Planes | None = None) -> Planes:
        """Return the decoded picture before rounding (10.4.6), of the planes behind the filters where there are any."""
        planes, chroma = self._behind(filtered)
        return decoded_planes(planes, chroma, self._rendering, self._workers)

    def finish(self, filtered: Planes | None = None) -> Samples:
        """Return the samples of the picture, of the planes behind the filters where there are any."""
        if self._samples is not None:
            return self._samples
        planes, chroma = self._behind(filtered)
        return render(planes, chroma, self._rendering, self._workers)

    def _planes(self) -> Planes:
        return self._luma[0], self._chroma[0], self._chroma[1]

    def _behind(self, filtered: Planes | None) -> tuple[Planes, str]:
        if filtered is None:
            return self._planes(), self._rendering.coded
        return filtered, self._rendering.source
