"""Results as rectangles of samples: the channels of an array, the planes of a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.tools.dump_index import Entry, Geometry

__all__ = ["channels", "joined", "place", "shapes"]


def shapes(entry: Entry, geometry: Geometry | None) -> list[tuple[int, int]]:
    """Return rows and columns of every channel of a result; a result of one dimension is one row."""
    if entry.stage == "picture" and len(entry.shape) == 3:
        return [(entry.shape[0], entry.shape[1])] * entry.shape[2]
    if entry.stage == "picture" and geometry is not None:
        return geometry.shapes
    count, height, width = (1, 1, 1, *entry.shape)[-3:]
    return [(height, width)] * count


def channels(entry: Entry, array: NDArray[Any], geometry: Geometry | None) -> list[NDArray[Any]]:
    """Return the channels of a result, each (rows, columns), not copied."""
    if entry.stage == "picture" and array.ndim == 3:
        return list(np.moveaxis(array, 2, 0))
    parts, start = [], 0
    for height, width in shapes(entry, geometry):
        parts.append(array.reshape(-1)[start : start + height * width].reshape(height, width))
        start += height * width
    return parts


def joined(entry: Entry, parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return the result that has these channels: the reverse of `channels`."""
    if entry.stage == "picture" and len(entry.shape) == 3:
        return np.stack(parts, axis=-1)
    return np.concatenate([part.reshape(-1) for part in parts]).reshape(entry.shape)


def place(sizes: Sequence[tuple[int, ...]], index: int) -> tuple[int, int, int]:
    """Return channel, row and column of a sample by its number through all channels of these rows and columns."""
    for channel, (rows, columns) in enumerate(sizes):
        if index < rows * columns:
            return channel, *divmod(index, columns)
        index -= rows * columns
    raise IndexError("there are not so many samples")
