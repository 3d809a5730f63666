"""docs/exact-arithmetic.md word by word: a float network in 64-bit integers, layer by layer.

Ranges are read from the table of docs/exact-formats.md. Nothing of the exact engine is used.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from itertools import product
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.networks import Layer, Network
from tests.decoder.reference_networks import convolve, convolve_transposed

Array = NDArray[Any]
Span = tuple[int, int]
ONE = 1 << 16
DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "exact-formats.md"


@functools.cache
def table(network: str) -> dict[str, tuple[str, int]]:
    """The range and the dropped bits of every tensor, as the document gives them."""
    (section,) = re.findall(rf"^## {network}\n(.*?)(?=^## |\Z)", DOCUMENT.read_text(), re.DOTALL | re.MULTILINE)
    rows = [[cell.strip() for cell in line[1:-1].split("|")] for line in section.splitlines() if line.startswith("| ")]
    return {row[0]: (row[5], int(row[6] or 0)) for row in rows[1:]}


class Reference:
    """A run of a network."""

    def __init__(self, network: Network, tensors: Mapping[str, Array], size: tuple[int, int] | None) -> None:
        self.network, self.tensors, self.size = network, tensors, size
        self.table = table(network.name)
        self.spans: dict[str, Span] = {}
        self.values: dict[str, Array] = {}

    def run(self, *inputs: Array) -> Array:
        for entry, array in zip(self.network.inputs, inputs, strict=True):
            self.values[entry.name] = array.astype(np.int64)
            self.spans[entry.name] = self.range_of(entry.name)
        for layer in self.network.layers:
            if layer.output not in self.values:
                self.make(layer)
        return self.values[self.network.output]

    def stored(self, tensor: Any) -> Array:
        return self.tensors[self.network.prefix + tensor.name].astype(np.float64)

    def range_of(self, name: str) -> Span:
        limit = (1 << (int(self.table[name][0].removeprefix("±2^")) + 16)) - 1
        return -limit, limit

    def cut(self, array: Array, name: str) -> Array:
        self.spans[name] = self.range_of(name)
        return np.clip(array, *self.spans[name])

    def make(self, layer: Layer) -> None:
        name, read = layer.output, [self.values[each] for each in layer.inputs]
        spans = [self.spans[each] for each in layer.inputs]
        low, high = min(each[0] for each in spans), max(each[1] for each in spans)
        x = read[0]
        match layer.kind:
            case "conv" | "conv_transpose":
                return self.convolution(layer, x, (low, high))
            case "relu" | "relu6" | "clamp":
                bottom = int(layer.low * ONE) if layer.kind == "clamp" else 0
                top = {"relu": high, "relu6": 6 * ONE, "clamp": int(layer.high * ONE)}[layer.kind]
                made, self.spans[name] = np.clip(x, bottom, top), (max(low, bottom), min(high, top))
            case "pixel_shuffle" | "crop" | "slice_channels" | "concat":
                made, self.spans[name] = self.moved(layer, read), (low, high)
            case "add":
                made = self.cut(x + read[1], name)
            case "mul":
                made = self.cut(shifted(x * read[1], 16), name)
            case "mul_one_plus":
                made = self.cut(x + shifted(x * read[1], 16), name)
            case "elu":
                made = np.where(x >= 0, x, (exponential(np.maximum(-x, 0) << 8) + (1 << 13) >> 14) - ONE)
                self.spans[name] = -ONE, high
            case "sigmoid":
                share = divided(np.int64(1 << 46), (1 << 30) + exponential(abs(x) << 8))
                made, self.spans[name] = np.where(x >= 0, share, ONE - share), (0, ONE)
            case "layer_norm_channels":
                made = self.cut(self.layer_norm(layer, x), name)
            case "channel_attention":
                made = self.cut(self.attention(layer, x), name)
            case _:
                raise AssertionError(layer.kind)
        self.values[name] = made
        return None

    def moved(self, layer: Layer, read: list[Array]) -> Array:
        x = read[0]
        if layer.kind == "concat":
            return np.concatenate(read)
        if layer.kind == "slice_channels":
            return x[layer.start : layer.start + layer.channels]
        if layer.kind == "crop":
            assert self.size is not None
            rows, columns = (-(-length // layer.divisor) for length in self.size)
            return x[:, :rows, :columns]
        f, (_, rows, columns) = layer.factor, x.shape
        cells = x.reshape(-1, f, f, rows, columns).transpose(0, 3, 1, 4, 2)
        return cells.reshape(-1, f * rows, f * columns)

    def convolution(self, layer: Layer, x: Array, span: Span) -> None:
        dropped = self.table[layer.output][1]
        weight = self.stored(layer.weight)
        if layer.kind == "conv_transpose":
            weight = weight.swapaxes(0, 1)
        bias = self.stored(layer.bias) if layer.bias else np.zeros(len(weight))
        name, behind = layer.output, []
        while self.table[name][0].startswith("in "):  # the maps up to where it is rounded
            (after,) = (each for each in self.network.layers if name in each.inputs)
            if after.kind in ("pixel_shuffle", "crop"):
                behind.append(after)
            else:
                square = len(weight) // after.channels
                gain, offset = (np.repeat(vector, square) for vector in self.map(after))
                weight, bias = weight * gain[:, None, None, None], bias * gain + offset
            name = after.output
        depthwise = layer.kernel == (3, 3) and layer.stride == 1 and 1 < layer.groups == layer.channels
        if not (depthwise and name == layer.output and layer.kind == "conv"):
            x = np.clip(x, *span)
        integers, added, bits = integer_weights(layer, weight, bias, span, dropped)
        x = shifted(x, dropped)
        if layer.kind == "conv_transpose":
            sums = convolve_transposed(x, integers.swapaxes(0, 1))
        else:
            sums = convolve(x, integers, layer.padding, layer.stride, layer.groups)
        made = self.cut(shifted(sums + added[:, None, None], (bits - dropped)[:, None, None]), name)
        for after in behind:
            made = self.moved(after, [made])
        self.values[name] = made
        self.values |= dict.fromkeys((layer.output, *(each.output for each in behind)), made)
        between = layer.output
        while between != name:  # tensors that do not exist
            (after,) = (each for each in self.network.layers if between in each.inputs)
            between = after.output
            self.values[between] = made

    def map(self, layer: Layer) -> tuple[Array, Array]:
        if layer.kind == "batch_norm":
            weight, bias, mean, variance = (self.stored(tensor) for tensor in layer.tensors)
            gain = weight / np.sqrt(variance + layer.eps)
            return gain, bias - mean * gain
        gain = self.stored(layer.weight)[0] if layer.kind == "scale_param" else layer.scale
        return np.full(layer.channels, gain), np.full(layer.channels, layer.offset)

    def layer_norm(self, layer: Layer, x: Array) -> Array:
        count = len(x)
        total = x.sum(axis=0)
        spread = count * (x * x).sum(axis=0) - total * total
        steady = (count**2 * layer.eps) * 2.0**32
        inverse = 1.0 / np.sqrt(spread.astype(np.float64) + steady)
        normal = (count * x - total).astype(np.float64) * inverse
        scaled = normal * self.stored(layer.weight)[:, None, None]
        return np.rint((scaled + self.stored(layer.bias)[:, None, None]) * 2.0**16).astype(np.int64)

    def attention(self, layer: Layer, x: Array) -> Array:
        share = layer.channels // layer.heads
        queries, keys, values = x.reshape(3, layer.heads, share, -1)
        temperature = self.stored(layer.weight).ravel()
        made = np.empty_like(values)
        for head in range(layer.heads):
            q, k = queries[head].astype(object), keys[head].astype(object)
            dots = (q @ k.T).astype(np.float64)
            squares = [np.sqrt(((part * part).sum(axis=1)).astype(np.float64)) for part in (q, k)]
            a, b = (np.where(part == 0, 1.0, part) for part in squares)
            scores = np.rint(dots / (a[:, None] * b) * temperature[head] * 2.0**24).astype(np.int64)
            parts = exponential(scores.max(axis=1, keepdims=True) - scores)
            shares = np.rint(parts * 2.0**24 / parts.sum(axis=1, keepdims=True)).astype(np.int64)
            made[head] = shifted(shares @ np.clip(values[head], *self.range_of(layer.output)), 24)
        return made.reshape(layer.channels, *x.shape[1:])


def shifted(x: Array, bits: Array | int) -> Array:
    """Rhe(x / 2^bits); of negative bits the product."""
    down, up = np.maximum(bits, 0), np.maximum(-np.asarray(bits), 0)
    half = np.where(down > 0, np.int64(1) << np.maximum(down - 1, 0), 1)
    return (x + half - 1 + ((x >> down) & 1) * (down > 0) >> down) << up


def divided(x: Array | np.int64, by: Array) -> Array:
    """Rhe(x / by) for positive numbers."""
    quotient, rest = np.divmod(x, by)
    more: Array = quotient + ((2 * rest > by) | ((2 * rest == by) & (quotient % 2 == 1)))
    return more


def integer_weights(
    layer: Layer, weight: Array, bias: Array, span: Span, dropped: int
) -> tuple[Array, Array, NDArray[np.int64]]:
    low = -(-span[0] >> dropped) - (dropped > 0 and span[0] < 0)
    high = (span[1] >> dropped) + (dropped > 0 and span[1] > 0)
    rows = [weight.reshape(len(weight), -1)]
    if layer.kind == "conv_transpose":
        rows = [weight[..., y::2, x::2].reshape(len(weight), -1) for y, x in product((0, 1), repeat=2)]
    bits = np.array([_bits([row[m] for row in rows], bias[m], low, high, 16 - dropped) for m in range(len(weight))])
    integers = np.rint(np.ldexp(weight, bits[:, None, None, None])).astype(np.int64)
    return integers, np.rint(np.ldexp(bias, bits + 16 - dropped)).astype(np.int64), bits


def _bits(rows: list[Array], bias: float, low: int, high: int, point: int) -> int:
    for bits in range(40, 11, -1):
        added = abs(int(np.rint(np.ldexp(bias, bits + point))))
        if max(_bound(np.rint(np.ldexp(row, bits)), low, high) for row in rows) + added <= 2**53:
            return bits
    raise AssertionError("the weights are too large")


def _bound(row: Array, low: int, high: int) -> float:
    up, down = row[row > 0].sum(), -row[row < 0].sum()
    if up + down > 2**52:
        return inf
    return max(int(up) * high - int(down) * low, int(down) * high - int(up) * low)


@functools.cache
def _tables() -> list[Array]:
    with localcontext(Context(prec=50)):
        return [
            np.array(
                [
                    int(((Decimal(-i) / (1 << bits)).exp() * (1 << 30)).to_integral_value(ROUND_HALF_EVEN))
                    for i in range(count)
                ],
                np.int64,
            )
            for bits, count in ((8, 5376), (16, 256), (24, 256))
        ]


def exponential(u: Array) -> Array:
    """E(u)."""
    t0, t1, t2 = _tables()
    near = np.minimum(u, (21 << 24) - 1)
    part = (t0[near >> 16] * t1[near >> 8 & 255] + (1 << 29)) >> 30
    part = (part * t2[near & 255] + (1 << 29)) >> 30
    return np.where(u >= 21 << 24, 0, part)
