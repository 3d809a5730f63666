"""From float32 weights to the integers of the exact engine, with the proof that no sum leaves what float64 holds.

A convolution reads its input with at most 26 bits beside the sign: the lowest bits of wider tensors are rounded off,
half to even. Where ranges are wide, that costs less than the bits that the weights would lose.

A convolution of inputs in lo..hi takes the sum of w x over its taps. Whatever the order, every partial sum lies between
-N and P, where P adds up max(w lo, w hi, 0) and N max(-w lo, -w hi, 0); with the bias b it stays within
max(P, N) + |b|. The weights of an output channel are multiplied by 2^s and rounded half to even, with the largest s for
which this bound is at most 2^53, and 40 at most; the bias by 2^(s + 16 - d), where d bits of the input were dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import frexp

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream.errors import ModelError
from jpegai.decoder.engines.formats import EXACT_PRODUCT, FRACTION

__all__ = ["Bound", "IntegerWeights", "dropped_bits", "integer_weights"]

#: Bits of the fraction of weights: at most, and at least, below which a network would not be the one that was trained.
_MOST, _LEAST = 40, 12
#: Bits of the magnitude of an input when a convolution reads it.
_READ = 26


@dataclass(frozen=True, slots=True)
class Bound:
    """What is proved of a sum: by output channel the largest magnitude of a partial sum, in any order.

    Attributes:
        layer: name of the stored weights, or of the tensor where a layer has none.
        kind: of the layer.
        bounds: by channel.
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


@dataclass(frozen=True, slots=True)
class IntegerWeights:
    """Weights (M, ...) and bias (M,) as integers in float64, and by output channel the power of two that they carry."""

    weight: NDArray[np.float64]
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
    weight: NDArray[np.float64], bias: NDArray[np.float64], low: int, high: int, layer: str, dropped: int = 0
) -> IntegerWeights:
    """Return the integers for float weights.

    Args:
        weight: (M, ...) float64, as stored or with a scale folded in.
        bias: (M,) float64.
        low, high: range of the inputs, integers with 16 fraction bits.
        layer: names the weights in an error.
        dropped: bits of the inputs that are rounded off first.

    Raises:
        ModelError: the weights of a channel are not finite, or too large for the ranges; layer and channel are named.
    """
    rows = weight.reshape(len(weight), -1)
    point = FRACTION - dropped
    # rounding reaches at most the next integer
    low, high = -(-low >> dropped) - (low < 0 < dropped), (high >> dropped) + (high > 0 < dropped)
    fraction = np.empty(len(rows), np.int64)
    bounds: list[int] = []
    integers = np.empty_like(rows)
    for channel, (row, added) in enumerate(zip(rows, bias, strict=True)):
        if not (np.isfinite(row).all() and np.isfinite(added)):
            raise ModelError("a weight is not a number", selector=f"{layer}, channel {channel}")
        bits = _first_guess(row, float(added), max(-low, high), point)
        while bits >= _LEAST and (bound := _bound(row, float(added), bits, low, high, point)) > EXACT_PRODUCT:
            bits -= 1
        if bits < _LEAST:
            raise ModelError(
                "the weights are too large for the exact engine: a sum could exceed 2^53",
                selector=f"{layer}, channel {channel}",
                expected=f"weights that leave {_LEAST} bits of fraction",
                found=f"{max(bits, 0)}",
            )
        fraction[channel] = bits
        bounds.append(bound)
        integers[channel] = np.rint(np.ldexp(row, bits))
    return IntegerWeights(
        integers.reshape(weight.shape), np.rint(np.ldexp(bias, fraction + point)), fraction, tuple(bounds), dropped
    )


def _first_guess(row: NDArray[np.float64], bias: float, magnitude: int, point: int) -> int:
    """Return a number of bits that is not too small, from floating point."""
    largest = float(np.abs(row).sum()) * magnitude / 2 + abs(bias) * (1 << point)
    # the tight bound is at least half of the simple one
    return _MOST if largest == 0 else min(_MOST, 55 - frexp(largest)[1])


def _bound(row: NDArray[np.float64], bias: float, bits: int, low: int, high: int, point: int) -> int:
    """Return the proved bound for weights with so many bits, in Python's integers."""
    integers = np.rint(np.ldexp(row, bits))
    # the sums are exact: inputs take 16 bits at least, so the first guess leaves sums of weights below 2^53
    up, down = int(integers[integers > 0].sum()), -int(integers[integers < 0].sum())
    positive = up * max(high, 0) + down * max(-low, 0)
    negative = up * max(-low, 0) + down * max(high, 0)
    return max(positive, negative) + abs(int(np.rint(np.ldexp(bias, bits + point))))
