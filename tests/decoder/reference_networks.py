"""A slow interpreter of the operations of networks.json, in float64 or exact integers.

`run` takes them as they stand there, with the tensors of a checkpoint; `declared_ops` gives a declaration of this
project in the same notation, so that it can be compared with the file, or run where the file is absent.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from jpegai.decoder.networks import Layer, Network, Tensor
from tests.vectors import spec_data

Array = NDArray[Any]
Op = Mapping[str, Any]


def table(name: str) -> dict[str, Any]:
    """Return a network of networks.json."""
    return dict(next(entry for entry in spec_data("networks")["networks"] if entry["name"] == name))


def run_table(
    name: str, tensors: Mapping[str, Array], inputs: Sequence[Array], size: tuple[int, int] | None = None
) -> Array:
    """Run a network of networks.json: tensors by full name, (C, H, W) in and out, before the final crop."""
    entry = table(name)
    names = [source["name"] for source in entry["inputs"]]
    stored = {key.removeprefix(entry["checkpoint_prefix"]): value for key, value in tensors.items()}
    return run(entry["ops"], dict(zip(names, inputs, strict=True)), stored, size, entry["arithmetic"] == "integer")


def run_declared(
    network: Network, tensors: Mapping[str, Array], inputs: Sequence[Array], size: tuple[int, int] | None = None
) -> Array:
    """Run a declaration, as `run_table`."""
    names = [source.name for source in network.inputs]
    stored = {key.removeprefix(network.prefix): value for key, value in tensors.items()}
    whole = network.arithmetic == "integer"
    return run(declared_ops(network), dict(zip(names, inputs, strict=True)), stored, size, whole)


def run(
    ops: Sequence[Op],
    inputs: Mapping[str, Array],
    tensors: Mapping[str, Array],
    size: tuple[int, int] | None,
    whole: bool = False,
) -> Array:
    """Run operations, in int64 when `whole`, else in float64, and return the result of the last one."""
    number = np.int64 if whole else np.float64
    with _controller().limit(limits=1, user_api="blas"):  # its threads would wait for each other on a busy machine
        return _run(ops, {name: array.astype(number) for name, array in inputs.items()}, tensors, size, number)


@functools.cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def _run(
    ops: Sequence[Op],
    values: dict[str, Array],
    tensors: Mapping[str, Array],
    size: tuple[int, int] | None,
    number: type[np.number[Any]],
) -> Array:
    last_use = {name: place for place, op in enumerate(ops) for name in op["in"]}
    for place, op in enumerate(ops):
        stored = {
            key: tensors[op[key]].astype(number)
            for key in ("weight", "bias", "shifts", "temperature", "mean", "var", "param")
            if op.get(key)
        }
        values[op["out"]] = _run_op(op, [values[name] for name in op["in"]], stored, size)
        for name in set(op["in"]):
            if last_use[name] == place:
                del values[name]
    return values[ops[-1]["out"]]


def _run_op(op: Op, inputs: list[Array], stored: dict[str, Array], size: tuple[int, int] | None) -> Array:
    x = inputs[0]
    match op["op"]:
        case "conv" | "int_conv":
            clamped = np.clip(x, *op["in_clamp"]) if "in_clamp" in op else x
            y = convolve(clamped, stored["weight"], op["pad_tblr"], op["stride"], op["groups"])
            y = y + _per_channel(stored["bias"]) if "bias" in stored else y
            return y >> stored["shifts"].reshape(-1, 1, 1) if "shifts" in stored else y
        case "conv_transpose":
            return convolve_transposed(x, stored["weight"]) + _per_channel(stored["bias"])
        case "pixel_shuffle":
            r = op["factor"]
            channels, rows, columns = x.shape[0] // r**2, x.shape[1], x.shape[2]
            cells = x.reshape(channels, r, r, rows, columns).transpose(0, 3, 1, 4, 2)
            return cells.reshape(channels, r * rows, r * columns)
        case "crop" | "pad_replicate":
            return _fit(x, op, size)
        case "relu":
            return np.maximum(x, 0)
        case "relu6":
            return np.clip(x, 0, 6)
        case "leaky_relu":
            return np.where(x > 0, x, op["negative_slope"] * x)
        case "elu":
            return np.where(x > 0, x, op["alpha"] * np.expm1(np.minimum(x, 0)))
        case "sigmoid":
            return 1 / (1 + np.exp(-x))
        case "abs":
            return np.abs(x)
        case "clamp":
            return np.clip(x, op["min"], op["max"])
        case "add":
            return x + inputs[1]
        case "mul":
            return x * inputs[1]
        case "mul_one_plus":
            return x * (1 + inputs[1])
        case "concat":
            return np.concatenate(inputs)
        case "slice_channels":
            return x[op["start"] : op["stop"]]
        case "affine":
            return x * op["scale"] + op["offset"]
        case "affine_div":
            return (x + op["offset"]) / op["divisor"]
        case "scale_param":
            return x * stored["param"]
        case "batch_norm":
            normal = (x - _per_channel(stored["mean"])) / np.sqrt(_per_channel(stored["var"]) + op["eps"])
            return normal * _per_channel(stored["weight"]) + _per_channel(stored["bias"])
        case "layer_norm_channels":
            normal = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + op["eps"])
            return normal * _per_channel(stored["weight"]) + _per_channel(stored["bias"])
        case "channel_attention":
            return _attention(x, stored["temperature"], op["heads"], op["eps"])
    raise AssertionError(op["op"])


def _per_channel(vector: Array) -> Array:
    return vector[:, None, None]


def convolve(x: Array, weight: Array, padding: Sequence[int], stride: int = 1, groups: int = 1) -> Array:
    """Cross-correlate (C, H, W) with [Cout][Cin/groups][kh][kw], zeros added at top, bottom, left and right."""
    top, bottom, left, right = padding
    x = np.pad(x, ((0, 0), (top, bottom), (left, right)))
    outputs, inputs, tall, wide = weight.shape
    rows, columns = (x.shape[1] - tall) // stride + 1, (x.shape[2] - wide) // stride + 1
    out = np.zeros((groups, outputs // groups, rows * columns), np.result_type(x, weight))
    parts = weight.reshape(groups, outputs // groups, inputs, tall, wide)
    for dy in range(tall):
        for dx in range(wide):
            window = x[:, dy : dy + stride * rows : stride, dx : dx + stride * columns : stride][:, :rows, :columns]
            out += np.ascontiguousarray(parts[..., dy, dx]) @ window.reshape(groups, inputs, -1)
    return out.reshape(outputs, rows, columns)


def convolve_transposed(x: Array, weight: Array) -> Array:
    """Transposed convolution of stride 2 and padding 1, weight [Cin][Cout][k][k], to twice the size."""
    inputs, outputs, side, _ = weight.shape
    rows, columns = x.shape[1:]
    wide = np.zeros((outputs, 2 * rows + side, 2 * columns + side), np.result_type(x, weight))
    flat = x.reshape(inputs, -1)
    for dy in range(side):
        for dx in range(side):
            part = (weight[:, :, dy, dx].T @ flat).reshape(outputs, rows, columns)
            wide[:, dy : dy + 2 * rows : 2, dx : dx + 2 * columns : 2] += part
    return wide[:, 1 : 1 + 2 * rows, 1 : 1 + 2 * columns]


def _fit(x: Array, op: Op, size: tuple[int, int] | None) -> Array:
    """Crop or replicate at the bottom and the right by have - need (06.4)."""
    assert size is not None
    depth, sd = op["depth"], op["sd"]
    divisor = 1 << (depth - 1 if op["skip_depth_step"] and depth >= 4 else depth)
    need = [-(-length // divisor) for length in size]
    have = [sd * -(-length // (sd * divisor)) for length in size]
    if op["op"] == "crop":
        assert list(x.shape[1:]) == have
        return x[:, : need[0], : need[1]]
    assert list(x.shape[1:]) == need
    return np.pad(x, ((0, 0), *((0, after - before) for before, after in zip(need, have, strict=True))), "edge")


def _attention(x: Array, temperature: Array, heads: int, eps: float) -> Array:
    q, k, v = x.reshape(3, heads, x.shape[0] // (3 * heads), -1)
    q, k = (part / np.maximum(np.linalg.norm(part, axis=-1, keepdims=True), eps) for part in (q, k))
    scores = np.exp(temperature * (q @ k.transpose(0, 2, 1)))
    return (scores / scores.sum(axis=-1, keepdims=True) @ v).reshape(x.shape[0] // 3, *x.shape[1:])


def declared_ops(network: Network) -> list[dict[str, Any]]:
    """Return a declaration in the notation of networks.json, without the numbers that follow from it."""
    return [_as_op(network, layer) for layer in network.layers]


def _as_op(network: Network, layer: Layer) -> dict[str, Any]:
    op: dict[str, Any] = {"op": layer.kind, "in": list(layer.inputs), "out": layer.output}
    if layer.kind in ("conv", "int_conv", "conv_transpose"):
        op |= {"weight": _name(layer.weight), "bias": _name(layer.bias)}
        op |= {"cin": network.channels[layer.inputs[0]], "cout": layer.channels}
        height, width = layer.kernel
        op |= {"kernel": height if height == width else [height, width]}
        op |= {"stride": layer.stride, "groups": layer.groups}
        op |= {"padding": 1, "output_padding": 4 - height} if layer.kind == "conv_transpose" else {
            "pad_tblr": list(layer.padding)
        }  # fmt: skip
    if layer.kind == "int_conv":
        op |= {"shifts": _name(layer.shifts), "in_clamp": [layer.low, layer.high]}
    if layer.kind == "pixel_shuffle":
        op |= {"factor": layer.factor}
    if layer.kind == "crop":
        op |= {"depth": layer.depth, "sd": layer.sd, "skip_depth_step": layer.skip}
    if layer.kind == "clamp":
        op |= {"min": layer.low, "max": layer.high}
    if layer.kind == "affine":
        op |= {"scale": layer.scale, "offset": layer.offset}
    if layer.kind == "slice_channels":
        op |= {"start": layer.start, "stop": layer.start + layer.channels}
    if layer.kind == "elu":
        op |= {"alpha": 1.0}
    if layer.kind == "channel_attention":
        op |= {"temperature": _name(layer.weight), "heads": layer.heads, "eps": layer.eps}
    if layer.kind == "scale_param":
        op |= {"param": _name(layer.weight)}
    if layer.kind in ("layer_norm_channels", "batch_norm"):
        op |= {"weight": _name(layer.weight), "bias": _name(layer.bias), "eps": layer.eps}
    if layer.kind == "batch_norm":
        op |= {"mean": _name(layer.mean), "var": _name(layer.variance)}
    return op


def _name(tensor: Tensor | None) -> str | None:
    return tensor.name if tensor else None
