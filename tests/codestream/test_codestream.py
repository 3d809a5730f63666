"""Whole files: framing, trace, findings, and the way back to bytes (section 01)."""

from __future__ import annotations

import random
from typing import Any

import pytest

from jpegai.codestream import Codestream, StreamSyntaxError, TruncatedError
from jpegai.codestream.editions import read_picture_header
from jpegai.codestream.headers import read_header
from jpegai.codestream.schema.segments import SEGMENTS
from jpegai.conformance_streams import STREAMS
from tests.codestream.reference import expanded, reference_name
from tests.streams import VectorStream, described_streams, perf_streams
from tests.trace import plain, prove
from tests.vectors import needs_vectors, spec_data, spec_list

SMALL = bytes.fromhex(
    "ff80 ff82 0880 01110340000000000000820005001800 ff83 40 00 ff84 40 00 ff89 20 000001 ff8a 20 000001"
    "ff88 20 000001 ff81"
)
ALL = described_streams() + perf_streams()


@needs_vectors
def test_there_are_streams() -> None:
    assert len(described_streams()) == 141
    assert len(perf_streams()) == 9


@pytest.mark.parametrize("vector", ALL, ids=lambda vector: vector.name)
def test_build_gives_the_same_bytes_and_the_trace_covers_the_file(vector: VectorStream) -> None:
    data = vector.path.read_bytes()
    stream = Codestream.parse(data)
    assert stream.build() == data
    assert prove(stream.fields.entries, data) == 8 * len(data)
    assert all(entry.kind != "gap" for entry in stream.fields.entries)
    assert not stream.findings


@pytest.mark.parametrize("vector", ALL, ids=lambda vector: vector.name)
def test_a_trace_changes_no_value(vector: VectorStream) -> None:
    stream = Codestream.open(vector.path)
    for name in ("ton", "rdi", "udi"):
        segment = stream.segment(name)
        if segment is not None:
            kind, place = segment.kind, segment.payload_offset
            traced = read_header(kind, name, segment.payload, place, stream.names, trace=True)
            assert plain(traced.header) == plain(getattr(stream, name))
    first = stream.segments[0]
    traced_pih = read_picture_header(first.payload, first.payload_offset, stream.edition, trace=True)
    assert plain(traced_pih.header) == plain(stream.pih)


@pytest.mark.parametrize("vector", described_streams(), ids=lambda vector: vector.name)
def test_headers_are_what_the_reference_wrote(vector: VectorStream) -> None:
    """Names, bits and values of every header, in coding order."""
    description = vector.description()
    stream = Codestream.open(vector.path)
    assert stream.edition == description["edition"].lower()
    for segment, group in (("pic_header", "pih"), ("tool_header", "ton"), ("rdi", "rdi"), ("udi", "udi")):
        expected = [
            (name, bits, value)
            for where, name, bits, values in description["fields"]
            if where == segment
            for value in values
        ]
        found = [
            (reference_name(group.upper(), field), field.bits, field.value)
            for field in expanded(stream.fields.of(group))
            if field.kind in ("coded", "bytes") and field.name not in ("marker", "length")
        ]
        assert found == expected


@pytest.mark.parametrize("entry", spec_list("header_vectors", "files"), ids=lambda entry: entry["id"])
def test_framing_of_the_specification(entry: dict[str, Any]) -> None:
    stream = Codestream.parse(bytes.fromhex(entry["hex"]))
    found = [
        (segment.offset, segment.name.upper(), len(segment.payload), segment.payload_offset)
        for segment in stream.segments
    ]
    assert found == [
        (segment["offset"], segment["name"], segment["length"], segment["payload_offset"])
        for segment in entry["segments"]
    ]
    assert stream.eoc_offset == entry["eoc_offset"]
    assert stream.build() == bytes.fromhex(entry["hex"])


@pytest.mark.parametrize("entry", spec_list("header_vectors", "files"), ids=lambda entry: entry["id"])
def test_regions_and_threads_of_the_specification(entry: dict[str, Any]) -> None:
    stream = Codestream.parse(bytes.fromhex(entry["hex"]))
    for segment, expected in zip(stream.segments, entry["segments"], strict=True):
        if segment.kind.threads is None:
            continue
        payload = stream.payload(segment)
        assert not payload.errors
        regions = expected.get("regions") or [expected | {"region": 0, "offset": segment.payload_offset}]
        assert [region.index for region in payload.regions] == [region["region"] for region in regions]
        for region, each in zip(payload.regions, regions, strict=True):
            assert (region.offset, len(region.data)) == (each["offset"], each["length"])
            assert [len(thread.data) for thread in region.threads] == each["thread_sizes"]
            table = f"{region.group}.thread_size_delta"
            deltas = [stream.fields[f"{table}[{t}]"].value for t in range(len(region.threads) - 1)]
            assert deltas == each["thread_deltas"]
        sizes = expected.get("size_table_values", [])
        assert [stream.fields[f"{segment.group}.region_size[{r}]"].value for r in range(len(sizes))] == sizes
        if "region_idx" in expected:
            assert stream.fields[f"{segment.group}.region_idx"].value == expected["region_idx"]


def test_segments_are_those_of_the_specification() -> None:
    declared = {f"{marker:04X}": kind.name.upper() for marker, kind in SEGMENTS.items()}
    table = {entry["marker"]: entry["name"] for entry in spec_data("headers")["segments"] if entry["kind"] != "marker"}
    assert declared == table


def test_thread_table_of_the_worked_example() -> None:
    entry = next(entry for entry in spec_data("header_vectors")["files"] if entry["id"] == "file_thr8")
    stream = Codestream.parse(bytes.fromhex(entry["hex"]))
    assert [len(thread.data) for thread in stream.threads("soz")] == [332] * 4 + [167] * 4
    deltas = [stream.fields[f"soz.thread_size_delta[{t}]"].value for t in range(7)]
    assert deltas == [-83] * 4 + [82] * 3


def test_payloads_are_views() -> None:
    data = bytearray(SMALL)
    stream = Codestream.parse(data)
    assert all(segment.payload.obj is data for segment in stream.segments)


@pytest.mark.parametrize("length", range(len(SMALL)))
def test_truncated_at_every_byte(length: int) -> None:
    with pytest.raises(TruncatedError) as caught:
        Codestream.parse(SMALL[:length], name="cut.jai")
    assert str(caught.value).startswith("cut.jai, ")
    assert caught.value.byte is not None
    assert caught.value.byte <= length


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: b"\xff\xd8" + data[2:], "not a JPEG AI codestream"),
        (lambda data: b"\x00" + data, "not a JPEG AI codestream"),
        (lambda data: data[:2] + data[22:], "the first segment is not the picture header"),
        (lambda data: data[:2] + b"\xff\x81", "no picture header"),
        (lambda data: data.replace(b"\xff\x83", b"\xff\x86"), "undefined marker"),
        (lambda data: data[:22] + b"\xff\x80" + data[22:], "second start of codestream"),
        (lambda data: data[:24] + bytes(12) + data[24:], "Exp-Golomb code too long"),
    ],
)
def test_broken_framing_is_one_clear_line(change: Any, message: str) -> None:
    with pytest.raises(StreamSyntaxError, match=message) as caught:
        Codestream.parse(change(SMALL))
    assert "\n" not in str(caught.value)
    assert caught.value.byte is not None


@pytest.mark.parametrize(
    ("change", "rule", "severity"),
    [
        (lambda data: data + b"appended", "S-04", "W"),
        (lambda data: data.replace(b"\xff\x83\x40", b"\xff\x83\x41"), "S-08", "W"),
        (lambda data: data.replace(b"\xff\x83\x40\x00", b"\xff\x83\x40\x00" * 2), "S-12", "E"),
        (lambda data: data.replace(b"\xff\x88\x20\x00\x00\x01", b""), "S-11", "E"),
        (lambda data: data.replace(b"\xff\x81", b"\xff\x8b\x20\x00\x00\x01\xff\x81"), "S-28", "W"),
        (lambda data: data.replace(b"\xff\x8a\x20\x00\x00\x01", b""), "S-30", "E"),
        (lambda data: data.replace(b"\xff\x88\x20\x00\x00\x01", b"\xff\x88\x60\x00\x01"), "S-43", "E"),
    ],
)
def test_findings(change: Any, rule: str, severity: str) -> None:
    stream = Codestream.parse(change(SMALL))
    assert [(finding.rule, finding.severity) for finding in stream.findings] == [(rule, severity)]


def test_bytes_after_the_end_survive_a_rebuild() -> None:
    stream = Codestream.parse(SMALL + b"appended")
    assert bytes(stream.trailing) == b"appended"
    assert stream.build() == SMALL + b"appended"


def test_a_missing_tools_header_means_that_all_tools_are_off() -> None:
    stream = Codestream.parse(SMALL.replace(b"\xff\x83\x40\x00", b""))
    assert stream.ton.LEF_enabled_flag == 0
    assert not any(path.startswith("ton.") for path in stream.fields)


def test_repeated_segments_have_their_number() -> None:
    entry = next(entry for entry in spec_data("header_vectors")["files"] if entry["id"] == "file_indreg")
    stream = Codestream.parse(bytes.fromhex(entry["hex"]))
    assert [segment.group for segment in stream.segments if segment.name == "sorp"] == [f"sorp[{k}]" for k in range(4)]


def test_parsing_is_the_same_every_time() -> None:
    data = STREAMS[0].read()
    order = list(range(5))
    random.Random(1).shuffle(order)
    first = [field for field in Codestream.parse(data).fields.values() if not isinstance(field.value, memoryview)]
    for _ in order:
        again = [field for field in Codestream.parse(data).fields.values() if not isinstance(field.value, memoryview)]
        assert again == first
