"""A slow interpreter of declarations, in float64 or exact integers, and the generator of section 06.12."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.networks import Layer, Network

Array = NDArray[Any]


def generate(rule: Mapping[str, Any], number: int, shape: tuple[int, ...]) -> Array:
    """Element values of tensor `number` by the generator of 06.12."""
    count = int(np.prod(shape))
    mask = np.uint64(0xFFFFFFFF)
    s = (np.arange(1, count + 1, dtype=np.uint64) * np.uint64(40503) + np.uint64((number + 1) * 65599)) & mask
    s = (s * np.uint64(2654435761)) & mask
    s ^= s >> np.uint64(15)
    s = (s * np.uint64(2246822519)) & mask
    s ^= s >> np.uint64(13)
    v = s.astype(np.float64) / 2.0**32 - 0.5
    if "range" in rule:
        low, high = rule["range"]
        return (np.floor((v + 0.5) * (high - low + 1)) + low).astype(np.int64).reshape(shape)
    return (rule["offset"] + rule["scale"] * v).astype(np.float32).reshape(shape)


def convolve(x: Array, weight: Array, padding: tuple[int, int, int, int], groups: int) -> Array:
    top, bottom, left, right = padding
    x = np.pad(x, ((0, 0), (top, bottom), (left, right)))
    outputs, inputs, side, _ = weight.shape
    rows, columns = x.shape[1] - side + 1, x.shape[2] - side + 1
    out = np.zeros((outputs, rows, columns), np.result_type(x, weight))
    per = outputs // groups
    for group in range(groups):
        source = x[group * inputs : (group + 1) * inputs]
        part = weight[group * per : (group + 1) * per]
        for dy in range(side):
            for dx in range(side):
                window = source[:, dy : dy + rows, dx : dx + columns]
                out[group * per : (group + 1) * per] += np.einsum("oi,iyx->oyx", part[:, :, dy, dx], window)
    return out


def convolve_transposed(x: Array, weight: Array) -> Array:
    _, outputs, side, _ = weight.shape
    rows, columns = x.shape[1:]
    wide = np.zeros((outputs, 2 * rows + side, 2 * columns + side), np.result_type(x, weight))
    for dy in range(side):
        for dx in range(side):
            wide[:, dy : dy + 2 * rows : 2, dx : dx + 2 * columns : 2] += np.einsum(
                "io,iyx->oyx", weight[:, :, dy, dx], x
            )
    return wide[:, 1 : 1 + 2 * rows, 1 : 1 + 2 * columns]


def run_layer(network: Network, layer: Layer, inputs: list[Array], tensors: Mapping[str, Array], size: Any) -> Array:
    x = inputs[0]
    stored = [np.asarray(tensors[network.prefix + tensor.name]) for tensor in layer.tensors]
    if layer.kind in ("conv", "conv_transpose"):
        weight = stored[0].astype(np.float64)
        if layer.kind == "conv":
            out = convolve(x, weight, layer.padding, layer.groups)
        else:
            out = convolve_transposed(x, weight)
        return out + stored[1].astype(np.float64)[:, None, None] if layer.bias else out
    if layer.kind == "int_conv":
        weight, bias, shifts = (array.astype(np.int64) for array in stored)
        clamped = np.clip(x.astype(np.int64), int(layer.low), int(layer.high))
        product = convolve(clamped, weight, layer.padding, layer.groups) + bias[:, None, None]
        return product >> shifts.reshape(-1, 1, 1)
    if layer.kind == "pixel_shuffle":
        r = layer.factor
        channels, rows, columns = x.shape[0] // r**2, x.shape[1], x.shape[2]
        return (
            x.reshape(channels, r, r, rows, columns).transpose(0, 3, 1, 4, 2).reshape(channels, r * rows, r * columns)
        )
    if layer.kind == "crop":
        rows, columns = (-(-length // layer.divisor) for length in size)
        have = [layer.sd * -(-length // (layer.sd * layer.divisor)) for length in size]
        assert list(x.shape[1:]) == have
        return x[:, :rows, :columns]
    if layer.kind == "relu":
        return np.maximum(x, 0)
    if layer.kind == "relu6":
        return np.clip(x, 0, 6)
    if layer.kind == "abs":
        return np.abs(x)
    if layer.kind == "clamp":
        return np.clip(x, layer.low, layer.high)
    if layer.kind == "add":
        return x + inputs[1]
    if layer.kind == "mul_one_plus":
        return x * (1 + inputs[1])
    if layer.kind == "concat":
        return np.concatenate(inputs)
    if layer.kind == "slice_channels":
        return x[layer.start : layer.start + layer.channels]
    if layer.kind == "affine":
        return x * layer.scale + layer.offset
    raise AssertionError(layer.kind)


def run(network: Network, tensors: Mapping[str, Array], inputs: list[Array], size: tuple[int, int]) -> Array:
    """Run a network, (C, H, W) in and out, before the final crop."""
    kind = np.int64 if network.arithmetic == "integer" else np.float64
    values = {entry.name: array.astype(kind) for entry, array in zip(network.inputs, inputs, strict=True)}
    for layer in network.layers:
        values[layer.output] = run_layer(network, layer, [values[name] for name in layer.inputs], tensors, size)
    return values[network.output]
