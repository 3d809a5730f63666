"""Run mypy over the package folders under their import names.

The top-level folders are imported as ``jpegai.<folder>``; mypy needs a tree of that shape, so one
of links is laid under ``build/``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("codestream", "decoder", "tools", "conformance_streams")


def main() -> int:
    """Return mypy's exit status."""
    tree = ROOT / "build" / "typecheck" / "jpegai"
    tree.mkdir(parents=True, exist_ok=True)
    for folder in FOLDERS:
        link = tree / folder
        if not link.is_symlink():
            link.symlink_to(ROOT / folder, target_is_directory=True)
    packages = [argument for folder in FOLDERS for argument in ("-p", f"jpegai.{folder}")]
    command = [sys.executable, "-m", "mypy", "--namespace-packages", "--explicit-package-bases", *packages]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, "MYPYPATH": str(tree.parent)}, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
