"""`jpegai models prove` and `--allow-unproved`: output, exit codes, JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from jpegai.conformance_streams import STREAMS
from jpegai.decoder.components import COMPONENTS
from jpegai.decoder.engines import product
from jpegai.decoder.models import ModelStore, file_name
from jpegai.decoder.networks import NETWORKS
from jpegai.tools.cli import main
from tests.decoder.models.official_writer import write_checkpoint
from tests.tools.test_schemas import validator

Run = Callable[..., tuple[int, str, str]]
ANALYTIC = ModelStore.open("analytic")
SOP = file_name("sop_decoder_Y", 1)
STREAM = next(entry.path for entry in STREAMS if entry.file == "an_sop_64x64.jai")
FAILURE = (
    "conv3.weight, channel 7: the weights are too large for the exact engine: a sum could exceed 2^53 "
    "(expected a bound of at most 2^53 with 12 bits of fraction, found 2^68.48)\n"
)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.delenv("JPEGAI_MODELS", raising=False)
    monkeypatch.setenv("COLUMNS", "200")

    def runner(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return runner


@pytest.fixture(scope="module")
def oversized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of checkpoints, what a stream of model 1 needs, with one weight that is too large."""
    root = tmp_path_factory.mktemp("oversized")
    kinds = [component.file_kind for component in COMPONENTS] + ["sop_decoder_Y", "sop_decoder_UV"]
    for name in (file_name(kind, 1) for kind in kinds):
        tensors = dict(ANALYTIC.tensors(name))
        if name == SOP:
            weight = np.array(tensors["conv3.weight"])
            weight[7, 3, 1, 1] = 3e9
            tensors["conv3.weight"] = weight
        write_checkpoint(root / name, tensors, {"epoch": 1})
    return root


def test_table(run: Run) -> None:
    code, out, err = run("models", "prove", "--network", "sop_prim", "--network", "hyper_scale_decoder_UV")
    assert (code, err) == (0, "")
    assert out.endswith("analytic: 8 networks, 68 kinds of sums, all proved\n")
    assert f"sop_prim  {SOP}" in out
    for layer in ("conv3.weight", "t22", "hyper_scale_decoder.depthwise.weight"):
        assert re.search(rf"^ {layer} .*\d\.\d\d +$", out, re.MULTILINE), layer
    assert len(re.findall(r"^ conv3.weight +dense +32 +\d\d\.\.40 +2\^\d\d\.\d\d \(\d+\) +2\^53.00 ", out, re.M)) == 4
    assert len(re.findall(r"^ hyper_scale_\S+ +int_conv .* 2\^31.00 +1\d\.\d\d|23", out, re.MULTILINE)) >= 12
    assert "FAILS" not in out


def test_sums_over_positions_and_channels(run: Run) -> None:
    code, out, _ = run("models", "prove", "--network", "hop_sec", "--channels")
    assert code == 0
    assert len(re.findall(r" attention block +1 .* 512 $", out, re.MULTILINE)) == 4
    assert len(re.findall(r" attention sum +2 .* 268435456 $", out, re.MULTILINE)) == 8
    assert len(re.findall(r"^ first_stage.conv1.weight +\d+ +\d+ +\d+ +\d+\.\d\d$", out, re.MULTILINE)) == 4 * 48


def test_what_is_not_proved_is_named(run: Run, oversized: Path) -> None:
    code, out, err = run("models", "prove", "--models", oversized)
    assert code == 5
    assert err == f"jpegai: {oversized / SOP}, {FAILURE}"
    assert re.search(r"^ conv3.weight .* \(7\) +2\^53.00 +-15.48 FAILS", out, re.MULTILINE)
    assert out.count("FAILS") == 1
    assert out.endswith("not proved: 1\n")
    code, out, err = run("models", "prove", "--models", oversized, "--network", "sop_sec")
    assert (code, err) == (0, "")
    code, out, err = run("models", "prove", "--models", oversized, "--network", "bop_prim")
    assert (code, out) == (5, "")
    assert err.endswith("there is no file of such a network\n")


def test_json(run: Run, oversized: Path) -> None:
    check = validator("prove")
    code, out, err = run("models", "prove", "--models", oversized, "--json")
    assert code == 5
    assert FAILURE in err
    document = json.loads(out)
    check.validate(document)
    assert not document["proved"]
    assert {(each["network"], each["file"]) for each in document["networks"]} == {
        (network.name, file_name(network.file_kind, 1))
        for network in NETWORKS.values()
        if network.file_kind in ("common_Y", "common_UV", "sop_decoder_Y", "sop_decoder_UV")
    }
    failures = [
        (network["network"], each["layer"], each["channel"])
        for network in document["networks"]
        for each in network["sums"]
        if not each["proved"]
    ]
    assert failures == [("sop_prim", "conv3.weight", 7)]
    for network in document["networks"]:
        for each in network["sums"]:
            bounds = each["channels"]["bounds"]
            assert each["largest_bound"] == max(bounds) == bounds[each["channel"]]
            assert each["proved"] is (max(bounds) <= each["limit"])
            assert len(each["channels"].get("weight_bits", bounds)) == len(bounds)
    for wrong in ({"bound": 1}, {"channel": -1}, {"channels": {}}):
        altered = json.loads(out)
        altered["networks"][0]["sums"][0] |= wrong
        with pytest.raises(jsonschema.ValidationError):
            check.validate(altered)


def test_unproved_checkpoints_decode_on_demand_only(run: Run, oversized: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    code, printed, err = run("decode", STREAM, out, "--models", oversized)
    assert (code, printed, err) == (5, "", f"jpegai: {oversized / SOP}, {FAILURE}")
    assert not out.exists()
    code, printed, err = run("decode", STREAM, out, "--models", oversized, "--allow-unproved")
    assert (code, printed) == (0, "")
    assert err.startswith(f"jpegai: warning: {STREAM}: sop_prim, conv3.weight, channel 7: decoded with weights too")
    assert out.is_file()
    code, printed, err = run("dump", STREAM, tmp_path / "all.npz", "--models", oversized, "--allow-unproved")
    assert code == 0
    assert "the result is not exact" in err
    # nothing unproved has run before the latents
    code, printed, err = run("dump", STREAM, tmp_path / "some.npz", "--stage", "latents", "--models", oversized)
    assert (code, err) == (0, "")


def test_self_test(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JPEGAI_CACHE", str(tmp_path))
    code, out, err = run("models", "prove", "--self-test", "--threads", 2)
    assert (code, err) == (0, "")
    assert out.endswith(", 2 threads: exact\n")
    assert re.search(r"^ dense rows .* 2\^53.00 +exact", out, re.MULTILINE)
    assert len(list((tmp_path / "self-tests").iterdir())) == 1
    check = validator("prove")
    code, out, err = run("models", "prove", "--self-test", "--json", "--threads", 1)
    assert (code, err) == (0, "")
    check.validate(json.loads(out))
    assert json.loads(out)["exact"]

    def dropping(matrices: Any, columns: Any, out: Any) -> None:
        np.matmul(matrices[:, None], columns, out=out)
        out -= out % 2

    with product.use(dropping):
        code, out, err = run("models", "prove", "--self-test", "--json")
    assert code == 4
    assert err.startswith("jpegai: the BLAS library does not multiply exactly (found NumPy")
    check.validate(json.loads(out))
    assert [case["name"] for case in json.loads(out)["cases"] if not case["exact"]]


def test_formats(run: Run) -> None:
    code, out, _ = run("models", "prove", "--formats")
    assert code == 0
    assert out.count("\n## ") == 14
    assert run("models", "prove", "--network", "nonsense")[0] == 2
