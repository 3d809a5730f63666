"""Header payloads against the bytes and fields of the specification (`header_vectors.json`, sections 02 and 03)."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any

import construct
import pytest

from jpegai.codestream.editions import read_picture_header
from jpegai.codestream.errors import TruncatedError
from jpegai.codestream.fields import Field
from jpegai.codestream.headers import HeaderReading, absent_header, build_header, read_header
from jpegai.codestream.schema.base import ByteString, Derived, Element
from jpegai.codestream.schema.flow import elements
from jpegai.codestream.schema.segments import SEGMENTS, SegmentKind, kind_named
from jpegai.codestream.schema.values import Header
from tests.codestream.reference import declared, expanded, reference_name
from tests.trace import plain, prove
from tests.vectors import needs_spec, spec_list

VECTORS = [
    (vector, edition)
    for vector in spec_list("header_vectors", "vectors")
    for edition in vector["edition"].lower().split("+")
]
KINDS = [kind for kind in SEGMENTS.values() if kind.schema is not None]


def outer_of(vector: dict[str, Any], edition: str) -> Mapping[str, Any]:
    """What the header of a vector depends on."""
    if f"pih_{edition}" not in vector:
        return {"edition": edition}
    picture_header = read_picture_header(memoryview(bytes.fromhex(vector[f"pih_{edition}"])), 0)
    assert picture_header.edition == edition
    return picture_header.names


def read(vector: dict[str, Any], edition: str, cut: int | None = None) -> tuple[SegmentKind, HeaderReading]:
    kind = kind_named(vector["segment"])
    payload = memoryview(bytes.fromhex(vector["payload"]))[:cut]
    return kind, read_header(kind, kind.name, payload, 10, outer_of(vector, edition), trace=True)


@needs_spec
def test_there_are_vectors() -> None:
    assert len(spec_list("header_vectors", "vectors")) == 98
    assert len(VECTORS) == 54 + 2 * 44


@pytest.mark.parametrize(
    ("vector", "edition"), VECTORS, ids=lambda value: value if isinstance(value, str) else value["id"]
)
class TestVector:
    def test_names_bits_and_values_in_coding_order(self, vector: dict[str, Any], edition: str) -> None:
        _, reading = read(vector, edition)
        found = [
            (reference_name(vector["segment"], field), field.bits, field.value)
            for field in expanded(reading.fields)
            if field.kind == "coded"
        ]
        expected = []
        for name, bits, value in vector["fields"]:
            if name == "dm_data_byte":  # one number of all bytes in the reference
                expected += [(name, 8, byte) for byte in value.to_bytes(bits // 8)]
            elif isinstance(value, list):
                expected += [(name, bits, each) for each in value]
            else:
                expected.append((name, bits, value))
        assert found == expected
        assert reading.error is None
        assert not reading.findings

    def test_every_bit_has_its_place(self, vector: dict[str, Any], edition: str) -> None:
        payload = bytes.fromhex(vector["payload"])
        bits = prove(read(vector, edition)[1].fields, bytes(10) + payload, 80) - 80
        assert bits == 8 * len(payload)
        assert bits - vector.get("bits", bits) < 8

    def test_same_bytes_when_rebuilt_from_coded_values_alone(self, vector: dict[str, Any], edition: str) -> None:
        kind, reading = read(vector, edition)
        header = Header(kind.name)
        for entry in reading.fields:
            for field in (entry,) if isinstance(entry, Field) else entry:
                if field.kind in ("coded", "bytes"):
                    index = tuple(int(text) for text in re.findall(r"\[(\d+)\]", field.path))
                    header.set(field.name, index, field.value)
        assert build_header(kind, header, outer_of(vector, edition)).hex() == vector["payload"]

    def test_values_are_the_same_without_a_trace(self, vector: dict[str, Any], edition: str) -> None:
        kind, reading = read(vector, edition)
        payload = memoryview(bytes.fromhex(vector["payload"]))
        again = read_header(kind, kind.name, payload, 10, outer_of(vector, edition))
        assert not again.fields
        assert plain(again.header) == plain(reading.header)

    def test_truncated_anywhere(self, vector: dict[str, Any], edition: str) -> None:
        kind = kind_named(vector["segment"])
        for cut in range(len(vector["payload"]) // 2):
            if kind.name == "udi":  # any bytes are user data
                continue
            _, reading = read(vector, edition, cut)
            assert isinstance(reading.error, TruncatedError)
            rule = "S-25" if reading.error.selector == "rdi.dm_data_byte" else kind.incomplete
            assert reading.error.rule == rule
            assert 10 <= (reading.error.byte or 0) <= 10 + cut
            assert sum(entry.bits for entry in reading.fields) == 8 * cut


@needs_spec
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_declarations_are_those_of_the_specification(kind: SegmentKind) -> None:
    """Names, widths, indices and order of headers.json."""
    assert kind.schema is not None
    expected = [node for node in declared(kind.name.upper()) if node["t"] == "e"]
    found = list(elements(kind.schema))
    assert [element.name for element in found] == [node["name"] for node in expected]
    for element, node in zip(found, expected, strict=True):
        if isinstance(element, ByteString):
            assert node["bits"] == "8"
            continue
        assert [index.text.replace(" ", "") for index in element.index] == node.get("index", []), element.name
        width = re.sub(r"\[.*", "", element.descriptor[2:-1])  # a variable of a loop has its index with us
        assert width == node["bits"], element.name


def derived(schema: construct.Construct) -> Iterator[Derived]:
    if isinstance(schema, Derived):
        yield schema
    for member in getattr(schema, "body", None) or getattr(schema, "subcons", None) or ():
        yield from derived(member)


@needs_spec
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_derived_variables_of_the_specification_are_declared(kind: SegmentKind) -> None:
    names = {variable.name for variable in derived(kind.schema)}
    assert {node["name"] for node in declared(kind.name.upper()) if node["t"] == "let"} <= names


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_element_says_what_it_is(kind: SegmentKind) -> None:
    for element in elements(kind.schema):
        assert isinstance(element, Element)
        assert element.meaning
        assert element.section.startswith(kind.section[:2])


def test_conditional_elements_have_values_when_absent() -> None:
    """Users never test for presence."""
    names = {"edition": "is", "s_ver": 1, "s_hor": 1, "c_ver": 1, "c_hor": 1, "img_width": 64, "img_height": 64}
    for kind in KINDS[1:]:
        header = absent_header(kind, names)
        for element in elements(kind.schema):
            value = header[element.name]
            for _ in element.index:
                value = value[0]
            assert value == element.inferred.evaluate({}) if element.inferred else True, element.name


def test_counts_are_recomputed() -> None:
    kind = kind_named("rdi")
    header = absent_header(kind, {})
    header.set("dm_present_flag", (), 1)
    header.set("dm_data_byte", (), b"abc")
    header.set("dm_size", (), 77)
    payload = build_header(kind, header, {})
    assert payload == b"\x10\x00\x00\x03abc"
    assert header.dm_size == 3
    again = read_header(kind, "rdi", memoryview(payload), 0, {}).header
    assert bytes(again.dm_data_byte) == b"abc"
    assert build_header(kind, copy.deepcopy(header), {}) == payload


@pytest.mark.parametrize(
    ("rows", "columns", "tiles"), [(0, 0, 0), (2, 0, 0), (0, 3, 1), (2, 3, 0)], ids=lambda value: str(value)
)
def test_counts_of_arrays_that_are_not_there_are_what_was_read(rows: int, columns: int, tiles: int) -> None:
    names = {"edition": "is", "s_ver": 2, "s_hor": 2, "c_ver": 2, "c_hor": 2, "img_width": 64, "img_height": 64}
    kind = kind_named("ton")
    values = {
        "lsbs_enable_flag": [0, 0], "EFE_nonlinear_filter_enabled_flag": 1, "mask1_enabled_flag": 1, "bS": 5,
        "len_mask_y": rows, "len_mask_x": columns, "W5_U": [[1] * columns for _ in range(rows)],
        "nonLinear_enabled_U_flag": 1, "nonlinearW": 1, "nonlinearH": 1, "numTiles": tiles, "minLuma": [7] * tiles,
        "maxLuma": [9] * tiles, "candNum": [0],
    }  # fmt: skip
    header = Header("ton", values)
    payload = build_header(kind, header, names)
    reading = read_header(kind, "ton", memoryview(payload), 0, names)
    assert (reading.header.len_mask_y, reading.header.len_mask_x) == (rows, columns)
    assert reading.header.numTiles == tiles
    assert build_header(kind, reading.header, names) == payload
    # users never test for presence
    assert (reading.header.W5_U[3][4], reading.header.minLuma[5], reading.header.A1[0][6]) == (0, 0, 0)


def test_arrays_without_entries_are_known() -> None:
    """Channel flags of no channels."""
    vector = next(vector for vector in spec_list("header_vectors", "vectors") if vector["id"] == "pih_min")
    header = Header("pih", read_picture_header(memoryview(bytes.fromhex(vector["payload"])), 0).header)
    for name, value in {"grfs_enable_flag": [1, 1], "num_chs": [0, 0]}.items():
        header = Header("pih", {**header, name: value})
    payload = build_header(kind_named("pih"), header, {"edition": vector["edition"].lower()})
    again = read_picture_header(memoryview(payload), 0, vector["edition"].lower()).header
    assert again.grfs_channel_flag[0][0] == again.grfs_channel_flag[1][95] == 0
    assert len(again.grfs_channel_flag) == 0
    assert len(again.cube_flag) == 0
