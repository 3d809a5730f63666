"""Comparing pictures sample by sample."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.picture.png_reader import read_png

__all__ = ["allowed", "differences", "read_png"]


def differences(a: NDArray[Any], b: NDArray[Any]) -> tuple[int, int]:
    """Return the largest difference of two arrays of uint8 or uint16 samples and the number of samples that differ.

    Raises:
        ValueError: the shapes differ.
    """
    if a.shape != b.shape:
        raise ValueError(f"pictures of different shapes: {a.shape} and {b.shape}")
    distance = np.abs(a.astype(np.int32) - b)
    return int(distance.max(initial=0)), int(np.count_nonzero(distance))


def allowed(samples: int) -> int:
    """Return how many of `samples` samples may differ (by 1) between float32 decoders (section 12.6.6)."""
    return max(8, samples // 5000)
