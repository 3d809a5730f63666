"""Decode streams with the exact engine and print the sha256 of every stage: a process of its own for every setting.

    python -m tests.decoder.exact_hashes [--threads N] [--bands] [--blas PATH|integers] MODELS:PATH[:TRANSFORM] ...

Prints one JSON object: the settings that were in effect, and the hashes by stream and stage.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

from jpegai.decoder import Decoder
from jpegai.decoder.canonical import canonical, sha256
from jpegai.decoder.engines import product
from jpegai.decoder.engines.exact import kernels
from jpegai.decoder.jit import Kernel
from jpegai.decoder.recorder import Dump
from tests.decoder import exact_blas
from tests.decoder.exact_pieces import pieces
from tests.streams import VectorStream

ROOT = Path(__file__).resolve().parents[2]


def stage_hashes(dump: Dump) -> dict[str, str]:
    """Return the sha256 of what was kept, in canonical form."""
    bits = dump.fraction_bits
    return {name: sha256(canonical(name, array, bits.get(name))) for name, array in dump.results.items()}


def argument(stream: VectorStream, transform: str | None = None) -> str:
    """Return a stream as the command line names it."""
    return ":".join([stream.models, str(stream.path), *([transform] if transform else [])])


def hashes_of(arguments: Sequence[str], threads: int | None = None) -> dict[str, dict[str, str]]:
    """Return the hashes of streams given as on the command line, with values that were cut as a stage of their own."""
    decoders: dict[str, Decoder] = {}
    found = {}
    for each in arguments:
        models, path, transform = (*each.split(":"), None)[:3]
        assert models is not None
        decoder = decoders.setdefault(models, Decoder(models, engine="exact", threads=threads))
        dump = Dump()
        assert path is not None
        decoder.record(path, dump, transform=transform)
        found[each] = stage_hashes(dump) | {"cut": json.dumps(dict(dump.saturations.counts))}
    return found


def in_a_process(options: Sequence[str], environment: Mapping[str, str] | None = None, timeout: float = 900) -> Any:
    """Run this module with options in a process of its own; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.decoder.exact_hashes", *options],
        env={**os.environ, **(environment or {})}, cwd=ROOT, capture_output=True, text=True, timeout=timeout,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def _multiplier(name: str | None) -> contextlib.AbstractContextManager[None]:
    if name is None:
        return contextlib.nullcontext()
    make = exact_blas.MULTIPLIERS.get(name)
    return product.use(make() if make else exact_blas.fortran(name))


def main() -> int:
    """Print the hashes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int)
    parser.add_argument("--bands", action="store_true", help="other bands and blocks of products")
    parser.add_argument("--blas")
    parser.add_argument("streams", nargs="+")
    options = parser.parse_args()
    if options.bands:
        for each in pieces(rows=12, columns=48, narrow=16, laid_out=1 << 14, sums=1 << 14):
            setattr(*each)
    with _multiplier(options.blas):
        found = hashes_of(options.streams, options.threads)
    features = [name for name, there in np._core._multiarray_umath.__cpu_features__.items() if there]
    blas = [each for each in threadpool_info() if each["user_api"] == "blas"]
    compiled = isinstance(kernels.sigmoid, Kernel)
    print(json.dumps({"features": features, "blas": blas, "compiled": compiled, "hashes": found}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
