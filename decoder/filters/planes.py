"""What the filters work on: a rectangle of a picture in its output format (section 8.1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.geometry import Area, Span, ceil_div

__all__ = ["Float32", "PictureShape", "Samples", "Window", "WindowPlanes"]

Float32 = NDArray[np.float32]
#: Samples on 0..255: float32, or int32 with 16 fraction bits (the exact engine).
Samples = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of a plane: rows top..bottom-1, columns left..right-1, in coordinates of the whole picture."""

    top: int
    left: int
    bottom: int
    right: int

    @classmethod
    def of(cls, area: Area) -> Window:
        """Return an area as a window."""
        return cls(area.rows.start, area.columns.start, area.rows.stop, area.columns.stop)

    @property
    def area(self) -> Area:
        """The window as an area."""
        return Area(Span(self.top, self.bottom), Span(self.left, self.right))

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.bottom - self.top, self.right - self.left

    @property
    def empty(self) -> bool:
        """Whether it holds no sample."""
        return self.bottom <= self.top or self.right <= self.left

    def __and__(self, other: Window) -> Window:
        return Window(
            max(self.top, other.top),
            max(self.left, other.left),
            min(self.bottom, other.bottom),
            min(self.right, other.right),
        )

    def __or__(self, other: Window) -> Window:
        """Return the smallest rectangle that holds both."""
        return Window(
            min(self.top, other.top),
            min(self.left, other.left),
            max(self.bottom, other.bottom),
            max(self.right, other.right),
        )

    def grown(self, before: int, after: int) -> Window:
        """Return it with `before` more samples at the top and left and `after` more at the bottom and right."""
        return Window(self.top - before, self.left - before, self.bottom + after, self.right + after)

    def moved(self, top: int, left: int) -> Window:
        """Return it in coordinates that have their origin at (top, left)."""
        return Window(self.top - top, self.left - left, self.bottom - top, self.right - left)

    def aligned(self, rows: int, columns: int) -> Window:
        """Return the smallest rectangle around it with all sides on multiples of `rows` and `columns`."""
        below, right = ceil_div(self.bottom, rows), ceil_div(self.right, columns)
        return Window(self.top // rows * rows, self.left // columns * columns, below * rows, right * columns)

    def divided(self, rows: int, columns: int) -> Window:
        """Return it in units of `rows` x `columns` samples, rounded outwards."""
        below, right = ceil_div(self.bottom, rows), ceil_div(self.right, columns)
        return Window(self.top // rows, self.left // columns, below, right)

    def within(self, held: Window) -> tuple[slice, slice]:
        """Return where it lies in an array that holds the rectangle `held`."""
        part = self.moved(held.top, held.left)
        return slice(part.top, part.bottom), slice(part.left, part.right)


@dataclass(frozen=True, slots=True)
class PictureShape:
    """Sizes and chroma subsampling of the whole picture.

    Attributes:
        height, width: display size in luma samples, which the filters work on (8.1.4).
        coded_height, coded_width: coded size, to which the grids of eICCI and LEF belong (8.8 D8).
        source: (s_ver, s_hor), chroma subsampling of the output and of the filters' planes.
        coded: (c_ver, c_hor), chroma subsampling as coded.
    """

    height: int
    width: int
    coded_height: int
    coded_width: int
    source: tuple[int, int]
    coded: tuple[int, int]

    @classmethod
    def from_header(cls, pih: Mapping[str, Any]) -> PictureShape:
        """Read it from the values of a picture header."""
        return cls(
            pih["display_height"],
            pih["display_width"],
            pih["img_height"],
            pih["img_width"],
            (pih["s_ver"], pih["s_hor"]),
            (pih["c_ver"], pih["c_hor"]),
        )

    @property
    def whole(self) -> Window:
        """The luma plane."""
        return Window(0, 0, self.height, self.width)

    @property
    def chroma_size(self) -> tuple[int, int]:
        """Height and width of a chroma plane."""
        return self.chroma(self.whole).shape

    def chroma(self, window: Window) -> Window:
        """Return the rectangle of the chroma planes that belongs to one of luma."""
        return window.divided(*self.source)

    def around(self, window: Window) -> Window:
        """Return the smallest rectangle around `window` that filters can work on: even sides, inside the picture."""
        return window.aligned(2, 2) & self.whole


@dataclass(frozen=True, slots=True, eq=False)
class WindowPlanes:
    """Y, U and V of a rectangle of a picture, all float32 or all int32, on 0..255, C-contiguous.

    Chroma may lie outside 0..255 (8.1.1); samples of int32 planes are at most `PLANE_LIMIT`.

    Attributes:
        y: (h, w) of `window`.
        u, v: (h, w) of the window in chroma samples.
        window: the rectangle in luma samples, with sides as `PictureShape.around` gives them.
    """

    y: Samples
    u: Samples
    v: Samples
    window: Window

    def __iter__(self) -> Iterator[Samples]:
        return iter((self.y, self.u, self.v))

    def hold(self, window: Window, picture: PictureShape) -> bool:
        """Return whether the arrays are as they should be and cover a rectangle."""
        chroma = picture.chroma(self.window).shape
        shapes = self.window.shape, chroma, chroma
        of_a_kind = self.y.dtype in (np.float32, np.int32) and all(plane.dtype == self.y.dtype for plane in self)
        fit = all(plane.shape == shape for plane, shape in zip(self, shapes, strict=True))
        return of_a_kind and fit and picture.around(self.window) == self.window == self.window | window

    def crop(self, window: Window, picture: PictureShape) -> WindowPlanes:
        """Return the planes of a rectangle inside this one; the arrays are the same ones where nothing is cut."""
        if window == self.window:
            return self
        chroma = picture.chroma(window).within(picture.chroma(self.window))
        y, u, v = map(np.ascontiguousarray, (self.y[window.within(self.window)], self.u[chroma], self.v[chroma]))
        return WindowPlanes(y, u, v, window)
