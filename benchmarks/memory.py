"""Peak memory of decodes, each in a process of its own, and what bands cost.

The figure is the largest resident size (VmHWM) minus the resident size (VmRSS) after models and sessions are loaded and
used once, so it is what pictures of this size take.

    python -m benchmarks.memory STREAM SMALL TRANSFORM MEMORY ENGINE    MEMORY in bytes, 0: default
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIZES = ((1100, 1100), (2048, 1344))
TRANSFORMS = ("sop", "bop", "hop")
#: Bytes per pixel aimed at, for SOP and BOP.
AIM = 120


def status(name: str) -> int:
    """Return an entry of the process's status in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def measure(stream: str, small: str, transform: str, memory: int, engine: str) -> None:
    """Decode a small stream to load everything, then the stream; print time, peak and bands."""
    from jpegai.codestream import Codestream
    from jpegai.decoder import Decoder
    from jpegai.decoder.plan import make_plan

    decoder = Decoder("test", engine=engine, max_memory=memory or None)
    decoder.decode(small, transform=transform)
    loaded = status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM from now on
    start = time.perf_counter()
    picture = decoder.decode(stream, transform=transform)
    seconds = time.perf_counter() - start
    plan = make_plan(Codestream.open(stream), transform.upper(), max_memory=memory or None)
    print(
        json.dumps(
            {
                "pixels": picture.height * picture.width,
                "seconds": seconds,
                "peak": status("VmHWM") - loaded,
                "bands": len(plan.synthesis[0]),
                "estimate": plan.memory,
            }
        )
    )


def write(folder: Path, height: int, width: int, transform: str) -> str:
    """Write a stream of random symbols, all of the same model, without tiles; return its path."""
    from tests.writer import random_stream

    path = folder / f"{transform}_{height}x{width}.jai"
    path.write_bytes(random_stream(height, width, transform, "test", 1, extreme=False, model_id=1).data)
    return str(path)


def in_process(*arguments: object) -> dict[str, float]:
    """Return what `measure` prints in a fresh process."""
    # the first process compiles loops that the cache lacks, which takes memory of its own
    command = [sys.executable, "-m", "benchmarks.memory", *map(str, arguments)]
    runs = [subprocess.run(command, check=True, capture_output=True, text=True) for _ in range(2)]
    return dict(json.loads(runs[-1].stdout))


def run() -> None:
    """Print a row for each picture and transform: float32 whole, in bands where the transform allows them, and exact.

    SOP and BOP are to need `AIM` bytes per pixel at most, in bands or not; the exact engine is to need at most twice
    what float32 does.
    """
    print(f"{'':24}{'peak MiB':>10}{'bytes/px':>10}{'MiB/Mpx':>9}{'estimate':>10}{'bands':>7}{'seconds':>9}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for transform in TRANSFORMS:
            small = write(folder, 64, 64, transform)
            for height, width in SIZES:
                path = write(folder, height, width, transform)
                whole = in_process(path, small, transform, 0, "float32")
                _row(f"{transform} {height}x{width} float32", whole)
                if transform != "hop":
                    aim = AIM * height * width
                    memory = min(aim, int(whole["estimate"]) // 2)
                    _row("  in bands", in_process(path, small, transform, memory, "float32"))
                _row("  exact", in_process(path, small, transform, 0, "exact"))


def _row(name: str, found: dict[str, float]) -> None:
    pixels, peak = found["pixels"], found["peak"] / 2**20
    print(
        f"{name:24}{peak:10.1f}{found['peak'] / pixels:10.1f}{1e6 * peak / pixels:9.1f}"
        f"{found['estimate'] / 2**20:10.1f}{found['bands']:7.0f}{found['seconds']:9.2f}",
        flush=True,
    )


if __name__ == "__main__":
    measure(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5])
