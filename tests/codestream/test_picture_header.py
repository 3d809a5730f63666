"""The picture header: editions, illegal values, defaults (section 02). Vectors are in `test_headers`."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jpegai.codestream.editions import read_picture_header
from jpegai.codestream.errors import JpegAIError, StreamSyntaxError, TruncatedError
from jpegai.codestream.headers import build_header, read_header
from jpegai.codestream.schema.segments import kind_named
from jpegai.codestream.schema.values import Header
from tests.codestream.reference import expanded
from tests.vectors import spec_list
from tests.writer import PLAIN

VECTORS = [vector for vector in spec_list("header_vectors", "vectors") if vector["segment"] == "PIH"]


def build(header: Header, edition: str = "is") -> bytes:
    return build_header(kind_named("pih"), header, {"edition": edition})


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_edition_is_detected(vector: dict[str, Any]) -> None:
    payload = memoryview(bytes.fromhex(vector["payload"]))
    assert read_picture_header(payload, 0).edition.upper() == vector["edition"]


def test_worked_example() -> None:
    header = read_picture_header(memoryview(bytes.fromhex("01110340000000000000820005001800")), 0).header
    assert (header.img_width, header.img_height, header.level_idc) == (64, 64, 52)
    assert header.beta_displacement_log_plus_2048[0] == header.beta_displacement_log_plus_2048[1] == 2048
    assert [header.num_chs[c] for c in (0, 1)] == [160, 96]
    assert header.synthesis_transform_id[0] == 1


def test_inferred_values_need_no_test_for_presence() -> None:
    header = read_picture_header(memoryview(bytes.fromhex("01110340000000000000820005001800")), 0).header
    assert header.cube_flag[0][3] == 1
    assert header.grfs_channel_flag[1][95] == 0
    assert header.num_ver_splits_minus1 == 0
    assert header.c_ver == header.s_ver == 1


def test_ambiguous_header_is_taken_as_is_with_a_warning() -> None:
    # the pair of 2.7 (a): IS base [1] and DIS simple [0, 1] are the same bits
    values = {
        "decoder_profile_id": 1, "num_synthesis_transforms_minus1": 0, "synthesis_transform_id": [1], "level_idc": 52,
        "img_width_minus64": 0, "img_height_minus64": 0, "diff_display_img_width": 0, "diff_display_img_height": 0,
        "bit_depth_idc": 0, "s_ver_minus1": 0, "s_hor_minus1": 0, "c_ver_minus1": 0, "c_hor_minus1": 0,
        "colour_transform_idx": 1, "model_id": 0, "multi_threading_z": 0, "beta_displacement_log_plus_2048": [2048],
        "region_partitioning_flag": 0, "independent_beta_uv": 0, "multi_threading_r": [0, 0], "num_chs": [160, 96],
        "use_cube_flags": [0, 0], "rvs_enable_flag": [0, 0], "grfs_enable_flag": [0, 0],
        "synthesis_tile_enable": [0, 0], "gain_3D_enable_flag": 0,
    }  # fmt: skip
    payload = build(Header("pih", values), "is")
    result = read_picture_header(memoryview(payload), 0)
    assert result.edition == "is"
    assert [finding.rule for finding in result.findings] == ["S-19"]
    forced = read_picture_header(memoryview(payload), 0, "dis")
    assert forced.header.synthesis_transform_id[0] == 0
    assert not forced.findings


def test_no_edition_fits() -> None:
    with pytest.raises(JpegAIError, match="fits no edition"):
        read_picture_header(memoryview(b"\xff" * 40), 0)
    with pytest.raises(TruncatedError, match="fits no edition"):
        read_picture_header(memoryview(b""), 0)


def test_illegal_values_are_found_when_the_edition_is_forced() -> None:
    vector = bytearray(bytes.fromhex("01110340000000000000820005001800"))
    vector[9] |= 0x3C >> 1  # model_id
    result = read_picture_header(memoryview(bytes(vector)), 6, "is")
    assert any(finding.rule == "R-10" and finding.selector == "pih.model_id" for finding in result.findings)


@pytest.mark.parametrize(("name", "value"), [("level_idc", 256), ("level_idc", -1), ("img_width_minus64", "wide")])
def test_values_that_do_not_fit_are_refused(name: str, value: Any) -> None:
    header = read_picture_header(memoryview(bytes.fromhex("01110340000000000000820005001800")), 0).header
    header.set(name, (), value)
    with pytest.raises(StreamSyntaxError, match=f"pih.{name}"):
        build(header)


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=80), st.sampled_from([None, "is", "dis"]))
def test_any_bytes_give_a_header_or_an_error(data: bytes, edition: str | None) -> None:
    try:
        result = read_picture_header(memoryview(data), 0, edition)
    except JpegAIError:
        return
    rebuilt = build(result.header, result.edition)
    if not any(finding.rule in ("S-20", "S-21") for finding in result.findings):
        assert rebuilt == data


@pytest.mark.parametrize(
    "case", spec_list("residual_vectors", "cube_flag_coding"), ids=lambda case: "{latent_H}x{latent_W}".format(**case)
)
def test_cube_flags(case: dict[str, Any]) -> None:
    """The flags of one component are coded in the bits of the vector, and read from them (05.9.2)."""
    flags, bits = case["flags_in_coding_order"], case["bits_after_and_including_use_cube_flags"]
    values = PLAIN | {
        "img_height_minus64": 16 * case["latent_H"] - 64, "img_width_minus64": 16 * case["latent_W"] - 64,
        "use_cube_flags": [case["use_cube_flags"], 0], "multi_threading_z": 0, "multi_threading_r": [0, 0],
    }  # fmt: skip
    if case["use_cube_flags"]:
        groups = [flags[first : first + 8] for first in range(0, len(flags), 8)]
        values["cube_group_flag"] = {0: [int(0 in group) for group in groups]}
        values["cube_flag"] = {0: dict(enumerate(flags))}
    payload = build(Header("pih", values))
    reading = read_header(kind_named("pih"), "pih", memoryview(payload), 0, {"edition": "is"}, trace=True)
    names = {"use_cube_flags", "cube_group_flag", "cube_flag"}
    coded = [field for field in expanded(reading.fields) if field.kind == "coded" and field.name in names]
    own = [field for field in coded if re.fullmatch(r"pih\.\w+\[0\].*", field.path)]
    assert own == coded[:-1]
    assert sum(field.bits for field in own) == len(bits)
    assert bin(int.from_bytes(b"\1" + payload))[3:][coded[0].offset :].startswith(bits)
    header = reading.header
    assert header.cube_flag_num == len(flags) == 4 * case["cube_H"] * case["cube_W"]
    assert [header.cube_flag[0][number] for number in range(len(flags))] == flags
