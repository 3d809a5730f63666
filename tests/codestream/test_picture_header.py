"""The picture header against the payloads and fields of the specification (section 02)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jpegai.codestream.codestream import Codestream
from jpegai.codestream.editions import read_picture_header, trace_picture_header
from jpegai.codestream.errors import JpegAIError, StreamSyntaxError, TruncatedError
from jpegai.codestream.schema.base import Element, elements
from jpegai.codestream.schema.pih import PICTURE_HEADER
from jpegai.codestream.schema.values import Header
from tests.vectors import needs_spec, spec_data, spec_list

VECTORS = [vector for vector in spec_list("header_vectors", "vectors") if vector["segment"] == "PIH"]


def payload_of(vector: dict[str, Any]) -> memoryview:
    return memoryview(bytes.fromhex(vector["payload"]))


@needs_spec
def test_there_are_vectors() -> None:
    assert len(VECTORS) == 54


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
class TestVector:
    def test_edition_is_detected(self, vector: dict[str, Any]) -> None:
        assert read_picture_header(payload_of(vector), 0).edition.upper() == vector["edition"]

    def test_elements_in_coding_order(self, vector: dict[str, Any]) -> None:
        fields = trace_picture_header(payload_of(vector), 0, vector["edition"].lower())
        coded = [field for field in fields if field.kind == "coded" and field.name != "padding"]
        assert [(field.bits, field.value) for field in coded] == [(bits, value) for _, bits, value in vector["fields"]]
        for field, (name, _, _) in zip(coded, vector["fields"], strict=True):
            # the reference gives some arrays one name with the component only, and prefixes others
            assert field.name == re.sub(r"\[.*", "", name).rsplit(".", 1)[-1].rsplit(" ", 1)[-1]

    def test_every_bit_has_its_place(self, vector: dict[str, Any]) -> None:
        data = payload_of(vector)
        text = "".join(f"{byte:08b}" for byte in data)
        position = 0
        for field in trace_picture_header(data, 0, vector["edition"].lower()):
            assert field.offset == position
            if field.bits:
                assert int(text[position : position + field.bits], 2) == field.raw
                position += field.bits
        assert position == len(text)

    def test_same_bytes_when_rebuilt_from_values_alone(self, vector: dict[str, Any]) -> None:
        edition = vector["edition"].lower()
        coded = {}
        for field in trace_picture_header(payload_of(vector), 0, edition):
            if field.kind == "coded" and field.name != "padding":
                index = tuple(int(text) for text in re.findall(r"\[(\d+)\]", field.path))
                coded[field.name, index] = field.value
        header = Header("pih")
        for (name, index), value in coded.items():
            header.set(name, index, value)
        assert Codestream.build_picture_header(header, edition) == bytes(payload_of(vector))

    def test_truncated_anywhere(self, vector: dict[str, Any]) -> None:
        data = payload_of(vector)
        for length in range(len(data)):
            with pytest.raises(TruncatedError) as caught:
                read_picture_header(data[:length], 6, vector["edition"].lower())
            assert caught.value.selector is not None
            assert caught.value.selector.startswith("pih.")
            assert 6 <= (caught.value.byte or 0) <= 6 + length

    def test_values_are_the_same_without_a_trace(self, vector: dict[str, Any]) -> None:
        edition = vector["edition"].lower()
        header = read_picture_header(payload_of(vector), 0, edition).header
        for field in trace_picture_header(payload_of(vector), 0, edition):
            if field.name != "padding":
                index = tuple(int(text) for text in re.findall(r"\[(\d+)\]", field.path))
                assert header.get_value(field.name, index) == field.value


@needs_spec
def test_worked_example() -> None:
    header = read_picture_header(memoryview(bytes.fromhex("01110340000000000000820005001800")), 0).header
    assert (header.img_width, header.img_height, header.level_idc) == (64, 64, 52)
    assert header.beta_displacement_log_plus_2048[0] == header.beta_displacement_log_plus_2048[1] == 2048
    assert [header.num_chs[c] for c in (0, 1)] == [160, 96]
    assert header.synthesis_transform_id[0] == 1


@needs_spec
def test_declarations_are_those_of_the_specification() -> None:
    """Names, widths, indices and order of headers.json."""

    def walk(body: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
        found = []
        for node in body:
            if node["t"] == "e":
                found.append((node["name"], node["bits"], len(node.get("index", []))))
            else:
                found += walk(node.get("body", []))
        return found

    declared = [(element.name, element.descriptor[2:-1], len(element.index)) for element in elements(PICTURE_HEADER)]
    segment = next(entry for entry in spec_data("headers")["segments"] if entry["name"] == "PIH")
    assert declared == walk(segment["body"])


def test_every_element_says_what_it_is() -> None:
    for element in elements(PICTURE_HEADER):
        assert isinstance(element, Element)
        assert element.meaning
        assert element.section in ("02.1", "02.2")


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
    payload = Codestream.build_picture_header(Header("pih", values), "is")
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
        Codestream.build_picture_header(header)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80), st.sampled_from([None, "is", "dis"]))
def test_any_bytes_give_a_header_or_an_error(data: bytes, edition: str | None) -> None:
    try:
        result = read_picture_header(memoryview(data), 0, edition)
    except JpegAIError:
        return
    rebuilt = Codestream.build_picture_header(result.header, result.edition)
    if not any(finding.rule in ("S-20", "S-21") for finding in result.findings):
        assert rebuilt == data
