"""Windows: what a filter makes of a part of the picture is that part of what it makes of the whole (07.8)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from jpegai.decoder.filters import FilterChain, Window, eicci
from jpegai.decoder.filters.tables import REACH
from jpegai.decoder.recorder import Dump, Recorder
from jpegai.decoder.workers import Workers
from tests.decoder.filters.material import Case, case, picture_header, synthetic
from tests.vectors import needs_spec, spec_list

TOLERANCE = 1e-3
CASES = spec_list("filter_vectors", "cases")


def far_network(kind: str, index: int) -> Callable[[np.ndarray], np.ndarray]:
    """A network that reads as far as the real one may (06.11), and no less."""
    own, reach = (slice(0, 16) if kind == "eicci_Y" else slice(16, 48)), REACH[kind]

    def run(z: np.ndarray) -> np.ndarray:
        padded = np.pad(z[::-1], ((0, 0), (reach, reach), (reach, reach)))
        corners = [padded[:, : z.shape[1], : z.shape[2]], padded[:, 2 * reach :, 2 * reach :]]
        return (z[own] + 0.1 * (index + 1) * corners[0][own] - 0.2 * corners[1][own]).astype(np.float32)

    return run


def far_case(entry: dict[str, Any]) -> Case:
    made = case(entry)
    return dataclasses.replace(made, supplies=dataclasses.replace(made.supplies, networks=far_network))


def window_of(rng: np.random.Generator, chain: FilterChain) -> Window:
    (top, bottom), (left, right) = (sorted(rng.integers(0, size + 1, 2)) for size in chain.picture.whole.shape)
    return chain.picture.around(Window(int(top), int(left), int(bottom) + 1, int(right) + 1))


def check(made: Case, windows: list[Window]) -> None:
    chain, planes = made.chain, made.planes
    whole = chain.apply(planes, chain.picture.whole, made.supplies, Recorder())
    for window in windows:
        read = planes.crop(chain.reads(window), chain.picture)
        part = chain.apply(read, window, made.supplies, Recorder())
        assert part.window == window
        for ours, expected in zip(part, whole.crop(window, chain.picture), strict=True):
            assert ours.shape == expected.shape
            assert np.abs(ours - expected).max() < TOLERANCE


@pytest.mark.parametrize("entry", CASES, ids=lambda entry: entry["name"])
def test_random_windows(entry: dict[str, Any]) -> None:
    made = far_case(entry)
    rng = np.random.default_rng(entry["seed"])
    check(made, [window_of(rng, made.chain) for _ in range(12)])


@needs_spec
@pytest.mark.parametrize(
    ("name", "window", "read"),
    [
        ("lin_444", Window(32, 40, 64, 100), Window(30, 38, 68, 104)),
        ("lin_420_2", Window(0, 0, 2, 2), Window(0, 0, 6, 6)),
        ("nl_420", Window(32, 40, 64, 100), Window(32, 40, 64, 100)),
        ("lef_444", Window(32, 40, 97, 131), Window(30, 38, 97, 131)),
        # cells 8..15 and 10..24 of the tile, 6 more on every side
        ("eicci_444_long_U", Window(32, 40, 64, 100), Window(8, 16, 88, 124)),
        ("eicci_422", Window(32, 40, 64, 100), Window(0, 0, 97, 131)),
    ],
)
def test_what_a_window_reads(name: str, window: Window, read: Window) -> None:
    chain = case(next(entry for entry in CASES if entry["name"] == name)).chain
    assert chain.reads(window) == read


@needs_spec
@pytest.mark.parametrize("selection", ["reference", "per-tile"])
def test_windows_of_a_cropped_picture_in_tiles(selection: str) -> None:
    """Tiles overlap and reach beyond what is displayed; in place, each reads what the ones before it wrote."""
    entry = next(entry for entry in CASES if entry["name"] == "eicci_444_tiled")
    made = far_case(entry)
    crop, short = 41, {"icci_use_shortList": [0] * 4, "icci_model_signalled_idx_Y": [2, 5, 1, 6]}
    ton = {
        "icci_enable_flag": 1, "icci_tile_enable_flag": 1, "icci_tile_size": 14, "icci_tile_overlap": 3,
        "icci_use": [[1, 1, 0], [0, 0, 1], [0, 0, 0], [1, 1, 1]], "icci_model_signalled_idx_UV": [3, 4, 8, 9], **short,
    }  # fmt: skip
    pih = picture_header(240, 368, crop=crop)
    chain = FilterChain.from_header(ton, pih, eicci_selection=selection)
    assert chain.eicci is not None
    assert len(chain.eicci.tiles) == 4
    made = dataclasses.replace(made, chain=chain, planes=synthetic(chain.picture, 5))
    check(made, [Window(150, 100, 170, 130), Window(0, 0, 30, 40), Window(180, 290, 199, 327), Window(20, 16, 22, 320)])


@needs_spec
@pytest.mark.parametrize("name", ["eicci_444_tiled", "eicci_444_tiled_intent", "eicci_422"])
def test_networks_may_run_on_some_rows_at_a_time(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = far_case(next(entry for entry in CASES if entry["name"] == name))
    whole = made.chain.picture.whole
    at_once = made.chain.apply(made.planes, whole, made.supplies, Recorder())
    monkeypatch.setattr(eicci, "_RUN_CELLS", 100)
    by_rows = made.chain.apply(made.planes, whole, made.supplies, Recorder())
    assert all(np.array_equal(a, b) for a, b in zip(at_once, by_rows, strict=True))


@needs_spec
def test_threads_change_nothing_that_matters() -> None:
    for entry in CASES:
        if entry["name"] in ("all_444", "all_420", "lin_422"):
            one, three = far_case(entry), far_case(entry)
            three = dataclasses.replace(three, supplies=dataclasses.replace(three.supplies, workers=Workers(3)))
            whole = one.chain.picture.whole
            a, b = (each.chain.apply(each.planes, whole, each.supplies, Recorder()) for each in (one, three))
            assert max(np.abs(p - q).max() for p, q in zip(a, b, strict=True)) < TOLERANCE


@needs_spec
def test_a_window_with_odd_sides_is_a_mistake_of_the_caller() -> None:
    made = case(CASES[0])
    with pytest.raises(ValueError, match="odd sides"):
        made.chain.apply(made.planes, Window(1, 0, 4, 4), made.supplies, Dump())
    assert made.chain.picture.around(Window(1, 0, 3, 64)) == Window(0, 0, 4, 64)


@needs_spec
def test_planes_that_are_too_small_are_a_mistake_of_the_caller() -> None:
    """The loops check no bounds."""
    made = case(CASES[0])
    window = Window(0, 0, 32, 32)
    small, wrong = made.planes.crop(window, made.chain.picture), dataclasses.replace(made.planes, u=made.planes.y)
    double = dataclasses.replace(made.planes, y=made.planes.y.astype(np.float64))
    for planes in (small, wrong, double):
        with pytest.raises(ValueError, match="do not hold"):
            made.chain.apply(planes, window, made.supplies, Recorder())
