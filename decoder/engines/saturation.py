"""How the exact engine cuts what leaves the range of a tensor, and counts it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.engines.formats import LATENT_LIMIT, ONE, Fixed, Saturations
from jpegai.decoder.jit import kernel
from jpegai.decoder.workers import Workers, grain

__all__ = ["saturate", "saturated", "to_latents"]


@kernel
def _saturate(values: Fixed, limit: int, first: int, last: int) -> int:
    count = 0
    for channel in range(first, last):
        for row in range(values.shape[1]):
            for column in range(values.shape[2]):
                value = values[channel, row, column]
                if value > limit:
                    values[channel, row, column] = limit
                    count += 1
                elif value < -limit:
                    values[channel, row, column] = -limit
                    count += 1
    return count


@kernel
def _to_fixed(values: NDArray[np.float32], one: int, limit: int, out: Fixed, first: int, last: int) -> int:
    count = 0
    for channel in range(first, last):
        for row in range(values.shape[1]):
            for column in range(values.shape[2]):
                # exact in float64, but for the rounding
                value = np.rint(np.float64(values[channel, row, column]) * one)
                if value > limit:
                    value = np.float64(limit)
                    count += 1
                elif value < -limit:
                    value = np.float64(-limit)
                    count += 1
                out[channel, row, column] = np.int32(value)
    return count


def saturate(values: Fixed, limit: int, tensor: str, saturations: Saturations, workers: Workers) -> None:
    """Cut values to -limit..limit in place, and count them.

    Args:
        values: int32 (C, h, w).
        limit: the largest magnitude.
        tensor: what they are counted as.
        saturations: counts them.
        workers: channels are shared among them.
    """

    def cut(first: int, last: int) -> None:
        saturations.add(tensor, _saturate(values, limit, first, last))

    workers.split(cut, len(values), grain(values[0].size))


@kernel
def _largest(values: Fixed, first: int, last: int) -> int:
    largest = np.int64(0)
    for channel in range(first, last):
        for row in range(values.shape[1]):
            for column in range(values.shape[2]):
                largest = max(largest, abs(np.int64(values[channel, row, column])))
    return int(largest)


def saturated(values: Fixed, limit: int, tensor: str, saturations: Saturations, workers: Workers) -> Fixed:
    """Return values cut to -limit..limit and counted: the array itself where none is; arguments as `saturate`."""
    exceeded: list[bool] = []
    workers.split(
        lambda first, last: exceeded.append(_largest(values, first, last) > limit), len(values), grain(values[0].size)
    )
    if any(exceeded):
        values = values.copy()
        saturate(values, limit, tensor, saturations, workers)
    return values


def to_latents(values: NDArray[np.float32], saturations: Saturations, workers: Workers) -> Fixed:
    """Return latents in fixed point: rounded half to even, cut to +-`LATENT_LIMIT` and counted.

    Args:
        values: float32 (C, h, w), no NaN.
        saturations: counts what is cut, as ``latents``.
        workers: channels are shared among them.
    """
    out = np.empty(values.shape, np.int32)

    def convert(first: int, last: int) -> None:
        saturations.add("latents", _to_fixed(values, ONE, LATENT_LIMIT, out, first, last))

    workers.split(convert, len(values), grain(values[0].size))
    return out
