"""Synthesis tiles against the worked grids of sections 07.6 and 07.10."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jpegai.decoder.geometry import Area, Overlap, Span, Tile, regions, tiles, tiles_in_regions
from jpegai.decoder.geometry.tiles import axis_tiles

Ends = list[tuple[int, int]]


def cores(bounds: list[int]) -> Ends:
    return list(itertools.pairwise(bounds))


#: Samples, tile size, overlap; windows and cores.
TABLE: list[tuple[int, int, int, Ends, Ends]] = [
    (64, 256, 64, [(0, 64)], [(0, 64)]),
    (97, 256, 64, [(0, 97)], [(0, 97)]),
    (131, 256, 64, [(0, 131)], [(0, 131)]),
    (301, 256, 64, [(0, 256), (192, 301)], [(0, 224), (224, 301)]),
    (201, 256, 64, [(0, 201)], [(0, 201)]),
    (512, 256, 64, [(0, 256), (192, 448), (384, 512)], cores([0, 224, 416, 512])),
    (384, 256, 64, [(0, 256), (192, 384)], cores([0, 224, 384])),
    (
        1100,
        256,
        64,
        [(0, 256), (192, 448), (384, 640), (576, 832), (768, 1024), (960, 1100)],
        cores([0, 224, 416, 608, 800, 992, 1100]),
    ),
    (
        2048,
        256,
        64,
        [(s, min(s + 256, 2048)) for s in range(0, 1921, 192)],
        cores([0, *range(224, 1953, 192), 2048]),
    ),
    (
        1344,
        256,
        64,
        [(s, min(s + 256, 1344)) for s in range(0, 1153, 192)],
        cores([0, *range(224, 1185, 192), 1344]),
    ),
    (2048, 1024, 64, [(0, 1024), (960, 1984), (1920, 2048)], cores([0, 992, 1952, 2048])),
    (1344, 1024, 64, [(0, 1024), (960, 1344)], cores([0, 992, 1344])),
    (1100, 1024, 64, [(0, 1024), (960, 1100)], cores([0, 992, 1100])),
    (512, 1024, 64, [(0, 512)], [(0, 512)]),
]


@pytest.mark.parametrize(("length", "size", "overlap", "windows", "kept"), TABLE)
def test_worked_axes(length: int, size: int, overlap: int, windows: Ends, kept: Ends) -> None:
    found = axis_tiles(length, size, overlap)
    assert [tuple(window) for window, _ in found] == windows
    assert [tuple(core) for _, core in found] == kept


def test_counts_of_the_text() -> None:
    grid = tiles(2048, 1344, 256, 64)
    assert len(grid) == 11 * 7
    assert grid[1].window == Area(Span(0, 256), Span(192, 448))
    assert grid[1].latents == Area(Span(0, 16), Span(12, 28))
    assert grid[-1].latents == Area(Span(120, 128), Span(72, 84))


def test_independent_regions() -> None:
    grid = [region.samples for region in regions(1100, 1100, 2, 2, Overlap())]
    found = tiles_in_regions(1100, 1100, 512, 128, grid)
    assert len(found) == 9
    windows = [(0, 512), (512, 1088), (960, 1100)]
    kept = [(0, 512), (512, 1024), (1024, 1100)]
    assert [tuple(tile.window.rows) for tile in found[::3]] == windows
    assert [tuple(tile.window.columns) for tile in found[3:6]] == windows
    assert [tuple(tile.core.rows) for tile in found[::3]] == kept
    assert [tuple(tile.core.columns) for tile in found[:3]] == kept


def test_a_tile_across_regions_is_not_extended() -> None:
    grid = [region.samples for region in regions(256, 512, 1, 2, Overlap())]
    first, straddling, last = tiles_in_regions(256, 512, 192, 64, grid)[:3]
    assert first.window.columns == Span(0, 224)
    assert straddling == Tile(Area(Span(0, 192), Span(192, 384)), Area(Span(0, 192), Span(192, 384)))
    assert last.window.columns == Span(352, 512)


def covers_once(grid: list[Tile], height: int, width: int) -> bool:
    count = np.zeros((1, height, width), int)
    for tile in grid:
        count[tile.core.index] += 1
        assert tile.window.contains(tile.core)
        assert Area.whole(height, width).contains(tile.window)
    return bool((count == 1).all())


@settings(max_examples=150, deadline=None)
@given(
    height=st.integers(64, 700),
    width=st.integers(64, 700),
    size=st.integers(1, 40),
    share=st.floats(0, 1, exclude_max=True),
    rows=st.integers(1, 3),
    columns=st.integers(1, 3),
)
def test_cores_partition_the_picture(
    height: int, width: int, size: int, share: float, rows: int, columns: int
) -> None:
    """Any T > O >= 0, multiples of 16 (07.6.4)."""
    overlap = int(size * share)
    grid = tiles(height, width, 16 * size, 16 * overlap)
    assert covers_once(grid, height, width)
    assert all(start % 16 == 0 for tile in grid for start in (tile.window.rows.start, tile.window.columns.start))
    rows, columns = min(rows, -(-height // 128)), min(columns, -(-width // 128))
    areas = [region.samples for region in regions(height, width, rows, columns, Overlap())]
    found = tiles_in_regions(height, width, 16 * size, 16 * overlap, areas)
    assert covers_once(found, height, width)
    if overlap == 0:
        assert found == tiles(height, width, 16 * size, 0)
