"""The vectors of networks.json: weights and inputs by generator, samples of the output; networks to run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder import cache
from jpegai.decoder.engines.float32 import Float32Engine, Float32Network
from jpegai.decoder.models import ModelStore, file_name
from jpegai.decoder.networks import NETWORKS, Network
from tests.vectors import spec_data


def generate(rule: Mapping[str, Any], number: int, shape: tuple[int, ...]) -> NDArray[Any]:
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


def item(name: str) -> dict[str, Any]:
    return dict(next(entry for entry in spec_data("networks")["vectors"]["items"] if entry["network"] == name))


def bank(network: Network) -> str | None:
    """The bank of which tests take a network's file."""
    return "bop" if network.file_kind == "eicci" else None


def weights(network: Network) -> dict[str, NDArray[Any]]:
    shapes = network.tensors()
    result = {}
    for position, rule in enumerate(item(network.name)["tensors"]):
        tensor = shapes[rule["name"]]
        array = generate(rule, rule.get("index", position), tensor.shape)
        result[rule["name"]] = array.astype(tensor.dtype)
    return result


def inputs(name: str) -> list[NDArray[Any]]:
    return [generate(rule, rule["index"], tuple(rule["shape"])) for rule in item(name)["inputs"]]


def assert_samples(name: str, output: NDArray[Any]) -> None:
    """Relative 1e-3 of the rms, as the file says."""
    entry = item(name)
    assert list(output.shape) == entry["output_shape"]
    found = output.astype(np.float64).ravel()
    limit = 1e-3 * entry["rms"]
    assert np.abs(found[entry["sample_indices"]] - entry["samples"]).max() <= limit
    assert abs(found.mean() - entry["mean"]) <= limit
    assert abs(np.sqrt((found**2).mean()) - entry["rms"]) <= limit


class FakeStore:
    """The part of a model store that the engine uses, with given tensors."""

    def __init__(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        self._tensors = tensors

    def tensors(self, file: str) -> Mapping[str, NDArray[Any]]:
        return self._tensors

    def digest(self, file: str, names: Iterable[str] | None = None) -> str:
        parts = (part for name in sorted(self._tensors) for part in (name, self._tensors[name].tobytes()))
        return cache.content_key(*parts)


def load(network: Network, tensors: Mapping[str, NDArray[Any]], threads: int = 2) -> Float32Network:
    engine = Float32Engine(FakeStore(tensors), threads=threads)  # type: ignore[arg-type]
    return engine.network(network.name, 0, bank(network))


def model(network: Network, model_id: int = 1, models: str = "test") -> Mapping[str, NDArray[Any]]:
    """Weights of built-in models; those of the test models make every gate and limit do something (chapter 20)."""
    tensors = ModelStore.open(models).tensors(file_name(network.file_kind, model_id, bank(network)))
    return {name: tensors[name] for name in network.tensors()}


FLOAT = [network for network in NETWORKS.values() if network.arithmetic == "float32"]
INTEGER = [network for network in NETWORKS.values() if network.arithmetic == "integer"]
