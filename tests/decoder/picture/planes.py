"""Planes of the generator of section 8.9.1, and the planes that vectors hold."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.picture.formats import Planes, chroma_shape

_BASE = {"Y": (40, 5, 3, 16, 160), "U": (90, 2, 1, 32, 70), "V": (100, 1, 3, 64, 60)}


def plane(seed: int, height: int, width: int, kind: str) -> NDArray[np.float32]:
    """(height, width) float32 on 0..255."""
    noise, state = [], seed
    for _ in range(height * width):
        state = (1664525 * state + 1013904223) % 2**32
        noise.append(state >> 8)
    first, across, down, mixed, modulus = _BASE[kind]
    y, x = np.mgrid[:height, :width]
    base = first + (across * x + down * y + x * y // mixed) % modulus
    return ((256 * base + (np.array(noise).reshape(height, width) >> 12)) / 256).astype(np.float32)


def wide_planes(height: int, width: int, chroma: str = "444") -> Planes:
    """The input of the vectors of output: chroma is stretched to leave the gamut now and then."""
    size = chroma_shape(chroma, height, width)
    u, v = (plane(31 + k, *size, kind) for k, kind in enumerate("UV"))
    half = np.float32(127.5)
    return plane(30, height, width, "Y"), (u - half) * 2 + half, (v - half) * 2 + half


def floats(entry: dict[str, Any]) -> NDArray[np.float32]:
    """The array of a vector."""
    return np.frombuffer(base64.b64decode(entry["f32le_base64"]), "<f4").reshape(entry["shape"])
