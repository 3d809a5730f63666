"""A test of the products that the exact engine stands on, at the very bound that its proof allows.

The proof says that sums of integers stay within 2^53, where float64 holds every one of them. That a library makes
each product and sum in float64, and not with fewer bits, in pieces or by differences, is not in the proof: it is tried
out, with tiles whose sums reach 2^53, on as many threads as the decode has. The verdict belongs to the library's
build, the processor's type and the number of threads, and is kept in the cache.
"""

from __future__ import annotations

import functools
import json
import platform
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream.errors import UnsupportedError
from jpegai.decoder import cache
from jpegai.decoder.engines import product as product_code
from jpegai.decoder.engines.formats import EXACT_PRODUCT
from jpegai.decoder.engines.product import NUMPY, Products, current, libraries, one_thread, product, products
from jpegai.decoder.workers import Workers

__all__ = [
    "CASES",
    "INTEGER_CASES",
    "Case",
    "SelfTest",
    "library",
    "measure",
    "require_exact_products",
    "self_test",
    "tile",
]

Float = NDArray[Any]
#: Rows and columns that differ in kind: 4 patterns of signs, and 3 sums or, of inputs, 2 kinds.
_PATTERNS = 12
#: How often a case is multiplied at most: once for each thread, on machines of usual size.
_REPEATED = 64
#: Largest magnitude of an input as a convolution reads it.
_INPUT = (1 << 26) - 1


@dataclass(frozen=True, slots=True)
class Case:
    """A class of products.

    Attributes:
        name: what the engines make with it.
        groups, rows, results, taps, columns: G, R, M, K and N of `jpegai.decoder.engines.product.products`.
        signed: inputs of both signs; else those of a layer behind a ReLU.
        step: row r of the stacks reads the inputs from r times this on; fewer than `taps` where they overlap.
        limit: what the sums reach.
    """

    name: str
    groups: int
    rows: int
    results: int
    taps: int
    columns: int
    signed: bool = True
    step: int = 1 << 16
    limit: int = EXACT_PRODUCT


#: Shapes of what the engines multiply: short and long, whole and with odd ends. The last ones are those of `product`.
CASES = (
    Case("dense rows", 1, 3, 24, 144, 40, step=48),
    Case("dense rows behind a ReLU", 1, 3, 24, 144, 40, signed=False, step=48),
    Case("dense block", 1, 1, 32, 288, 36),
    Case("pointwise", 1, 1, 48, 160, 48),
    Case("pointwise behind a ReLU", 1, 1, 48, 160, 48, signed=False),
    Case("transposed", 1, 1, 24, 512, 33),
    Case("grouped", 4, 1, 16, 72, 65),
    Case("single column", 1, 1, 31, 161, 1),
    Case("few columns", 5, 1, 7, 97, 5),
    Case("attention sum", 4, 1, 16, 1024, 16),
    Case("attention mix", 4, 1, 16, 32, 96),
)
INTEGER_CASES = (
    Case("integer layer in float32", 1, 1, 24, 160, 48, limit=1 << 24),
    Case("integer layer in float64", 1, 1, 24, 160, 48, signed=False),
)


@dataclass(frozen=True, slots=True)
class SelfTest:
    """What came out.

    Attributes:
        library: the build of BLAS, the processor's type as it sees it, and NumPy.
        threads: threads that multiplied at the same time.
        failed: names of the cases that were not exact.
    """

    library: str
    threads: int
    failed: tuple[str, ...]

    @property
    def exact(self) -> bool:
        """Whether all products were exact."""
        return not self.failed


def tile(case: Case) -> tuple[Float, Float]:
    """Return matrices (G, M, K) and columns (G, R, K, N) of integers whose partial sums reach the limit of a case.

    Signed: the sums of absolute products are the limit, or 1 or 2 less, and the inputs of some columns have the signs
    of the weights. Not signed: the positive products of a row are the limit and the negative ones are, so that partial
    sums climb to the limit and come back to a small number, if no bit is lost. All numbers but a few are odd.
    """
    single = case.limit < EXACT_PRODUCT
    largest = 127 if single else _INPUT
    rng = np.random.default_rng(case.taps)
    taps = np.arange(case.taps)
    period = min(case.step, case.taps // 2)
    small = taps % period < 2  # inputs of 1, whose weights make up what is missing to the limit
    weights = np.zeros((case.groups, case.results, case.taps), np.int64)
    for row in range(_PATTERNS):
        signs = _signs(row if case.signed else row % 2 + 2, taps, case.taps)
        mine = weights[:, row::_PATTERNS]
        for number, side in enumerate([signs != 0] if case.signed else [signs > 0, signs < 0]):
            large, (first, *rest) = np.flatnonzero(side & ~small), np.flatnonzero(side & small)
            share = case.limit // (largest * len(large))
            mine[..., large] = rng.integers(share // 2, share, (*mine.shape[:2], len(large))) | 1
            mine[..., rest] = 1
            missing = case.limit - (row + number) % 3 - largest * mine[..., large].sum(axis=-1) - len(rest)
            mine[..., first] = missing
        mine *= signs
    places = np.arange(case.taps + min(case.step, case.taps) * (case.rows - 1))
    magnitudes = np.where(places % period < 2, 1, largest)[:, None]
    inputs = np.empty((case.groups, len(places), case.columns), np.int64)
    for column in range(_PATTERNS):
        mine = inputs[..., column::_PATTERNS]
        mine[:] = magnitudes if column < 8 else np.minimum(magnitudes, rng.integers(0, largest, mine.shape) | 1)
        if case.signed:
            mine *= _signs(column, places, case.taps)[:, None]
    carrier = np.float32 if single else np.float64
    values, size = inputs.astype(carrier), np.dtype(carrier).itemsize
    columns = np.lib.stride_tricks.as_strided(
        values,
        (case.groups, case.rows, case.taps, case.columns),
        (values.strides[0], min(case.step, case.taps) * case.columns * size, case.columns * size, size),
    )
    return weights.astype(carrier), columns


def _signs(pattern: int, places: NDArray[np.int64], taps: int) -> NDArray[np.int64]:
    """Return signs: all positive, all negative, those of two halves, or in turn."""
    negative = (False, True, places % taps >= taps // 2, places % 2 == 1)[pattern % 4]
    return np.where(negative, -1, 1) * np.ones(len(places), np.int64)


def self_test(threads: int) -> SelfTest:
    """Multiply tiles at the bound with what does the products now, on so many threads at once; compare with int64."""
    cases = (*CASES, *INTEGER_CASES)
    tiles = {case: tile(case) for case in cases}
    right = {
        case: np.matmul(matrices.astype(np.int64)[:, None], columns.astype(np.int64))
        for case, (matrices, columns) in tiles.items()
    }
    alone = Workers(1)

    def exact(case: Case) -> bool:
        (matrices, columns), expected = tiles[case], right[case]
        if case in INTEGER_CASES:
            found = product(matrices[0], np.ascontiguousarray(columns[0, 0]), alone)[None, None]
        else:
            found = np.empty(expected.shape)
            products(matrices, columns, found)
        return np.array_equal(found, expected)

    runs = cases * min(threads, _REPEATED)
    with one_thread(), ThreadPoolExecutor(threads) as pool:
        verdicts = list(pool.map(exact, runs))
    failed = {case.name: None for case, verdict in zip(runs, verdicts, strict=True) if not verdict}
    return SelfTest(library(), threads, tuple(failed))


def library() -> str:
    """Return what names the library that multiplies: NumPy, builds of BLAS and the types of processor they see."""
    keys = "internal_api", "version", "architecture", "threading_layer"
    parts = (" ".join(str(entry[key]) for key in keys if key in entry) for entry in libraries())
    # a library that threadpoolctl does not know is one of the system, such as Accelerate
    found = sorted(parts) or [f"a library of {platform.system()} {platform.release()}"]
    return ", ".join([f"NumPy {np.__version__}", *found, platform.machine()])


def measure(threads: int) -> SelfTest:
    """Run the self-test and keep its verdict in the cache."""
    result = self_test(threads)
    if current() is NUMPY:
        cache.store("self-tests", _key(threads), json.dumps(result.failed).encode())
    return result


@functools.cache
def _verdict(multiply: Products, threads: int) -> SelfTest:
    """Return the verdict on what multiplies: of this process, else of the cache, else measured."""
    known = cache.load("self-tests", _key(threads)) if multiply is NUMPY else None
    if known is None:
        return measure(threads)
    return SelfTest(library(), threads, tuple(json.loads(bytes(known))))


def _key(threads: int) -> str:
    code = [Path(file).read_bytes() for file in (__file__, product_code.__file__)]
    files = [Path(entry["filepath"]).name for entry in libraries()]
    return cache.content_key(library(), str(threads), *files, *code)


def require_exact_products(threads: int) -> None:
    """Refuse a library that failed the self-test; it is run, some hundredths of a second, where it never was.

    Raises:
        UnsupportedError: the library and what failed are named.
    """
    verdict = _verdict(current(), threads)
    if not verdict.exact:
        raise UnsupportedError(
            "the BLAS library does not multiply exactly, so the exact engine cannot run (`--engine float32` can)",
            expected=f"sums exact up to 2^53 in: {', '.join(verdict.failed)}",
            found=f"{verdict.library}, {verdict.threads} threads",
        )
