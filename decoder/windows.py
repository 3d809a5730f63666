"""Which part of a picture is wanted: a window, a synthesis tile, a region."""

from __future__ import annotations

from jpegai.codestream import Codestream
from jpegai.decoder.geometry import Area, Span
from jpegai.decoder.grids import check_tile_count, region_grid, tile_cores

__all__ = ["Roi", "chosen_window", "region_window", "roi_window", "tile_window", "tile_windows", "window_roi"]

#: x, y, width and height in luma samples of the displayed picture.
Roi = tuple[int, int, int, int]


def roi_window(stream: Codestream, roi: Roi) -> Area:
    """Return a window given by its corner and size.

    Raises:
        ValueError: it is empty or not inside the picture; the limits are named.
    """
    x, y, width, height = roi
    rows, columns = stream.pih.display_height, stream.pih.display_width
    inside = 0 <= x < x + width <= columns and 0 <= y < y + height <= rows
    if not inside:
        raise ValueError(
            f"the window {x},{y},{width},{height} (x, y, width, height) must have samples, all of them in "
            f"columns 0..{columns - 1} and rows 0..{rows - 1}"
        )
    return Area(Span(y, y + height), Span(x, x + width))


def window_roi(window: Area) -> Roi:
    """Return corner and size of a window, the inverse of `roi_window`."""
    return window.columns.start, window.rows.start, window.columns.size, window.rows.size


def tile_windows(stream: Codestream) -> list[list[Area]]:
    """Return what is displayed of the synthesis tiles of the primary component, in rows; without tiles there is one.

    Raises:
        LimitError: there are too many of them.
        ConformanceError: the tiles are impossible.
    """
    rows, columns = tile_cores(stream, 0)
    check_tile_count(stream, 0, len(rows) * len(columns))
    return [[_shown(stream, Area(row, column)) for column in columns] for row in rows]


def tile_window(stream: Codestream, tile: tuple[int, int]) -> Area:
    """Return what is displayed of a synthesis tile.

    Args:
        stream: the stream.
        tile: its row and column, from 0.

    Raises:
        ValueError: there is no such tile, or nothing of it is displayed.
    """
    row, column = tile
    rows, columns = tile_cores(stream, 0)
    if not (0 <= row < len(rows) and 0 <= column < len(columns)):
        raise ValueError(f"there is no tile {row},{column}: rows are 0..{len(rows) - 1}, columns 0..{len(columns) - 1}")
    return _not_empty(_shown(stream, Area(rows[row], columns[column])), f"tile {row},{column}")


def region_window(stream: Codestream, region: int) -> Area:
    """Return what is displayed of a region, without overlap.

    Raises:
        ValueError: there is no such region, or nothing of it is displayed.
    """
    grid = region_grid(stream)
    if not 0 <= region < len(grid):
        raise ValueError(f"there is no region {region}: regions are 0..{len(grid) - 1}")
    return _not_empty(_shown(stream, grid[region].samples), f"region {region}")


def chosen_window(
    stream: Codestream, roi: Roi | None = None, tile: tuple[int, int] | None = None, region: int | None = None
) -> Area | None:
    """Return the luma samples that are asked for, None where it is the whole picture.

    Raises:
        ValueError: more than one of the three is given, or what is asked for does not exist.
    """
    if sum(each is not None for each in (roi, tile, region)) > 1:
        raise ValueError("only one of roi, tile and region can be given")
    if tile is not None:
        return tile_window(stream, tile)
    if region is not None:
        return region_window(stream, region)
    return None if roi is None else roi_window(stream, roi)


def _shown(stream: Codestream, samples: Area) -> Area:
    return samples.intersect(Area.whole(stream.pih.display_height, stream.pih.display_width))


def _not_empty(window: Area, what: str) -> Area:
    if window.empty:
        raise ValueError(f"nothing of {what} is displayed")
    return window
