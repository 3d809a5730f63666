"""Spans of one axis and rectangles made of two: what every window, paste and tile is expressed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from jpegai.decoder.geometry.sizes import ceil_div

__all__ = ["Area", "Span"]


class Span(NamedTuple):
    """Positions `start` to `stop` - 1 of one axis."""

    start: int
    stop: int

    @property
    def size(self) -> int:
        """Number of positions; 0 where `stop` lies before `start`."""
        return max(0, self.stop - self.start)

    def intersect(self, other: Span) -> Span:
        """Return the positions that both have."""
        return Span(max(self.start, other.start), min(self.stop, other.stop))

    def covered_by(self, unit: int) -> Span:
        """Return the units of so many positions that cover these."""
        return Span(self.start // unit, ceil_div(self.stop, unit))

    def within(self, origin: int) -> Span:
        """Return the same positions counted from `origin`."""
        return Span(self.start - origin, self.stop - origin)

    def grown(self, before: int, after: int) -> Span:
        """Return them with so many more positions at the start and at the end."""
        return Span(self.start - before, self.stop + after)

    def joined(self, other: Span) -> Span:
        """Return the shortest span that has the positions of both."""
        return Span(min(self.start, other.start), max(self.stop, other.stop))


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle: rows and columns of a plane (of samples, latents, psi cells or z positions)."""

    rows: Span
    columns: Span

    @classmethod
    def whole(cls, height: int, width: int) -> Area:
        """Return the rectangle that a plane of this size is."""
        return cls(Span(0, height), Span(0, width))

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.rows.size, self.columns.size

    @property
    def empty(self) -> bool:
        """Whether no position lies in the rectangle."""
        return 0 in self.shape

    @property
    def index(self) -> tuple[slice, slice, slice]:
        """Index of the rectangle in an array (C, h, w)."""
        return slice(None), slice(*self.rows), slice(*self.columns)

    def intersect(self, other: Area) -> Area:
        """Return what lies in both rectangles."""
        return Area(self.rows.intersect(other.rows), self.columns.intersect(other.columns))

    def joined(self, other: Area) -> Area:
        """Return the smallest rectangle that holds both; an empty one adds nothing."""
        if self.empty or other.empty:
            return other if self.empty else self
        return Area(self.rows.joined(other.rows), self.columns.joined(other.columns))

    def covered_by(self, unit: int) -> Area:
        """Return the units of so many rows and columns that cover the rectangle."""
        return Area(self.rows.covered_by(unit), self.columns.covered_by(unit))

    def within(self, outer: Area) -> Area:
        """Return the same rectangle in coordinates that begin where `outer` does."""
        return Area(self.rows.within(outer.rows.start), self.columns.within(outer.columns.start))

    def contains(self, other: Area) -> bool:
        """Return whether all of `other` lies in this rectangle."""
        return self.intersect(other) == other
