"""A built wheel works from another directory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy of the tree and install it in a folder of its own."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("jpegai-*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", str(folder / "site"), str(wheel)], check=True)
    return folder / "site"


def run(installed: Path, tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; import jpegai.tools.cli as cli; print(cli.__file__); cli.main(sys.argv[1:])"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(installed)},
    )


def test_demo_runs_from_another_directory(installed: Path, tmp_path: Path) -> None:
    result = run(installed, tmp_path, "demo", "-o", "pictures")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(str(installed))
    assert len(list((tmp_path / "pictures").glob("*.png"))) == 9


def test_package_is_complete(installed: Path) -> None:
    for package in ("codestream", "decoder", "tools"):
        assert (installed / "jpegai" / package / "py.typed").is_file()
        ours = {path.relative_to(ROOT / package) for path in (ROOT / package).rglob("*.py")}
        theirs = {
            path.relative_to(installed / "jpegai" / package) for path in (installed / "jpegai" / package).rglob("*.py")
        }
        assert ours == theirs
    info = next(installed.glob("jpegai-*.dist-info"))
    assert {path.name for path in (info / "licenses").iterdir()} == {"LICENSE", "NOTICE"}
