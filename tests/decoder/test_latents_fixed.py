"""Latents in fixed point (sections 05.10, 05.11, 06.7): rounded, added and scaled in integers."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jpegai.decoder.engines.formats import LATENT_LIMIT, ONE, Saturations
from jpegai.decoder.engines.saturation import saturate, to_latents
from jpegai.decoder.entropy.scaling import MODELS, BiasScaling
from jpegai.decoder.geometry import Area, Span
from jpegai.decoder.latents import add_psi, context_latents, merge_phases
from jpegai.decoder.workers import Workers
from tests.decoder.entropy.test_scales import CASES, Case, seed
from tests.vectors import needs_spec

WORKERS = Workers(1)


def latents(rng: np.random.Generator, *shape: int, limit: int = LATENT_LIMIT) -> np.ndarray:
    return rng.integers(-limit, limit + 1, shape).astype(np.int32)


# -- rounding -----------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=30))
def test_residual_is_rounded_once(values: list[float]) -> None:
    counts = Saturations()
    found = to_latents(np.array(values, np.float32).reshape(1, 1, -1), counts, WORKERS)
    exact = [10**9 * (1 if x > 0 else -1) if np.isinf(x) else round(Fraction(x) * ONE) for x in values]
    assert found.dtype == np.int32
    assert found.ravel().tolist() == [min(max(x, -LATENT_LIMIT), LATENT_LIMIT) for x in exact]
    cut = sum(abs(x) > LATENT_LIMIT for x in exact)
    assert counts.counts == ({"latents": cut} if cut else {})


def test_halves_and_limits() -> None:
    values = [0.5, 1.5, -0.5, -1.5, -2.5, LATENT_LIMIT + 0.25, LATENT_LIMIT + 0.75, -(2.0**29)]
    counts = Saturations()
    # the large ones are no float32: their neighbours are
    found = to_latents((np.array(values) / ONE).astype(np.float32).reshape(1, 2, 4), counts, WORKERS)
    assert found.ravel().tolist() == [0, 2, 0, -2, -2, LATENT_LIMIT, LATENT_LIMIT, -LATENT_LIMIT]
    assert counts.counts == {"latents": 3}


@pytest.mark.parametrize("threads", [1, 2])
def test_saturation_of_a_part(threads: int) -> None:
    values = latents(np.random.default_rng(3), 40, 60, 70, limit=1000)
    part = np.s_[:, 3:50, 5:66]
    expected = values.copy()
    expected[part] = np.clip(expected[part], -700, 700)
    counts = Saturations()
    cut = int((np.abs(values[part]) > 700).sum())
    saturate(values[part], 700, "made", counts, Workers(threads))
    assert np.array_equal(values, expected)
    assert counts.counts == {"made": cut}
    assert cut > 10000


# -- context model ------------------------------------------------------------------------------------------------


def predict(*inputs: np.ndarray) -> np.ndarray:
    """Any function of integers, which depends on all it is given."""
    known, own = (inputs[0], inputs[1]) if len(inputs) == 2 else (np.zeros_like(inputs[0]), inputs[0])
    near = np.roll(known, 1, axis=1).astype(np.int64).sum(axis=0) >> 2
    return np.clip(own + near, -LATENT_LIMIT, LATENT_LIMIT).astype(np.int32)


def plainly(residual: np.ndarray, psi: np.ndarray, network: Callable[..., np.ndarray]) -> tuple[np.ndarray, int]:
    """The context model with slices and 64-bit integers; latents and how many were cut."""
    channels, height, width = residual.shape
    padded = np.zeros((channels, 2 * psi.shape[1], 2 * psi.shape[2]), np.int64)
    padded[:, :height, :width] = residual
    done: list[np.ndarray] = []
    cut = 0
    for phase, (dr, dc) in enumerate(((0, 0), (1, 1), (0, 1), (1, 0))):
        known = [np.concatenate(done).astype(np.int32)] if done else []
        total = padded[:, dr::2, dc::2] + network(*known, psi[phase * channels : (phase + 1) * channels])
        cut += int((np.abs(total) > LATENT_LIMIT).sum())
        done.append(np.clip(total, -LATENT_LIMIT, LATENT_LIMIT))
        padded[:, dr::2, dc::2] = done[-1]
    return padded[:, :height, :width], cut


@pytest.mark.parametrize("limit", [LATENT_LIMIT, 1 << 20])
@pytest.mark.parametrize(("height", "width"), [(4, 4), (5, 4), (4, 7), (7, 5), (1, 1), (2, 1)])
def test_context_model(height: int, width: int, limit: int) -> None:
    rng = np.random.default_rng(height)
    residual = latents(rng, 3, height, width, limit=limit)
    psi = latents(rng, 12, -(-height // 2), -(-width // 2), limit=limit)
    expected, cut = plainly(residual, psi, predict)
    out, counts, whole = np.empty_like(residual), Saturations(), Area.whole(height, width)
    predictions: list[np.ndarray] = []
    context_latents(residual, psi, [predict] * 4, whole, whole, out, Workers(2), predictions, counts)
    assert np.array_equal(out, expected)
    assert counts.counts == ({"latents": cut} if cut else {})
    assert cut == 0 or limit == LATENT_LIMIT
    assert cut > 0 or limit < LATENT_LIMIT or out.size < 12
    merged = merge_phases(predictions, height, width)
    assert merged.dtype == np.int32
    assert np.array_equal(np.clip(residual + merged, -LATENT_LIMIT, LATENT_LIMIT), out)


def test_window_and_paste() -> None:
    rng = np.random.default_rng(2)
    residual, psi = latents(rng, 2, 21, 30), latents(rng, 8, 11, 15)
    window, paste = Area(Span(4, 21), Span(6, 17)), Area(Span(5, 20), Span(6, 16))
    alone, _ = plainly(residual[window.index], psi[window.covered_by(2).index], predict)
    out, counts = np.zeros_like(residual), Saturations()
    context_latents(residual, psi, [predict] * 4, window, paste, out, Workers(2), saturations=counts)
    expected = np.zeros_like(residual)
    expected[paste.index] = alone[paste.within(window).index]
    assert np.array_equal(out, expected)


@pytest.mark.parametrize("threads", [1, 2])
def test_psi_is_added(threads: int) -> None:
    rng = np.random.default_rng(4)
    residual, psi = latents(rng, 96, 21, 31), latents(rng, 384, 11, 16)
    paste = Area(Span(1, 20), Span(3, 31))
    exact = residual.astype(np.int64)
    for phase, (dr, dc) in enumerate(((0, 0), (1, 1), (0, 1), (1, 0))):
        rows, columns = len(range(dr, 21, 2)), len(range(dc, 31, 2))
        exact[:, dr::2, dc::2] += psi[96 * phase : 96 * (phase + 1), :rows, :columns]
    expected = np.zeros_like(residual)
    expected[paste.index] = np.clip(exact, -LATENT_LIMIT, LATENT_LIMIT)[paste.index]
    out, counts = np.zeros_like(residual), Saturations()
    add_psi(residual, psi, paste, out, Workers(threads), counts)
    assert np.array_equal(out, expected)
    assert counts.counts == {"latents": int((np.abs(exact[paste.index]) > LATENT_LIMIT).sum())}
    assert counts.counts["latents"] > 1000


# -- LSBS ---------------------------------------------------------------------------------------------------------


def activity(rng: np.random.Generator, channels: int, height: int, width: int) -> np.ndarray:
    return rng.integers(1340, 1440, (channels, -(-height // 8), -(-width // 8))).astype(np.int16)


def scaled(value: int, residual: int, mean: int, part: int) -> int:
    return round(value + Fraction(mean * (value - residual) + part * residual, 8192))


@pytest.mark.parametrize("model", range(4))
@pytest.mark.parametrize("limit", [LATENT_LIMIT, 1 << 15])
def test_scaling_is_exact(model: int, limit: int) -> None:
    rng = np.random.default_rng(model)
    value, residual = (latents(rng, 2, 9, 17, limit=limit) for _ in range(2))
    levels = activity(rng, 2, 9, 17)
    residual[0] = value[0] // 2
    facts = MODELS[model]
    expected, cut = np.empty_like(value), 0
    for c, y, x in np.ndindex(value.shape):
        level = int(levels[c, y >> 3, x >> 3])
        group = (level > 1378) + (level > 1411)
        exact = scaled(int(value[c, y, x]), int(residual[c, y, x]), facts.bias_mean[group], facts.bias_residual[group])
        cut += abs(exact) > LATENT_LIMIT
        expected[c, y, x] = min(max(exact, -LATENT_LIMIT), LATENT_LIMIT)
    found, counts = value.copy(), Saturations()
    BiasScaling.of(model, levels).apply(found, residual, WORKERS, saturations=counts)
    assert np.array_equal(found, expected)
    assert counts.counts == ({"latents_scaled": cut} if cut else {})
    assert not np.array_equal(found, value)


@pytest.mark.parametrize("threads", [1, 2])
def test_scaling_of_an_area(threads: int) -> None:
    rng = np.random.default_rng(8)
    value, residual = latents(rng, 40, 50, 45, limit=1 << 28), latents(rng, 40, 50, 45)
    bias = BiasScaling.of(0, activity(rng, 40, 50, 45))
    whole, part, area = value.copy(), value.copy(), Area(Span(3, 41), Span(10, 39))
    bias.apply(whole, residual, WORKERS, saturations=Saturations())
    bias.apply(part, residual, Workers(threads), area, Saturations())
    expected = value.copy()
    expected[area.index] = whole[area.index]
    assert np.array_equal(part, expected)


@needs_spec
@pytest.mark.parametrize("facts", CASES, ids=seed)
def test_vectors_of_scaling(facts: dict[str, Any]) -> None:
    """As the vectors within what rounding gives, where the residual is in the range of latents."""
    case = Case(facts)
    residual = np.zeros(case.shape, np.float32)
    case.dequantiser(case.residual, Area.whole(*case.shape[1:]), residual, WORKERS)
    bias = BiasScaling.of(facts["model_id"], case.activity(WORKERS))
    expected = case.latents.copy()
    bias.apply(expected, residual, WORKERS)
    assert hashlib.sha256(expected.astype("<f4").tobytes()).hexdigest() == facts["sha256"]["lsbs_out_f32le"]
    counts = Saturations()
    rounded = to_latents(residual, counts, WORKERS)
    inside = np.abs(residual) < LATENT_LIMIT / ONE
    assert counts.counts.get("latents", 0) == np.count_nonzero(~inside)
    assert inside.mean() > 0.9
    found = to_latents(case.latents, counts, WORKERS)
    bias.apply(found, rounded, WORKERS, saturations=counts)
    apart = np.abs(found / ONE - expected.astype(np.float64))[inside]
    assert apart.max() <= 2**-9
    assert np.abs(case.latents - expected)[inside].max() > 2**-9, "scaling changes more than is allowed here"


# -- plain Python -------------------------------------------------------------------------------------------------


def digest() -> str:
    """What all kernels make of small latents."""
    rng, made, counts = np.random.default_rng(9), hashlib.sha256(), Saturations()
    residual = to_latents(rng.normal(0, 3000, (2, 5, 7)).astype(np.float32), counts, WORKERS)
    psi, whole, out = latents(rng, 8, 3, 4), Area.whole(5, 7), np.empty((2, 5, 7), np.int32)
    context_latents(residual, psi, [predict] * 4, whole, whole, out, WORKERS, saturations=counts)
    made.update(out.tobytes())
    BiasScaling.of(1, activity(rng, 2, 5, 7)).apply(out, residual, WORKERS, saturations=counts)
    made.update(out.tobytes())
    add_psi(residual, psi, whole, out, WORKERS, counts)
    made.update(out.tobytes())
    return f"{made.hexdigest()} {sorted(counts.counts.items())}"


def test_as_plain_python() -> None:
    """The same functions with NUMBA_DISABLE_JIT=1."""
    code = "from tests.decoder.test_latents_fixed import digest; print(digest())"
    root = Path(__file__).resolve().parents[2]
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], check=True, capture_output=True, text=True, cwd=root,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(root)},
    )  # fmt: skip
    assert found.stdout.strip() == digest()
    assert "latents" in found.stdout
