"""Inputs of the filter vectors: generators, headers from listed syntax, and the eICCI network written plainly."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jpegai.codestream import Header
from jpegai.decoder.filters import FilterChain, PictureShape, Supplies, WindowPlanes
from jpegai.decoder.workers import Workers
from tests.vectors import spec_data

SAMPLING = {"444": (1, 1), "422": (1, 2), "420": (2, 2)}
#: Names by which the streams' descriptions know elements of eICCI.
REFERENCE_NAMES = {
    "ce.post_filters.eICCI.tile_manager enabled": "icci_tile_enable_flag",
    "synthesis_tile_size": "icci_tile_size",
    "synthesis_tile_overlap": "icci_tile_overlap",
}


def noise(seed: int, count: int) -> np.ndarray:
    """The generator of 8.9.1, with s_n = a^n s_0 + c (1 + a + ... + a^(n-1)) modulo 2^32."""
    powers = np.multiply.accumulate(np.full(count, 1664525, np.uint32), dtype=np.uint32)
    sums = np.cumsum(np.concatenate([np.ones(1, np.uint32), powers[:-1]]), dtype=np.uint32)
    return ((powers * np.uint32(seed) + np.uint32(1013904223) * sums) >> np.uint32(8)).astype(np.int64)


def plane(seed: int, height: int, width: int, kind: str) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    base = {
        "Y": 40 + (5 * x + 3 * y + x * y // 16) % 160,
        "U": 90 + (2 * x + y + x * y // 32) % 70,
        "V": 100 + (x + 3 * y + x * y // 64) % 60,
    }[kind]
    r = noise(seed, height * width).reshape(height, width)
    return ((256 * base + (r >> 12)) / 256).astype(np.float32)


def tools_header(syntax: Iterable[tuple[str, list[int]]]) -> Header:
    """Values under the names of chapter 03 from elements in coding order under the names of the vectors."""
    values: dict[str, Any] = defaultdict(dict)
    weights: dict[tuple[str, int, int], list[int]] = defaultdict(list)
    s, tile, prefix, lists = -1, -1, "", 0
    for listed, numbers in syntax:
        name, _, index = REFERENCE_NAMES.get(listed, listed).partition("[")
        value = numbers[0]
        if name == "best_cand_idx":
            s += index == "0]"
            values[name].setdefault(s, {})[int(index[0])] = value
        elif name == "fL":
            values[name].setdefault(s, {})[int(index[0])] = value
        elif name in ("minSymbol", "maxSymbol"):
            if prefix:
                values[prefix + name] = value
            else:
                values[name][s] = value
        elif name.startswith("weights"):
            weights["weightsY" if name.endswith("2") else "weightsC", s, "UV".index(name[7])] += numbers
        elif name == "icci_use":
            tile += index == "0]"
            values[name].setdefault(tile, {})[int(index[0])] = value
        elif name == "icci_use_shortList":
            values[name][tile] = value
        elif name == "icci_model_signalled_idx":
            values[f"{name}_{index[:-1].partition('[')[2]}"][tile] = value
        elif name == "W5":
            side = "UV"[int(index[-2])]
            rows, columns = values["len_mask_y"], values["len_mask_x"]
            values[f"W5_{side}"] = np.reshape(numbers, (rows, columns)).tolist()
        elif name in ("minLuma", "maxLuma"):
            values[name] = numbers
        elif name in ("candNum", "A1"):
            k = [k for k in range(2) if values[f"nonLinear_enabled_{'UV'[k]}_flag"]][lists]
            values[name][k] = value if name == "candNum" else numbers
            lists += name == "A1"
        elif index:
            values[name][int(index[0])] = value
        else:
            values[name] = value
            if name == "EFE_nonlinear_filter_enabled_flag":
                prefix = "nl_"
    for (name, s, k), numbers in weights.items():
        splits = (1, 2, 2, 3, 3, 4, 6, 6)[values["best_cand_idx"][s][k] - 1]
        side = values["fL"][s][k]
        shape = (splits, -1, side, side) if name == "weightsC" else (splits, side, side)
        values[name].setdefault(s, {})[k] = np.reshape(numbers, shape).tolist()
    return Header("ton", values)


def picture_header(
    height: int,
    width: int,
    source: str = "444",
    coded: str = "444",
    model_id: int = 1,
    transform: int = 1,
    crop: int = 0,
) -> Header:
    """What filters read of a picture header."""
    return Header(
        "pih",
        {
            "img_height": height, "img_width": width, "display_height": height - crop, "display_width": width - crop,
            "s_ver": SAMPLING[source][0], "s_hor": SAMPLING[source][1],
            "c_ver": SAMPLING[coded][0], "c_hor": SAMPLING[coded][1],
            "model_id": model_id, "synthesis_transform_id": [transform],
        },
    )  # fmt: skip


def synthetic(shape: PictureShape, seed: int) -> WindowPlanes:
    """The input picture of 8.9.1."""
    (height, width), chroma = shape.whole.shape, shape.chroma_size
    y, u, v = (plane(seed + i, *(chroma if i else (height, width)), kind) for i, kind in enumerate("YUV"))
    return WindowPlanes(y, u, v, shape.whole)


# -- eICCI ----------------------------------------------------------------------------------------------------


@functools.cache
def eicci_tensors(checkpoint: int) -> Mapping[str, np.ndarray]:
    """The weights of 8.9.2."""
    tensors = {}
    for k, (name, shape, dtype) in enumerate(spec_data("post_filters")["eicci"]["state_dict"]):
        if dtype != "float32":
            continue
        count = int(np.prod(shape))
        u = noise(100003 * (checkpoint + 1) + 131 * k, count) / 2**24 - 0.5
        norm = "BN" in name
        if name.endswith("running_mean"):
            value = 0.4 * u
        elif name.endswith("running_var"):
            value = 1 + u
        elif name.startswith("scale") or name.endswith(".scale"):
            value = 0.1 + 0.1 * u
        elif name.endswith("weight"):
            value = 1 + 0.5 * u if norm else 0.125 * u
        else:
            value = 0.2 * u if norm else 0.1 * u
        tensors[name] = value.astype(np.float32).reshape(shape)
    return tensors


def _conv(x: np.ndarray, tensors: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    weight = tensors[f"{name}.weight"].astype(np.float64)
    _, _, high, wide = weight.shape
    padded = np.pad(x, ((0, 0), (high // 2, high // 2), (wide // 2, wide // 2)))
    out = np.zeros((len(weight), *x.shape[1:])) + tensors[f"{name}.bias"][:, None, None]
    for dy in range(high):
        for dx in range(wide):
            out += np.tensordot(weight[:, :, dy, dx], padded[:, dy : dy + x.shape[1], dx : dx + x.shape[2]], 1)
    return out


def _norm(x: np.ndarray, tensors: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    mean, variance, weight, bias = (
        tensors[f"{name}.{part}"].astype(np.float64)[:, None, None]
        for part in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / np.sqrt(variance + 1e-5) * weight + bias


def eicci_network(tensors: Mapping[str, np.ndarray], kind: str) -> Callable[[np.ndarray], np.ndarray]:
    """The network of 8.4.6 in float64."""
    which = kind.removeprefix("eicci_")

    def run(z: np.ndarray) -> np.ndarray:
        assert z.dtype == np.float32
        assert z.flags.c_contiguous
        first = "conv_first_Y" if which == "Y" else "conv_firstUV"
        x = np.maximum(_norm(_conv(z, tensors, first), tensors, f"BN{which}"), 0)
        for number in range(2 if which == "Y" else 4):
            block = f"hidden_layer_{which}.{number}"
            y = np.maximum(_norm(_conv(x, tensors, f"{block}.conv1"), tensors, f"{block}.BN1"), 0)
            y = _norm(_conv(y, tensors, f"{block}.conv2"), tensors, f"{block}.BN2")
            x = x + y * tensors[f"{block}.scale"]
        parts = [("Y", 0)] if which == "Y" else [("u", 16), ("v", 32)]
        return np.concatenate([
            _conv(x, tensors, f"conv_last_{c}") * tensors[f"scale{c.upper()}"] + z[start : start + 16]
            for c, start in parts
        ]).astype(np.float32)  # fmt: skip

    return run


def resample(plane: np.ndarray, target: tuple[int, int], _workers: Workers) -> np.ndarray:
    """Aligned corners, bicubic in a direction that grows, else linear (10.5)."""
    for axis in (1, 0):
        count, wanted = plane.shape[axis], target[axis]
        position = np.arange(wanted, dtype=np.float32) * (np.float32(count - 1) / np.float32(wanted - 1))
        index = np.minimum(np.floor(position), count - 1).astype(int)
        f = (position - index).astype(np.float64)
        if wanted > count:
            inner = [((-0.75 + 2) * t - (-0.75 + 3)) * t * t + 1 for t in (f, 1 - f)]
            outer = [((-0.75 * t + 3.75) * t - 6) * t + 3 for t in (1 + f, 2 - f)]
            taps = [outer[0], inner[0], inner[1], outer[1]]
        else:
            taps = [0 * f, 1 - f, f, 0 * f]
        shape = (1, wanted) if axis else (wanted, 1)
        plane = sum(
            tap.reshape(shape) * np.take(plane, np.clip(index + i - 1, 0, count - 1), axis)
            for i, tap in enumerate(taps)
        )
    return plane.astype(np.float32)


# -- the cases of filter_vectors.json ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A case of 8.9.3, ready to run."""

    chain: FilterChain
    planes: WindowPlanes
    supplies: Supplies


def networks_of(bank: str) -> Callable[[str, int], Callable[[np.ndarray], np.ndarray]]:
    first = {"bop": 0, "hop": 10}[bank]
    return lambda kind, index: eicci_network(eicci_tensors(first + index), kind)


def headers(entry: Mapping[str, Any]) -> tuple[Header, Header]:
    """Tools header and picture header of a case."""
    formats = entry["source_format"], entry["coded_format"]
    pih = picture_header(entry["height"], entry["width"], *formats, entry["model_id"], entry["decoder_id"])
    syntax = ((name, value if isinstance(value, list) else [value]) for name, _, value in entry["syntax"])
    return tools_header(syntax), pih


def case(entry: Mapping[str, Any]) -> Case:
    selection = "per-tile" if entry.get("non_reference") else "reference"
    chain = FilterChain.from_header(*headers(entry), eicci_selection=selection)
    latents = -(-entry["height"] // 16), -(-entry["width"] // 16)
    scale = (noise(entry["seed"] + 90, latents[0] * latents[1]) % 3600).astype(np.int16).reshape(latents)
    networks = None if chain.eicci is None else networks_of(chain.eicci.bank)
    supplies = Supplies(Workers(1), networks, scale, resample)
    return Case(chain, synthetic(chain.picture, entry["seed"]), supplies)
