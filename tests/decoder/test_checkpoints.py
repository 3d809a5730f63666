"""The same weights from formulas, from official-layout checkpoints and from a packed file decode to the same."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.peer import Peer, find_interpreter
from jpegai.codestream import Codestream, ModelError
from jpegai.decoder import Decoder, ModelStore
from jpegai.decoder.engines.float32 import Float32Engine
from jpegai.decoder.models import file_name
from jpegai.decoder.networks import NETWORKS
from tests.decoder.models.official_writer import write_checkpoint
from tests.streams import described_streams

STREAM = next((stream for stream in described_streams() if stream.name == "bop_m2"), None)
KINDS = ("common_Y", "common_UV", "bop_decoder_Y", "bop_decoder_UV")

pytestmark = pytest.mark.skipif(STREAM is None, reason="no test vectors")


def files() -> list[str]:
    assert STREAM is not None
    model_id = Codestream.open(STREAM.path).pih.model_id
    return [file_name(kind, model_id) for kind in KINDS]


def hashes(models: str | Path) -> dict[str, str]:
    assert STREAM is not None
    results = Decoder(models, engine="float32").dump(STREAM.path)
    exact = {
        name: array
        for name, array in results.items()
        if name.endswith("residual_dequantised") or (array.dtype.kind in "iu" and name != "picture")
    }
    assert len(exact) >= 16
    return {name: hashlib.sha256(np.ascontiguousarray(array)).hexdigest() for name, array in exact.items()}


@pytest.fixture(scope="module")
def expected() -> dict[str, str]:
    return hashes("test")


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for name in files():
        (folder / name).parent.mkdir(exist_ok=True)
        write_checkpoint(folder / name, dict(ModelStore.open("test").tensors(name)))
    return folder


def test_directory(directory: Path, expected: dict[str, str]) -> None:
    assert hashes(directory) == expected


def test_packed(directory: Path, expected: dict[str, str], tmp_path: Path) -> None:
    packed = tmp_path / "models.safetensors"
    ModelStore.open(directory).pack(packed)
    assert hashes(packed) == expected


def test_other_weights_give_other_hashes(directory: Path, expected: dict[str, str], tmp_path: Path) -> None:
    for name in files():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        tensors: dict[str, NDArray[Any]] = dict(ModelStore.open("test").tensors(name))
        if name == files()[0]:
            tensors["vr_vec.c"] = tensors["vr_vec.c"] * np.float32(0.5)
        write_checkpoint(tmp_path / name, tensors)
    found = hashes(tmp_path)
    assert found["primary.hyper_scale"] == expected["primary.hyper_scale"]
    assert found["primary.scale0"] != expected["primary.scale0"]


def test_a_missing_file_is_named(directory: Path, tmp_path: Path) -> None:
    assert STREAM is not None
    for name in files()[:3]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).symlink_to(directory / name)
    with pytest.raises(ModelError, match=r"decoder_UV_0\.075\.pth"):
        Decoder(tmp_path, engine="float32").decode(STREAM.path)


def test_checkpoints_written_by_pytorch(expected: dict[str, str], tmp_path: Path) -> None:
    python = find_interpreter(install=False)
    if python is None:
        pytest.skip("no PyTorch (JPEGAI_BENCH_TORCH, or `make bench` once)")
    peer = Peer(python)
    for name in files():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        np.savez(tmp_path / "tensors.npz", **dict(ModelStore.open("test").tensors(name)))
        peer.ask(save={"tensors": str(tmp_path / "tensors.npz"), "out": str(tmp_path / name)})
    peer.close()
    assert hashes(tmp_path) == expected


#: Network, kind of its file, index, bank.
OTHERS = (
    ("hop_prim", "hop_decoder_Y", 1, None),
    ("hop_sec", "hop_decoder_UV", 1, None),
    ("eicci_Y", "eicci", 4, "bop"),
    ("eicci_Y", "eicci", 4, "hop"),
    ("eicci_UV", "eicci", 4, "hop"),
)


def test_hop_and_filters_from_checkpoints_and_packed(tmp_path: Path) -> None:
    store = ModelStore.open("test")
    for _, kind, index, bank in OTHERS:
        file = file_name(kind, index, bank)
        (tmp_path / file).parent.mkdir(exist_ok=True)
        write_checkpoint(tmp_path / file, dict(store.tensors(file)))
    ModelStore.open(tmp_path).pack(tmp_path / "models.safetensors")
    sources = [store, ModelStore.open(tmp_path), ModelStore.open(tmp_path / "models.safetensors")]
    engines = [Float32Engine(source, threads=1) for source in sources]
    outputs = []
    for name, _, index, bank in OTHERS:
        (entry,) = NETWORKS[name].inputs
        x = np.random.default_rng(3).standard_normal((entry.channels, 5, 7)).astype(np.float32)
        size = 5 * entry.subsampling, 7 * entry.subsampling
        made, read, packed = (engine.network(name, index, bank)(x, size=size) for engine in engines)
        assert np.array_equal(made, read)
        assert np.array_equal(made, packed)
        outputs.append(made)
    assert not np.array_equal(outputs[2], outputs[3]), "the banks differ"
