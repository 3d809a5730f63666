"""Cutting payloads in regions and threads, and what breaks (sections 01.6 and 01.7)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jpegai.codestream.errors import StreamSyntaxError
from jpegai.codestream.payloads import build_payload, read_payload, smallest_region

THREADS = st.sampled_from([1, 2, 4, 8, 16])


@st.composite
def payloads(draw: st.DrawFn) -> tuple[dict[int, list[bytes]], int]:
    threads, regions = draw(THREADS), draw(st.integers(1, 5))
    thread = st.binary(min_size=3 if threads == 1 else 2, max_size=400)
    region = st.lists(thread, min_size=threads, max_size=threads)
    return {index: draw(region) for index in range(regions)}, threads


@settings(max_examples=500, deadline=None)
@given(payloads())
def test_dependent_regions_round_trip(case: tuple[dict[int, list[bytes]], int]) -> None:
    regions, threads = case
    (data,) = build_payload(regions, total=len(regions))
    payload = read_payload(memoryview(data), 7, "sorp", threads=threads, regions=len(regions), trace=True)
    assert not payload.errors
    assert not payload.findings
    assert {r.index: [bytes(t.data) for t in r.threads] for r in payload.regions} == regions
    for region in payload.regions:
        for thread in region.threads:
            assert bytes(data[thread.offset - 7 :][: len(thread.data)]) == bytes(thread.data)
    assert sum(entry.bits for entry in payload.fields) == 8 * len(data)


@settings(max_examples=500, deadline=None)
@given(payloads())
def test_independent_regions_round_trip(case: tuple[dict[int, list[bytes]], int]) -> None:
    regions, threads = case
    parts = build_payload(regions, independent=True)
    for index, part in zip(regions, parts, strict=True):
        payload = read_payload(memoryview(part), 0, "sorp", threads=threads, regions=len(regions), independent=True)
        assert [region.index for region in payload.regions] == [index]
        assert [bytes(thread.data) for thread in payload.regions[0].threads] == regions[index]


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=60), THREADS, st.integers(1, 300), st.booleans())
def test_any_bytes_are_cut_or_say_why(data: bytes, threads: int, regions: int, independent: bool) -> None:
    payload = read_payload(
        memoryview(data), 3, "sorp", threads=threads, regions=regions, independent=independent, trace=True
    )
    assert sum(entry.bits for entry in payload.fields) == 8 * len(data)
    assert payload.errors or all(len(region.threads) == threads for region in payload.regions)
    for error in payload.errors:
        assert error.rule in ("S-32", "S-37", "S-39", "S-40", "S-41", "S-43")
        assert 24 <= (error.bit_offset or 0) <= 24 + 8 * len(data)


@pytest.mark.parametrize(("threads", "size"), [(1, 3), (2, 5), (4, 9), (8, 17), (16, 34)])
def test_smallest_region(threads: int, size: int) -> None:
    """Empty threads are 00 00 01 or 00 01 (04.2.3); the table of equal sizes has a bit per thread but the last."""
    empty = [b"\x00\x00\x01"] if threads == 1 else [b"\x00\x01"] * threads
    (data,) = build_payload({0: empty})
    assert len(data) == smallest_region(threads) == size
    assert not read_payload(memoryview(data), 0, "soz", threads=threads).errors
    for cut in range(size):
        assert read_payload(memoryview(data[:cut]), 0, "soz", threads=threads).errors


def test_an_endless_size_table_is_refused() -> None:
    payload = read_payload(memoryview(bytes(100)), 0, "sorp", threads=1, regions=16384)
    assert payload.errors[0].rule == "S-37"
    huge = memoryview(b"\x00\x00\x00\x00\x80\x00\x00\x00\x00" + bytes(20))
    payload = read_payload(huge, 0, "sorp", threads=1, regions=2)
    assert payload.errors[0].rule == "S-39"


def test_dependent_regions_must_be_complete() -> None:
    with pytest.raises(StreamSyntaxError, match="must be complete"):
        build_payload({0: [b"abc"], 2: [b"abc"]}, total=3)
    with pytest.raises(StreamSyntaxError, match="does not fit"):
        build_payload({256: [b"abc"]}, independent=True)
