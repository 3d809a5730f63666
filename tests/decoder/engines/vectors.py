"""The vectors of networks.json: weights and inputs by generator, samples of the output."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.networks import NETWORKS, Network
from tests.decoder.engines.reference import generate
from tests.vectors import spec_data


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


FLOAT = [network for network in NETWORKS.values() if network.arithmetic == "float32"]
INTEGER = [network for network in NETWORKS.values() if network.arithmetic == "integer"]
