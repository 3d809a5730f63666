"""What the README says works."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jpegai.conformance_streams import STREAMS
from tests.command import COMMAND

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def test_example_runs(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    shutil.copy(next(entry.path for entry in STREAMS if entry.file == "demo_coffee.jai"), tmp_path / "picture.jai")
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert result.stdout.split()[0] == "384"
    assert (tmp_path / "picture.png").is_file()


def test_example_output_is_the_output() -> None:
    shown = re.search(r"```\n\$ jpegai (.*?)\n(.*?)\n  \.\.\.\n```", README, re.DOTALL)
    assert shown is not None
    result = subprocess.run(
        [*COMMAND, *shown[1].split()],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    printed = [line.rstrip() for line in result.stdout.splitlines()]
    for line in shown[2].splitlines():
        assert line.removeprefix("conformance_streams/") in [
            text.removeprefix("conformance_streams/") for text in printed
        ]


@pytest.mark.parametrize("path", re.findall(r"\]\(([\w./]+)\)", README))
def test_links_lead_somewhere(path: str) -> None:
    assert (ROOT / path).exists()


def test_exit_codes_are_those_of_the_errors() -> None:
    from jpegai.codestream import errors

    assert "1 errors or differences found, or an edit refused; 2 usage" in README
    codes = {name: getattr(errors, name).exit_code for name in errors.__all__ if name.endswith("Error")}
    assert codes.pop("UnsupportedError") == 4
    assert codes.pop("ModelError") == 5
    assert codes.pop("LimitError") == 6
    assert codes.pop("EditError") == 1
    assert codes.pop("SelectorError") == 2
    assert set(codes.values()) == {3}
