"""`jpegai models quantize`: from float checkpoints to models that streams decode with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jpegai.codestream.building import build_stream
from jpegai.conformance_streams import STREAMS
from jpegai.decoder import Decoder
from jpegai.decoder.components import COMPONENTS
from jpegai.decoder.models import ModelStore, file_name
from jpegai.decoder.models.layout import tensors_of
from jpegai.decoder.models.packed import PackedInfo, write_packed
from jpegai.tools.cli import main
from tests.decoder.models.float_models import float_file, floats, write_float_model
from tests.tools.test_schemas import validator
from tests.writer import PLAIN

Run = Callable[..., tuple[int, str, str]]
ANALYTIC = ModelStore.open("analytic")
INDEX = 1
STREAM = next(entry.path for entry in STREAMS if entry.file == "an_sop_64x64.jai")
OTHER = next(entry.path for entry in STREAMS if entry.file == "demo_coffee.jai")  # of model 2
Y, UV = (file_name(component.file_kind, INDEX) for component in COMPONENTS)
FLOAT_Y, FLOAT_UV = (file_name(f"{component.file_kind}_float", INDEX) for component in COMPONENTS)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.delenv("JPEGAI_MODELS", raising=False)

    def runner(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(["models", "quantize", *map(str, arguments)])
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return runner


def refused(run: Run, folder: Path, *more: object, tmp_path: Path) -> str:
    """Run, and return the one line that says why it went wrong; nothing is written."""
    out = tmp_path / "refused.safetensors"
    code, printed, err = run(folder, "-o", out, *more)
    assert (code, printed, err.count("\n")) == (5, "", 1), err
    assert not [path for path in tmp_path.iterdir() if "refused" in path.name]
    return err


def test_streams_decode_with_what_is_made(run: Run, tmp_path: Path) -> None:
    folder, out = write_float_model(tmp_path / "floats", "analytic", INDEX), tmp_path / "made.safetensors"
    code, printed, err = run(folder, "-o", out)
    assert (code, err) == (0, "")
    assert f"{FLOAT_Y} -> {Y}" in printed
    assert "127 declared" in printed
    assert "not calibrated" in printed
    assert printed.endswith(f"{out}: 2 files quantized, {out.stat().st_size} bytes\n")
    store = ModelStore.open(out)
    assert set(store.files()) == {Y, UV, file_name("sop_decoder_Y", INDEX), file_name("sop_decoder_UV", INDEX)}
    assert store.status(Y) == "unknown"
    for component, name in zip(COMPONENTS, (Y, UV), strict=True):
        made, own = store.tensors(name), ANALYTIC.tensors(name)
        assert set(made) == set(tensors_of(component.file_kind))
        for tensor in made:
            if "hyper_scale_decoder" not in tensor:
                assert np.array_equal(made[tensor], own[tensor])
    stages = ["hyper_scale", "residual", "picture"]
    found, expected = (Decoder(models, threads=1).dump(STREAM, stages=stages) for models in (store, ANALYTIC))
    assert set(found) == set(expected)
    for name in found:
        assert np.array_equal(found[name], expected[name]) or name == "picture"
    assert np.abs(found["picture"].astype(int) - expected["picture"]).max() <= 1


def test_json_with_a_calibration(run: Run, tmp_path: Path) -> None:
    folder = write_float_model(tmp_path / "floats", "analytic", INDEX, declared=False)
    out = tmp_path / "made.safetensors"
    code, printed, err = run(folder, "-o", out, "--calibrate", STREAM, "--json")
    assert (code, err) == (0, "")
    document = json.loads(printed)
    validator("quantize").validate(document)
    assert document["output"] == str(out)
    assert [(file["source"], file["file"]) for file in document["files"]] == [(FLOAT_Y, Y), (FLOAT_UV, UV)]
    for file, component in zip(document["files"], COMPONENTS, strict=True):
        assert [layer["origin"] for layer in file["layers"]] == ["calibrated", "calibrated", "output"]
        channels = [len(layer["channels"]["shifts"]) for layer in file["layers"]]
        assert channels == [component.channels, component.channels, 16 * component.channels]
        counts = file["calibration"]
        assert counts["streams"] == 1
        assert counts["equal"] + counts["off_by_one"] == component.channels * 16
        assert counts["off_by_more"] == 0
        stored = ModelStore.open(out).tensors(file["file"])
        for layer in file["layers"]:
            shifts = stored[f"{layer['name']}.per_channel_shifts"].ravel().tolist()
            assert shifts == layer["channels"]["shifts"]
            assert layer["largest_bound"] == max(layer["channels"]["accumulator_bounds"])
    code, printed, _ = run(folder, "-o", out, "--calibrate", STREAM)
    assert code == 0
    assert "calibrated" in printed
    assert "sigma indices against the float network, 1 stream: " in printed
    assert "0.000% off by more" in printed


def test_what_there_is_is_replaced(run: Run, tmp_path: Path) -> None:
    """Integer files beside the float ones make way for what is made, and are not even read."""
    folder, out = write_float_model(tmp_path / "floats", "analytic", INDEX), tmp_path / "made.safetensors"
    (folder / Y).parent.mkdir()
    (folder / Y).write_bytes(b"damaged")
    assert run(folder, "-o", out)[0] == 0
    assert ModelStore.open(out).tensors(Y)["hyper_scale_decoder.conv1.weight"].dtype == np.int8
    error = refused(run, out, tmp_path=tmp_path)
    assert error.startswith(f"jpegai: {out}: no float hyper scale decoder here: no file such as VM_common/Y_0.002.pth")


def test_a_packed_file_serves_as_well(run: Run, tmp_path: Path) -> None:
    packed, out, other = (tmp_path / f"{name}.safetensors" for name in ("floats", "made", "other"))
    tensors = {(FLOAT_UV, name): array for name, array in float_file(ANALYTIC, COMPONENTS[1], INDEX).items()}
    write_packed(packed, "floats", {FLOAT_UV: PackedInfo(None, "unknown")}, tensors)
    code, printed, _ = run(packed, "-o", out)
    assert (code, printed.count("->")) == (0, 1)
    assert ModelStore.open(out).files() == (UV,)
    assert run(write_float_model(tmp_path / "floats", "analytic", INDEX), "-o", other)[0] == 0
    made, expected = (ModelStore.open(path).tensors(UV) for path in (out, other))
    assert all(np.array_equal(made[name], expected[name]) for name in expected)


def test_a_channel_that_does_not_fit_is_named(run: Run, tmp_path: Path) -> None:
    own = floats(ANALYTIC, COMPONENTS[1], INDEX)
    own["hyper_scale_decoder.pointwise.weight"][1234, 5] = -70
    folder = write_float_model(tmp_path / "floats", "analytic", INDEX, secondary=own)
    assert refused(run, folder, tmp_path=tmp_path) == (
        f"jpegai: {folder / FLOAT_UV}, hyper_scale_decoder.pointwise.weight, channel 1234: a weight is too large for"
        " 8 bits (expected -128..127 units of the output for each unit of the input, found -8960)\n"
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"hyper_scale_decoder.conv1.is_quantized": np.ones(1, bool)}, "is True: the file is quantised already"),
        ({"hyper_scale_decoder.depthwise.weight": None}, "hyper_scale_decoder.depthwise.weight: the tensor is missing"),
        ({"hyper_decoder.conv2.bias": None}, "hyper_decoder.conv2.bias: the tensor is missing"),
        ({"hyper_decoder.conv2.bias": np.zeros(7, np.float32)}, "hyper_decoder.conv2.bias: wrong shape"),
    ],
)
def test_wrong_files_are_refused(changed: dict[str, Any], message: str, run: Run, tmp_path: Path) -> None:
    folder = write_float_model(tmp_path / "floats", "analytic", INDEX, primary=changed)
    error = refused(run, folder, tmp_path=tmp_path)
    assert error.startswith(f"jpegai: {folder / FLOAT_Y}")
    assert message in error


def test_streams_of_other_models_are_refused(run: Run, tmp_path: Path) -> None:
    folder = write_float_model(tmp_path / "floats", "analytic", INDEX)
    error = refused(run, folder, "--calibrate", OTHER, tmp_path=tmp_path)
    assert error.startswith(f"jpegai: {OTHER}: a stream for calibration belongs to model 2")
    damaged = tmp_path / "damaged.jai"
    damaged.write_bytes(STREAM.read_bytes()[:-12])
    assert run(folder, "-o", tmp_path / "o.safetensors", "--calibrate", damaged)[0] == 3
    values = {"img_width_minus64": 65000 - 64, "img_height_minus64": 65000 - 64, "model_id": INDEX}
    damaged.write_bytes(build_stream(PLAIN | values, soz=[b"\0\0\1"], sorp=[b"\0\0\1"], sors=[b"\0\0\1"]))
    code, _, err = run(folder, "-o", tmp_path / "o.safetensors", "--calibrate", damaged)
    assert (code, "larger than the limit" in err) == (6, True), err


def test_usage(run: Run, tmp_path: Path) -> None:
    assert run(tmp_path, "-o", tmp_path / "o.pth")[0] == 2
    assert run(tmp_path)[0] == 2
    assert run(tmp_path / "nothing", "-o", tmp_path / "o.safetensors")[0] == 5
