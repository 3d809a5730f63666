"""From float32 weights to the integers of the exact engine, with the proof that no sum leaves what float64 holds.

A convolution reads its input with at most 26 bits beside the sign: the lowest bits of wider tensors are rounded off,
half to even. Where ranges are wide, that costs less than the bits that the weights would lose.

A convolution of inputs in lo..hi takes the sum of w x over its taps. Whatever the order, every partial sum lies between
-N and P, where P adds up max(w lo, w hi, 0) and N max(-w lo, -w hi, 0); with the bias b it stays within
max(P, N) + |b|. The weights of an output channel are multiplied by 2^s and rounded half to even, with the largest s for
which this bound is at most 2^53, and 40 at most; the bias by 2^(s + 16 - d), where d bits of the input were dropped.

Weights that would need s < 12 are refused: what is left of them is not what was trained. Where the user allows it, they
are taken with the s there is, below 0 if need be: sums are exact even then, but mean little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream.errors import ModelError
from jpegai.decoder.engines.formats import EXACT_PRODUCT, FRACTION

__all__ = ["LEAST_BITS", "MOST_BITS", "Bound", "IntegerWeights", "dropped_bits", "integer_weights"]

#: Bits of the fraction of weights: at most, and at least, below which a network would not be the one that was trained.
MOST_BITS, LEAST_BITS = 40, 12
#: Bits of the magnitude of an input when a convolution reads it.
_READ = 26


@dataclass(frozen=True, slots=True)
class Bound:
    """What is proved of a sum: by output channel the largest magnitude of a partial sum, in any order.

    Attributes:
        layer: name of the stored weights, or of the tensor where a layer has none.
        kind: of the layer.
        bounds: by channel; of weights that are too large those with `LEAST_BITS`.
        limit: what may not be exceeded.
        fraction: bits of the fraction of the weights by channel, where the layer has weights.
        positions: how many positions a sum over positions may have, else 0.
    """

    layer: str
    kind: str
    bounds: tuple[int, ...]
    limit: int = EXACT_PRODUCT
    fraction: tuple[int, ...] = ()
    positions: int = 0

    @property
    def holds(self) -> bool:
        """Whether no channel exceeds the limit."""
        return max(self.bounds, default=0) <= self.limit

    @property
    def channel(self) -> int:
        """The channel with the largest bound."""
        return max(range(len(self.bounds)), key=self.bounds.__getitem__)

    @property
    def margin(self) -> float:
        """Bits between the largest bound and the limit; negative where the bound does not hold."""
        return log2(self.limit) - log2(max(1, *self.bounds))


    def error(self) -> ModelError:
        """Return what is said of a bound that does not hold: layer, channel and bound are named."""
        found = max(self.bounds)
        if self.fraction:
            return _too_large(self.layer, self.channel, found)
        return ModelError(
            "a sum could overflow",
            selector=f"{self.layer} ({self.kind}), channel {self.channel}",
            expected=f"a bound of at most {self.limit}",
            found=found,
        )


def _too_large(layer: str, channel: int, bound: int) -> ModelError:
    return ModelError(
        "the weights are too large for the exact engine: a sum could exceed 2^53",
        selector=f"{layer}, channel {channel}",
        expected=f"a bound of at most 2^53 with {LEAST_BITS} bits of fraction",
        found=f"2^{log2(bound):.2f}",
    )


@dataclass(frozen=True, slots=True)
class IntegerWeights:
    """Weights of a layer as integers in float64.

    Attributes:
        matrices: (..., K), as given; the axes before the last one together are the output channels.
        bias: (M,).
        fraction: by output channel the bits of the fraction of weights and bias.
        bounds: by output channel what is proved of its sums.
        dropped: bits of the inputs that are rounded off.
    """

    matrices: tuple[NDArray[np.float64], ...]
    bias: NDArray[np.float64]
    fraction: NDArray[np.int64]
    bounds: tuple[int, ...]
    dropped: int = 0

    @property
    def scale(self) -> NDArray[np.float64]:
        """What brings a sum back to 16 fraction bits: 2^(d - s) by channel."""
        return np.ldexp(1.0, self.dropped - self.fraction)


def dropped_bits(low: int, high: int) -> int:
    """Return how many bits of inputs in low..high are rounded off when a convolution reads them."""
    return max(0, max(-low, high).bit_length() - _READ)


def integer_weights(
    matrices: Sequence[NDArray[np.float64]],
    bias: NDArray[np.float64],
    inputs: tuple[int, int],
    layer: str,
    dropped: int,
    *,
    allow_unproved: bool = False,
) -> IntegerWeights:
    """Return the integers for float weights.

    Args:
        matrices: (..., K) float64 each, with M output channels before the last axis: what is summed up together. The
            phases of a transposed convolution are sums of their own.
        bias: (M,) float64.
        inputs: lowest and highest input, integers with 16 fraction bits.
        layer: names the weights in an error.
        dropped: bits of the inputs that are rounded off first.
        allow_unproved: take weights that are too large, with fewer bits than `LEAST_BITS`.

    Raises:
        ModelError: the weights of a channel are not finite, or too large for the ranges; layer and channel are named.
    """
    low, high = inputs
    # rounding reaches the next integer at most
    span = -(-low >> dropped) - (low < 0 < dropped), (high >> dropped) + (high > 0 < dropped)
    point = FRACTION - dropped
    rows = [matrix.reshape(len(bias), -1) for matrix in matrices]
    finite = np.isfinite(bias)
    for each in rows:
        finite &= np.isfinite(each).all(axis=1)
    if not finite.all():
        raise ModelError("a weight is not a number", selector=f"{layer}, channel {int(np.argmin(finite))}")

    def proved(channels: NDArray[np.int64], bits: NDArray[np.int64]) -> list[int]:
        found = [_bounds(each[channels], bias[channels], bits, span, point) for each in rows]
        return [max(sums) for sums in zip(*found, strict=True)]

    fraction = np.min([_first_guess(each, bias, max(-span[0], span[1]), point) for each in rows], axis=0)
    bounds = [0] * len(bias)
    waiting = np.arange(len(bias))
    while waiting.size:
        for channel, bound in zip(waiting, proved(waiting, fraction[waiting]), strict=True):
            bounds[channel] = bound
        waiting = np.array([channel for channel in waiting if bounds[channel] > EXACT_PRODUCT], np.int64)
        fraction[waiting] -= 1
    for channel in np.flatnonzero(fraction < LEAST_BITS):
        bounds[channel] = proved(np.array([channel]), np.array([LEAST_BITS]))[0]
        if not allow_unproved:
            raise _too_large(layer, int(channel), bounds[channel])
    integers = tuple(
        np.rint(np.ldexp(each, fraction[:, None])).reshape(matrix.shape)
        for each, matrix in zip(rows, matrices, strict=True)
    )
    return IntegerWeights(integers, np.rint(np.ldexp(bias, fraction + point)), fraction, tuple(bounds), dropped)


def _first_guess(rows: NDArray[np.float64], bias: NDArray[np.float64], magnitude: int, point: int) -> NDArray[np.int64]:
    """Return numbers of bits that are not too small, from floating point."""
    # the tight bound is at least half of the simple one
    largest = np.abs(rows).sum(axis=1) * (magnitude / 2) + np.abs(bias) * (1 << point)
    return np.where(largest == 0, MOST_BITS, np.minimum(MOST_BITS, 55 - np.frexp(largest)[1])).astype(np.int64)


def _bounds(
    rows: NDArray[np.float64], bias: NDArray[np.float64], bits: NDArray[np.int64], span: tuple[int, int], point: int
) -> list[int]:
    """Return the proved bounds for weights with so many bits, in Python's integers."""
    low, high = max(-span[0], 0), max(span[1], 0)
    integers = np.rint(np.ldexp(rows, bits[:, None]))
    # the sums are exact where the bound holds: inputs take 16 bits at least, which leaves sums of weights below 2^53
    ups, downs = np.maximum(integers, 0).sum(axis=1), np.maximum(-integers, 0).sum(axis=1)
    added = np.abs(np.rint(np.ldexp(bias, bits + point)))
    return [
        max(up * high + down * low, up * low + down * high) + more
        for up, down, more in zip(*([int(value) for value in each] for each in (ups, downs, added)), strict=True)
    ]
