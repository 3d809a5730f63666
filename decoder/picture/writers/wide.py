"""Samples of 9 to 15 bits in formats that know 16 only: the high bits are repeated below (section 10.10.4)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.jit import kernel

__all__ = ["widened"]


@kernel
def _widen(samples: NDArray[Any], up: int, down: int, swap: bool, out: NDArray[np.uint16]) -> None:
    for row in range(samples.shape[0]):
        for column in range(samples.shape[1]):
            value = np.uint32(samples[row, column])
            value = (value << np.uint32(up) | value >> np.uint32(down)) & np.uint32(0xFFFF)
            if swap:
                value = (value << np.uint32(8) | value >> np.uint32(8)) & np.uint32(0xFFFF)
            out[row, column] = value


def widened(rgb: NDArray[Any], depth: int, *, big_endian: bool = False) -> NDArray[Any]:
    """Return samples of `depth` bits as those of 8 or 16 bits: 0 stays 0, the largest becomes the largest.

    Args:
        rgb: (H, W, 3) uint8 for a depth of 8, else uint16.
        depth: 8..16.
        big_endian: swap the bytes of 16-bit samples for a file that wants them so.
    """
    if depth == 8:
        return rgb
    rows = rgb.reshape(len(rgb), -1)
    out = np.empty(rows.shape, np.uint16)
    _widen(rows, 16 - depth, 2 * depth - 16, big_endian and np.little_endian, out)
    return out.reshape(rgb.shape)
