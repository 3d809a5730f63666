"""Parts of the filters: tables, grids, the wavelet, weights (sections 8.2 to 8.6)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from jpegai.codestream import ConformanceError
from jpegai.decoder.filters import tables
from jpegai.decoder.filters.efe_linear import split_windows
from jpegai.decoder.filters.haar import BANDS, forward, inverse
from jpegai.decoder.filters.lef import nearest_index
from jpegai.decoder.filters.planes import Window
from jpegai.decoder.filters.tiles import tile_grid
from jpegai.decoder.filters.values import weights
from jpegai.decoder.workers import Workers
from tests.vectors import spec_data, spec_list


def test_tables_are_those_of_the_specification() -> None:
    data = spec_data("post_filters")
    linear, eicci, lef = data["efe_linear"], data["eicci"], data["lef"]
    assert [list(map(list, pattern)) for pattern in tables.SPLIT_PATTERNS] == [
        candidate["row_col_fractions"] for candidate in linear["candidates"]
    ]
    interpolation = np.array(linear["dctif_delta_planes"])
    assert np.array_equal(tables.INTERPOLATION - tables.DELTA, interpolation)
    assert tables.DELTA[:, 1, 1].tolist() == [1] * 4
    assert tables.DELTA.sum() == 4
    names = {"SOP": "0", "BOP": "1", "HOP": "2"}
    assert dict(tables.BANKS) == {name: eicci["set_of_synthesis_transform"][id_] for name, id_ in names.items()}
    for network, key in ((tables.LUMA_MODEL, "short_list_Y"), (tables.CHROMA_MODEL, "short_list_UV")):
        for name, lists in tables.SHORT_LISTS[network].items():
            assert [list(pair) for pair in lists] == eicci[key][name.lower()][:4]  # row 4 cannot be reached
    assert eicci["min_tile"] == tables.MIN_BORDER_TILE
    assert len(eicci["checkpoints_of_set"]["bop"]) == tables.MODELS
    assert data["efe_nonlinear"]["knots"] == tables.KNOTS
    assert [list(row) for row in tables.LEF_THRESHOLDS] == lef["thresholds_by_model_id"]
    assert [list(row) for row in tables.LEF_FACTORS] == lef["factors_by_model_id"]


@pytest.mark.parametrize(
    ("candidate", "size", "windows"),
    [
        (5, (49, 66), [(0, 32, 0, 64), (0, 32, 64, 66), (32, 49, 0, 64), (32, 49, 64, 66)]),
        (7, (49, 66), [(r, s, c, d) for c, d in ((0, 32), (32, 64), (64, 66)) for r, s in ((0, 32), (32, 49))]),
        (5, (540, 960), [(r, s, c, d) for r, s in ((0, 288), (288, 540)) for c, d in ((0, 480), (480, 960))]),
        (
            6,
            (540, 960),
            [(r, s, c, d) for r, s in ((0, 192), (192, 384), (384, 540)) for c, d in ((0, 480), (480, 960))],
        ),
        (1, (32, 40), [(0, 32, 0, 40), (32, 32, 0, 40)]),  # the second one is empty (8.8 D2)
    ],
)  # fmt: skip
def test_split_windows(candidate: int, size: tuple[int, int], windows: list[tuple[int, ...]]) -> None:
    assert split_windows(tables.SPLIT_PATTERNS[candidate], *size).tolist() == [list(window) for window in windows]


@pytest.mark.parametrize("pattern", tables.SPLIT_PATTERNS)
def test_split_windows_cover_every_plane_once(pattern: tuple[tables.Cut, ...]) -> None:
    for rows in (1, 31, 32, 33, 64, 65, 95, 96, 97, 500):
        for columns in (1, 32, 91, 128):
            count = np.zeros((rows, columns), int)
            for top, bottom, left, right in split_windows(pattern, rows, columns):
                count[top:bottom, left:right] += 1
            assert (count == 1).all()


@pytest.mark.parametrize(("code", "weight"), [(32767, 0), (34815, 1), (30719, -1), (0, -15.99951171875), (65535, 16)])
def test_weights(code: int, weight: float) -> None:
    assert weights(np.array([code, 0]), 0, "A1").tolist() == [weight, -15.99951171875]
    assert weights(np.array([0]), code, "A1").tolist() == [weight]


def test_tiles_of_the_example() -> None:
    tiles = tile_grid(4096, 4096, 2048, 48)
    assert len(tiles) == 9
    spans = [((0, 2048), (0, 2024)), ((2000, 3872), (2024, 3848)), ((3824, 4096), (3848, 4096))]
    for i, tile in enumerate(tiles):
        (row, row_core), (column, column_core) = spans[i // 3], spans[i % 3]
        assert (tile.window.top, tile.window.bottom, tile.window.left, tile.window.right) == (*row, *column)
        assert (tile.core.top, tile.core.bottom, tile.core.left, tile.core.right) == (*row_core, *column_core)


def test_plain_and_single_tiles() -> None:
    assert [tile.window for tile in tile_grid(200, 500, 256, 0)] == [Window(0, 0, 200, 256), Window(0, 256, 200, 500)]
    (tile,) = tile_grid(100, 120, 352, 48)  # thinner than 176, but there is no neighbour (8.8 D5)
    assert tile.window == tile.core == Window(0, 0, 100, 120)
    (tile,) = tile_grid(100, 120, 128, 16)  # below 176, but there is no neighbour either
    assert tile.window == tile.core == Window(0, 0, 100, 120)


@pytest.mark.parametrize(("height", "width"), [(100, 300), (300, 100), (175, 304), (500, 500)])
@pytest.mark.parametrize("size", [64, 128, 160])
def test_several_tiles_below_176_are_refused(height: int, width: int, size: int) -> None:
    """The last of them would take 176 samples of one that has not so many (8.4.3)."""
    with pytest.raises(ConformanceError, match=r"R-58.*takes 176 samples of the one before it"):
        tile_grid(height, width, size, 16)


def test_wavelet_of_the_ramp() -> None:
    z = np.empty((BANDS, 1, 1), np.float32)
    forward(np.arange(16, dtype=np.float32).reshape(4, 4), 1, z, 0, (0, 0), (4, 4), Workers(1))
    assert z.ravel().tolist() == [30, 4, 16, 0, 2, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("size", [(1, 1), (4, 8), (9, 6), (64, 131)])
def test_wavelet_is_inverted_inside_the_clip(size: tuple[int, int]) -> None:
    height, width = size
    x = np.random.default_rng(3).uniform(0, 255, (height + 5, width + 3)).astype(np.float32)
    cells = Window(0, 0, height, width).divided(4, 4)
    z = np.full((2 * BANDS, *cells.shape), np.nan, np.float32)
    forward(x, 255, z, BANDS, (2, 1), (2 + height, 1 + width), Workers(2))
    assert np.isnan(z[:BANDS]).all()
    last = z[BANDS, -1, -1] / 4  # the mean of a cell: of replicated samples where it is cut
    block = x[2 : 2 + height, 1 : 1 + width][-1 - (height - 1) % 4 :, -1 - (width - 1) % 4 :] / 255
    pad = 4 - block.shape[0], 4 - block.shape[1]
    assert last == pytest.approx(np.pad(block, ((0, pad[0]), (0, pad[1])), "edge").mean(), abs=1e-6)
    out = np.zeros_like(x)
    clip = Window(2, 1, 2 + height, 1 + width)
    inverse(z, BANDS, cells, out, (2, 1), clip, Workers(2))
    inside = clip.within(Window(0, 0, *x.shape))
    assert np.abs(out[inside] - x[inside] / 255).max() < 1e-6
    out[inside] = 0
    assert not out.any()


@pytest.mark.parametrize("entry", spec_list("colour_vectors", "nearest_index"))
def test_nearest_index(entry: dict[str, Any]) -> None:
    assert nearest_index(entry["in"], entry["out"]).tolist() == entry["index"]
