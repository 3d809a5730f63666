"""The float32 engine against the vectors of the specification and a float64 interpreter."""

from __future__ import annotations

import dataclasses

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from jpegai.codestream import ModelError, UnsupportedError
from jpegai.decoder.engines.float32 import Float32Engine, load_graph
from jpegai.decoder.engines.graph import build_graph
from jpegai.decoder.geometry import Area, size_argument
from jpegai.decoder.latents import context_latents
from jpegai.decoder.models import ModelStore, file_name
from jpegai.decoder.networks import NETWORKS, Input, Network
from jpegai.decoder.networks.blocks import Builder
from jpegai.decoder.workers import Workers
from tests.decoder import reference_networks
from tests.decoder.engines import vectors
from tests.vectors import needs_spec


def random_inputs(network: Network, height: int, width: int, seed: int = 1) -> list[NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    return [
        (3 * rng.standard_normal((entry.channels, -(-height // entry.subsampling), -(-width // entry.subsampling))))
        .astype(np.float32)
        for entry in network.inputs
    ]  # fmt: skip


@needs_spec
@pytest.mark.parametrize("network", vectors.FLOAT, ids=lambda network: network.name)
def test_vectors_of_the_specification(network: Network) -> None:
    entry = vectors.item(network.name)
    inputs = [array.astype(np.float32) for array in vectors.inputs(network.name)]
    output = vectors.load(network, vectors.weights(network))(*inputs, size=tuple(entry["size_argument"]))
    vectors.assert_samples(network.name, output)


@needs_spec
def test_whole_context_model() -> None:
    residual, psi = vectors.inputs("mcm_full")
    phases = [vectors.load(NETWORKS[f"mcm_phase{p}"], vectors.weights(NETWORKS[f"mcm_phase{p}"])) for p in range(4)]
    out = np.empty_like(residual)
    whole = Area.whole(*residual.shape[1:])
    context_latents(residual, psi, phases, whole, whole, out, Workers(2))
    vectors.assert_samples("mcm_full", out)


@pytest.mark.parametrize("size", [(64, 64), (97, 131), (65, 127), (80, 200)], ids=str)
@pytest.mark.parametrize("network", vectors.FLOAT, ids=lambda network: network.name)
def test_agrees_with_a_float64_interpreter(network: Network, size: tuple[int, int]) -> None:
    tensors, inputs = vectors.model(network), random_inputs(network, *size)
    argument = size_argument(network.size_argument, *size)
    found = vectors.load(network, tensors)(*inputs, size=argument)
    expected = reference_networks.run_declared(network, tensors, inputs, argument)
    assert found.shape == expected.shape
    assert found.shape[1:] == network.output_size(*argument)
    limit = 3e-3 if network.size_argument == "tile_luma" else 5e-4
    assert np.abs(found - expected).max() <= limit
    assert np.abs(found - expected - 10 * limit).max() > limit, "the comparison can fail"


@needs_spec
@pytest.mark.parametrize("models", ["test", "analytic"])
@pytest.mark.parametrize("name", ["hop_prim", "hop_sec", "eicci_Y", "eicci_UV"])
def test_networks_with_unusual_layers_agree_with_the_table(name: str, models: str) -> None:
    """Both models against networks.json itself, not against our declaration of it."""
    network = NETWORKS[name]
    store = ModelStore.open(models)
    filters = network.file_kind == "eicci"
    limit = 5e-4 if filters else 3e-3
    for size, bank, index in (((65, 127), "bop", 0), ((97, 75), "hop", 3)):
        source = index, bank if filters else None
        inputs, tensors = random_inputs(network, *size), store.tensors(file_name(network.file_kind, *source))
        expected = reference_networks.run_table(name, tensors, inputs, size)
        found = Float32Engine(store, threads=2).network(name, *source)(*inputs, size=size)
        assert np.abs(found - expected).max() <= limit
        assert expected.std() > 1, "there is something to compare"


@pytest.mark.parametrize("name", ["sop_prim", "sop_sec", "bop_prim", "bop_sec"])
def test_reach_is_sharp(name: str) -> None:
    """NaN everywhere outside the declared reach changes nothing; NaN at its edges does."""
    network = NETWORKS[name]
    tensors = vectors.model(network)
    run = vectors.load(network, tensors)
    (low, high), rows = network.reach[0], 24
    inputs = random_inputs(network, 16 * rows, 160)
    size = (16 * rows, 160)
    whole = run(*inputs, size=size)
    cell = 11
    poisoned = inputs[0].copy()
    poisoned[:, : cell + low] = np.nan
    poisoned[:, cell + high + 1 :] = np.nan
    found = run(poisoned, size=size)
    assert np.array_equal(found[:, 16 * cell : 16 * cell + 16], whole[:, 16 * cell : 16 * cell + 16])
    for row in (cell + low, cell + high):
        poisoned = inputs[0].copy()
        poisoned[:, row] = np.nan
        assert np.isnan(run(poisoned, size=size)[:, 16 * cell : 16 * cell + 16]).any()


def test_gates_and_scaling_are_folded() -> None:
    network = NETWORKS["bop_prim"]
    model = onnx.load_from_string(build_graph(network, vectors.model(network)))
    kinds = [node.op_type for node in model.graph.node]
    assert kinds.count("Conv") + kinds.count("ConvTranspose") == 11
    assert kinds.count("Add") - kinds.count("Div") == 1  # the residual block; the others round sizes up
    assert "Mul" in kinds
    assert kinds.count("Mul") == 3


@pytest.mark.parametrize("size", [(28, 36), (160, 200), (900, 4)], ids=str)
def test_rounding_of_attention_does_not_grow_with_the_picture(size: tuple[int, int]) -> None:
    """Sums over all positions are the largest source of float noise of HOP, if they are made in float32 in one go."""
    net = Builder(Input("x", 128, 16, "numbers"))
    net.attention(net.conv("x", "copies", 384, 1), "attention")
    network = net.network("strange", "eicci", "padded_tile", "numbers")
    rng = np.random.default_rng(4)
    tensors = {
        "copies.weight": np.concatenate([np.eye(128, dtype=np.float32)[rng.permutation(128)] for _ in range(3)])[
            :, :, None, None
        ],
        "attention.temperature": np.full((4, 1, 1), 7, np.float32),
    }
    x = (rng.standard_normal((128, *size)) + rng.standard_normal((1, *size))).astype(np.float32)
    found = onnxruntime.InferenceSession(build_graph(network, tensors)).run(None, {"x": x[None]})[0][0]
    expected = reference_networks.run_declared(network, tensors, [x])
    noise = np.sqrt(np.mean((found - expected) ** 2)) / expected.std()
    assert noise <= 2.5e-7


def test_what_follows_no_convolution_is_not_folded() -> None:
    """Of a shared convolution, or of an input, scaling and the 1 of a gate are operations of their own."""
    net = Builder(Input("x", 8, 16, "numbers"))
    gated = net.mul_one_plus(net.batch_norm("x", "BN"), net.conv("x", "conv", 8, 1))
    shared = net.conv(gated, "shared", 8, 3, bias=True)
    net.mul_one_plus(net.scale_param(shared, "scale"), shared)
    network = net.network("strange", "eicci", "padded_tile", "numbers")
    rng = np.random.default_rng(2)
    tensors = {name: rng.random(tensor.shape, np.float32) for name, tensor in network.tensors().items()}
    x = rng.standard_normal((8, 5, 6)).astype(np.float32)
    session = onnxruntime.InferenceSession(build_graph(network, tensors))
    found = session.run(None, {"x": x[None]})[0][0]
    assert np.allclose(found, reference_networks.run_declared(network, tensors, [x]), rtol=1e-5, atol=1e-5)


def test_kinds_that_are_not_run_are_refused_by_name() -> None:
    network = NETWORKS["sop_prim"]
    strange = dataclasses.replace(network.layers[1], kind="leaky_relu")
    other = dataclasses.replace(network, layers=(network.layers[0], strange, *network.layers[2:]))
    with pytest.raises(UnsupportedError, match="leaky_relu"):
        build_graph(other, vectors.model(network))
    with pytest.raises(UnsupportedError, match="int_conv"):
        build_graph(NETWORKS["hyper_scale_decoder_Y"], {})


def test_wrong_shapes_are_a_model_error() -> None:
    network = NETWORKS["mcm_phase1"]
    run = vectors.load(network, vectors.model(network))
    with pytest.raises(ModelError, match="mcm_phase1 cannot be run"):
        run(np.zeros((160, 2, 2), np.float32), np.zeros((100, 2, 2), np.float32))


def test_unknown_provider() -> None:
    with pytest.raises(UnsupportedError, match="no provider 'quantum'"):
        Float32Engine(ModelStore.open("test"), threads=1, provider="quantum")


def test_graph_key_depends_on_the_weights() -> None:
    network = NETWORKS["mcm_phase0"]
    one, two = (vectors.FakeStore(vectors.model(network, model_id)) for model_id in (1, 2))
    assert load_graph(network, one, "file") != load_graph(network, two, "file")  # type: ignore[arg-type]
    assert load_graph(network, one, "file") == load_graph(network, one, "file")  # type: ignore[arg-type]


def test_graph_key_depends_on_the_layers() -> None:
    network = NETWORKS["mcm_phase0"]
    store = vectors.FakeStore(vectors.model(network))
    kinds = {"relu": "relu6"}
    layers = [dataclasses.replace(layer, kind=kinds.get(layer.kind, layer.kind)) for layer in network.layers]
    other = dataclasses.replace(network, layers=tuple(layers))
    assert load_graph(network, store, "file") != load_graph(other, store, "file")  # type: ignore[arg-type]


def test_declared_memory_is_what_the_largest_tensors_need() -> None:
    # three tensors of 96 channels at 1/4 live when the last gate multiplies
    assert NETWORKS["bop_prim"].activation_bytes(84, 128) == 3 * 4 * 96 * 336 * 512
