"""`jpegai extract` and the selectors of `jpegai inspect` as a user sees them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jpegai.codestream import Codestream
from jpegai.codestream.edits import set_rendering_information, set_user_data
from jpegai.conformance_streams import STREAMS
from tests.codestream.test_selectors import dependent, independent
from tests.tools.inprocess import run

STREAM = next(entry for entry in STREAMS if entry.file == "an_sop_64x64.jai")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    stream = set_user_data(Codestream.parse(STREAM.read()), bytes(range(50)))
    stream = set_rendering_information(stream, {"dm_type": 1, "dm_data_byte": b"abcdef"})
    found = tmp_path / "in.jai"
    found.write_bytes(stream.data)
    return found


def test_payloads_and_byte_strings(path: Path, tmp_path: Path) -> None:
    stream = Codestream.open(path)
    for segment in stream.segments:
        assert run("extract", path, segment.group.upper()).stdout == segment.payload
    assert run("extract", path, "soz.threads[0]").stdout == stream.threads("soz")[0].data
    assert run("extract", path, "soz.threads[0][1..3]").stdout == stream.threads("soz")[0].data[1:4]
    assert run("extract", path, "udi.UDI_data").stdout == bytes(range(50))
    assert run("extract", path, "udi.UDI_data[5]").stdout == b"\x05"
    assert run("extract", path, "rdi.dm_data_byte[0..3]").stdout == b"abcd"
    assert run("extract", path, "rdi.dm_data_byte[*]").stdout == b"abcdef"
    out = tmp_path / "out"
    result = run("extract", path, "soz", "-o", out)
    assert (result.code, result.stdout, result.stderr) == (0, b"", "")
    assert out.read_bytes() == stream.segments[-1].payload
    assert run("extract", "-", "soz", data=path.read_bytes()).stdout == out.read_bytes()


def test_regions() -> None:
    for stream in (dependent(), independent()):
        data = stream.data.tobytes()
        for name in ("sorp", "sors"):
            for segment in (each for each in stream.segments if each.name == name):
                assert run("extract", "-", segment.group, data=data).stdout == segment.payload
                for region in stream.payload(segment).regions:
                    for thread in region.threads:
                        assert run("extract", "-", thread.selector, data=data).stdout == thread.data
    stream = dependent()
    region = stream.payload(stream.segments[1]).regions[2]
    assert (region.group, run("extract", "-", region.group, data=stream.data.tobytes()).stdout) == (
        "sorp.regions[2]", region.data
    )  # fmt: skip


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("pih.level_idc", "this is an element of bits, not bytes: --value prints its value"),
        ("pih.num_chs", "one thing at a time (found pih.num_chs[0], pih.num_chs[1])"),
        ("*", "one thing at a time"),
        ("soq", "the stream has no soq segment"),
        ("udi.UDI_data[50]", "the byte string is shorter (expected 0..49)"),
    ],
)
def test_what_is_no_bytes(path: Path, selector: str, message: str) -> None:
    result = run("extract", path, selector)
    assert (result.code, result.stdout) == (2, b"")
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_values(path: Path) -> None:
    assert run("extract", path, "pih.num_chs", "--value").stdout == b"160\n96\n"
    assert run("extract", path, "pih.img_width", "--value").stdout == b"64\n"
    assert run("extract", path, "rdi.dm_data_byte", "--value").stdout == b"616263646566\n"


def test_damaged_files() -> None:
    data = STREAM.read()[:-2]
    assert run("extract", "-", "pih", data=data).code == 3
    payload = Codestream.parse(STREAM.read()).segments[0].payload
    assert run("extract", "-", "pih", "--recover", data=data).stdout == payload


def test_inspect_shows_only_what_is_selected(path: Path) -> None:
    result = run("inspect", path, "toh.lsbs_enable_flag", "pih.img_width", "udi.UDI_data[3..4]")
    lines = result.stdout.decode().splitlines()
    assert lines[0].startswith("position")
    assert [line.split()[-1] for line in lines[1:2]] == ["off"]
    assert "ton.lsbs_enable_flag[0..1]" in lines[1]
    assert "pih.img_width" in lines[2]
    assert "udi.UDI_data[3..4]" in lines[3]
    assert "3 4" in lines[3]
    assert len(lines) == 4
    document = json.loads(run("inspect", "--json", path, "pih.level_idc").stdout)
    assert [field["path"] for field in document["fields"]] == ["pih.level_idc"]
    wrong = run("inspect", path, "pih.levle_idc")
    assert (wrong.code, wrong.stdout) == (2, b"")
    assert "did you mean pih.level_idc" in wrong.stderr
    assert run("inspect", "--hex", path, "pih").code == 2
