"""When two pictures count as the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.picture.compare import allowed, differences


def close(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> bool:
    """Whether two float32 decodes agree within section 12.6.6."""
    largest, count = differences(a, b)
    return largest <= 1 and count <= allowed(a.size)


def near(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> bool:
    """Whether a picture of 8 bits by the exact engine and one by float32 agree: a step in two samples of a hundred."""
    largest, count = differences(a, b)
    return largest <= 1 and count <= a.size // 50
