"""Whole processes: what a user waits for."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from jpegai.codestream import Codestream, edits
from jpegai.conformance_streams import STREAMS
from tests.command import COMMAND
from tests.vectors import VECTORS

#: Runs a command in its own process and prints what it holds of anonymous memory at the end.
_ANONYMOUS = """
import sys
from jpegai.tools.cli import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print(next(line.strip() for line in open("/proc/self/status") if line.startswith("RssAnon")), file=sys.stderr)
"""


def _seconds(arguments: list[str], environment: dict[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run([*COMMAND, *arguments], check=True, env=environment, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def _large_user_data(environment: dict[str, str], megabytes: int = 100, repeats: int = 5) -> None:
    """Print the time and the anonymous memory of `inspect --json` of a stream with much user data."""
    stream = edits.set_user_data(Codestream.parse(STREAMS[0].read()), os.urandom(megabytes * 1_000_000))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.jai"
        path.write_bytes(stream.data)
        arguments = ["inspect", "--json", str(path)]
        times = [_seconds(arguments, environment) for _ in range(repeats + 1)][1:]
        report = subprocess.run(
            [sys.executable, "-c", _ANONYMOUS, *arguments], check=True, env=environment, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True,
        ).stderr  # fmt: skip
    print(f"inspect --json, {megabytes} MB of user data: median {statistics.median(times):.3f} s, {report.strip()}")


def run(repeats: int = 10) -> None:
    """Print the median time of `inspect` and `decode` as whole processes, and the first start ever."""
    # an installed package has its byte code beside it; a checkout must be allowed to write it
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    times = [_seconds(["inspect", str(STREAMS[-1].path)], environment) for _ in range(repeats + 1)][1:]
    print(f"inspect {STREAMS[-1].file}: median {statistics.median(times):.3f} s, {min(times):.3f}..{max(times):.3f}")
    _large_user_data(environment)
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
