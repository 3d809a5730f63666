"""The functions of the exact engine are those of the interpreter for all arguments, and near the true ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from jpegai.decoder.engines.exact import kernels, lines
from jpegai.decoder.engines.exact.functions import exp_negative, exp_tables
from tests.decoder import reference_exact
from tests.decoder.reference_exact import ONE

#: Every argument near 0, a sample of all, and the ends of the formats.
ARGUMENTS = np.unique(
    np.concatenate([
        np.arange(1 << 15),
        np.random.default_rng(1).integers(0, 24 * ONE, 1 << 15),
        np.array([1 << 29, 21 * ONE, 21 * ONE - 1]),
    ])
)
ARGUMENTS = np.unique(np.concatenate([-ARGUMENTS, ARGUMENTS]))


def by_kernel(loop: Callable[..., Any]) -> np.ndarray[Any, Any]:
    x = ARGUMENTS.astype(np.int32)[None, None]
    out = np.empty_like(x)
    loop(x, out, 0, exp_tables(), 0, 1)
    return out[0, 0].astype(np.int64)


def test_sigmoid() -> None:
    found = by_kernel(kernels.sigmoid)
    assert np.array_equal(found, reference_exact.sigmoid(ARGUMENTS))
    true = ONE / (1 + np.exp(np.minimum(-ARGUMENTS / ONE, 100)))
    assert np.abs(found - true).max() <= 0.5 + 1e-4
    # symmetric to the integer
    assert (found + found[::-1] == ONE).all()


def test_elu() -> None:
    found = by_kernel(lines.elu)
    true = np.where(ARGUMENTS < 0, ONE * np.expm1(np.minimum(ARGUMENTS, 0) / ONE), ARGUMENTS)
    assert np.abs(found - true).max() <= 0.5 + 1e-4
    assert (np.diff(found) >= 0).all()


@pytest.mark.parametrize("step", [1, 255, 65535, 65537])
def test_exponential(step: int) -> None:
    arguments = np.unique(np.concatenate([np.arange(0, 22 << 24, step)[: 1 << 9], [(21 << 24) - 1, 21 << 24]]))
    found = np.array([int(exp_negative(int(u), exp_tables())) for u in arguments])
    assert np.array_equal(found, reference_exact.exp_negative(arguments))
    # three roundings of products and entries
    assert np.abs(found - np.exp(-arguments / 2.0**24) * 2.0**30).max() <= 2.0
