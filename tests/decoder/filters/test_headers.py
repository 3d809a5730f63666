"""What the filters take and refuse of a tools header, and where the specification mends the reference (8.7, 8.8)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from jpegai.codestream import ConformanceError, Header
from jpegai.decoder.filters import EfeLinear, EfeNonlinear, FilterChain, Pictures, Supplies
from jpegai.decoder.recorder import Recorder
from jpegai.decoder.workers import Workers
from tests.decoder.filters.material import headers, noise, picture_header, synthetic
from tests.vectors import needs_spec, spec_list

CASES = {entry["name"]: entry for entry in spec_list("filter_vectors", "cases")}
SUPPLIES = Supplies(Workers(1))

pytestmark = needs_spec


@pytest.mark.parametrize(
    ("name", "element", "value", "rule", "selector"),
    [
        ("lin_444", "best_cand_idx[1][0]", 9, "R-50", "best_cand_idx[1][0]"),
        ("lin_444", "fL[1][0]", 5, "R-51", "fL[1][0]"),
        ("lin_444", "fL[1][1]", 0, "R-51", "fL[1][1]"),
        ("lin_444", "minSymbol[1]", 65535, "R-52", "weightsC[1][0]"),
        ("lin_420_1", "weightsY[1][1][0][3][3]", 32900, "R-52", "weightsY[1][1]"),
        ("nl_420", "nl_minSymbol", 65535, "R-52", "A1[0]"),
        ("eicci_444_tiled", "icci_tile_overlap", 14, "R-57", "icci_tile_overlap"),
        ("eicci_444_tiled", "icci_tile_overlap", 15, "R-57", "icci_tile_overlap"),
        ("eicci_444_tiled", "icci_tile_size", 10, "R-58", "icci_tile_size"),
        ("eicci_444_tiled", "icci_tile_size", 12, "R-58", "icci_tile_size"),
        ("eicci_444_short", "icci_model_signalled_idx_Y[0]", 2, "R-59", "icci_model_signalled_idx_Y[0]"),
        ("eicci_444_long_U", "icci_model_signalled_idx_UV[0]", 10, "R-59", "icci_model_signalled_idx_UV[0]"),
        ("lin_nl_mask_444", "W5_V[1][2]", 3, "R-61", "W5_V"),
        ("lin_nl_mask_444", "bS", 0, "R-62", "bS"),
        ("lin_nl_mask_444", "bS", 70, "R-62", "len_mask_x"),
        ("lin_nl_mask_444", "len_mask_y", 3, "R-62", "len_mask_y"),
        ("lin_nl_mask_444", "EFE_linear_filter_enabled_flag", 0, "R-63", "mask1_enabled_flag"),
        ("nl_420", "nonlinearW", 0, "R-65", "nonlinearW"),
        ("nl_420", "nonlinearH", 0, "R-65", "nonlinearH"),
        ("nl_420", "numTiles", 1, "R-66", "numTiles"),
        ("nl_420", "candNum[1]", 8, "R-67", "candNum[1]"),
        ("lef_444", "LEF_chIdx", 160, "R-69", "LEF_chIdx"),
    ],
)
def test_refused(name: str, element: str, value: int, rule: str, selector: str) -> None:
    ton, pih = headers(CASES[name])
    FilterChain.from_header(ton, pih)
    element, *index = element.replace("]", "").split("[")
    ton.set(element, tuple(map(int, index)), value)
    with pytest.raises(ConformanceError, match=rule) as caught:
        FilterChain.from_header(ton, pih)
    assert caught.value.selector == f"ton.{selector}"
    assert caught.value.expected is not None


def test_a_mask_needs_a_filter_in_set_0() -> None:
    ton, pih = headers(CASES["lin_nl_mask_444"])
    for k in range(2):
        ton.set("best_cand_idx", (0, k), 0)
    with pytest.raises(ConformanceError, match="R-63"):
        FilterChain.from_header(ton, pih)


def test_a_mask_of_v_alone_is_ignored() -> None:
    ton, pih = headers(CASES["lin_nl_mask_444"])
    ton.set("mask1_enabled_flag", (), 0)
    chain = FilterChain.from_header(ton, pih)
    assert chain.efe_nonlinear is not None
    assert chain.efe_nonlinear.masks == (None, None)
    assert chain.efe_linear is not None
    assert chain.efe_linear.alternative is None


def test_no_tools_header_no_filter() -> None:
    assert FilterChain.from_header({}, picture_header(64, 64)).filters == ()


def linear(candidates: tuple[int, int], coded: str = "444", size: tuple[int, int] = (64, 64)) -> EfeLinear:
    """A filter of length 1 in set 1: chroma times 1 + 1/2 in window 0, times 1 in the others."""
    splits = [(0, 1, 2, 2, 3, 3, 4, 6, 6)[candidate] for candidate in candidates]
    planes = 1 if coded == "444" else 4
    chroma = {k: [[[[1024 if n == 0 else 0]]] * planes for n in range(count)] for k, count in enumerate(splits)}
    luma = {k: [[[0]]] * count for k, count in enumerate(splits)}
    ton: dict[str, Any] = {
        "EFE_linear_filter_enabled_flag": 1, "B1": [0, 0], "best_cand_idx": [[0, 0], list(candidates)],
        "fL": [{}, {0: 1, 1: 1}], "minSymbol": [0, 32767], "maxSymbol": [0, 1024],
        "weightsC": {1: chroma}, "weightsY": {1: luma},
    }  # fmt: skip
    made = EfeLinear.from_header(Header("ton", ton), picture_header(*size, coded=coded))
    assert made is not None
    return made


def test_a_component_without_filter_passes_through_in_the_dense_case() -> None:
    each = linear((1, 0))
    before = synthetic(each.picture, 7)
    main = each.apply(Pictures(before), each.picture.whole, SUPPLIES).main
    assert main.v is before.v
    assert main.y is before.y
    assert np.array_equal(main.u, 1.5 * before.u)


def test_a_component_without_filter_is_interpolated_in_the_resampled_case() -> None:
    each = linear((1, 0), coded="420")
    before = synthetic(each.picture, 7)
    main = each.apply(Pictures(before), each.picture.whole, SUPPLIES).main
    assert np.array_equal(main.v[::2, ::2], before.v[::2, ::2])
    odd = np.pad(before.v[0, 1::2], (1, 2), "edge")
    between = (9 * (odd[1:-2] + odd[2:-1]) - odd[:-3] - odd[3:]) / 16
    assert np.abs(main.v[0, 1::2] - between).max() < 1e-4


def test_empty_windows_are_skipped() -> None:
    each = linear((2, 3))  # planes of 32 x 32 samples: the second half is empty
    before = synthetic(each.picture, 7)
    main = each.apply(Pictures(before), each.picture.whole, SUPPLIES).main
    assert np.array_equal(main.u, 1.5 * before.u)
    assert np.array_equal(main.v, 1.5 * before.v)


def test_windows_have_filters_of_their_own() -> None:
    each = linear((2, 3), size=(128, 128))
    before = synthetic(each.picture, 7)
    main = each.apply(Pictures(before), each.picture.whole, SUPPLIES).main
    assert np.array_equal(main.u, np.concatenate([1.5 * before.u[:64], before.u[64:]]))
    assert np.array_equal(main.v, np.concatenate([1.5 * before.v[:, :64], before.v[:, 64:]], axis=1))


def test_nonlinear_filter_needs_the_alternative_picture_of_its_mask() -> None:
    ton, pih = headers(CASES["lin_nl_mask_444"])
    each = EfeNonlinear.from_header(ton, pih)
    assert each is not None
    with pytest.raises(ValueError, match="alternative"):
        each.apply(Pictures(synthetic(each.picture, 7)), each.picture.whole, SUPPLIES)


@pytest.mark.parametrize("crop", [0, 17, 63])
def test_the_map_of_lef_is_stretched_over_what_is_displayed(crop: int) -> None:
    """Plain arithmetic of 8.6 in float64, on a picture that is cropped for display (8.8 D8)."""
    chain = FilterChain.from_header({"LEF_enabled_flag": 1, "LEF_chIdx": 3}, picture_header(97, 131, crop=crop))
    height, width = chain.picture.whole.shape
    before, scale = synthetic(chain.picture, 7), noise(3, 63).reshape(7, 9) % 3600
    after = chain.apply(before, chain.picture.whole, Supplies(Workers(1), scale=scale), Recorder()).y
    row = [min(int(np.float32(y) * (np.float32(7) / np.float32(height))), 6) for y in range(height)]
    column = [min(int(np.float32(x) * (np.float32(9) / np.float32(width))), 8) for x in range(width)]
    y, blurred = before.y.astype(np.float64) / 255, before.y.astype(np.float64) / 255
    parts = [y[i : height - 2 + i, j : width - 2 + j] for i in range(3) for j in range(3)]
    blurred[1:-1, 1:-1] = (5 * sum(parts) + 19 * parts[4]) / 64
    gain = np.select([scale >= 2400, scale >= 1400, scale >= 800], [1.11, 1.09, 1.07], 1.0)[np.ix_(row, column)]
    assert np.abs(after - 255 * np.clip(blurred + (y - blurred) * gain, 0, 1)).max() < 1e-3


def test_selection_has_two_values() -> None:
    with pytest.raises(ValueError, match="per-tile"):
        FilterChain.from_header(*headers(CASES["eicci_444_tiled"]), eicci_selection="intent")


@pytest.mark.parametrize(("name", "bank"), [("SOP", "bop"), ("BOP", "bop"), ("HOP", "hop")])
def test_models_follow_the_transform_really_used(name: str, bank: str) -> None:
    ton, pih = headers(CASES["eicci_444_short"])  # model_id 1, Y index 1, UV index 0
    eicci = FilterChain.from_header(ton, pih, transform=name).eicci
    assert eicci is not None
    assert eicci.bank == bank
    expected = {"SOP": (6, 0), "BOP": (6, 1), "HOP": (8, 1)}[name]
    assert dict(eicci.networks) == dict(zip(("eicci_Y", "eicci_UV"), expected, strict=True))
