"""Whole processes: what a user waits for."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from jpegai.conformance_streams import STREAMS
from tests.command import COMMAND
from tests.vectors import VECTORS


def _seconds(arguments: list[str], environment: dict[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run([*COMMAND, *arguments], check=True, env=environment, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def run(repeats: int = 10) -> None:
    """Print the median time of `inspect` and `decode` as whole processes, and the first start ever."""
    # an installed package has its byte code beside it; a checkout must be allowed to write it
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    times = [_seconds(["inspect", str(STREAMS[-1].path)], environment) for _ in range(repeats + 1)][1:]
    print(f"inspect {STREAMS[-1].file}: median {statistics.median(times):.3f} s, {min(times):.3f}..{max(times):.3f}")
    path = VECTORS / "perf" / "base_astronaut_512x384.jai"
    if not path.is_file():
        print("no timing streams: decode skipped")
        return
    with tempfile.TemporaryDirectory() as folder:
        environment["JPEGAI_CACHE"] = str(Path(folder) / "cache")
        arguments = ["decode", str(path), str(Path(folder) / "out.png"), "--models", "test"]
        first = _seconds(arguments, environment)
        times = [_seconds(arguments, environment) for _ in range(repeats)]
    print(
        f"decode {path.stem}: median {statistics.median(times):.3f} s, {min(times):.3f}..{max(times):.3f}; "
        f"first start ever (empty caches): {first:.2f} s"
    )
