"""Phases of the context model and the chroma addition (section 06.7)."""

from __future__ import annotations

import numpy as np
import pytest

from jpegai.decoder.geometry import Area, Span
from jpegai.decoder.latents import add_psi, context_latents, merge_phases
from jpegai.decoder.workers import Workers

#: Phase of each latent of a 4x4 area, row by row (06.7.1).
ORDER = ["0202", "3131", "0202", "3131"]


@pytest.mark.parametrize("threads", [1, 2])
def test_phase_order_is_that_of_the_table(threads: int) -> None:
    parts = [np.full((1, 2, 2), phase, np.float32) for phase in range(4)]
    merged = merge_phases(parts, 4, 4)[0].astype(int)
    assert ["".join(map(str, row)) for row in merged] == ORDER
    psi = np.repeat(np.arange(4, dtype=np.float32), 3)[:, None, None] * np.ones((12, 2, 2), np.float32)
    out = np.empty((3, 4, 4), np.float32)
    add_psi(np.zeros((3, 4, 4), np.float32), psi, Area.whole(4, 4), out, Workers(threads))
    assert ["".join(map(str, row)) for row in out[2].astype(int)] == ORDER


@pytest.mark.parametrize(("height", "width"), [(4, 4), (5, 4), (4, 7), (7, 5), (1, 1), (2, 1)])
def test_padding_feeds_later_phases_and_is_dropped(height: int, width: int) -> None:
    """A context model written plainly with slices is the reference."""
    rng = np.random.default_rng(1)
    channels, rows, columns = 3, -(-height // 2), -(-width // 2)
    residual = rng.normal(size=(channels, height, width)).astype(np.float32)
    psi = rng.normal(size=(4 * channels, rows, columns)).astype(np.float32)

    def predict(*inputs: np.ndarray) -> np.ndarray:
        known, own = (inputs[0], inputs[1]) if len(inputs) == 2 else (np.zeros_like(inputs[0]), inputs[0])
        return (own + known.mean(axis=0) + np.roll(known, 1, axis=1).sum(axis=0)).astype(np.float32)

    padded = np.zeros((channels, 2 * rows, 2 * columns), np.float32)
    padded[:, :height, :width] = residual
    done: list[np.ndarray] = []
    expected = np.empty_like(padded)
    for phase, (dr, dc) in enumerate(((0, 0), (1, 1), (0, 1), (1, 0))):
        known = [np.concatenate(done)] if done else []
        mu = predict(*known, psi[phase * channels : (phase + 1) * channels])
        done.append(padded[:, dr::2, dc::2] + mu)
        expected[:, dr::2, dc::2] = done[-1]

    out = np.empty_like(residual)
    predictions: list[np.ndarray] = []
    whole = Area.whole(height, width)
    context_latents(residual, psi, [predict] * 4, whole, whole, out, Workers(2), predictions)
    assert np.array_equal(out, expected[:, :height, :width])
    assert np.allclose(out - residual, merge_phases(predictions, height, width), atol=1e-6)


def test_a_window_of_the_picture_is_read_and_a_part_of_it_pasted() -> None:
    rng = np.random.default_rng(2)
    residual = rng.normal(size=(2, 21, 30)).astype(np.float32)
    psi = rng.normal(size=(8, 11, 15)).astype(np.float32)
    window, paste = Area(Span(4, 21), Span(6, 17)), Area(Span(5, 20), Span(6, 16))

    def predict(*inputs: np.ndarray) -> np.ndarray:
        return inputs[-1] + (inputs[0].sum(axis=0) if len(inputs) == 2 else np.float32(0))

    alone = np.empty((2, *window.shape), np.float32)
    cells = psi[window.covered_by(2).index].copy()
    whole = Area.whole(*window.shape)
    context_latents(residual[window.index].copy(), cells, [predict] * 4, whole, whole, alone, Workers(1))
    out = np.zeros_like(residual)
    context_latents(residual, psi, [predict] * 4, window, paste, out, Workers(2))
    expected = np.zeros_like(residual)
    expected[paste.index] = alone[paste.within(window).index]
    assert np.array_equal(out, expected)

    added = np.zeros_like(residual)
    add_psi(residual, psi, paste, added, Workers(2))
    everywhere = np.empty_like(residual)
    add_psi(residual, psi, Area.whole(21, 30), everywhere, Workers(1))
    expected[paste.index] = everywhere[paste.index]
    assert np.array_equal(added, expected)
