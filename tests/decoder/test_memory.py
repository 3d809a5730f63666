"""Memory of whole pictures: what the runtime keeps between its tensors is bounded."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.memory import AIM, in_process, write
from jpegai.decoder.decoder import ENGINES
from tests.vectors import needs_spec


@needs_spec
@pytest.mark.skipif(sys.platform != "linux", reason="the measurement reads /proc")
@pytest.mark.parametrize("engine", ENGINES)
def test_bytes_per_pixel_of_a_whole_picture(tmp_path: Path, engine: str) -> None:
    """BOP at once on 1100 x 1100; the odd sizes of its tensors would leave gaps in an arena of many pieces."""
    small, large = (write(tmp_path, size, size, "bop") for size in (64, 1100))
    found = in_process(large, small, "bop", 0, engine)
    assert (found["pixels"], found["bands"]) == (1100**2, 1)
    assert found["peak"] <= AIM * found["pixels"]
    assert found["peak"] <= found["estimate"]
