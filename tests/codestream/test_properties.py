"""What holds of any header and any stream: round trips, the trace, and what damage may do. Streams are generated."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jpegai.codestream import Codestream, Header, JpegAIError
from jpegai.codestream.editions import EDITIONS, read_picture_header
from jpegai.codestream.headers import build_header, read_header
from jpegai.codestream.rules.check import check
from jpegai.codestream.schema.segments import kind_named
from jpegai.codestream.testing import (
    Sizes,
    StreamExample,
    headers,
    picture_headers,
    rendering_information,
    streams,
    tools_headers,
)
from tests.codestream.mutations import MEMORY, SECONDS, corpus, damaged, examine
from tests.trace import coded, decoded, plain, prove

ROOT = Path(__file__).resolve().parents[2]
#: Damaged streams that once failed; the smallest of their kind.
REGRESSIONS = (
    # build: a mask of no columns has no array to count
    "ff80ff820b00002201150400013ab051a7829c8fe812d8594fa058ff8a0e001eec2c0dcbfa4241ce63b8b450f50bd617f8149f6d26276a43"
    "d5baff890f000c80742b1e79a0e7fbd8c710fda217965b34f7c70f2bacd8286dd6b2d7ff8414a09e54984004af55a3ff8807a01020c2041c"
    "68adbcab9c1c18dbda38a4390d161b8cbe75ff2ccd389008f835b54ef1bdfb7438e4c319c896f2e580e79c896ab43401f6156a6335fc53ff"
    "8b20a298ceff830420502ac106bc020f00015e0509ea00080b9822c9cc1a0000030c2381e8a600ff81ff80ff82",
)
#: Cases a process examines.
CHUNK = 2000

many = settings(max_examples=500, deadline=None)


def round_trip(kind_name: str, header: Header, context: Mapping[str, Any]) -> None:
    """Values to bytes to values to bytes, with and without a trace."""
    kind = kind_named(kind_name)
    payload = build_header(kind, Header(kind.name, header), context)
    reading = read_header(kind, kind.name, memoryview(payload), 10, context, trace=True)
    assert reading.error is None
    assert not [finding for finding in reading.findings if finding.severity == "E"]
    assert plain(reading.header) == plain(header)
    assert build_header(kind, reading.header, context) == payload
    assert prove(reading.fields, bytes(10) + payload, 80) == 8 * (10 + len(payload))
    assert plain(read_header(kind, kind.name, memoryview(payload), 10, context).header) == plain(header)
    for field in coded(reading.fields):
        if field.kind in ("coded", "inferred", "derived"):
            place = [int(text.removesuffix("]")) for text in field.path.split("[")[1:]]
            assert header.get_value(field.name, tuple(place)) == field.value


@many
@given(st.data(), st.sampled_from(EDITIONS))
def test_picture_and_tools_headers(data: st.DataObject, edition: str) -> None:
    pih = data.draw(picture_headers(edition))
    round_trip("pih", pih, {"edition": edition})
    payload = build_header(kind_named("pih"), pih, {"edition": edition})
    assert read_picture_header(memoryview(payload), 0, edition).first_violation is None
    round_trip("ton", data.draw(tools_headers(pih)), {**pih, "edition": edition})


@many
@given(rendering_information())
def test_rendering_information(header: Header) -> None:
    round_trip("rdi", header, {})


@many
@given(headers("udi"))
def test_user_data(header: Header) -> None:
    round_trip("udi", header, {})


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_headers_of_large_pictures(data: st.DataObject) -> None:
    sizes = Sizes(side=9000, entries=20, bytes=3000)
    pih = data.draw(picture_headers("is", sizes))
    round_trip("pih", pih, {"edition": "is"})
    round_trip("ton", data.draw(tools_headers(pih, sizes)), {**pih, "edition": "is"})


@many
@given(streams())
def test_streams(example: StreamExample) -> None:
    stream = Codestream.parse(example.data, edition=example.edition)
    assert stream.build() == example.data
    assert plain(stream.pih) == plain(example.pih)
    for given_header, found in ((example.ton, stream.ton), (example.rdi, stream.rdi)):
        if given_header is not None:
            assert plain(found) == plain(given_header)
    assert bytes(stream.udi.UDI_data) == (example.udi or b"")
    assert prove(stream.fields.entries, example.data) == 8 * len(example.data)
    assert all(entry.kind != "gap" for entry in stream.fields.entries)
    assert [str(finding) for finding in check(stream) if finding.severity == "E"] == []
    again = Codestream.parse(example.data, edition=example.edition, recover=True)
    assert not again.errors
    assert plain(again.pih) == plain(stream.pih)


@settings(max_examples=100, deadline=None)
@given(streams(editions=["is"], trailing=False), st.data())
def test_damage_of_generated_streams(example: StreamExample, data: st.DataObject) -> None:
    """As the numbered cases below, but hypothesis makes the smallest of what fails, and keeps it."""
    damage = bytearray(example.data)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(damage)))
        removed = data.draw(st.integers(0, 4))
        damage[place : place + removed] = data.draw(st.binary(max_size=4))
    examine(bytes(damage))


def test_the_proof_can_fail() -> None:
    data = corpus()[0]
    entries = list(Codestream.parse(data).fields.entries)
    prove(entries, data)
    with pytest.raises(AssertionError):
        prove(entries, data[:5] + bytes([data[5] ^ 1]) + data[6:])
    with pytest.raises(AssertionError):
        prove(entries[:3] + entries[4:], data)
    with pytest.raises(AssertionError):
        prove(entries, data, 1)
    assert [decoded("thread_size_delta", number) for number in range(1, 7)] == [0, 1, -1, 2, -2, 3]  # 01.5.4
    assert decoded("length", 0b10010) == 17  # 01.3


# -- damage -----------------------------------------------------------------------------------------------------


def examined(first: int, count: int) -> dict[str, Any]:
    """Examine cases in a process of their own, whose memory is bounded."""
    command = [sys.executable, "-m", "tests.codestream.mutations", str(first), str(count)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(json.loads(done.stdout))


def hold(first: int, count: int) -> None:
    result = examined(first, count)
    assert result["failed"] == []
    assert result["cases"] == count
    assert result["slowest"] < SECONDS
    assert result["grown_kib"] << 10 < MEMORY


def test_any_damage_gives_a_stream_or_an_error() -> None:
    hold(0, CHUNK)


@pytest.mark.long
@pytest.mark.parametrize("chunk", range(1, 25))
def test_much_damage_gives_streams_or_errors(chunk: int) -> None:
    hold(chunk * CHUNK, CHUNK)


@pytest.mark.parametrize("data", REGRESSIONS, ids=range(len(REGRESSIONS)))
def test_damage_that_once_failed(data: str) -> None:
    examine(bytes.fromhex(data))


def test_cases_are_damaged_and_some_survive() -> None:
    """The cases are worth examining: nearly all differ, and many parse."""
    cases = [damaged(number) for number in range(200)]
    assert len({*cases}) > 195
    assert sum(case not in corpus() for case in cases) > 180
    parsed = 0
    for case in cases:
        try:
            Codestream.parse(case)
            parsed += 1
        except JpegAIError:
            continue
    assert 40 < parsed < 160
