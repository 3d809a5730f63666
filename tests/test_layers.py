"""Imports go one way: tools -> decoder -> codestream; the codestream layer knows neither NumPy nor numba."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ALLOWED = {
    "codestream": {"codestream"},
    "decoder": {"codestream", "decoder"},
    "conformance_streams": {"codestream", "conformance_streams"},
    "tools": {"codestream", "decoder", "conformance_streams", "tools"},
}
FILES = [path for folder in ALLOWED for path in sorted((ROOT / folder).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_direction_of_imports(path: Path) -> None:
    layer = path.relative_to(ROOT).parts[0]
    for name in imported(path):
        if name.startswith("jpegai."):
            assert name.split(".")[1] in ALLOWED[layer]
        if layer == "codestream":
            assert name.split(".")[0] not in ("numpy", "numba", "onnxruntime", "PIL")
        if layer == "decoder":
            assert name != "jpegai.codestream.cursor"
        assert name.split(".")[0] != "torch"


def test_inspect_imports_neither_numpy_nor_numba() -> None:
    code = (
        "import sys, jpegai.tools.cli as cli\n"
        "from jpegai.conformance_streams import STREAMS\n"
        "try: cli.main(['inspect', str(STREAMS[0].path)])\n"
        "except SystemExit as stop: assert not stop.code\n"
        "print(sorted({'numpy', 'numba', 'onnxruntime', 'onnx', 'PIL'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "package",
    ["codestream", "decoder", "decoder.models", "decoder.networks", "decoder.entropy", "decoder.filters"],
)
def test_public_names_exist(package: str) -> None:
    module = __import__(f"jpegai.{package}", fromlist=["__all__"])
    assert module.__all__
    for name in module.__all__:
        assert getattr(module, name) is not None
