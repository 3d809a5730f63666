"""A slow interpreter of the specification's layer tables, to hold the engines against (sections 06.2 to 06.5).

It runs the operations of ``networks.json`` as they stand there, in float64 (float networks) or int64 (integer ones),
and knows nothing of the project's declarations. Arrays are (C, H, W).
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.vectors import spec_data

Array = NDArray[Any]
Tensors = Mapping[str, Array]


# -- operations -----------------------------------------------------------------------------------------------------


def _correlate(x: Array, weight: Array, padding: tuple[int, int, int, int], stride: int, groups: int) -> Array:
    top, bottom, left, right = padding
    x = np.pad(x, ((0, 0), (top, bottom), (left, right)))
    kh, kw = weight.shape[2:]
    rows, columns = ((length - side) // stride + 1 for length, side in zip(x.shape[1:], (kh, kw), strict=True))
    taps = [
        x[:, dy : dy + stride * (rows - 1) + 1 : stride, dx : dx + stride * (columns - 1) + 1 : stride]
        for dy in range(kh)
        for dx in range(kw)
    ]
    stacked = np.stack(taps, 1).reshape(groups, -1, rows * columns)
    return (weight.reshape(groups, len(weight) // groups, -1) @ stacked).reshape(len(weight), rows, columns)


def _conv(op: Mapping[str, Any], tensors: Tensors, x: Array) -> Array:
    out = _correlate(x, tensors[op["weight"]], op["pad_tblr"], op["stride"], op["groups"])
    return out if op["bias"] is None else out + tensors[op["bias"]][:, None, None]


def _int_conv(op: Mapping[str, Any], tensors: Tensors, x: Array) -> Array:
    return _conv(op, tensors, np.clip(x, *op["in_clamp"])) >> tensors[op["shifts"]].reshape(-1, 1, 1)


def _conv_transpose(op: Mapping[str, Any], tensors: Tensors, x: Array) -> Array:
    weight = tensors[op["weight"]]
    height, width = x.shape[1:]
    side = weight.shape[2]
    out = np.zeros((weight.shape[1], 2 * height + side, 2 * width + side))  # from position -1
    for dy in range(side):
        for dx in range(side):
            product = np.tensordot(weight[:, :, dy, dx], x, (0, 0))
            out[:, dy : dy + 2 * height : 2, dx : dx + 2 * width : 2] += product
    return out[:, 1 : 2 * height + 1, 1 : 2 * width + 1] + tensors[op["bias"]][:, None, None]


def _pixel_shuffle(op: Mapping[str, Any], x: Array) -> Array:
    factor = op["factor"]
    channels, height, width = x.shape
    x = x.reshape(channels // factor**2, factor, factor, height, width)
    return x.transpose(0, 3, 1, 4, 2).reshape(channels // factor**2, height * factor, width * factor)


def _crop(op: Mapping[str, Any], x: Array, size: tuple[int, int]) -> Array:
    skip, depth, sd = op["skip_depth_step"], op["depth"], op["sd"]
    divisor = 2 ** (depth - 1) if skip and depth >= 4 else 2**depth
    needs = [-(-length // divisor) for length in size]
    haves = [sd * -(-length // (sd * divisor)) for length in size]
    assert list(x.shape[1:]) == haves
    return x[:, : needs[0], : needs[1]]


_SIMPLE: Mapping[str, Callable[..., Array]] = {
    "relu": lambda op, x: np.maximum(x, 0),
    "relu6": lambda op, x: np.clip(x, 0, 6),
    "abs": lambda op, x: np.abs(x),
    "clamp": lambda op, x: np.clip(x, op["min"], op["max"]),
    "affine": lambda op, x: x * op["scale"] + op["offset"],
    "add": lambda op, a, b: a + b,
    "mul_one_plus": lambda op, a, b: a * (1 + b),
    "concat": lambda op, *parts: np.concatenate(parts),
    "slice_channels": lambda op, x: x[op["start"] : op["stop"]],
    "pixel_shuffle": _pixel_shuffle,
}
_WITH_TENSORS = {"conv": _conv, "int_conv": _int_conv, "conv_transpose": _conv_transpose}


def table(name: str) -> dict[str, Any]:
    """Return the entry of a network in ``networks.json``."""
    return next(entry for entry in spec_data("networks")["networks"] if entry["name"] == name)


def run(name: str, tensors: Tensors, *inputs: Array, size: tuple[int, int]) -> Array:
    """Run a network of ``networks.json`` with tensors by full name; the result is not cut to the size argument."""
    entry = table(name)
    kind = np.int64 if entry["arithmetic"] == "integer" else np.float64
    prefix = entry["checkpoint_prefix"]
    own = {key.removeprefix(prefix): value.astype(kind) for key, value in tensors.items() if key.startswith(prefix)}
    known = {facts["name"]: array.astype(kind) for facts, array in zip(entry["inputs"], inputs, strict=True)}
    for op in entry["ops"]:
        x = [known[part] for part in op["in"]]
        if op["op"] == "crop":
            known[op["out"]] = _crop(op, *x, size)
        elif op["op"] in _WITH_TENSORS:
            known[op["out"]] = _WITH_TENSORS[op["op"]](op, own, *x)
        else:
            known[op["out"]] = _SIMPLE[op["op"]](op, *x)
    return known[entry["output"]]


def context_model(phase: Callable[..., Array], residual: Array, psi: Array) -> Array:
    """The four phases of 06.7.2; ``phase(p, ...)`` runs network p. Residual (C, h, w), psi (4C, ...) to (C, h, w)."""
    channels, height, width = residual.shape
    padded = np.pad(residual, ((0, 0), (0, height % 2), (0, width % 2)))
    out = np.empty(padded.shape, residual.dtype)
    done: list[Array] = []
    for p, (row, column) in enumerate(((0, 0), (1, 1), (0, 1), (1, 0))):
        own = np.ascontiguousarray(psi[p * channels : (p + 1) * channels])
        prediction = phase(p, *([np.concatenate(done)] if done else []), own)
        done.append(padded[:, row::2, column::2] + prediction)
        out[:, row::2, column::2] = done[-1]
    return out[:, :height, :width]


# -- vectors of networks.json ---------------------------------------------------------------------------------------


def _values(count: int, number: int) -> Array:
    state = (np.arange(1, count + 1, dtype=np.uint64) * 40503 + (number + 1) * 65599) % 2**32
    state = state * 2654435761 % 2**32
    state ^= state >> np.uint64(15)
    state = state * 2246822519 % 2**32
    state ^= state >> np.uint64(13)
    return state / 2.0**32 - 0.5


def generate(rule: Mapping[str, Any], shape: Iterable[int], number: int, dtype: str = "int32") -> Array:
    """Return the tensor that a rule of the vectors makes (06.12)."""
    shape = tuple(shape)
    values = _values(int(np.prod(shape)), number)
    if "range" in rule:
        low, high = rule["range"]
        return (np.floor((values + 0.5) * (high - low + 1)) + low).astype(dtype).reshape(shape)
    return (rule["offset"] + rule["scale"] * values).astype(np.float32).reshape(shape)


def vector(name: str) -> dict[str, Any]:
    """Return the vector of a network, or of ``mcm_full``."""
    return next(item for item in spec_data("networks")["vectors"]["items"] if item["network"] == name)


@functools.cache
def vector_tensors(name: str) -> dict[str, Array]:
    """Return the weights of a vector by full name, with the dtypes of the checkpoint."""
    listed = spec_data("checkpoints")["kinds"][table(name)["checkpoint_file_kind"]]["tensors"]
    facts = {entry["name"]: entry for entry in listed}
    return {
        rule["name"]: generate(rule, facts[rule["name"]]["shape"], rule["index"], facts[rule["name"]]["dtype"])
        for rule in vector(name)["tensors"]
    }


def vector_inputs(name: str) -> list[Array]:
    """Return the inputs of a vector."""
    return [generate(rule, rule["shape"], rule["index"], "int8") for rule in vector(name)["inputs"]]


def agrees(item: Mapping[str, Any], result: Array) -> bool:
    """Whether a result is that of a vector: integers exactly, floats within 1e-3 of the rms."""
    if list(result.shape) != item["output_shape"]:
        return False
    samples = result.ravel()[item["sample_indices"]]
    if "crc32_int32_le" in item:
        whole = np.ascontiguousarray(result, "<i4")
        same = samples.tolist() == item["samples"] and int(whole.sum(dtype=np.int64)) == item["sum"]
        return same and zlib.crc32(whole) == int(item["crc32_int32_le"], 16)
    limit = 1e-3 * item["rms"]
    exact = result.astype(np.float64)
    distances = [*(samples - item["samples"]), exact.mean() - item["mean"], np.sqrt((exact**2).mean()) - item["rms"]]
    return bool(np.abs(distances).max() <= limit)
