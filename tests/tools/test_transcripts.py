"""The command line, fixed word by word: commands with their output, errors and exit codes.

A transcript has lines ``$ jpegai ...`` followed by what the command prints; lines of standard error begin with ``!``,
and ``[n]`` is the exit code. ``UPDATE_TRANSCRIPTS=1`` rewrites the files from what the commands print now.
"""

from __future__ import annotations

import contextlib
import io
import os
import shlex
from pathlib import Path

import pytest

from jpegai.tools.cli import main
from tests.tools.samples import SAMPLES

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts").glob("*.txt"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, data in SAMPLES.items():
        (tmp_path / name).write_bytes(data)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    return tmp_path


def run(command: str) -> str:
    program, *arguments = shlex.split(command)
    assert program == "jpegai"
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as stop:
        main(arguments)
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    lines += [f"! {line}".rstrip() for line in err.getvalue().splitlines()]
    return "\n".join([f"$ {command}", *lines, f"[{stop.value.code}]"]) + "\n"


def test_there_are_transcripts() -> None:
    assert TRANSCRIPTS


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
@pytest.mark.usefixtures("folder")
def test_transcript(path: Path) -> None:
    expected = path.read_text()
    found = "\n".join(run(line[2:]) for line in expected.splitlines() if line.startswith("$ "))
    if os.environ.get("UPDATE_TRANSCRIPTS"):
        path.write_text(found)
    assert found == expected
