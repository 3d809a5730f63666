"""Settings of header elements: values, presence, classes of elements, refusals."""

from __future__ import annotations

import functools
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jpegai.codestream import Codestream, EditError, Field, SelectorError
from jpegai.codestream.changes import changes
from jpegai.codestream.edits import set_element, set_elements, set_user_data
from jpegai.codestream.schema.recoding import class_of
from tests.codestream.editing import (
    FLAGS,
    attempt,
    differences,
    diverse,
    entropy,
    errors,
    others,
    small,
    values,
    vector,
)

# -- elements --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("selector", "value", "expected"),
    [
        ("pih.level_idc", 51, {"pih.level_idc": (52, 51)}),
        ("PIH.level_idc", "0x33", {"pih.level_idc": (52, 51)}),
        ("pih.decoder_profile_id", "high", {"pih.decoder_profile_id": (0, 2)}),
        ("pih.synthesis_transform_id", [1, 0],
         {"pih.num_synthesis_transforms_minus1": (0, 1), "pih.synthesis_transform_id[0]": (0, 1),
          "pih.synthesis_transform_id[1]": (None, 0)}),
        ("pih.synthesis_transform_id", "SOP,hop",
         {"pih.num_synthesis_transforms_minus1": (0, 1), "pih.synthesis_transform_id[1]": (None, 2)}),
        ("pih.bit_depth", 10, {"pih.bit_depth_idc": (0, 1)}),
        ("pih.img_width", 111, {"pih.img_width_minus64": (36, 47)}),
        ("pih.display_height", 60, {"pih.diff_display_img_height": (0, 4)}),
        ("pih.c_ver_minus1", 0, {}),
        ("pih.independent_beta_uv", 1,
         {"pih.independent_beta_uv": (0, 1), "pih.beta_displacement_log_plus_2048[1]": (None, 2048)}),
        ("pih.betaDisplacementLog[0]", 0, {}),
        ("pih.region_partitioning_flag", "yes",
         {"pih.region_partitioning_flag": (0, 1), "pih.num_ver_splits_minus1": (None, 0),
          "pih.num_hor_splits_minus1": (None, 0), "pih.region_residual_in_its_own_substream_flag": (None, 0),
          "pih.hyper_decoder_overlap_in_latent_samples": (None, 0), "pih.mcm_overlap_in_latent_samples": (None, 0)}),
        ("pih.num_regions", 1, None),
        ("ton.lsbs_enable_flag", "1,0", {"ton.lsbs_enable_flag[0]": (None, 1), "ton.lsbs_enable_flag[1]": (None, 0),
         "ton.EFE_linear_filter_enabled_flag": (None, 0), "ton.icci_enable_flag": (None, 0),
         "ton.EFE_nonlinear_filter_enabled_flag": (None, 0), "ton.LEF_enabled_flag": (None, 0)}),
    ],
)  # fmt: skip
def test_one_element(selector: str, value: Any, expected: dict[str, Any] | None) -> None:
    stream = small()
    if expected is None:
        with pytest.raises(EditError, match="is derived"):
            set_element(stream, selector, value)
        return
    result = set_element(stream, selector, value)
    assert differences(stream, result) == expected
    assert others(result, "pih", "ton") == others(stream, "pih", "ton")
    told = {change.path for change in changes(stream, result) if change.kind == "coded"}
    # a value that was inferred and is coded now is the same value, also in a segment that is new
    news = {path: new for path, (_, new) in expected.items() if not inferred(stream, path)}
    assert told == {path for path, new in news.items() if new or not path.startswith("ton.")}


def inferred(stream: Codestream, path: str) -> bool:
    return path in stream.fields and stream.fields[path].inferred


def test_elements_that_are_set_together_are_judged_together() -> None:
    stream = small()
    result = set_elements(stream, [
        ("pih.colour_transform_matrix[0..2][0..2]", 0), ("pih.colour_transform_matrix[0][0]", 255),
        ("pih.colour_transform_matrix[1][1]", 255), ("pih.colour_transform_matrix[2][2]", 255),
        ("pih.colour_transform_idx", 2), ("ton.LEF_chIdx", 5), ("ton.LEF_enabled_flag", "on"),
        ("pih.img_width", 104), ("pih.display_width", 100),
    ])  # fmt: skip
    matrix = result.pih.colour_transform_matrix
    assert [[matrix[i][j] for j in range(3)] for i in range(3)] == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    assert (result.pih.display_width, result.pih.diff_display_img_width) == (100, 4)
    assert (result.ton.LEF_enabled_flag, result.ton.LEF_chIdx) == (1, 5)


def test_a_chroma_format_keeps_what_it_can() -> None:
    stream = small()
    result = set_elements(stream, [("pih.s_ver", 2), ("pih.s_hor", 2)])
    assert (result.pih.c_ver, result.pih.c_hor) == (2, 2)
    lost = {str(change) for change in changes(stream, result)}
    assert {"pih.c_ver_minus1: 0 -> 1 (absent: default)", "pih.c_hor_minus1: 0 -> 1 (absent: default)"} <= lost
    back = set_elements(result, [("pih.s_ver", 1), ("pih.s_hor", 1)])
    assert (back.pih.c_ver, back.pih.c_hor) == (2, 2)  # new elements have their inferred values
    tools = set_elements(vector("bop_m0"), [("ton.LEF_enabled_flag", 1), ("ton.LEF_chIdx", 77)])
    moved = set_elements(tools, [("pih.s_ver", 2), ("pih.s_hor", 2)])
    assert (moved.ton.LEF_enabled_flag, moved.ton.LEF_chIdx) == (1, 77)


def test_an_array_can_become_empty() -> None:
    stream = vector("flt_efen_bop")
    empty: list[int] = []
    arrays = ("ton.minLuma", "ton.maxLuma", "ton.A1[0]", "ton.A1[1]")
    result = attempt(set_elements, stream, [(array, empty) for array in arrays])
    if isinstance(result, Codestream):  # refused where the rules say how many tiles there are
        assert result.build() == bytes(result.data)
    else:
        assert "would break R-6" in str(result)


def test_width_within_the_latent_grid_only() -> None:
    stream = small()  # 100 x 64: seven columns of latents
    for width in range(97, 113):
        assert set_element(stream, "pih.img_width", width).pih.img_width == width
    for width in (96, 113, 64, 65599):
        with pytest.raises(EditError, match=r"coded again \(class C of 11.19") as caught:
            set_element(stream, "pih.img_width", width)
        assert caught.value.selector == "pih.img_width_minus64"


OWN_SEGMENTS = "region_residual_in_its_own_substream_flag"
def test_flags_of_no_channels() -> None:
    stream = vector("grfs_pattern")
    with pytest.raises(EditError, match=r"class C of 11\.19"):
        set_elements(stream, [("pih.num_chs[0]", 0), ("pih.num_chs[1]", 0)])


CLASSES = [
    ("model_id", 1, "C"), ("betaDisplacementLog[0]", -5, "C"), ("beta_displacement_log_plus_2048[0]", 2049, "C"),
    ("gain_3D_enable_flag", 1, "C"), ("rvs_enable_flag[1]", 1, "C"), ("grfs_enable_flag[0]", 1, "C"),
    ("num_chs[0]", 1, "C"), ("numCh[1]", 96, "C"), ("multi_threading_z", 1, "B"), ("multi_threading_r[1]", 1, "B"),
    ("img_height", 65, "C"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "level"), CLASSES, ids=[case[0] for case in CLASSES])
def test_what_needs_the_payloads_coded_again_is_refused(name: str, value: int, level: str) -> None:
    with pytest.raises(EditError, match=f"class {level} of 11.19") as caught:
        set_element(small(), f"pih.{name}", value)
    assert caught.value.exit_code == 1


def test_cube_flags() -> None:
    stream = small()
    # flags that are all 1 say the same as no flags
    result = set_element(stream, "pih.use_cube_flags[0]", 1)
    assert result.pih.use_cube_flags[0] == 1
    result = set_element(result, "pih.cube_group_flag[0][0]", 1)
    assert [*result.pih.cube_flag[0].values()] == [1] * 4
    with pytest.raises(EditError, match=r"class B/C of 11\.19"):
        set_element(result, "pih.cube_flag[0][2]", 0)
    with pytest.raises(EditError, match=r"class B of 11\.19"):
        set_elements(stream, [(f"pih.{name}", 1) for name in ("region_partitioning_flag", OWN_SEGMENTS)])


REFUSED: list[tuple[str, Any, str]] = [
    ("pih.level_idc", 13, "would break R-07"),
    ("pih.level_idc", 256, "does not fit the element"),
    ("pih.level_idc", -1, "does not fit the element"),
    ("pih.level_idc", "much", "no number"),
    ("pih.level_idc", 1.5, "no number"),
    ("pih.decoder_profile_id", 3, "would break R-02"),
    ("pih.bit_depth_idc", 2, "would break R-12"),
    ("pih.bit_depth", 9, "no value of the element gives this"),
    ("pih.synthesis_transform_id", [], "does not fit the element"),
    ("pih.synthesis_transform_id", [0, 0], "would break R-04"),
    ("pih.synthesis_transform_id[*]", [0], "values of a whole array are for an array"),
    ("pih.num_synthesis_transforms_minus1", 1, "the element is counted"),
    ("pih.lsbs_enable_flag", 1, "nothing of this name"),
    ("pih.c_ver", 3, "does not fit the element"),
    ("pih.num_ver_splits_minus1", 1, "present when region_partitioning_flag"),
    ("pih.numHorRegions", 2, "present when region_partitioning_flag"),
    ("pih.synthesis_tile_size[0]", 4, r"present when synthesis_tile_enable\[c\]"),
    ("pih.synthesis_tile_enable[0]", 1, "would break R-30"),
    ("pih.colour_transform_matrix[0][0]", 4, "present when colour_transform_idx == 2"),
    ("pih.colour_transform_matrix[0..99999][0..99999]", 4, "too many entries"),
    ("pih.colour_transform_matrix[*][0]", 4, "absent in this stream"),
    ("pih.num_chs[2]", 4, "no such entry"),
    ("udi.UDI_data[0]", 4, "byte string is shorter .expected none: it is empty"),
    ("pih.marker", 4, "only elements of headers can be set"),
    ("pih.length", 4, "only elements of headers can be set"),
    ("pih", 4, "several elements are selected"),
    ("soz.threads[0]", 4, "only elements of headers can be set"),
    ("trailing", 4, "no trailing segment"),
    ("ton.LEF_chIdx", 7, "present when LEF_enabled_flag"),
    ("ton.icci_tile_enable_flag", 1, "present when icci_enable_flag"),
    ("ton.EFE_linear_filter_enabled_flag", 2, "does not fit the element"),
    ("rdi.chroma420_sample_loc_type", 1, "present when cicp_info_present_flag"),
    ("rdi.ri_reserved_zero_4bits[0]", 1, "would break S-22"),
]


@pytest.mark.parametrize(("selector", "value", "message"), REFUSED, ids=[f"{case[0]}={case[1]}" for case in REFUSED])
def test_settings_that_are_refused(selector: str, value: Any, message: str) -> None:
    with pytest.raises((EditError, SelectorError), match=message) as caught:
        set_element(small(), selector, value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_stream_that_breaks_rules_can_be_mended() -> None:
    stream = small("is", level_idc=13)
    assert errors(stream) == Counter({"R-07": 1})
    assert errors(set_user_data(stream, b"x")) == Counter({"R-07": 1})
    assert not errors(set_element(stream, "pih.level_idc", 52))
    with pytest.raises(EditError, match="would break R-12"):
        set_element(stream, "pih.bit_depth_idc", 4)


# -- properties ------------------------------------------------------------------------------------------------

@functools.cache
def class_a(stream: Codestream) -> list[Field]:
    """Elements of class A that are there."""
    coded = values(stream, ("coded",))
    fields = (field for field in stream.fields.expanded() if field.path in coded)
    return [field for field in fields if class_of(field.path.split(".")[0], field.name).level == "A"]


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_any_setting_of_class_a_keeps_the_payloads_and_the_rules(data: st.DataObject) -> None:
    stream = data.draw(st.sampled_from(diverse()))
    field = data.draw(st.sampled_from(class_a(stream)))
    value = data.draw(st.integers(0, (1 << field.bits) - 1))
    result = attempt(set_element, stream, field.path, value)
    if isinstance(result, EditError):
        assert field.value != value
        assert "coded again" not in str(result)
        return
    assert result.fields[field.path].value == value
    assert entropy(result) == entropy(stream)
    assert not errors(result) - errors(stream)
    found = differences(stream, result)
    assert found.get(field.path, (value, value)) == (field.value, value) or field.value == value
    # values of other elements stay; elements may come and go with the one that is set
    assert all(None in pair for path, pair in found.items() if path != field.path)
    told = {change.path for change in changes(stream, result)}
    for path in found:  # a value that is inferred in one and coded in the other is the same value
        sides = [each.fields.get(path) for each in (stream, result)]
        assert path in told or (sides[0] and sides[1] and sides[0].value == sides[1].value)
    if not any(None in pair for pair in found.values()):
        assert bytes(set_element(result, field.path, field.value).data) == bytes(stream.data)


ODD_VALUES = st.one_of(
    st.integers(-3, 70000), st.just(10**400), st.text("0123456789abfx,-. ", max_size=8), st.binary(max_size=4),
    st.lists(st.integers(-1, 300), max_size=4), st.just(None), st.just(0.5), st.just("user matrix"),
)  # fmt: skip
ODD_SELECTORS = [
    "pih", "pih.*", "*", "*.num_chs", "pih.num_chs", "pih.num_chs[1]", "pih.bit_depth", "pih.c_ver", "pih.img_width",
    "pih.betaDisplacementLog", "pih.betaDisplacementLog[1]", "pih.colour_transform_matrix[0..2][1]", "ton.A1[0]",
    "ton.A1[1][0]", "ton.weightsC", "ton.weightsC[0][0][0][0][0][0]", "ton.best_cand_idx", "ton.icci_tile_size",
    "ton.icci_enable_flag", "ton.icci_tile_enable_flag", "ton.icci_use", "ton.nonlinearW", "ton.W5_U[0]", "ton.bS",
    "ton.EFE_nonlinear_filter_enabled_flag", "ton.mask1_enabled_flag", "ton.candNum[0]", "ton.minLuma", "udi.UDI_data",
    "udi.UDI_data[5]", "udi.UDI_data[0..3]", "rdi.dm_data_byte", "rdi.dm_present_flag", "rdi.ri_reserved_zero_4bits",
    "rdi.mastering_display_colour_primaries_x", "pih.synthesis_transform_id", "pih.cube_flag[0]", "pih.cube_flag[1][3]",
    "pih.synthesis_tile_enable", "pih.synthesis_tile_size", "pih.synthesis_tile_overlap[0]", "pih.s_hor", "gap[0]",
    "pih.region_partitioning_flag", "pih.numVerRegions", "pih.grfs_channel_flag[0]", "sorp.region_idx", "trailing",
]  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(diverse()), st.lists(st.tuples(st.sampled_from(ODD_SELECTORS), ODD_VALUES), max_size=3))
def test_any_setting_gives_a_stream_or_is_refused(stream: Codestream, asked: list[tuple[str, Any]]) -> None:
    result = attempt(set_elements, stream, asked)
    if isinstance(result, Codestream):
        assert entropy(result) == entropy(stream)
        assert not errors(result) - errors(stream)
        assert bytes(Codestream.parse(result.data, edition=result.edition).build()) == bytes(result.data)
    else:
        assert len(str(result).splitlines()) <= 1


FREE = {
    "pih.level_idc": [10 * a + b for a in range(1, 6) for b in range(3)],
    "pih.decoder_profile_id": [0, 1, 2],
    "pih.diff_display_img_width": range(64),
    "pih.diff_display_img_height": range(64),
    "pih.bit_depth_idc": [0, 1],
    "pih.colour_transform_idx": [0, 1],
    "ton.lsbs_enable_flag[*]": [0, 1],
    "rdi.image_full_range_flag": [0, 1],
    "rdi.colour_primaries": range(256),
}


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_free_elements_are_set_freely_within_their_legal_values(data: st.DataObject) -> None:
    plain = [each for each in diverse() if not any(each.ton[flag] for flag in FLAGS.values())]
    stream = data.draw(st.sampled_from(plain))
    chosen = data.draw(st.lists(st.sampled_from([*FREE]), min_size=1, max_size=4, unique=True))
    asked = [(path, data.draw(st.sampled_from(FREE[path]))) for path in chosen]
    extra = [("rdi.cicp_info_present_flag", 1)] if any(path.startswith("rdi") for path, _ in asked) else []
    result = set_elements(stream, [*asked, *extra])
    for path, value in asked:
        group, name = path.removesuffix("[*]").split(".")
        found = getattr(result, group)[name]
        assert (found == value) if isinstance(found, int) else ({*found.values()} == {value})
    assert entropy(result) == entropy(stream)
    assert not errors(result) - errors(stream)


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(diverse()), st.integers(64, 700), st.sampled_from(["width", "height"]))
def test_a_size_is_changed_only_within_the_latent_grid(stream: Codestream, size: int, side: str) -> None:
    old = stream.pih[f"img_{side}"]
    result = attempt(set_element, stream, f"pih.img_{side}", size)
    inside = -(-size // 16) == -(-old // 16)
    if isinstance(result, EditError):
        assert not inside or "something else" in str(result) or "would break" in str(result)
    else:
        assert inside
        assert result.pih[f"img_{side}"] == size
        assert entropy(result) == entropy(stream)
