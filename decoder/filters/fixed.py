"""The filters on fixed point: what their loops compute with, and how sums become samples.

The loops are the same for float32 planes and for those of the exact engine (int32, `FRACTION` fraction bits). For the
latter their working numbers are float64, and each of them is an integer below 2^53, or quarters of one below 2^51:
such sums and products are exact, so neither their order nor the instructions used can matter. `settle` rounds them to
samples. LEF has a loop of its own for int32, as float32 luma is brought to 0..1 first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.engines.formats import ONE, PLANE_LIMIT
from jpegai.decoder.engines.rounding import shifted
from jpegai.decoder.filters.planes import Samples
from jpegai.decoder.jit import kernel

__all__ = ["WHITE", "Sums", "is_fixed", "settle", "working"]

#: What the loops compute with: float32, or float64 that holds integers.
Sums = NDArray[Any]

#: The greatest sample of a picture, 255.
WHITE = 255 * ONE


def is_fixed(plane: Samples) -> bool:
    """Return whether a plane is one of the exact engine."""
    return plane.dtype == np.int32


def working(plane: Samples) -> type[np.floating[Any]]:
    """Return the type of the numbers that the loops compute with for planes like this one."""
    return np.float64 if is_fixed(plane) else np.float32


@kernel
def settle(totals: Sums, out: Samples, factor: int, bits: int) -> int:
    """Write a row of samples: totals * factor / 2^bits, rounded half to even; return how many the format cut."""
    cut = 0
    for t in range(out.size):
        value = shifted(np.int64(totals[t] * factor), bits)
        kept = min(max(value, -PLANE_LIMIT), PLANE_LIMIT)
        cut += 1 if kept != value else 0
        out[t] = kept
    return cut
