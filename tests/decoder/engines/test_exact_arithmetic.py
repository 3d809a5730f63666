"""The exact engine makes the integers that its documents define: all networks against plain 64-bit integers."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from jpegai.decoder.engines.exact import ExactNetwork
from jpegai.decoder.engines.exact.ranges import INPUT_RANGES
from jpegai.decoder.engines.formats import Saturations
from jpegai.decoder.networks import Network
from jpegai.decoder.workers import Workers
from tests.decoder.engines import vectors
from tests.decoder.engines.exact_reference import Reference

#: Latents of odd sizes; at most so many rows and columns keep the plain integers fast.
ROWS, COLUMNS = 3, 2


def given(network: Network, magnitude: int) -> tuple[list[NDArray[np.int32]], tuple[int, int]]:
    """Inputs of any values up to a magnitude, some at the end of their range, and a size argument that crops."""
    rng = np.random.default_rng(len(network.name))
    scale = network.inputs[0].subsampling // (2 if network.size_argument == "half" else 1)
    size = ROWS * scale - 3, COLUMNS * scale - 5
    inputs = []
    for entry in network.inputs:
        shape = entry.channels, ROWS, COLUMNS
        limit = (1 << (INPUT_RANGES[entry.name] + 16)) - 1
        if entry.name == "z_hat":
            array = rng.integers(-31, 31, shape, endpoint=True) << 16
        else:
            array = rng.integers(-magnitude, magnitude, shape, endpoint=True)
            array.ravel()[:: array.size // 5] = limit
            array.ravel()[1 :: array.size // 5] = -limit
        inputs.append(array.astype(np.int32))
    return inputs, size


@pytest.mark.parametrize("models", ["test", "analytic"])
@pytest.mark.parametrize("network", vectors.FLOAT, ids=lambda network: network.name)
def test_networks_are_those_of_the_document(network: Network, models: str) -> None:
    tensors = vectors.model(network, models=models)
    exact = ExactNetwork(network, tensors, Workers(2))
    cut = 0
    for magnitude in (3 << 16, 1 << 29):
        inputs, size = given(network, magnitude)
        saturations = Saturations()
        found = exact(*inputs, size=size, saturations=saturations)
        expected = Reference(network, tensors, size).run(*inputs)
        assert np.array_equal(found, expected), magnitude
        assert found.any() or models == "analytic"  # of which some networks give 0
        cut += sum(saturations.counts.values())
    assert cut or models == "analytic" or network.inputs[0].name == "z_hat"
