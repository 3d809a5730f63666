"""A plain interpreter of the exact engine: declared networks layer by layer in 64-bit integers, array after array.

Written from what the engine's modules say of their arithmetic, without its steps, products, bands or compiled loops.
Numbers have 16 fraction bits; `run_exact` gives the integers that `ExactNetwork` must give, however it is cut up.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Context, Decimal
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.engines.exact.ranges import INPUT_RANGES, RANGES
from jpegai.decoder.networks import Layer, Network
from tests.decoder.reference_networks import convolve, convolve_transposed

Array = NDArray[Any]
Span = tuple[int, int]

ONE = 1 << 16
MAPS = ("affine", "scale_param", "batch_norm")
ORDERS = ("pixel_shuffle", "crop")
CLIPS = ("relu", "relu6", "clamp")


def run_exact(
    network: Network, tensors: Mapping[str, Array], inputs: Sequence[Array], size: tuple[int, int] | None = None
) -> tuple[Array, Counter[str]]:
    """Run a network on (C, H, W) integers with 16 fraction bits; return its output, and what formats cut by tensor."""
    run = _Run(network, tensors, size)
    for entry, array in zip(network.inputs, inputs, strict=True):
        run.values[entry.name] = array.astype(np.int64)
        run.ranges[entry.name] = symmetric(INPUT_RANGES[entry.name])
    for layer in network.layers:
        run.layer(layer)
    return run.values[network.output], run.cut


def symmetric(bits: int) -> Span:
    """Return the limits of a range."""
    limit = (1 << (bits + 16)) - 1
    return -limit, limit


def halved(values: Array, bits: Array | int) -> Array:
    """Return int64 values / 2^bits, half to even."""
    bits = np.asarray(bits, np.int64)
    down = values >> bits
    twice = 2 * (values - (down << bits))
    whole = np.int64(1) << bits
    return down + ((twice > whole) | ((twice == whole) & (down & 1 == 1)))


@dataclass
class _Run:
    network: Network
    tensors: Mapping[str, Array]
    size: tuple[int, int] | None
    values: dict[str, Array] = field(default_factory=dict)
    ranges: dict[str, Span] = field(default_factory=dict)
    cut: Counter[str] = field(default_factory=Counter)

    def layer(self, layer: Layer) -> None:
        kind, name = layer.kind, layer.output
        inputs, ranges = [self.values[each] for each in layer.inputs], [self.ranges[each] for each in layer.inputs]
        x = inputs[0]
        if kind in ("conv", "conv_transpose"):
            self._set(name, self._convolution(layer, x, ranges[0]), self._format(self._formatted(layer)))
        elif kind in MAPS:
            self._keep(name, x, ranges[0])  # is in the weights before it
        elif kind == "pixel_shuffle":
            r = layer.factor
            cells = x.reshape(-1, r, r, *x.shape[1:]).transpose(0, 3, 1, 4, 2)
            self._keep(name, cells.reshape(len(cells), r * x.shape[1], r * x.shape[2]), ranges[0])
        elif kind == "crop":
            assert self.size is not None
            rows, columns = (-(-length // layer.divisor) for length in self.size)
            self._keep(name, x[:, :rows, :columns], ranges[0])
        elif kind in CLIPS:
            top = 6 * ONE if kind == "relu6" else ranges[0][1] if kind == "relu" else round(layer.high * ONE)
            low = round(layer.low * ONE) if kind == "clamp" else 0
            self._keep(name, np.clip(x, low, top), (min(max(ranges[0][0], low), top), max(min(ranges[0][1], top), low)))
        elif kind == "add":
            self._set(name, x + inputs[1], self._format(name))
        elif kind == "mul":
            self._set(name, halved(x * inputs[1], 16), self._format(name))
        elif kind == "mul_one_plus":
            self._set(name, x + halved(x * inputs[1], 16), self._format(name))
        elif kind == "concat":
            lows, highs = zip(*ranges, strict=True)
            self._keep(name, np.concatenate(inputs), (min(lows), max(highs)))
        elif kind == "slice_channels":
            self._keep(name, x[layer.start : layer.start + layer.channels], ranges[0])
        elif kind == "elu":
            negative = ((exp_negative(np.maximum(-x, 0) << 8) + (1 << 13)) >> 14) - ONE
            self._keep(name, np.where(x < 0, negative, x), (-ONE, ranges[0][1]))
        elif kind == "sigmoid":
            self._keep(name, sigmoid(x), (0, ONE))
        elif kind == "layer_norm_channels":
            self._set(name, self._layer_norm(layer, x), self._format(name))
        elif kind == "channel_attention":
            self._set(name, self._attention(layer, x), self._format(name))
        else:
            raise AssertionError(kind)

    def _keep(self, name: str, values: Array, limits: Span) -> None:
        self.values[name], self.ranges[name] = values, limits

    def _set(self, name: str, values: Array, limits: Span) -> None:
        inside = np.clip(values, *limits)
        self.cut[name] += int(np.count_nonzero(inside != values))
        self._keep(name, inside, limits)

    def _format(self, name: str) -> Span:
        return symmetric(RANGES[self.network.name][name])

    def _stored(self, tensor: Any) -> NDArray[np.float64]:
        return np.asarray(self.tensors[self.network.prefix + tensor.name], np.float32).astype(np.float64)

    def _chain(self, layer: Layer) -> list[Layer]:
        """The maps and orders right behind a convolution, each the only reader of what is before it."""
        chain = [layer]
        while True:
            readers = [each for each in self.network.layers if chain[-1].output in each.inputs]
            if len(readers) != 1 or readers[0].kind not in MAPS + ORDERS:
                return chain
            chain.append(readers[0])

    def _formatted(self, layer: Layer) -> str:
        """The tensor whose range the result of a convolution has: behind all that is in its weights."""
        return [each.output for each in self._chain(layer) if each.output in RANGES[self.network.name]][-1]

    def _weights(self, layer: Layer) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Weights (M, C, kh, kw) and bias (M,), with the maps behind the convolution."""
        weight = self._stored(layer.weight)
        if layer.kind == "conv_transpose":
            weight = weight.swapaxes(0, 1)
        bias = self._stored(layer.bias) if layer.bias else np.zeros(layer.channels)
        repeats = 1
        for after in self._chain(layer)[1:]:
            if after.kind == "pixel_shuffle":
                repeats *= after.factor**2
            elif after.kind != "crop":
                scale, offset = (np.repeat(vector, repeats) for vector in self._map(after))
                weight, bias = weight * scale[:, None, None, None], bias * scale + offset
        return weight, bias

    def _map(self, layer: Layer) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if layer.kind == "batch_norm":
            scale = self._stored(layer.weight) / np.sqrt(self._stored(layer.variance) + layer.eps)
            return scale, self._stored(layer.bias) - self._stored(layer.mean) * scale
        if layer.kind == "scale_param":
            return np.full(layer.channels, self._stored(layer.weight)[0]), np.zeros(layer.channels)
        return np.full(layer.channels, layer.scale), np.full(layer.channels, layer.offset)

    def _convolution(self, layer: Layer, x: Array, span: Span) -> Array:
        weight, bias = self._weights(layer)
        depthwise = 1 < layer.groups == layer.channels and layer.kernel == (3, 3)
        dropped = 0 if depthwise else max(0, max(-span[0], span[1]).bit_length() - 26)
        if dropped:
            x = halved(x, dropped)
        sums = [weight]
        if layer.kind == "conv_transpose":  # outputs of even and odd rows and columns take different taps
            sums = [weight[:, :, down::2, across::2] for down in (0, 1) for across in (0, 1)]
        bits = fraction_bits(sums, bias, span, dropped)
        integers = np.rint(np.ldexp(weight, bits[:, None, None, None])).astype(np.int64)
        added = np.rint(np.ldexp(bias, bits + 16 - dropped)).astype(np.int64)
        if layer.kind == "conv_transpose":
            result = convolve_transposed(x, integers.swapaxes(0, 1))
        else:
            result = convolve(x, integers, layer.padding, layer.stride, layer.groups)
        return halved(result + added[:, None, None], (bits - dropped)[:, None, None])

    def _layer_norm(self, layer: Layer, x: Array) -> Array:
        count = len(x)
        total = x.sum(axis=0)
        spread = count * (x * x).sum(axis=0) - total * total
        inverse = 1.0 / np.sqrt(spread.astype(np.float64) + count**2 * layer.eps * 2.0**32)
        normal = (count * x - total).astype(np.float64) * inverse
        scaled = normal * self._stored(layer.weight)[:, None, None] + self._stored(layer.bias)[:, None, None]
        return np.rint(scaled * ONE).astype(np.int64)

    def _attention(self, layer: Layer, x: Array) -> Array:
        share = layer.channels // layer.heads
        q, k, v = x.reshape(3, layer.heads, share, -1)
        temperature = self._stored(layer.weight).ravel()
        result = np.empty_like(v)
        for head in range(layer.heads):
            # Python's integers: the sums of a large tile need more than 64 bits
            queries, keys = q[head].astype(object), k[head].astype(object)
            squares = [[sqrt(float(sum(row * row)) or 1.0) for row in part] for part in (queries, keys)]
            for i in range(share):
                scores = [
                    round(float(sum(queries[i] * keys[j])) / (squares[0][i] * squares[1][j]) * float(temperature[head])
                          * 2.0**24)
                    for j in range(share)
                ]  # fmt: skip
                parts = exp_negative(max(scores) - np.array(scores, np.int64))
                shares = np.rint(parts.astype(np.float64) * 2.0**24 / float(parts.sum())).astype(np.int64)
                result[head, i] = halved((shares[:, None] * v[head]).sum(axis=0), 24)
        return result.reshape(layer.channels, *x.shape[1:])


def fraction_bits(sums: Sequence[NDArray[np.float64]], bias: NDArray[np.float64], span: Span, dropped: int) -> Array:
    """The most fraction bits, 40 at most, with which no partial sum of a channel can exceed 2^53."""
    low, high = span
    if dropped:
        low, high = -(-low >> dropped) - (low < 0), (high >> dropped) + (high > 0)
    found = np.zeros(len(bias), np.int64)
    for bits in range(12, 41):
        added = [abs(round(float(value))) for value in np.ldexp(bias, bits + 16 - dropped)]
        fits = np.ones(len(bias), bool)
        for part in sums:
            scaled = np.rint(np.ldexp(part.reshape(len(bias), -1), bits))
            assert np.abs(scaled).max(initial=0) < 2.0**55
            whole = scaled.astype(np.int64)
            ups, downs = np.maximum(whole, 0).sum(axis=1), np.maximum(-whole, 0).sum(axis=1)
            for channel, (up, down) in enumerate(zip(map(int, ups), map(int, downs), strict=True)):
                most = max(up * max(high, 0) + down * max(-low, 0), up * max(-low, 0) + down * max(high, 0))
                fits[channel] &= most + added[channel] <= 1 << 53
        if not fits.any():
            break
        found[fits] = bits
    assert found.min() >= 12
    return found


@functools.cache
def _exponentials(count: int, step: int) -> Array:
    """Exp(-i / 2^step) with 30 fraction bits."""
    context = Context(prec=50, rounding=ROUND_HALF_EVEN)
    values = (context.exp(context.divide(Decimal(-i), Decimal(1 << step))) * (1 << 30) for i in range(count))
    return np.array([int(value.to_integral_value(ROUND_HALF_EVEN)) for value in values], np.int64)


def exp_negative(u: Array) -> Array:
    """Exp(-u) with 30 fraction bits of u >= 0 with 24, as three factors with products rounded half up."""
    u = np.asarray(u, np.int64)
    inside = u < 21 << 24
    u = np.where(inside, u, 0)
    first = _exponentials(21 << 8, 8)[u >> 16]
    second = _exponentials(256, 16)[u >> 8 & 255]
    third = _exponentials(256, 24)[u & 255]
    product = (first * second + (1 << 29)) >> 30
    return np.where(inside, (product * third + (1 << 29)) >> 30, 0)


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), half to even, of the magnitude; 1 minus it for what is negative."""
    below = (1 << 30) + exp_negative(np.abs(x) << 8)
    down, rest = np.divmod(np.int64(1 << 46), below)
    share = down + ((2 * rest > below) | ((2 * rest == below) & (down & 1 == 1)))
    return np.where(x >= 0, share, ONE - share)
