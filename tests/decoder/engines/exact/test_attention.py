"""Sums over all positions: exact where a tile reaches their bound, and the same whatever the blocks are."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from jpegai.decoder.engines.exact import program
from jpegai.decoder.engines.exact.attention import Gram, Sums
from jpegai.decoder.engines.exact.ranges import RANGES
from jpegai.decoder.engines.exact.steps import Rows, Run
from jpegai.decoder.engines.formats import EXACT_PRODUCT, Saturations
from jpegai.decoder.workers import Workers
from tests.decoder.engines.exact.material import SMALL, cut_small, inputs, run
from tests.decoder.reference_exact import run_exact

HEADS, SHARE = 2, 3


def totals(gram: Gram, array: NDArray[np.int32], threads: int, bands: int) -> list[NDArray[np.float64]]:
    """Sums over all positions by the engine: products, squares of queries, squares of keys."""
    height, width = array.shape[1:]
    work = Run({"x": (height, width)}, Workers(threads), Saturations(), "")
    work.held["x"] = Rows(array, 0)
    sums = Sums(HEADS, SHARE)
    for band in range(bands):
        gram.add((height * band // bands, height * (band + 1) // bands), work, sums)
    return sums.totals()


def expected(array: NDArray[np.int32]) -> list[NDArray[np.float64]]:
    """The same in Python's integers, each rounded to float64 once."""
    parts = array[: 2 * HEADS * SHARE].reshape(2, HEADS, SHARE, -1).tolist()

    def dot(a: list[int], b: list[int]) -> float:
        return float(sum(x * y for x, y in zip(a, b, strict=True)))

    queries, keys = parts
    return [
        np.array([[[dot(a, b) for b in keys[head]] for a in queries[head]] for head in range(HEADS)]),
        *(np.array([[dot(a, a) for a in part[head]] for head in range(HEADS)]) for part in (queries, keys)),
    ]


@pytest.mark.parametrize("magnitude", [1 << 22, (1 << 22) - 1, 3 << 20, 1 << 24])
@pytest.mark.parametrize("kind", ["largest", "signs", "near"])
def test_tiles_that_reach_the_bound(magnitude: int, kind: str) -> None:
    gram = Gram("x", "sums", HEADS * SHARE, HEADS, magnitude)
    # one position more in a block could exceed the limit
    assert gram.positions * magnitude**2 <= EXACT_PRODUCT < (gram.positions + 1) * magnitude**2
    rng = np.random.default_rng(3)
    shape = 3 * HEADS * SHARE, 3, gram.positions + 7
    array = np.full(shape, magnitude, np.int32)
    if kind != "largest":
        array *= rng.choice((-1, 1), shape)
    if kind == "near":
        array -= np.sign(array) * rng.integers(0, 3, shape, dtype=np.int32)
    wanted = expected(array)
    assert max(float(each.max()) for each in wanted) > EXACT_PRODUCT
    for threads, bands in ((1, 1), (2, 3)):
        for found, value in zip(totals(gram, array, threads, bands), wanted, strict=True):
            assert np.array_equal(found, value)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 50), st.integers(1, 60), st.integers(1, 40), st.integers(1, 1 << 26), st.integers(0, 1 << 32))
def test_blocks_of_any_length(height: int, width: int, block: int, magnitude: int, seed: int) -> None:
    """Blocks shorter than they need to be, and a lowered limit, change nothing."""
    rng = np.random.default_rng(seed)
    array = rng.integers(-magnitude, magnitude, (3 * HEADS * SHARE, height, width), endpoint=True).astype(np.int32)
    wanted = expected(array)
    block = min(block, max(1, EXACT_PRODUCT // magnitude**2))
    for gram in (
        Gram("x", "sums", HEADS * SHARE, HEADS, magnitude, block=block),
        Gram("x", "sums", HEADS * SHARE, HEADS, magnitude, limit=max(magnitude**2, 1 << 30)),
    ):
        for found, value in zip(totals(gram, array, 2, min(3, height)), wanted, strict=True):
            assert np.array_equal(found, value)


@pytest.mark.parametrize("options", [{"block": 1}, {"block": 20}, {"limit": 1 << 52}, {"limit": 1 << 50}], ids=str)
@pytest.mark.parametrize("name", ["small_attentive", "small_halved"])
def test_networks_with_other_blocks(name: str, options: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    net, size = SMALL[name], (75, 50)
    monkeypatch.setitem(RANGES, name, {layer.output: 8 for layer in net.layers})  # type: ignore[arg-type]
    rng = np.random.default_rng(7)
    tensors = {key: rng.normal(0, 0.6, each.shape).astype(np.float32) for key, each in net.tensors().items()}
    given_ = inputs(net, size, 7, 0.02, 0.1)
    wanted, _ = run_exact(net, tensors, given_, size)
    assert np.ptp(wanted) > 0
    monkeypatch.setattr(program, "Gram", functools.partial(Gram, **options))
    assert np.array_equal(run(net, tensors, given_, size)[0], wanted)
    cut_small(monkeypatch)
    assert np.array_equal(run(net, tensors, given_, size, threads=2)[0], wanted)
