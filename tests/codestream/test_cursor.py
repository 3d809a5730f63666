"""Descriptors of section 01.5."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jpegai.codestream.cursor import BitReader, BitWriter
from jpegai.codestream.errors import StreamSyntaxError, TruncatedError
from jpegai.codestream.framing import length_field

UE = {0: "1", 1: "010", 2: "011", 3: "00100", 4: "00101", 5: "00110", 6: "00111", 7: "0001000"}
SE = {0: 0, 1: 1, -1: 2, 2: 3, -2: 4, 3: 5}
LENGTH_FIELDS = {
    0: "80", 1: "40", 2: "60", 3: "20", 7: "10", 8: "12", 14: "1E", 15: "0800", 17: "0900", 62: "07E0", 63: "0200",
    100: "0328", 254: "01FE", 255: "008000", 1000: "007D20", 65535: "0000800000",
}  # fmt: skip


def bits(writer: BitWriter) -> str:
    return "".join(f"{byte:08b}" for byte in writer.bytes())


@pytest.mark.parametrize(("value", "code"), UE.items())
def test_ue_codes_of_the_table(value: int, code: str) -> None:
    writer = BitWriter()
    writer.ue(value)
    assert bits(writer)[: len(code)] == code
    assert set(bits(writer)[len(code) :]) <= {"0"}
    assert BitReader(writer.bytes()).ue() == value


@pytest.mark.parametrize(("value", "code"), SE.items())
def test_se_codes_of_the_table(value: int, code: int) -> None:
    writer = BitWriter()
    writer.se(value)
    assert BitReader(writer.bytes()).ue() == code
    assert BitReader(writer.bytes()).se() == value


@pytest.mark.parametrize(("length", "field"), LENGTH_FIELDS.items())
def test_length_fields_of_the_table(length: int, field: str) -> None:
    assert length_field(length).hex().upper() == field


@given(st.lists(st.one_of(
    st.tuples(st.just("u"), st.integers(0, 32), st.integers(0, 2**32 - 1)),
    st.tuples(st.just("ue"), st.just(0), st.integers(0, 2**32 - 2)),
    st.tuples(st.just("se"), st.just(0), st.integers(-(2**31), 2**31 - 1)),
)))  # fmt: skip
def test_what_is_written_is_read(items: list[tuple[str, int, int]]) -> None:
    writer = BitWriter()
    expected = []
    for kind, width, value in items:
        if kind == "u":
            writer.u(width, value % (1 << width))
            expected.append(value % (1 << width))
        else:
            getattr(writer, kind)(value)
            expected.append(value)
    reader = BitReader(writer.bytes(), start=7)
    assert reader.position == 56
    assert [reader.u(width) if kind == "u" else getattr(reader, kind)() for kind, width, _ in items] == expected


def test_reading_past_the_end_names_the_place() -> None:
    reader = BitReader(b"\xff", start=10)
    reader.u(5)
    with pytest.raises(TruncatedError) as caught:
        reader.u(4)
    assert (caught.value.byte, caught.value.bit) == (10, 5)
    assert "expected 4 bits, found 3" in str(caught.value)


def test_endless_zero_bits_are_refused() -> None:
    with pytest.raises(StreamSyntaxError, match="too long"):
        BitReader(bytes(100)).ue()
    with pytest.raises(TruncatedError):
        BitReader(bytes(2)).ue()
