"""Comparing results: how far right decoders may be apart (section 12.6.6), and pictures sample by sample."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.picture.png_reader import read_png

__all__ = ["TOLERANCES", "allowed", "differences", "read_png"]

#: How much the float results of right decoders may differ, by stage (section 12.6.6); all other stages are equal.
TOLERANCES = {
    "psi": 5e-4, "prediction": 5e-4, "latents": 5e-4, "latents_scaled": 5e-4,
    "planes": 3e-3, "filter_input": 3e-3, "output": 5e-3,
    "efe_linear": 5e-3, "filter_EFElinear_alt": 5e-3, "eicci": 5e-3, "efe_nonlinear": 5e-3, "lef": 5e-3,
}  # fmt: skip


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
