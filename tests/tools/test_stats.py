"""`jpegai stats` as a user sees it."""

from __future__ import annotations

import json

from jpegai.conformance_streams import STREAMS
from tests.codestream.test_selectors import dependent
from tests.tools.inprocess import run


def test_tables() -> None:
    result = run("stats", STREAMS[0].path, STREAMS[1].path)
    text = result.stdout.decode()
    assert (result.code, result.stderr) == (0, "")
    for stream in STREAMS[:2]:
        assert f"{stream.path}: " in text
        assert f"{len(stream.read())} bytes" in text
    for word in ("framing", "headers", "both", "primary", "secondary", "bits per pixel", "share", "sorp"):
        assert word in text, word


def test_regions_and_threads_are_rows() -> None:
    stream = dependent()
    lines = run("stats", "-", data=stream.data.tobytes()).stdout.decode().splitlines()
    rows = {line.split()[0]: line.split()[1] for line in lines[1:] if line.strip()}
    for segment in (each for each in stream.segments if each.kind.regions):
        for region in stream.payload(segment).regions:
            assert rows[region.group] == str(len(region.data))
            for thread in region.threads:
                assert rows[thread.selector] == str(len(thread.data))


def test_json() -> None:
    files = json.loads(run("stats", "--json", *(stream.path for stream in STREAMS)).stdout)["files"]
    assert [record["bytes"] for record in files] == [len(stream.read()) for stream in STREAMS]


def test_damage() -> None:
    result = run("stats", "-", data=STREAMS[0].read()[:-2])
    assert result.code == 3
    assert len(result.stderr.splitlines()) == 1
