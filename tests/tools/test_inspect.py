"""`jpegai inspect` as a user sees it."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from jpegai.conformance_streams import STREAMS
from tests.command import COMMAND

STREAM = next(entry for entry in STREAMS if entry.file == "an_sop_64x64.jai")


def run(*arguments: str, data: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, input=data, check=False)


def test_summary_names_segments_and_elements() -> None:
    result = run("inspect", str(STREAM.path))
    text = result.stdout.decode()
    assert result.returncode == 0
    assert not result.stderr
    assert "edition IS, 64x64, 8 bit 4:4:4, SOP, model 1" in text
    for word in ("soc", "pih", "ton", "rdi", "sorp", "sors", "soz", "eoc", "pih.img_width_minus64", "(derived)"):
        assert word in text
    assert "\x1b" not in text


def test_bits_has_one_line_per_element_in_file_order() -> None:
    lines = run("inspect", "--bits", str(STREAM.path)).stdout.decode().splitlines()
    assert lines[0].split() == ["position", "path", "bits", "value", "meaning"]
    paths = [line.split("pih.")[1].split()[0] for line in lines if " pih." in line]
    assert paths[:4] == ["marker", "length", "length_padding", "stream_profile_idc"]
    assert any(line.split()[-5:-3] == ["bit", "4"] or " bit 4 " in line for line in lines)


def test_hex_view_shows_the_bytes() -> None:
    lines = run("inspect", "--hex", str(STREAM.path)).stdout.decode().splitlines()
    assert lines[0].startswith(f"00000000  {STREAM.read()[:16].hex(' ')}")
    assert "soc.marker=FF80" in lines[0]


def test_json_covers_the_file() -> None:
    report = json.loads(run("inspect", "--json", str(STREAM.path)).stdout)
    data = STREAM.read()
    assert report["sha256"] == hashlib.sha256(data).hexdigest() == STREAM.sha256
    assert report["bytes"] == len(data)
    assert report["edition"] == "is"
    assert sum(field["bits"] for field in report["fields"]) == 8 * len(data)
    assert [segment["name"] for segment in report["segments"]] == ["pih", "ton", "rdi", "sorp", "sors", "soz"]


def test_standard_input() -> None:
    assert b"(standard input): JPEG AI" in run("inspect", "-", data=STREAM.read()).stdout


def test_a_forced_edition_that_breaks_rules_is_an_error() -> None:
    result = run("inspect", "--edition", "dis", str(STREAM.path))
    assert result.returncode in (1, 3)
    assert result.stderr


@pytest.mark.parametrize(
    ("data", "code", "text"),
    [
        (b"", 3, "too short for a codestream"),
        (b"\x89PNG\r\n", 3, "not a JPEG AI codestream"),
        (STREAM.read()[:100], 3, "the file ends inside the payload"),
        (STREAM.read()[:-2], 3, "the end of codestream is missing"),
    ],
)
def test_damage_is_one_line_with_the_place(data: bytes, code: int, text: str, tmp_path: Path) -> None:
    path = tmp_path / "damaged.jai"
    path.write_bytes(data)
    result = run("inspect", str(path))
    lines = result.stderr.decode().splitlines()
    assert result.returncode == code
    assert not result.stdout
    assert len(lines) == 1
    assert lines[0].startswith(f"jpegai: {path}, ")
    assert text in lines[0]
    assert "byte" in lines[0]


def test_usage_errors() -> None:
    assert run("inspect").returncode == 2
    assert run("nonsense").returncode == 2
    assert run("inspect", "--edition", "third", str(STREAM.path)).returncode == 2
    missing = run("inspect", "/does/not/exist.jai")
    assert missing.returncode == 3
    assert missing.stderr.decode() == "jpegai: /does/not/exist.jai: No such file or directory\n"


def test_warnings_do_not_change_the_exit_code(tmp_path: Path) -> None:
    path = tmp_path / "longer.jai"
    path.write_bytes(STREAM.read() + b"more")
    result = run("inspect", str(path))
    assert result.returncode == 0
    assert b"warning: S-04" in result.stderr
