"""`jpegai models list`, `verify` and `pack`: output and exit codes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from jpegai.decoder.models import ModelStore, eicci_file_name, official
from jpegai.decoder.models.official import md5_of_file, official_files
from jpegai.tools.cli import main
from tests.decoder.models.official_writer import write_checkpoint

Run = Callable[..., tuple[int, str, str]]
TEST = ModelStore.open("test")
FILE = eicci_file_name("bop", 2)


@pytest.fixture(autouse=True)
def _no_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JPEGAI_MODELS", raising=False)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def runner(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(["models", *map(str, arguments)])
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return runner


@pytest.fixture
def models(tmp_path: Path) -> Path:
    write_checkpoint(tmp_path / "models" / FILE, TEST.tensors(FILE), {"surprise\n": 1})
    return tmp_path / "models"


def make_official(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """Take the files under `root` for the official ones, and the layout to have no others for decoding."""
    files = {}
    for name, entry in official_files().items():
        path = root / name
        if path.is_file():
            files[name] = dataclasses.replace(entry, size=path.stat().st_size, md5=md5_of_file(path))
        else:
            files[name] = dataclasses.replace(entry, decoding=False)
    monkeypatch.setattr(official, "official_files", lambda: files)


def test_list_of_the_built_in_models(run: Run) -> None:
    code, out, _ = run("list")
    assert code == 0
    assert "analytic" in out
    assert "68 files" in out
    assert "52 files: 52 built-in" in out
    code, out, _ = run("list", "--json", "--models", "test")
    content = json.loads(out)
    assert (code, content["schema_version"]) == (0, 1)
    assert {entry["name"] for entry in content["built_in"]} == {"analytic", "test"}
    assert [entry["file"] for entry in content["models"]["files"]] == list(TEST.files())
    assert {entry["status"] for entry in content["models"]["files"]} == {"built-in"}


def test_list_of_a_directory(run: Run, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JPEGAI_MODELS", str(models))
    code, out, _ = run("list", "--json")
    files = {entry["file"]: entry for entry in json.loads(out)["models"]["files"]}
    assert code == 0
    assert set(files) == {name for name, entry in official_files().items() if entry.decoding}
    assert files[FILE] == {
        **{"file": FILE, "kind": "eicci", "bank": "bop", "index": 2},
        **{"decoding": True, "status": "unknown"},
    }
    assert {entry["status"] for name, entry in files.items() if name != FILE} == {"missing"}
    code, out, _ = run("list")
    assert "52 files: 51 missing, 1 unknown" in out
    make_official(monkeypatch, models)
    assert "1 files: 1 official" in run("list")[1]


def test_models_that_do_not_exist(run: Run, tmp_path: Path) -> None:
    for command in (("list", "--models", tmp_path / "x"), ("pack", tmp_path / "x", tmp_path / "o.safetensors")):
        code, out, err = run(*command)
        assert (code, out) == (5, "")
        assert err.startswith(f"jpegai: {tmp_path / 'x'}: no such models")
        assert err.count("\n") == 1
    code, _, err = run("verify", tmp_path / "x")
    assert (code, err) == (5, f"jpegai: {tmp_path / 'x'}: is not a directory\n")


def test_verify(run: Run, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, _ = run("verify", models)
    assert code == 5
    assert "52 files: 51 missing, 1 unknown" in out
    code, out, _ = run("verify", models, "--all", "--json")
    content = json.loads(out)
    assert (code, content["all_official"], len(content["files"])) == (5, False, 80)
    make_official(monkeypatch, models)
    code, out, _ = run("verify", models, "--json")
    content = json.loads(out)
    assert (code, content["all_official"]) == (0, True)
    assert [entry["status"] for entry in content["files"]] == ["official"]
    assert run("verify", models)[0] == 0
    assert run("verify", models, "--all")[0] == 5
    data = bytearray((models / FILE).read_bytes())
    data[-1] ^= 1
    (models / FILE).write_bytes(data)
    code, out, _ = run("verify", models)
    assert code == 5
    assert "1 files: 1 unknown" in out


def test_pack(run: Run, models: Path, tmp_path: Path) -> None:
    target = tmp_path / "out" / "packed.safetensors"
    target.parent.mkdir()
    code, out, err = run("pack", models, target)
    assert code == 0
    assert out == f"{target}: 1 files: 1 unknown, {target.stat().st_size} bytes\n"
    assert err == f"jpegai: warning: {FILE}: left out the unknown entry 'surprise\\n'\n"
    packed = ModelStore.open(target).tensors(FILE)
    for name, array in TEST.tensors(FILE).items():
        np.testing.assert_array_equal(packed[name], array)
    assert list(target.parent.iterdir()) == [target]
    code, out, _ = run("list", "--models", target, "--json")
    statuses = [entry["status"] for entry in json.loads(out)["models"]["files"] if entry["file"] == FILE]
    assert (code, statuses) == (0, ["unknown"])


def test_pack_of_built_in_models(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "packed.safetensors"
    code, out, err = run("pack", "analytic", target)
    assert (code, err) == (0, "")
    assert "52 files: 52 built-in" in out
    assert len(ModelStore.open(target).files()) == 52


def test_pack_where_nothing_can_be_written(run: Run, models: Path, tmp_path: Path) -> None:
    code, _, err = run("pack", models, tmp_path / "nowhere" / "o.safetensors")
    assert code != 0
    assert "No such directory" in err
    assert run("pack", models, tmp_path / "o.pth")[0] == 2
    (models / FILE).write_bytes(b"PK")
    code, _, err = run("pack", models, tmp_path / "o.safetensors")
    assert code == 5
    assert err.startswith(f"jpegai: {models / FILE}: not a ZIP archive")
    assert not (tmp_path / "o.safetensors").exists()
