"""Where the specification's data and the reference's vectors are, and how tests ask for them.

They stand beside the checkout, in ``../shared`` (or where ``JPEGAI_SHARED`` says). Tests that need them skip
with a reason where they are absent.
"""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(os.environ.get("JPEGAI_SHARED", Path(__file__).resolve().parents[2] / "shared"))
SPEC_DATA = SHARED / "spec" / "data"
VECTORS = SHARED / "vectors"

needs_spec = pytest.mark.skipif(not SPEC_DATA.is_dir(), reason=f"no specification data at {SPEC_DATA}")
needs_vectors = pytest.mark.skipif(not VECTORS.is_dir(), reason=f"no test vectors at {VECTORS}")


@functools.cache
def spec_data(name: str) -> Any:
    """Return the parsed ``name.json`` of the specification's data folder; skip the test where it is absent."""
    path = SPEC_DATA / f"{name}.json"
    if not path.is_file():
        pytest.skip(f"no specification data at {path}")
    return json.loads(path.read_text())


@functools.cache
def spec_list(name: str, *keys: str) -> list[Any]:
    """Return a list inside ``name.json`` for parametrisation at collection time; empty where the file is absent."""
    path = SPEC_DATA / f"{name}.json"
    if not path.is_file():
        return []
    value = json.loads(path.read_text())
    for key in keys:
        value = value[key]
    return list(value)
