"""Declared receptive fields on the engines: what changes when one row or column of an input does (06.11)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from jpegai.decoder.engines.float32 import Float32Engine
from jpegai.decoder.engines.integer import IntegerNetwork
from jpegai.decoder.geometry import size_argument
from jpegai.decoder.models import ModelStore, file_name
from jpegai.decoder.networks import NETWORKS, Network
from jpegai.decoder.workers import Workers

MODEL = 1
#: Positions of the input along each axis: the touched one in the middle is out of reach of the borders.
LENGTH, TOUCHED = 13, 6
CASES = [(network, entry.name) for network in NETWORKS.values() for entry in network.inputs]


def runner(network: Network) -> Callable[..., NDArray[Any]]:
    luma = LENGTH * network.inputs[0].subsampling
    size = size_argument(network.size_argument, luma, luma)
    store = ModelStore.open("test")
    if network.arithmetic == "float32":
        loaded = Float32Engine(store, threads=1).network(network.name, MODEL)
        return lambda *inputs: loaded(*inputs, size=size)
    exact = IntegerNetwork(network, store.tensors(file_name(network.file_kind, MODEL)))
    return lambda *inputs: exact(*inputs, size=size, workers=Workers(1))


@pytest.mark.parametrize(("network", "source"), CASES, ids=lambda value: getattr(value, "name", value))
def test_exactly_the_declared_outputs_change(network: Network, source: str) -> None:
    rng = np.random.default_rng(8)
    dtype = np.float32 if network.arithmetic == "float32" else np.int8

    def noise(channels: int) -> NDArray[Any]:
        return rng.integers(-15, 15, (channels, LENGTH, LENGTH), endpoint=True).astype(dtype)

    run = runner(network)
    position = [entry.name for entry in network.inputs].index(source)
    spans = network.receptive_field(source)
    for axis in (1, 2):
        changed = np.zeros(0, bool)
        for _ in range(4):  # a limit inside the network may hide one change, not all of them
            inputs = [noise(entry.channels) for entry in network.inputs]
            before = run(*inputs)
            index: list[Any] = [slice(None)] * 3
            index[axis] = TOUCHED
            other = inputs[position].copy()
            other[tuple(index)] = noise(other.shape[0]).take(0, axis)
            after = run(*inputs[:position], other, *inputs[position + 1 :])
            difference = (before != after).any(axis=(0, 3 - axis))
            changed = difference if not len(changed) else changed | difference
        declared = []
        for output in range(len(changed)):
            cell, phase = divmod(output, len(spans))
            low, high = spans[phase]
            declared.append(cell + low <= TOUCHED <= cell + high)
        assert changed.tolist() == declared
