"""The integer engine: exact, and proved from the weights (section 06.5)."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from jpegai.codestream import ModelError, UnsupportedError
from jpegai.decoder.engines.integer import IntegerNetwork, accumulator_bounds
from jpegai.decoder.networks import NETWORKS, Network
from jpegai.decoder.workers import Workers
from tests.decoder import reference_networks
from tests.decoder.engines import vectors
from tests.vectors import needs_spec

NETWORK = NETWORKS["hyper_scale_decoder_UV"]


def random_weights(seed: int, reach: int = 127, bias: int = 20000) -> dict[str, NDArray[Any]]:
    rng = np.random.default_rng(seed)
    result = {}
    for name, tensor in NETWORK.tensors().items():
        low, high = {"weight": (-reach - 1, reach), "bias": (-bias, bias)}.get(name.rsplit(".", 1)[1], (0, 9))
        result[name] = rng.integers(low, high, tensor.shape, endpoint=True).astype(tensor.dtype)
    return result


@needs_spec
@pytest.mark.parametrize("network", vectors.INTEGER, ids=lambda network: network.name)
def test_vectors_of_the_specification(network: Network) -> None:
    entry = vectors.item(network.name)
    z = vectors.inputs(network.name)[0].astype(np.int8)
    run = IntegerNetwork(network, vectors.weights(network))
    for threads in (1, 2):
        output = run(z, size=tuple(entry["size_argument"]), workers=Workers(threads))
        assert list(output.shape) == entry["output_shape"]
        assert output.ravel()[entry["sample_indices"]].tolist() == entry["samples"]
        assert int(output.sum(dtype=np.int64)) == entry["sum"]
        assert f"{zlib.crc32(output.astype('<i4').tobytes()):08x}" == entry["crc32_int32_le"]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 127), st.sampled_from([0, 20000, 2**30]), st.data())
def test_equals_plain_integers_whatever_the_carrier(seed: int, reach: int, bias: int, data: st.DataObject) -> None:
    """Small weights run in float32, large ones in float64; both equal 64-bit integers."""
    tensors = random_weights(seed, reach, bias)
    height, width = data.draw(st.integers(1, 150)), data.draw(st.integers(1, 150))
    rng = np.random.default_rng(seed)
    z = rng.integers(-31, 31, (96, -(-height // 32), -(-width // 32)), endpoint=True).astype(np.int8)
    expected = reference_networks.run_declared(NETWORK, tensors, [z], (height, width))
    found = IntegerNetwork(NETWORK, tensors)(z, size=(height, width), workers=Workers(2))
    assert np.array_equal(found, expected)


def test_both_carriers_are_used() -> None:
    carriers = [
        {
            convolution.matrix.dtype.name
            for convolution in IntegerNetwork(NETWORK, random_weights(1, reach))._convolutions
        }
        for reach in (20, 127)
    ]
    assert carriers == [{"float32"}, {"float32"}] or "float64" in carriers[1]
    heavy = random_weights(1)
    heavy["hyper_scale_decoder.depthwise.weight"][:] = 127  # 96 * 9 * 127 * 128 is below 2^24
    heavy["hyper_scale_decoder.depthwise.weight"][:, :, 1, 1] = -128
    assert IntegerNetwork(NETWORK, heavy)._convolutions[1].matrix.dtype == np.float32
    luma = NETWORKS["hyper_scale_decoder_Y"]
    full = {name: np.full(tensor.shape, 1, tensor.dtype) for name, tensor in luma.tensors().items()}
    full["hyper_scale_decoder.depthwise.weight"][:] = 127  # 160 * 9 * 127 * 128 is above
    assert IntegerNetwork(luma, full)._convolutions[1].matrix.dtype == np.float64


@given(
    st.lists(st.integers(-128, 127), min_size=1, max_size=9), st.integers(-(2**31), 2**31 - 1), st.integers(0, 511)
)
def test_bounds_are_those_of_the_worst_inputs(weight: list[int], bias: int, choice: int) -> None:
    """No inputs lead beyond the bound, and some lead to it where the bias has the sign of the products."""
    bound = int(accumulator_bounds(np.array([weight]), np.array([bias]), -128, 127)[0])
    partial, sums = bias, []
    for place, w in enumerate(weight):
        partial += w * (127 if choice >> place & 1 else -128)
        sums.append(abs(partial))
    assert max(sums) <= bound
    largest = sum(w * (127 if w > 0 else -128) for w in weight)
    smallest = sum(w * (-128 if w > 0 else 127) for w in weight)
    assert bound == max(largest, -smallest) + abs(bias)


@pytest.mark.parametrize("sign", [1, -1])
def test_extreme_accumulators_are_exact(sign: int) -> None:
    """All weights and inputs at their limits, so that the sums reach the bound."""
    tensors = random_weights(3)
    for name, array in tensors.items():
        if name.endswith("weight"):
            array[:] = 127 if sign > 0 else -128
        elif name.endswith("shifts"):
            array[:] = 0
    z = np.full((96, 3, 2), 127 if sign > 0 else -128, np.int8)
    expected = reference_networks.run_declared(NETWORK, tensors, [z], (90, 64))
    assert np.array_equal(IntegerNetwork(NETWORK, tensors)(z, size=(90, 64), workers=Workers(1)), expected)


def test_an_overflow_is_named_by_layer_and_channel() -> None:
    tensors = random_weights(2)
    tensors["hyper_scale_decoder.pointwise.bias"][77] = 2**31 - 1
    with pytest.raises(ModelError, match=r"pointwise.weight, channel 77.*overflow 32 bits"):
        IntegerNetwork(NETWORK, tensors)


@pytest.mark.parametrize("shift", [-1, 32])
def test_a_shift_out_of_range_is_named(shift: int) -> None:
    tensors = random_weights(2)
    tensors["hyper_scale_decoder.conv1.per_channel_shifts"][0, 5] = shift
    with pytest.raises(ModelError, match=r"conv1.per_channel_shifts, channel 5"):
        IntegerNetwork(NETWORK, tensors)


def test_float_networks_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="bop_prim"):
        IntegerNetwork(NETWORKS["bop_prim"], {})
