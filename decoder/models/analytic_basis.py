"""What all analytic models are made of: cosine bases, zones of coefficients, steps, rounding (21.1).

Names are those of chapter 21: `C16` and `C8` are C_16 and C_8, `T` the halves of 16-point basis functions in the
8-point DCT, `round_to` is R. The last index of a zone array is (u, v): vertical, then horizontal frequency.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "C8",
    "C16",
    "CHROMA_STEP",
    "LUMA_STEP",
    "NEIGHBOURS",
    "SHRINKAGE",
    "Z16",
    "Z18",
    "Z48",
    "ZC",
    "ZY",
    "Array",
    "Fill",
    "Fills",
    "T",
    "radius",
    "round_to",
    "zone",
]

Array = NDArray[np.float64]
Fill = Callable[[Array], None]
"""Writes the elements of one tensor that the formulas name into an array of zeros (or of the default, 21.1.3)."""
Fills = Mapping[str, Fill]
"""The tensors of one file that are not left at their default."""

LUMA_STEP = (112, 56, 28, 14)
"""Δ by model index, in 8-bit sample units (21.1.1)."""
CHROMA_STEP = (168, 84, 42, 21)
"""Δc by model index."""
SHRINKAGE = (0.030, 0.019, 0.0103, 0.0047)
"""LIN by model index (21.6)."""
NEIGHBOURS = tuple(product((0, 1), (0, 1)))
"""The pairs (a, b) of vertical and horizontal halves."""


def round_to(values: NDArray[Any], bits: int) -> Array:
    """R(x, k): the nearest multiple of 2^-bits, half to even, without negative zeros (21.1.2)."""
    rounded: Array = np.rint(np.ldexp(values, bits))
    return np.ldexp(rounded, -bits) + 0.0


def _dct(size: int) -> Array:
    """C_N[k, n] (21.1.2)."""
    k, n = np.arange(size)[:, None], np.arange(size)
    matrix: Array = np.sqrt(2 / size) * np.cos((2 * n + 1) * k * np.pi / (2 * size))
    matrix[0] = np.sqrt(1 / size)
    return matrix


def zone(count: int, size: int) -> NDArray[np.int64]:
    """Return the `count` lowest frequencies below `size` as an array (count, 2) of (u, v) (21.1.2)."""
    pairs = sorted(product(range(size), repeat=2), key=lambda uv: (uv[0] ** 1.5 + uv[1] ** 1.5, max(uv), uv[0]))
    return np.array(pairs[:count], np.int64)


def radius(pairs: NDArray[np.int64]) -> Array:
    """r(u, v) of every pair."""
    distance: Array = np.hypot(pairs[:, 0], pairs[:, 1])
    return distance


C16 = _dct(16)
C8 = _dct(8)
T: Array = np.einsum("uai,pi->aup", C16.reshape(16, 2, 8), C8)

ZY = zone(160, 16)
ZC = zone(48, 16)
Z48 = zone(48, 8)
Z18 = zone(18, 8)
Z16 = np.array(list(product(range(4), repeat=2)), np.int64)
