"""Declared receptive fields on the engines: what changes when one row or column of an input does (06.11)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from jpegai.decoder.engines.integer import IntegerNetwork
from jpegai.decoder.geometry import size_argument
from jpegai.decoder.networks import NETWORKS, Network
from jpegai.decoder.workers import Workers
from tests.decoder.engines import vectors

CASES = [(network, entry.name) for network in NETWORKS.values() for entry in network.inputs]


def runner(network: Network, length: int, *, local: bool) -> Callable[..., NDArray[Any]]:
    """A function that runs a network, without its attention when `local`."""
    luma = length * network.inputs[0].subsampling
    size = size_argument(network.size_argument, luma, luma)
    tensors = vectors.model(network)
    if network.arithmetic == "float32":
        if local:
            tensors = {name: 0 * array if "attn.project_out" in name else array for name, array in tensors.items()}
        loaded = vectors.load(network, tensors, threads=1)
        return lambda *inputs: loaded(*inputs, size=size)
    exact = IntegerNetwork(network, tensors)
    return lambda *inputs: exact(*inputs, size=size, workers=Workers(1))


@pytest.mark.parametrize(("network", "source"), CASES, ids=lambda value: getattr(value, "name", value))
def test_exactly_the_declared_outputs_change(network: Network, source: str) -> None:
    rng = np.random.default_rng(8)
    dtype = np.float32 if network.arithmetic == "float32" else np.int8

    # the touched position in the middle is out of reach of the borders
    touched = max(6, *(abs(offset) for span in network.reach for offset in span))
    length = 2 * touched + 1

    def noise(channels: int) -> NDArray[Any]:
        return rng.integers(-15, 15, (channels, length, length), endpoint=True).astype(dtype)

    run = runner(network, length, local=True)
    position = [entry.name for entry in network.inputs].index(source)
    for axis in (1, 2):
        spans = network.receptive_field(source, axis - 1)
        changed = np.zeros(0, bool)
        for _ in range(4):  # a limit inside the network may hide one change, not all of them
            inputs = [noise(entry.channels) for entry in network.inputs]
            before = run(*inputs)
            index: list[Any] = [slice(None)] * 3
            index[axis] = touched
            other = inputs[position].copy()
            other[tuple(index)] = noise(other.shape[0]).take(0, axis)
            after = run(*inputs[:position], other, *inputs[position + 1 :])
            difference = (before != after).any(axis=(0, 3 - axis))
            changed = difference if not len(changed) else changed | difference
        declared = []
        for output in range(len(changed)):
            cell, phase = divmod(output, len(spans))
            low, high = spans[phase]
            declared.append(cell + low <= touched <= cell + high)
        if network.global_dependency:  # over twenty layers what comes from the edge is lost in rounding
            assert not (changed & ~np.array(declared)).any()
            assert changed.sum() > 0.9 * sum(declared)
        else:
            assert changed.tolist() == declared


@pytest.mark.parametrize("name", ["hop_prim", "hop_sec"])
def test_attention_reaches_everywhere(name: str) -> None:
    """Far beyond the reach of the convolutions nearly all samples change; some are at a limit, or differ too little."""
    network = NETWORKS[name]
    assert network.global_dependency
    length = 24
    run = runner(network, length, local=False)
    before = np.random.default_rng(8).standard_normal((network.inputs[0].channels, length, length)).astype(np.float32)
    after = before.copy()
    after[:, 0] += 100
    far = 16 * 12
    assert (run(before)[:, far:] != run(after)[:, far:]).mean() > 0.9
