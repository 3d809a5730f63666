"""The float32 engine against the specification's vectors and a plain float64 interpreter (section 06)."""

from __future__ import annotations

import functools
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnxruntime
import pytest
from jpegai.codestream.errors import JpegAIError, ModelError, UnsupportedError
from jpegai.decoder import cache
from jpegai.decoder.engines import graph
from jpegai.decoder.engines.float32 import Float32Engine, load_graph
from jpegai.decoder.models import ModelStore
from jpegai.decoder.networks import NETWORKS, Network
from numpy.typing import NDArray

from tests.decoder.engines.fake_store import MODEL, VectorStore
from tests.decoder.engines.reference import agrees, context_model, run, vector, vector_inputs, vector_tensors

FLOAT = [name for name, network in NETWORKS.items() if network.arithmetic == "float32"]
SIZES = [(64, 64), (65, 127), (97, 131), (75, 50), (144, 80), (113, 401)]
#: float32 against float64, relative to the rms of the result: some hundred times its precision.
TOLERANCE = 2e-5


def store(changes: dict[str, NDArray[Any]] | None = None) -> ModelStore:
    return cast(ModelStore, VectorStore(changes))


@functools.cache
def engine(threads: int) -> Float32Engine:
    return Float32Engine(store(), threads=threads)


def size_argument(network: Network, luma: tuple[int, int]) -> tuple[int, int]:
    height, width = luma
    return (-(-height // 2), -(-width // 2)) if network.size_argument == "half" else luma


def random_inputs(network: Network, luma: tuple[int, int]) -> list[NDArray[np.float32]]:
    rng = np.random.default_rng(luma)
    return [
        (6 * rng.random((entry.channels, *(-(-length // entry.subsampling) for length in luma))) - 3).astype(np.float32)
        for entry in network.inputs
    ]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", FLOAT)
def test_vector(name: str, threads: int) -> None:
    item = vector(name)
    result = engine(threads).network(name, MODEL)(*vector_inputs(name), size=tuple(item["size_argument"]))
    assert result.dtype == np.float32
    assert result.flags.c_contiguous
    assert agrees(item, result)
    # the comparison can fail
    assert not agrees(item, result * np.float32(1.01))
    assert not agrees(item, result + np.float32(2e-3 * item["rms"]))


def test_vector_of_the_whole_context_model() -> None:
    item = vector("mcm_full")
    phases = [engine(1).network(f"mcm_phase{phase}", MODEL) for phase in range(4)]
    result = context_model(lambda phase, *inputs: phases[phase](*inputs), *vector_inputs("mcm_full"))
    assert agrees(item, result)


@pytest.mark.parametrize("luma", SIZES, ids=str)
@pytest.mark.parametrize("name", FLOAT)
def test_sizes(name: str, luma: tuple[int, int]) -> None:
    network = NETWORKS[name]
    inputs, size = random_inputs(network, luma), size_argument(network, luma)
    expected = run(name, vector_tensors(name), *inputs, size=size)
    result = engine(2).network(name, MODEL)(*inputs, size=size)
    assert result.shape == expected.shape
    assert result.shape[1:] == network.output_size(*size)
    rms = np.sqrt((expected**2).mean())
    assert np.abs(result - expected).max() <= TOLERANCE * rms


def test_samples_are_clipped() -> None:
    """Results of the synthesis reach both ends of 0..255 and stay inside."""
    network = NETWORKS["sop_prim"]
    inputs = [40 * array for array in random_inputs(network, (97, 131))]
    expected = run("sop_prim", vector_tensors("sop_prim"), *inputs, size=(97, 131))
    result = engine(1).network("sop_prim", MODEL)(*inputs, size=(97, 131))
    assert result.min() == 0
    assert result.max() == 255
    # in between, float32 is relative to the values inside the network, 40 times larger than elsewhere
    assert np.abs(result - expected).max() <= 40 * TOLERANCE * 128


def test_inputs_are_not_written_to() -> None:
    inputs = random_inputs(NETWORKS["bop_sec"], (97, 131))
    copies = [array.copy() for array in inputs]
    for array in inputs:
        array.flags.writeable = False
    first = engine(2).network("bop_sec", MODEL)(*inputs, size=(97, 131))
    kept = first.copy()
    engine(2).network("bop_sec", MODEL)(*[array + 1 for array in inputs], size=(97, 131))
    np.testing.assert_array_equal(first, kept)  # a later call does not write into an earlier result
    for array, copy in zip(inputs, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


# -- sessions and threads -----------------------------------------------------------------------------------------


def test_several_threads_load_and_run_the_same_networks() -> None:
    own = Float32Engine(store(), threads=1)
    names = ["hyper_decoder_UV", "sop_sec", "mcm_phase1"] * 4
    barrier = threading.Barrier(len(names))

    def work(name: str) -> tuple[int, NDArray[np.float32]]:
        barrier.wait()
        network = own.network(name, MODEL)
        luma = 97, 131
        size = size_argument(network.network, luma)
        return id(network), network(*random_inputs(network.network, luma), size=size)

    with ThreadPoolExecutor(len(names)) as pool:
        results = list(pool.map(work, names))
    for position, name in enumerate(names):
        first_id, first = results[names.index(name)]
        assert results[position][0] == first_id  # loaded once
        np.testing.assert_array_equal(results[position][1], first)


# -- cache --------------------------------------------------------------------------------------------------------


def test_a_later_start_needs_neither_onnx_nor_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JPEGAI_CACHE", str(tmp_path))
    first = VectorStore()
    Float32Engine(cast(ModelStore, first), threads=1).network("mcm_phase0", MODEL)
    assert first.reads == 1
    later = VectorStore()
    Float32Engine(cast(ModelStore, later), threads=1).network("mcm_phase0", MODEL)
    assert later.reads == 0
    code = (
        "import sys\n"
        "sys.modules['onnx'] = None  # an import of it fails\n"
        "from tests.decoder.engines.test_float32 import MODEL, Float32Engine, store\n"
        "Float32Engine(store(), threads=1).network('mcm_phase0', MODEL)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_the_key_covers_weights_declaration_and_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JPEGAI_CACHE", str(tmp_path))
    network = NETWORKS["mcm_phase0"]

    def entries() -> int:
        return len(list((tmp_path / "graphs").iterdir()))

    load_graph(network, store(), MODEL)
    load_graph(network, store(), MODEL)
    assert entries() == 1
    name = "context.MCM.0.fusion_pred_net.conv2.weight"
    weight = vector_tensors("mcm_phase0")[name].copy()
    weight.flat[7] += np.float32(0.5)
    changed = load_graph(network, store({name: weight}), MODEL)
    assert entries() == 2
    assert bytes(changed) != bytes(load_graph(network, store(), MODEL))
    layers = tuple(replace(layer, kind="relu6") if layer.kind == "relu" else layer for layer in network.layers)
    load_graph(replace(network, layers=layers), store(), MODEL)
    assert entries() == 3


def test_a_damaged_entry_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JPEGAI_CACHE", str(tmp_path))
    network = NETWORKS["mcm_phase0"]
    whole = bytes(load_graph(network, store(), MODEL))
    (entry,) = (tmp_path / "graphs").iterdir()
    entry.write_bytes(entry.read_bytes()[:-100])
    assert bytes(load_graph(network, store(), MODEL)) == whole


# -- errors -------------------------------------------------------------------------------------------------------


def test_wrong_inputs_raise_errors_of_the_library() -> None:
    network = engine(1).network("hyper_decoder_UV", MODEL)
    (z,) = random_inputs(network.network, (97, 131))
    for wrong in (z[:-1], z[:, :, :0], z.astype(np.float64)):
        with pytest.raises(JpegAIError, match="hyper_decoder_UV"):
            network(np.ascontiguousarray(wrong), size=(49, 66))


def test_a_graph_that_is_no_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "get_or_make", lambda *_: memoryview(b"not a model"))
    with pytest.raises(ModelError, match="mcm_phase0"):
        Float32Engine(store(), threads=1).network("mcm_phase0", MODEL)


@pytest.mark.parametrize("provider", ["cuda", "abacus"])
def test_provider_that_is_not_there(provider: str) -> None:
    if provider == "cuda" and "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has CUDA")
    with pytest.raises(UnsupportedError, match=provider):
        Float32Engine(store(), threads=1, provider=provider)


def test_layers_that_are_not_built_are_refused() -> None:
    network = NETWORKS["mcm_phase0"]
    layers = tuple(
        replace(layer, kind="channel_attention") if layer.kind == "relu" else layer for layer in network.layers
    )
    with pytest.raises(UnsupportedError, match="channel_attention"):
        graph.build_graph(replace(network, layers=layers), vector_tensors("mcm_phase0"))
    with pytest.raises(UnsupportedError, match="int_conv"):
        graph.build_graph(NETWORKS["hyper_scale_decoder_Y"], vector_tensors("hyper_scale_decoder_Y"))
