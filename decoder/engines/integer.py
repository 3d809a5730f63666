"""The integer engine of the entropy stage: hyper scale decoders in exact integers (section 06.5).

Products of integers are made as matrix products in floating point. They are exact because every partial sum stays
below what the type holds (2^24 in float32, 2^53 in float64), whatever the order of summation; the bound is computed
from the actual weights when they are loaded.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream.errors import ModelError, UnsupportedError
from jpegai.decoder.engines.product import product
from jpegai.decoder.geometry import ceil_div
from jpegai.decoder.jit import kernel
from jpegai.decoder.networks import Layer, Network
from jpegai.decoder.workers import Workers, grain

__all__ = ["ACCUMULATOR_LIMIT", "IntegerNetwork", "accumulator_bounds", "layer_bounds"]

ACCUMULATOR_LIMIT = 1 << 31
"""Bounds of accumulators are below: they fit 32 bits with sign, as in the standard's own arithmetic."""

_EXACT_FLOAT32 = 1 << 24

#: A layer's own work and the element-wise layers behind it that are done in the same pass.
_CONVOLUTION_TAIL = ("relu",)
_FINAL_TAIL = ("pixel_shuffle", "crop", "abs", "clamp")


@dataclass(frozen=True, slots=True)
class _Convolution:
    """An ``int_conv`` with its weights as a matrix (output channels, input channels x taps)."""

    matrix: NDArray[Any]
    bias: NDArray[np.int32]
    shifts: NDArray[np.int8]
    kernel: int
    low: int
    high: int
    relu: bool


def accumulator_bounds(weight: NDArray[np.int64], bias: NDArray[np.int64], low: int, high: int) -> NDArray[np.int64]:
    """Return what no partial sum of an accumulator exceeds in size, whatever the inputs and the order (06.5).

    It is max(P, N) + abs(bias), with P the sum of the products at the inputs that make them largest, and N that at the
    inputs that make them smallest, negated.

    Args:
        weight: (output channels, products).
        bias: (output channels,).
        low: smallest input, at most 0.
        high: largest input, at least 0.

    Returns:
        (output channels,) int64.
    """
    positive, negative = np.maximum(weight, 0).sum(axis=1), -np.minimum(weight, 0).sum(axis=1)
    products = np.maximum(positive * high - negative * low, negative * high - positive * low)
    bounds: NDArray[np.int64] = products + np.abs(bias)
    return bounds


def layer_bounds(layer: Layer, prefix: str, tensors: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
    """Return the bounds of the accumulators of an ``int_conv``, by channel (`accumulator_bounds`).

    Args:
        layer: the layer.
        prefix: of its network.
        tensors: weights by full name.
    """
    assert layer.weight is not None
    assert layer.bias is not None
    weight = np.asarray(tensors[prefix + layer.weight.name]).astype(np.int64).reshape(layer.channels, -1)
    bias = np.asarray(tensors[prefix + layer.bias.name]).astype(np.int64)
    return accumulator_bounds(weight, bias, int(layer.low), int(layer.high))


@kernel
def _columns(x, out, side, low, high, first, last):  # type: ignore[no-untyped-def]
    """Clamp (C, h, w) integers and lay out the taps of every position: (C side side, h w), zeros outside."""
    height, width = x.shape[1], x.shape[2]
    reach = side // 2
    for channel in range(first, last):
        for dy in range(side):
            for dx in range(side):
                target = (channel * side + dy) * side + dx
                for row in range(height):
                    source = row + dy - reach
                    start = row * width
                    if source < 0 or source >= height:
                        out[target, start : start + width] = 0
                        continue
                    for column in range(width):
                        place = column + dx - reach
                        inside = 0 <= place < width
                        out[target, start + column] = min(max(x[channel, source, place], low), high) if inside else 0


@kernel
def _requantise(accumulators, bias, shifts, out, relu, first, last):  # type: ignore[no-untyped-def]
    """(product + bias) >> shift per channel, rounding down, into int32 (C, positions)."""
    for channel in range(first, last):
        for position in range(accumulators.shape[1]):
            value = (np.int32(accumulators[channel, position]) + bias[channel]) >> shifts[channel]
            if relu and value < 0:
                value = np.int32(0)
            out[channel, position] = value


@kernel
def _spread(accumulators, bias, shifts, width, factor, low, high, out, first, last):  # type: ignore[no-untyped-def]
    """Requantise, pixel shuffle, crop, absolute value and clamp in one pass, into int16 (C, H, W)."""
    rows, columns = out.shape[1], out.shape[2]
    for channel in range(first, last):
        for dy in range(factor):
            for dx in range(factor):
                source = (channel * factor + dy) * factor + dx
                for i in range((rows - dy + factor - 1) // factor):
                    for j in range((columns - dx + factor - 1) // factor):
                        value = (np.int32(accumulators[source, i * width + j]) + bias[source]) >> shifts[source]
                        out[channel, i * factor + dy, j * factor + dx] = min(max(abs(value), low), high)


class IntegerNetwork:
    """An integer network with its weights, its accumulators proved.

    Args:
        network: a declaration in integer arithmetic: ``int_conv`` layers, each with an optional relu, then
            pixel shuffle, crop, abs, clamp.
        tensors: weights by full name.

    Raises:
        ModelError: an accumulator could leave 32 bits, or a shift is out of range; layer and channel are named.
        UnsupportedError: the declaration has another shape.
    """

    def __init__(self, network: Network, tensors: Mapping[str, NDArray[Any]]) -> None:
        self.network = network
        layers = list(network.layers)
        self._tail = layers[-len(_FINAL_TAIL) :]
        if tuple(layer.kind for layer in self._tail) != _FINAL_TAIL or network.arithmetic != "integer":
            raise UnsupportedError("the integer engine does not run such a network", found=network.name)
        self._convolutions: list[_Convolution] = []
        for layer, following in itertools.pairwise(layers):
            if layer.kind == "int_conv":
                self._convolutions.append(self._load(layer, following.kind in _CONVOLUTION_TAIL, tensors))
            elif layer.kind not in (*_CONVOLUTION_TAIL, *_FINAL_TAIL):
                raise UnsupportedError(f"the integer engine does not run {layer.kind} layers", found=network.name)

    def _load(self, layer: Layer, relu: bool, tensors: Mapping[str, NDArray[Any]]) -> _Convolution:
        assert layer.weight is not None
        assert layer.bias is not None
        assert layer.shifts is not None
        prefix = self.network.prefix
        weight = np.asarray(tensors[prefix + layer.weight.name]).astype(np.int64).reshape(layer.channels, -1)
        bias = np.asarray(tensors[prefix + layer.bias.name]).astype(np.int64)
        shifts = np.asarray(tensors[prefix + layer.shifts.name]).astype(np.int64).reshape(-1)
        low, high = int(layer.low), int(layer.high)
        bound = layer_bounds(layer, prefix, tensors)
        if (bound >= ACCUMULATOR_LIMIT).any():
            channel = int(bound.argmax())
            raise ModelError(
                "an accumulator could overflow 32 bits (06.5)",
                selector=f"{prefix}{layer.weight.name}, channel {channel}",
                expected=f"a bound below {ACCUMULATOR_LIMIT}",
                found=int(bound[channel]),
            )
        if ((shifts < 0) | (shifts > 31)).any():
            channel = int(np.argmax((shifts < 0) | (shifts > 31)))
            raise ModelError(
                "a shift is out of range (06.5)",
                selector=f"{prefix}{layer.shifts.name}, channel {channel}",
                expected="0..31",
                found=int(shifts[channel]),
            )
        # the bias is added in integers, so only the products must be exact in floating point
        products = bound - np.abs(bias)
        dtype = np.float32 if products.max(initial=0) < _EXACT_FLOAT32 else np.float64
        return _Convolution(
            weight.astype(dtype), bias.astype(np.int32), shifts.astype(np.int8), layer.kernel[0], low, high, relu
        )

    @staticmethod
    def _lay_out(x: NDArray[Any], columns: NDArray[Any], convolution: _Convolution, workers: Workers) -> None:
        side, low, high = convolution.kernel, convolution.low, convolution.high
        workers.split(
            lambda first, last: _columns(x, columns, side, low, high, first, last),
            len(x),
            grain(columns.size // len(x)),
        )

    def __call__(self, z: NDArray[np.int8], *, size: tuple[int, int], workers: Workers) -> NDArray[np.int16]:
        """Run the network.

        Args:
            z: (C, hz, wz) int8.
            size: the size argument (h, w) of the declaration (06.4).
            workers: channels are shared among them.

        Returns:
            (C, ceil(h/16), ceil(w/16)) int16 of the luma size, 0..3967 for the declared clamp.
        """
        shuffle, crop, _, clamp = self._tail
        height, width = z.shape[1:]
        x: NDArray[Any] = z
        for convolution in self._convolutions:
            columns = np.empty((convolution.matrix.shape[1], height * width), convolution.matrix.dtype)
            self._lay_out(x, columns, convolution, workers)
            accumulators = product(convolution.matrix, columns, workers)
            bias, shifts, relu = convolution.bias, convolution.shifts, convolution.relu
            if convolution is self._convolutions[-1]:
                break
            out = np.empty(accumulators.shape, np.int32)
            workers.split(
                lambda first, last: _requantise(accumulators, bias, shifts, out, relu, first, last),  # noqa: B023
                len(out),
                grain(height * width),
            )
            x = out.reshape(-1, height, width)
        rows, columns_ = (ceil_div(length, crop.divisor) for length in size)
        result = np.empty((shuffle.channels, rows, columns_), np.int16)
        low, high = int(clamp.low), int(clamp.high)
        workers.split(
            lambda first, last: _spread(
                accumulators, bias, shifts, width, shuffle.factor, low, high, result, first, last
            ),
            len(result),
            grain(rows * columns_),
        )
        return result
