"""What can be known of a damaged file (section 01.9)."""

from __future__ import annotations

import random

import pytest

from jpegai.codestream import Codestream, JpegAIError, StreamSyntaxError, TruncatedError
from jpegai.codestream.framing import length_field
from jpegai.conformance_streams import STREAMS

DATA = next(entry for entry in STREAMS if entry.file == "an_sop_64x64.jai").read()
SOUND = Codestream.parse(DATA)


def segment_bytes(name: str) -> bytes:
    segment = SOUND.segment(name)
    assert segment is not None
    return DATA[segment.offset : segment.offset + segment.size]


def recovered(data: bytes) -> Codestream:
    """Parse in both ways: the first error is that of a strict parse, and the trace covers the file."""
    stream = Codestream.parse(data, name="x.jai", recover=True)
    with pytest.raises(JpegAIError) as caught:
        Codestream.parse(data, name="x.jai")
    assert str(stream.errors[0]) == str(caught.value)
    position = 0
    for field in stream.fields.expanded():
        assert field.offset == position
        position += field.bits
    assert position == 8 * len(data)
    return stream


def names(stream: Codestream) -> list[str]:
    return [segment.group for segment in stream.segments]


def rules(stream: Codestream) -> list[str | None]:
    return [error.rule for error in stream.errors]


def test_a_sound_file_has_no_errors() -> None:
    stream = Codestream.parse(DATA, recover=True)
    assert not stream.errors
    assert stream.build() == DATA


@pytest.mark.parametrize("cut", range(len(DATA)))
def test_cut_anywhere(cut: int) -> None:
    stream = recovered(DATA[:cut])
    assert isinstance(stream.errors[0], TruncatedError)
    whole = [segment.group for segment in SOUND.segments if segment.offset + segment.size <= cut]
    assert names(stream)[: len(whole)] == whole
    assert stream.complete == (cut >= 22)


def test_missing_end() -> None:
    stream = recovered(DATA[:-2])
    assert rules(stream) == ["S-02"]
    assert names(stream) == names(SOUND)
    assert stream.eoc_offset is None


def test_bytes_before_the_start_are_found() -> None:
    stream = recovered(b"junk!" + DATA)
    assert rules(stream) == ["S-03"]
    assert names(stream) == names(SOUND)
    assert stream.fields["gap[0]"].bits == 40
    assert "one begins at byte 5" in str(stream.errors[0])


def test_no_start_at_all() -> None:
    stream = recovered(DATA[2:])
    assert rules(stream) == ["S-01"]
    assert names(stream) == names(SOUND)


def test_an_undefined_segment_is_jumped_over() -> None:
    unknown = b"\xff\x90" + length_field(20) + bytes(range(0xF0, 0x104 - 0x10)) + bytes(16)
    end = SOUND.segments[2].offset
    stream = recovered(DATA[:end] + unknown + DATA[end:])
    assert rules(stream) == ["S-05"]
    assert names(stream) == names(SOUND)
    assert stream.fields["gap[0]"].bits == 8 * len(unknown)


def test_garbage_between_segments_is_a_gap() -> None:
    end = SOUND.segments[3].offset
    stream = recovered(DATA[:end] + b"\x00garbage \xff\x83 garbage" + DATA[end:])
    assert rules(stream) == ["S-05"]
    assert names(stream) == names(SOUND)


def test_a_damaged_length_does_not_hide_what_follows() -> None:
    ton = SOUND.segment("ton")
    assert ton is not None
    huge = length_field(100000)
    stream = recovered(DATA[: ton.offset + 2] + huge + DATA[ton.payload_offset :])
    assert rules(stream) == ["S-09"]
    assert names(stream) == names(SOUND)
    endless = DATA[: ton.offset + 2] + bytes(12) + DATA[ton.payload_offset + 1 :]
    assert rules(recovered(endless)) == ["S-07"]
    assert names(recovered(endless)) == [group for group in names(SOUND) if group != "ton"]


def test_a_second_start_is_passed_over() -> None:
    end = SOUND.segments[1].offset
    stream = recovered(DATA[:end] + b"\xff\x80" + DATA[end:])
    assert rules(stream) == ["S-06"]
    assert names(stream) == names(SOUND)


def test_segments_before_the_picture_header_are_kept() -> None:
    rdi = segment_bytes("rdi")
    stream = recovered(DATA[:2] + rdi + DATA[2:].replace(rdi, b""))
    assert rules(stream) == ["S-10"]
    assert names(stream)[:2] == ["rdi", "pih"]
    assert stream.pih.img_width == 64


def test_without_a_picture_header_the_rest_is_a_gap() -> None:
    stream = recovered(DATA.replace(segment_bytes("pih"), b""))
    assert not stream.complete
    assert not stream.pih
    assert stream.fields["soz.gap[0]"].meaning == "not understood without the picture header"
    with pytest.raises(StreamSyntaxError, match="picture header"):
        stream.regions("soz")


def test_a_header_that_ends_too_early_keeps_what_was_read() -> None:
    pih = SOUND.segment("pih")
    assert pih is not None
    payload = bytes(pih.payload[:8])
    short = b"\xff\x82" + length_field(8) + payload
    stream = Codestream.parse(DATA.replace(segment_bytes("pih"), short), edition="is", recover=True)
    assert rules(stream) == ["S-16"]
    assert stream.pih.img_width == 64
    assert not stream.complete
    damaged_ton = DATA.replace(segment_bytes("ton"), b"\xff\x83\x40\x20")  # the linear filter is announced
    stream = recovered(damaged_ton)
    assert rules(stream) == ["S-17"]
    assert stream.complete
    assert stream.ton.EFE_linear_filter_enabled_flag == 1
    assert stream.fields["ton.gap[0]"].bits == 5
    assert stream.build() == damaged_ton


def test_any_damage_gives_a_stream_that_covers_the_file() -> None:
    random.seed(5)
    for _ in range(400):
        data = bytearray(DATA)
        for _ in range(random.randint(1, 6)):
            place = random.randrange(len(data))
            action = random.choice("sid")
            if action == "s":
                data[place] = random.choice([0, 0xFF, 0x80, 0x82, random.randrange(256)])
            elif action == "i":
                data[place:place] = random.randbytes(random.randint(1, 9))
            else:
                del data[place : place + random.randint(1, 9)]
        stream = Codestream.parse(bytes(data), recover=True)
        assert sum(field.bits for field in stream.fields.expanded()) == 8 * len(data)
        assert isinstance(stream.findings, tuple)
        assert isinstance(stream.build(), bytes)


def test_a_file_of_markers_does_not_take_for_ever() -> None:
    stream = Codestream.parse(DATA[:-2] + b"\xff\x85" + b"\xff\x82" * 300_000, recover=True)
    assert stream.errors
    assert sum(field.bits for field in stream.fields.expanded()) == 8 * len(stream.data)
