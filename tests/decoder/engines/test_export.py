"""Exported ONNX files run with ONNX Runtime alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner

from jpegai.conformance_streams import STREAMS
from jpegai.decoder.engines.export import EXPORTABLE, export_networks, tensors_sha256
from jpegai.decoder.engines.float32 import Float32Engine
from jpegai.decoder.geometry import size_argument
from jpegai.decoder.models import ModelStore, file_name
from jpegai.decoder.networks import NETWORKS
from jpegai.tools.models import models
from tests.decoder.engines import vectors

ALONE = """
import sys
import numpy as np
import onnxruntime
feed = dict(np.load(sys.argv[2]))
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
np.save(sys.argv[3], session.run(["output"], feed)[0])
assert not [name for name in sys.modules if name.startswith("jpegai")]
"""
ENVIRONMENT = {**os.environ, "ORT_DISABLE_TELEMETRY": "1"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("onnx")
    export_networks(folder, ModelStore.open("analytic"))
    return folder


def test_all_networks_of_all_models_are_there_and_valid(folder: Path) -> None:
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.onnx"))
    filters = [name for name in EXPORTABLE if name.startswith("eicci")]
    assert len(filters) == 2
    assert files == sorted(
        [f"m{index}/{name}.onnx" for index in range(4) for name in EXPORTABLE if name not in filters]
        + [f"{bank}{index}/{name}.onnx" for bank in ("bop", "hop") for index in range(10) for name in filters]
    )
    for path in folder.rglob("*.onnx"):
        model = onnx.load(path)
        onnx.checker.check_model(model, full_check=True)
        network = NETWORKS[path.stem]
        names = [entry.name for entry in model.graph.input]
        assert names == [entry.name for entry in network.inputs] + (["size"] if network.has_crops else [])
        assert [entry.name for entry in model.graph.output] == ["output"]
        facts = {entry.key: entry.value for entry in model.metadata_props}
        assert set(facts) == {
            "network", "model", "models_sha256", "size_argument", "input_units", "output_units", "license"
        }  # fmt: skip
        assert facts["network"] == path.stem
        bank, index = path.parent.name[:-1], int(path.parent.name[-1])
        assert facts["model"] == f"analytic, {'' if bank == 'm' else f'bank {bank}, '}index {index}"
        tensors = ModelStore.open("analytic").tensors(
            file_name(network.file_kind, index, None if bank == "m" else bank)
        )
        assert facts["models_sha256"] == tensors_sha256(network, tensors)


@pytest.mark.parametrize("size", [(97, 131), (128, 64)], ids=str)
@pytest.mark.parametrize("name", EXPORTABLE)
def test_files_run_without_this_package(name: str, size: tuple[int, int], folder: Path, tmp_path: Path) -> None:
    network = NETWORKS[name]
    rng = np.random.default_rng(5)
    inputs = {
        entry.name: rng.standard_normal(
            (1, entry.channels, -(-size[0] // entry.subsampling), -(-size[1] // entry.subsampling))
        ).astype(np.float32)
        for entry in network.inputs
    }
    argument = size_argument(network.size_argument, *size)
    feed = inputs | ({"size": np.array(argument)} if network.has_crops else {})
    np.savez(tmp_path / "in.npz", **feed)  # type: ignore[arg-type]
    bank = vectors.bank(network)
    model = folder / f"{bank or 'm'}1" / f"{name}.onnx"
    files = [str(path) for path in (model, tmp_path / "in.npz", tmp_path / "out.npy")]
    subprocess.run([sys.executable, "-c", ALONE, *files], check=True, env=ENVIRONMENT, cwd=tmp_path)
    found = np.load(tmp_path / "out.npy")[0]
    assert found.shape[1:] == network.output_size(*argument)
    expected = Float32Engine(ModelStore.open("analytic"), threads=1).network(name, 1, bank)(
        *(array[0] for array in inputs.values()), size=argument
    )
    assert np.abs(found - expected).max() <= 3e-3


def test_the_readme_is_a_complete_run(folder: Path, tmp_path: Path) -> None:
    from jpegai.decoder import Decoder

    entry = next(entry for entry in STREAMS if entry.file == "an_bop_128x96.jai")
    np.savez(tmp_path / "dump.npz", **Decoder("analytic", engine="float32").dump(entry.path))  # type: ignore[arg-type]
    (tmp_path / "m2").symlink_to(folder / "m2")
    (code,) = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    result = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=tmp_path, env=ENVIRONMENT
    )
    assert float(result.stdout.split(":")[1]) <= 3e-3


def test_command(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        models, ["export", str(tmp_path / "out"), "--network", "mcm_phase0", "--models", "test"]
    )
    assert result.exit_code == 0, result.output
    assert len(list((tmp_path / "out").rglob("*.onnx"))) == 4
    assert "hyper_decoder_Y" not in (tmp_path / "out" / "README.md").read_text()
    refused = CliRunner().invoke(models, ["export", str(tmp_path / "other"), "--network", "hyper_scale_decoder_Y"])
    assert refused.exit_code == 2
    assert "no network hyper_scale_decoder_Y" in refused.output
    assert not (tmp_path / "other").exists()
