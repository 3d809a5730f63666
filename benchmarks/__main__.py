"""`make bench`: run the measurements, all or those named: ``make bench ARGS="decode process"``."""

from __future__ import annotations

import os
import platform
import sys

from benchmarks import decode, entropy, exact, filters, memory, networks, pictures, prediction, process, windows

SECTIONS = {
    "entropy": entropy.run,
    "networks": networks.run,
    "decode": decode.run,
    "exact": exact.run,
    "filters": filters.run,
    "memory": memory.run,
    "pictures": pictures.run,
    "prediction": prediction.run,
    "process": process.run,
    "windows": windows.run,
}


def machine() -> str:
    """Name the processor, as far as the system tells."""
    try:
        with open("/proc/cpuinfo") as file:
            model = next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    return f"{model}, {len(os.sched_getaffinity(0))} CPUs, Python {platform.python_version()}"


def main(names: list[str]) -> int:
    """Run the sections named, or all."""
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        print(f"no section {', '.join(unknown)}; there are {', '.join(SECTIONS)}", file=sys.stderr)
        return 2
    print(machine())
    for name in names or SECTIONS:
        print(f"\n== {name}")
        SECTIONS[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
