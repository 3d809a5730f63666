"""When two pictures count as the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.picture.compare import allowed, differences


def close(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> bool:
    """Whether two float32 decodes agree within section 12.6.6."""
    largest, count = differences(a, b)
    return largest <= 1 and count <= allowed(a.size)
