"""Regions against the worked grids of section 07.10."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jpegai.decoder.geometry import Area, Overlap, Span, regions
from jpegai.decoder.geometry.regions import AxisRegion, axis_regions

Rectangle = tuple[int, int, int, int]
DEPENDENT, INDEPENDENT = Overlap.dependent(), Overlap()


def rectangles(
    height: int, width: int, rows: int, columns: int, overlap: Overlap, span: Callable[[AxisRegion], Span]
) -> list[Rectangle]:
    """The rectangles (x, y, width, height) of all regions, in raster order."""
    result = []
    axes = axis_regions(height, rows, overlap), axis_regions(width, columns, overlap)
    for row, column in itertools.product(*axes):
        y, x = span(row), span(column)
        result.append((x.start, y.start, x.size, y.size))
    return result


#: Picture (height, width), grid (rows, columns), overlap; then by region: core latents, image area, z read, psi
#: paste, latent read, latent paste, each (x, y, width, height).
TABLES: list[tuple[tuple[int, int], tuple[int, int], Overlap, list[list[Rectangle]]]] = [
    (
        (1100, 1100),
        (2, 2),
        DEPENDENT,
        [
            [(0, 0, 32, 32), (0, 0, 768, 768), (0, 0, 12, 12), (0, 0, 24, 24), (0, 0, 48, 48), (0, 0, 47, 47)],
            [(32, 0, 37, 32), (256, 0, 844, 768), (4, 0, 14, 12), (8, 0, 27, 24), (16, 0, 53, 48), (17, 0, 52, 47)],
            [(0, 32, 32, 37), (0, 256, 768, 844), (0, 4, 12, 14), (0, 8, 24, 27), (0, 16, 48, 53), (0, 17, 47, 52)],
            [
                (32, 32, 37, 37),
                (256, 256, 844, 844),
                (4, 4, 14, 14),
                (8, 8, 27, 27),
                (16, 16, 53, 53),
                (17, 17, 52, 52),
            ],
        ],
    ),
    (
        (2048, 1344),
        (2, 2),
        DEPENDENT,
        [
            [(0, 0, 40, 64), (0, 0, 896, 1280), (0, 0, 14, 20), (0, 0, 28, 40), (0, 0, 56, 80), (0, 0, 55, 79)],
            [(40, 0, 44, 64), (384, 0, 960, 1280), (6, 0, 15, 20), (12, 0, 30, 40), (24, 0, 60, 80), (25, 0, 59, 79)],
            [(0, 64, 40, 64), (0, 768, 896, 1280), (0, 12, 14, 20), (0, 24, 28, 40), (0, 48, 56, 80), (0, 49, 55, 79)],
            [
                (40, 64, 44, 64),
                (384, 768, 960, 1280),
                (6, 12, 15, 20),
                (12, 24, 30, 40),
                (24, 48, 60, 80),
                (25, 49, 59, 79),
            ],
        ],
    ),
    (
        (1100, 1100),
        (2, 2),
        INDEPENDENT,
        [
            [(0, 0, 32, 32), (0, 0, 512, 512), (0, 0, 8, 8), (0, 0, 16, 16), (0, 0, 32, 32), (0, 0, 32, 32)],
            [(32, 0, 37, 32), (512, 0, 588, 512), (8, 0, 10, 8), (16, 0, 19, 16), (32, 0, 37, 32), (32, 0, 37, 32)],
            [(0, 32, 32, 37), (0, 512, 512, 588), (0, 8, 8, 10), (0, 16, 16, 19), (0, 32, 32, 37), (0, 32, 32, 37)],
            [
                (32, 32, 37, 37),
                (512, 512, 588, 588),
                (8, 8, 10, 10),
                (16, 16, 19, 19),
                (32, 32, 37, 37),
                (32, 32, 37, 37),
            ],
        ],
    ),
    (
        (512, 384),
        (2, 1),
        DEPENDENT,
        [
            [(0, 0, 24, 16), (0, 0, 384, 512), (0, 0, 6, 8), (0, 0, 12, 16), (0, 0, 24, 32), (0, 0, 24, 32)],
            [(0, 16, 24, 16), (0, 0, 384, 512), (0, 0, 6, 8), (0, 0, 12, 16), (0, 0, 24, 32), (0, 0, 24, 32)],
        ],
    ),
]
COLUMNS: list[Callable[[AxisRegion], Span]] = [
    lambda region: region.core,
    lambda region: region.image,
    lambda region: region.hyper,
    lambda region: region.psi,
    lambda region: region.latents,
    lambda region: region.paste,
]


@pytest.mark.parametrize(("size", "grid", "overlap", "table"), TABLES, ids=["1100", "2048", "1100 ind", "512"])
def test_worked_grids(
    size: tuple[int, int], grid: tuple[int, int], overlap: Overlap, table: list[list[Rectangle]]
) -> None:
    for number, column in enumerate(COLUMNS):
        assert rectangles(*size, *grid, overlap, column) == [row[number] for row in table]


def owners(spans: list[Span], length: int) -> list[int]:
    result = np.full(length, -1)
    for number, span in enumerate(spans):
        result[slice(*span)] = number
    return [int(owner) for owner in result]


@pytest.mark.parametrize(
    ("length", "latents", "psi"),
    [(1100, [17, 52], [8, 27]), (2048, [49, 79], [24, 40]), (1344, [25, 59], [12, 30])],
)
def test_final_owners(length: int, latents: list[int], psi: list[int]) -> None:
    axis = axis_regions(length, 2, DEPENDENT)
    for spans, expected in (([r.paste for r in axis], latents), ([r.psi for r in axis], psi)):
        assert owners(spans, sum(expected)) == [0] * expected[0] + [1] * expected[1]
    grid = regions(length, 64, 2, 1, DEPENDENT)
    assert [region.paste.rows for region in grid] == [Span(0, latents[0]), Span(latents[0], sum(latents))]
    assert [region.psi.rows for region in grid] == [Span(0, psi[0]), Span(psi[0], sum(psi))]


@pytest.mark.parametrize(
    ("length", "count", "side"),
    # rows and columns of 1101 x 1347 (07.10)
    [(1347, 2, 640), (1101, 2, 512), (1101, 3, 384)],
)
def test_sides(length: int, count: int, side: int) -> None:
    axis = axis_regions(length, count, DEPENDENT)
    assert [region.samples for region in axis] == [
        Span(k * side, length if k == count - 1 else (k + 1) * side) for k in range(count)
    ]


def test_image_area_may_end_behind_the_picture() -> None:
    first, last = axis_regions(400, 2, DEPENDENT)
    assert first.image == Span(0, 512)
    assert first.paste.stop == first.latents.stop == 25
    assert last.image == Span(0, 400)


def test_sizes_of_the_text() -> None:
    """1101 x 1347: y 69 x 85, psi 35 x 43, z 18 x 22."""
    for length, latents, psi, hyper in ((1101, 69, 35, 18), (1347, 85, 43, 22)):
        (whole,) = axis_regions(length, 1, DEPENDENT)
        assert [whole.core.stop, whole.psi.stop, whole.hyper.stop] == [latents, psi, hyper]


def test_overlap_of_psi_that_the_hyper_decoder_does_not_make() -> None:
    """psi ends where the hyper decoder's output does (07.4); without overlap the trim leaves latents unpasted (D2)."""
    first, last = axis_regions(1101, 2, Overlap.dependent(0, 8))
    assert first.psi == Span(0, 16)
    assert last.psi == Span(8, 27)
    first, last = axis_regions(1101, 2, Overlap.dependent(2, 0))
    assert (first.paste, last.paste) == (Span(0, 31), Span(33, 69))


def test_more_regions_than_fit() -> None:
    assert len(axis_regions(129, 2, INDEPENDENT)) == 2
    with pytest.raises(ValueError, match="do not fit"):
        axis_regions(128, 2, INDEPENDENT)


@settings(max_examples=300, deadline=None)
@given(
    length=st.integers(64, 3000),
    count=st.integers(1, 8),
    hyper=st.integers(0, 3),
    context=st.integers(0, 15),
    dependent=st.booleans(),
)
def test_any_axis(length: int, count: int, hyper: int, context: int, dependent: bool) -> None:
    """Cores partition the latents, nothing leaves its tensor, and what is left out is pasted over later anyway."""
    count = min(count, -(-length // 128))
    overlap = Overlap.dependent(hyper, context) if dependent else INDEPENDENT
    axis = axis_regions(length, count, overlap)
    assert [region.core.start for region in axis] == [0, *(region.core.stop for region in axis[:-1])]
    assert axis[-1].core.stop == -(-length // 16)
    for spans, unit in (
        ([region.hyper for region in axis], 64),
        ([region.psi for region in axis], 32),
        ([region.latents for region in axis], 16),
        ([region.paste for region in axis], 16),
    ):
        assert all(0 <= span.start <= span.stop <= -(-length // unit) for span in spans)
    assert all(region.latents.start % 2 == 0 for region in axis)
    grid = regions(length, 64, count, 1, overlap)
    for literal, spans, size in (
        ([region.paste for region in axis], [region.paste.rows for region in grid], -(-length // 16)),
        ([region.psi for region in axis], [region.psi.rows for region in grid], -(-length // 32)),
    ):
        assert owners(literal, size) == owners(spans, size)
    for row, region in zip(axis, grid, strict=True):
        window, paste = region.latents.rows, region.paste.rows
        if region.paste.empty:
            continue
        assert window.start % 2 == 0
        assert window.start <= paste.start < paste.stop <= window.stop
        # six latents around the cells that are pasted, or the end of the literal window
        assert window.start == max(row.latents.start, paste.start // 2 * 2 - 6)
        assert window.stop == min(row.latents.stop, -(-paste.stop // 2) * 2 + 6)


def test_what_is_pasted_over_is_not_computed() -> None:
    """The first of two regions of 1100 samples keeps 8 cells of 24: it needs 6 z positions of 12 (07.8)."""
    first, last = regions(1100, 64, 2, 1, DEPENDENT)
    assert (first.hyper.rows, first.size[0], first.cells.rows) == (Span(0, 6), 384, Span(0, 8))
    assert (first.latents.rows, first.paste.rows) == (Span(0, 24), Span(0, 17))
    assert (last.hyper.rows, last.size[0], last.cells.rows) == (Span(4, 18), 844, Span(0, 27))
    assert (last.latents.rows, last.paste.rows) == (Span(16, 69), Span(17, 69))


def test_a_single_region_is_the_picture() -> None:
    (region,) = regions(97, 131, 1, 1, DEPENDENT)
    whole = Area.whole(7, 9)
    assert region.core == region.latents == region.paste == whole
    assert region.psi == region.cells == whole.covered_by(2) == Area.whole(4, 5)
    assert region.hyper == Area.whole(2, 3)
    assert region.size == (97, 131)


def test_areas() -> None:
    area = Area(Span(2, 5), Span(1, 9))
    assert area.shape == (3, 8)
    assert area.within(Area(Span(1, 9), Span(1, 9))) == Area(Span(1, 4), Span(0, 8))
    assert area.intersect(Area(Span(5, 9), Span(0, 9))).empty
    assert area.contains(Area(Span(2, 4), Span(8, 9)))
    assert not area.contains(Area(Span(2, 4), Span(8, 10)))
    assert np.zeros((4, 9, 9))[area.index].shape == (4, 3, 8)
