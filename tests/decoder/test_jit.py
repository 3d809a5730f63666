"""Kernels: compiled by numba once, loaded without it afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from jpegai.decoder import compiler, jit
from tests.decoder.kernels import allocating, scaled, twice, waiting

DISABLED = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")


def test_arrays_numbers_and_tuples() -> None:
    a = np.arange(12, dtype=np.int16).reshape(3, 4)
    b = np.zeros((3, 4), np.float32)
    assert scaled(a, b, 7, np.float32(0.5), False) == (2 * 66, 7)
    assert np.array_equal(b, a / 2)
    scaled(a, b, 7, np.float32(0.5), True)
    assert b[0, 0] == -1


def test_strided_and_read_only_arrays() -> None:
    a = np.arange(48, dtype=np.int16).reshape(6, 8)[::2, 1::2]
    a.flags.writeable = False
    wide = np.zeros((3, 9), np.float32)
    scaled(a, wide[:, 2:6], 0, np.float32(1), False)
    assert np.array_equal(wide[:, 2:6], a)
    assert not wide[:, :2].any()
    assert not wide[:, 6:].any()


@pytest.mark.skipif(DISABLED, reason="nothing is compiled")
def test_what_needs_numba_at_run_time_is_not_stored_but_works() -> None:
    with pytest.raises(jit.CannotStore, match="allocating needs"):
        compiler.compile_kernel(allocating.function, ("int",))  # type: ignore[attr-defined]
    assert allocating(5) == 5


@pytest.mark.skipif(DISABLED, reason="nothing is compiled")
def test_types_that_no_kernel_takes() -> None:
    with pytest.raises(TypeError, match="takes no str"):
        twice("two")


@pytest.mark.skipif(DISABLED, reason="plain Python holds the lock")
def test_kernels_release_the_interpreter_lock() -> None:
    out = np.array([10, 0])
    waiting(out)
    out[0] = 400_000_000
    worker = threading.Thread(target=waiting, args=(out,))
    begun = time.perf_counter()
    worker.start()
    ticks = 0
    while worker.is_alive():
        time.sleep(0.001)
        ticks += 1
    assert ticks > 5, f"{time.perf_counter() - begun:.2f} s"


START = """
import sys
import numpy as np
from tests.decoder.kernels import scaled
b = np.zeros((2, 2), np.float32)
total, count = scaled(np.ones((2, 2), np.int16), b, 3, np.float32(2), False)
print(int(total), count, b.sum(), "numba" in sys.modules)
"""


def start(cache: Path, **environment: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", START], check=True, capture_output=True, text=True,
        cwd=Path(__file__).resolve().parents[2], env={**os.environ, "JPEGAI_CACHE": str(cache), **environment},
    ).stdout.strip()  # fmt: skip


@pytest.mark.skipif(DISABLED, reason="nothing is compiled")
def test_second_start_needs_no_numba(tmp_path: Path) -> None:
    assert start(tmp_path) == "8 3 8.0 True"
    assert start(tmp_path) == "8 3 8.0 False"
    assert start(tmp_path, NUMBA_CPU_NAME="generic") == "8 3 8.0 True", "made for another processor"
    for path in (tmp_path / "kernels").iterdir():
        path.write_bytes(path.read_bytes()[:-9])
    assert start(tmp_path) == "8 3 8.0 True"
    assert start(tmp_path, NUMBA_DISABLE_JIT="1") == "8 3 8.0 False"
