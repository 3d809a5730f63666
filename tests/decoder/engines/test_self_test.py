"""The self-test of products: tiles that reach the bound, libraries that are not exact, verdicts that are kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from jpegai.codestream import UnsupportedError
from jpegai.decoder import cache
from jpegai.decoder.engines import product
from jpegai.decoder.engines.exact import ExactEngine, self_test
from jpegai.decoder.engines.exact.self_test import CASES, INTEGER_CASES, Case, SelfTest, tile
from jpegai.decoder.models import ModelStore
from jpegai.decoder.workers import Workers

Array = NDArray[Any]


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("JPEGAI_CACHE", str(tmp_path))
    self_test._verdict.cache_clear()
    yield
    self_test._verdict.cache_clear()


@pytest.mark.parametrize("case", [*CASES, *INTEGER_CASES], ids=lambda case: case.name)
def test_partial_sums_of_tiles_reach_the_limit_and_never_leave_it(case: Case) -> None:
    matrices, columns = tile(case)
    assert matrices.shape == (case.groups, case.results, case.taps)
    assert columns.shape == (case.groups, case.rows, case.taps, case.columns)
    for group, row in np.ndindex(case.groups, case.rows):
        products = matrices[group].astype(object)[:, :, None] * columns[group, row].astype(object)
        positive = np.where(products > 0, products, 0).sum(axis=1)
        negative = -np.where(products < 0, products, 0).sum(axis=1)
        # whatever the order, a partial sum lies between -negative and positive
        assert positive.max() == negative.max() == case.limit
        odd = sum(int(total) % 2 for total in (positive - negative).ravel())
        assert 0 < odd < positive.size


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_this_library_is_exact(threads: int) -> None:
    assert self_test.self_test(threads) == SelfTest(self_test.library(), threads, ())
    assert f"NumPy {np.__version__}" in self_test.library()


def dropping_a_bit(matrices: Array, columns: Array, out: Array) -> None:
    np.matmul(matrices[:, None], columns, out=out)
    out -= out % 2


def in_float32(matrices: Array, columns: Array, out: Array) -> None:
    out[:] = np.matmul(matrices[:, None].astype(np.float32), columns.astype(np.float32))


def by_differences(matrices: Array, columns: Array, out: Array) -> None:
    """Sums of a product that has been shifted by a constant, as fast multiplications make them."""
    shift = np.float64(1 << 30)
    out[:] = np.matmul(matrices[:, None], columns + shift) - shift * matrices.sum(axis=-1)[:, None, :, None]


def saturating(matrices: Array, columns: Array, out: Array) -> None:
    np.matmul(matrices[:, None], columns, out=out)
    np.clip(out, 1 - 2.0**53, 2.0**53 - 1, out=out)


def backwards(matrices: Array, columns: Array, out: Array) -> None:
    np.matmul(np.ascontiguousarray(matrices[:, None, :, ::-1]), np.ascontiguousarray(columns[:, :, ::-1]), out=out)


@pytest.mark.parametrize("multiply", [dropping_a_bit, in_float32, by_differences, saturating])
def test_what_is_not_exact_fails_and_is_refused(multiply: product.Products) -> None:
    with product.use(multiply):
        verdict = self_test.self_test(1)
        assert not verdict.exact
        assert set(verdict.failed) <= {case.name for case in CASES}
        engine = ExactEngine(ModelStore.open("analytic"), Workers(1))
        with pytest.raises(UnsupportedError, match=r"BLAS library does not multiply exactly.*found NumPy.*1 threads"):
            engine.network("eicci_Y", 0, "bop")
    assert ExactEngine(ModelStore.open("analytic"), Workers(1)).network("eicci_Y", 0, "bop").exact


def test_any_order_of_sums_passes() -> None:
    with product.use(backwards):
        assert self_test.self_test(1).exact


def test_verdicts_are_kept_by_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    self_test.require_exact_products(1)
    monkeypatch.setattr(self_test, "self_test", lambda threads: 1 / 0)
    self_test.require_exact_products(1)
    self_test._verdict.cache_clear()
    self_test.require_exact_products(1)
    with pytest.raises(ZeroDivisionError):
        self_test.require_exact_products(2)
    monkeypatch.setattr(self_test, "library", lambda: "another build")
    self_test._verdict.cache_clear()
    with pytest.raises(ZeroDivisionError):
        self_test.require_exact_products(1)


def test_a_verdict_of_the_cache_counts() -> None:
    cache.store("self-tests", self_test._key(1), json.dumps(["pointwise"]).encode())
    with pytest.raises(UnsupportedError, match="exact up to 2\\^53 in: pointwise"):
        self_test.require_exact_products(1)


def test_what_stands_in_for_the_library_leaves_no_verdict_behind(tmp_path: Path) -> None:
    with product.use(dropping_a_bit), pytest.raises(UnsupportedError):
        self_test.require_exact_products(1)
    assert not (tmp_path / "self-tests").exists()
