"""Tiles of eICCI and the order in which a window of the picture needs them (sections 8.4.3, 8.4.4)."""

from __future__ import annotations

from dataclasses import dataclass

from jpegai.decoder.filters.planes import Window
from jpegai.decoder.filters.tables import MIN_BORDER_TILE
from jpegai.decoder.filters.values import require

__all__ = ["Tile", "tile_grid"]

_Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile: what is read, and the core of it that is written."""

    window: Window
    core: Window


def tile_grid(height: int, width: int, size: int, overlap: int) -> tuple[Tile, ...]:
    """Return the tiles of a picture in raster order (8.4.3).

    Tiles below 176 have a meaning where the picture is one tile, whose border is not moved (8.8 D5). Of several, the
    last one would take more from the one before it than that has.

    Args:
        height: coded height of the picture.
        width: coded width.
        size: T, side of a tile.
        overlap: ov; 0 makes plain tiles (8.8 D5).

    Raises:
        ConformanceError: an overlap that leaves no step, or an empty tile or core.
    """
    shortest = min(size, height, width)
    require(overlap < shortest, "R-57", "icci_tile_overlap", f"less than {shortest} samples", overlap)
    rows, columns = (_axis(extent, size, overlap) for extent in (height, width))
    return tuple(Tile(*map(_window, row, column)) for row in rows for column in columns)


def _window(rows: _Span, columns: _Span) -> Window:
    return Window(rows[0], columns[0], rows[1], columns[1])


def _axis(extent: int, size: int, overlap: int) -> list[tuple[_Span, _Span]]:
    """Return tiles and cores of one direction."""
    length = min(size, extent)
    spans = [(start, min(start + length, extent)) for start in range(0, extent - overlap, length - overlap)]
    if len(spans) > 1 and spans[-1][1] - spans[-1][0] < MIN_BORDER_TILE:
        (first, end), (start, stop) = spans[-2:]
        spans[-2:] = [(first, end - MIN_BORDER_TILE), (start - MIN_BORDER_TILE, stop)]
    half = overlap // 2
    cores = [(a + half if a > 0 else a, b - half if b < extent else b) for a, b in spans]
    shortest = min(b - a for a, b in [*spans, *cores])
    left = f"tiles that keep something when the last one takes {MIN_BORDER_TILE} samples of the one before it"
    require(shortest > 0, "R-58", "icci_tile_size", left, size // 16)
    return list(zip(spans, cores, strict=True))
