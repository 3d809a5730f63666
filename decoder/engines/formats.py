"""Fixed point: what the integers of the exact engine stand for.

Every array of the exact engine is int32 and carries `FRACTION` fraction bits: the integer n stands for n / 2^16.
Tensors differ in their range alone. Values are rounded half to even wherever bits are dropped. What leaves a range is
cut to it, and counted: a picture with such values is not what the networks meant.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["EXACT_PRODUCT", "FRACTION", "FRACTION_BITS", "LATENT_LIMIT", "ONE", "PLANE_LIMIT", "Fixed", "Saturations"]

Fixed = NDArray[np.int32]

#: Fraction bits of every fixed-point array.
FRACTION = 16
#: The integer that stands for 1.
ONE = 1 << FRACTION
#: Integers, and with them sums and products of integers in any order, are exact in float64 up to here.
EXACT_PRODUCT = 1 << 53
#: Largest magnitude of a latent, of a residual and of a prediction: +-8192.
LATENT_LIMIT = (1 << (13 + FRACTION)) - 1
#: Largest magnitude of a sample of a plane on 0..255: filters may leave 0..255, and are cut at +-16384.
PLANE_LIMIT = (1 << (14 + FRACTION)) - 1

#: Fraction bits of the results of a decode that are fixed point, by stage; all others are the same in every engine.
FRACTION_BITS: Mapping[str, int] = dict.fromkeys(
    (
        "psi", "prediction", "latents", "latents_scaled", "planes", "filter_input", "efe_linear",
        "filter_EFElinear_alt", "eicci", "efe_nonlinear", "lef", "output",
    ),
    FRACTION,
)  # fmt: skip


class Saturations:
    """Counts the values that were cut because a fixed-point format ends, by tensor; thread-safe.

    Limits that the codestream format itself defines (clips of the networks and filters) are none of these.
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, tensor: str, count: int) -> None:
        """Count `count` values of a tensor."""
        if count:
            with self._lock:
                self._counts[tensor] += count

    @property
    def counts(self) -> Mapping[str, int]:
        """The tensors with values that were cut, and how many."""
        with self._lock:
            return dict(self._counts)
