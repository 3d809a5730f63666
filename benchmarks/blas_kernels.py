"""Decode a few streams with every kernel of OpenBLAS that this processor can run, and compare the hashes of all stages.

    python -m benchmarks.blas_kernels [MODELS:PATH[:TRANSFORM] ...]

Each core type is set for a process of its own alone, and threadpoolctl says there which one is in use: OpenBLAS takes a
related one where its build lacks that of the name.
"""

from __future__ import annotations

import os
import platform
import sys
import time

from benchmarks.__main__ import machine
from tests.decoder.exact_hashes import in_a_process
from tests.decoder.test_exact_machines import arguments

#: Core types of the builds of OpenBLAS that NumPy comes with, by machine, with the CPU flag that each needs.
_CORES = {
    "x86_64": {
        "Prescott": "pni", "Core2": "ssse3", "Penryn": "sse4_1", "Dunnington": "sse4_1", "Atom": "ssse3",
        "Nehalem": "sse4_2", "Athlon": "sse2", "Opteron": "sse2", "Opteron_SSE3": "pni", "Barcelona": "pni",
        "Bobcat": "ssse3", "Sandybridge": "avx", "Bulldozer": "fma4", "Piledriver": "fma4", "Steamroller": "fma4",
        "Excavator": "fma4", "Haswell": "avx2", "Zen": "avx2", "SkylakeX": "avx512bw", "Cooperlake": "avx512_bf16",
        "Sapphirerapids": "amx_tile",
    },
    "aarch64": {
        "ARMV8": "asimd", "CORTEXA53": "asimd", "CORTEXA57": "asimd", "CORTEXA72": "asimd", "CORTEXA73": "asimd",
        "THUNDERX": "asimd", "THUNDERX2T99": "asimd", "NEOVERSEN1": "asimd", "NEOVERSEV1": "sve", "NEOVERSEN2": "sve",
        "ARMV8SVE": "sve",
    },
}  # fmt: skip


def flags() -> set[str]:
    """Return the flags of the processor."""
    with open("/proc/cpuinfo") as file:
        line = next((line for line in file if line.startswith(("flags", "Features"))), ":")
    return set(line.partition(":")[2].split())


def main(streams: list[str]) -> int:
    """Print the table; return 1 when a hash differs."""
    print(machine())
    streams = streams or [*arguments(quick=True)]
    print(f"{len(streams)} decodes, hashes of all stages:", *streams, sep="\n  ")
    own = {name: value for name, value in os.environ.items() if name.startswith("OPENBLAS_")}
    expected = in_a_process(["--threads", "1", *streams])
    here = [each["architecture"] for each in expected["blas"] if each["internal_api"] == "openblas"]
    print(f"without a setting{f' but {own}' if own else ''}: {', '.join(here) or 'no OpenBLAS'}")
    stages = sum(map(len, expected["hashes"].values()))
    bad = 0
    for core, flag in _CORES.get(platform.machine(), {}).items():
        if flag not in flags():
            print(f"{core:16} this processor has no {flag}")
            continue
        start = time.perf_counter()
        found = in_a_process(["--threads", "1", *streams], {"OPENBLAS_CORETYPE": core})
        seconds = time.perf_counter() - start
        used = [each["architecture"] for each in found["blas"] if each["internal_api"] == "openblas"]
        differing = sum(
            found["hashes"][stream].get(stage) != value
            for stream, values in expected["hashes"].items()
            for stage, value in values.items()
        )
        bad += bool(differing)
        print(
            f"{core:16} in use: {', '.join(used):16} {stages - differing} of {stages} hashes equal, {seconds:.1f} s",
            flush=True,
        )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
