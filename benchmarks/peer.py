"""Finding and driving the PyTorch peer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

__all__ = ["Peer", "find_interpreter"]

ROOT = Path(__file__).resolve().parents[1]
#: The version with a CPU build of modest size; an open range may pull gigabytes.
TORCH = "torch==2.13.0"


def find_interpreter(install: bool = True) -> str | None:
    """Return an interpreter that has PyTorch: what JPEGAI_BENCH_TORCH names, else one in `.bench-venv`, made here."""
    named = os.environ.get("JPEGAI_BENCH_TORCH")
    if named:
        return named if _has_torch(named) else None
    folder = ROOT / ".bench-venv"
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if python.is_file() and _has_torch(str(python)):
        return str(python)
    if not install:
        return None
    try:
        venv.create(folder, with_pip=True)
        subprocess.run(
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", TORCH, "numpy"], check=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"PyTorch could not be installed ({error})")
        return None
    return str(python) if _has_torch(str(python)) else None


def _has_torch(python: str) -> bool:
    try:
        return subprocess.run([python, "-c", "import torch, numpy"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


class Peer:
    """A running `torch_peer.py`."""

    def __init__(self, python: str) -> None:
        self._process = subprocess.Popen(
            [python, str(Path(__file__).with_name("torch_peer.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.version = self._answer()["torch"]

    def ask(self, **command: Any) -> dict[str, Any]:
        """Send one command and return its answer."""
        assert self._process.stdin is not None
        print(json.dumps(command), file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the PyTorch peer stopped")
        return dict(json.loads(line))

    def close(self) -> None:
        """Stop the peer."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
