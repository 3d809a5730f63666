"""The built-in test models: random weights by formula (chapter 20).

Every value follows from the names of file and tensor and the index of the element; the rules are
`test_model_rules.json`. Pictures made with these weights are not worth looking at: they exist so that every
operation of the decoder is exercised and can be compared bit by bit.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.models.official import find, official_files

__all__ = ["GAIN_COLUMNS", "RULES", "SOURCE", "files", "random_integers", "tensor"]

SOURCE = Path(__file__)

RULES = Path(__file__).with_name("test_model_rules.json")
"""The rule of every tensor, data of section 20.1."""

GAIN_COLUMNS = (2, 6, 10, 13)
"""The column of ``vr_vec.c`` that is not zero, by model index (20.3.4, 21.4)."""

_CHANNEL_FACTORS = np.array([1 / 8, 1 / 4, 1 / 2, 1, 1, 2, 2, 4])  # F8 of 20.3.1
_SCALE_OFFSETS = np.array([250, 800, 1350, 1800, 2100, 2500, 2800, 3500], np.int64)  # S8 of 20.3.2

_Integers = NDArray[np.int64]
_Rule = Mapping[str, Any]


def files() -> tuple[str, ...]:
    """Return the 68 files that the test models have (20.1)."""
    return tuple(name for name in official_files() if _net(name) in _rules())


def tensor(file: str, name: str) -> NDArray[Any]:
    """Return one tensor of a test model: ``tensor("VM_common_int/Y_0.002.pth", "vr_vec.c")`` (20.3).

    Raises:
        KeyError: the test models have no such file or tensor.
    """
    rule = _rules()[_net(file)][name]
    shape = tuple(rule["shape"])
    if rule["kind"] == "const":
        return np.full(shape, rule["value"], rule["dtype"])
    elements = int(np.prod(shape))
    random = random_integers(f"{file}/{name}", elements)
    match rule["kind"]:
        case "float":
            return _float_rule(rule, random.reshape(shape))
        case "int":
            return _int_rule(rule, random).reshape(shape)
        case "gain":
            return _gain_rule(random[: shape[0]], shape, find(file).index)
        case "freq":
            return _frequency_rule(random[: 2 * shape[0]], shape)
    raise KeyError(rule["kind"])


def random_integers(seed_text: str, count: int) -> _Integers:
    """Return the numbers r[0..count-1], each 0..2^24-1, of the generator seeded with a text (20.2)."""
    seed = np.uint64(int.from_bytes(hashlib.sha256(seed_text.encode("ascii")).digest()[:8], "big"))
    # Arrays of unsigned integers wrap modulo 2^64, as the definition asks.
    x = np.arange(1, count + 1, dtype=np.uint64)
    x *= np.uint64(0x9E3779B97F4A7C15)
    x += seed
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    x >>= np.uint64(40)
    return x.view(np.int64)


@functools.cache
def _rules() -> Mapping[str, Mapping[str, _Rule]]:
    return {net: {rule["name"]: rule for rule in rules} for net, rules in json.loads(RULES.read_text()).items()}


def _net(file: str) -> str:
    """Return the key of a file's rules (20.1): the name before the last underscore, or eICCI."""
    return "eICCI" if file.startswith("eICCI") else file.rpartition("_")[0]


def _float_rule(rule: _Rule, random: _Integers) -> NDArray[np.float32]:
    """Section 20.3.1. Everything but the last rounding is exact in binary64."""
    u = (random - (1 << 23)) / (1 << 23)
    value = _mixed(rule["mix"], u) if "mix" in rule else u
    value = value * (rule["num"] / 2.0 ** rule["exp"])
    if rule.get("f8"):
        factors = _CHANNEL_FACTORS[np.arange(u.shape[0]) % 8]
        value *= factors.reshape(-1, *[1] * (u.ndim - 1))
    return np.asarray(value + rule.get("off", 0), np.float32)


def _mixed(mix: Mapping[str, Any], u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Random numbers correlated within a pixel-shuffle group, or smooth within an upsampling kernel."""
    own = float(mix["m"]) * u
    if "r2" in mix:
        output = np.arange(u.shape[0])
        mixed: NDArray[np.float64] = own + u[output - output % mix["r2"]]
        return mixed
    profile = np.array(mix["B"], np.float64)
    return own + profile[:, None] * profile * u[:, :, 1:2, 1:2]


def _int_rule(rule: _Rule, random: _Integers) -> NDArray[Any]:
    """Section 20.3.2."""
    amplitude = rule["amp"]
    value = ((random * (2 * amplitude + 1)) >> 24) - amplitude + rule.get("off", 0)
    if "sig8" in rule:
        value += rule["sig8"] * _SCALE_OFFSETS[(np.arange(value.size) // 16) % 8]
    return np.asarray(value, rule["dtype"])


def _gain_rule(random: _Integers, shape: tuple[int, ...], model: int) -> NDArray[np.float32]:
    """Section 20.3.4."""
    gain = np.zeros(shape, np.float32)
    gain[:, GAIN_COLUMNS[model]] = (((random * 401) >> 24) - 300 + 150 * model) / 128
    return gain


def _frequency_rule(random: _Integers, shape: tuple[int, ...]) -> NDArray[np.int32]:
    """Section 20.3.5."""
    pairs = random.reshape(-1, 2)
    peak = 21 + ((pairs[:, 0:1] * 21) >> 24)
    width = 1 + ((pairs[:, 1:2] * 120) >> 24)
    return np.asarray(1 + (width << 24) // (width + (np.arange(shape[1]) - peak) ** 2), np.int32)
