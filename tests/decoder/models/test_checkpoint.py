"""Checkpoints of the official layout: sizes, and everything a legitimate file may contain (09.4 to 09.7)."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from jpegai.codestream.errors import ModelError
from jpegai.decoder.models import ModelStore
from jpegai.decoder.models.checkpoint import Checkpoint
from jpegai.decoder.models.official import official_files
from tests.decoder.models.official_writer import (
    STORAGE_TYPES,
    Parameter,
    Record,
    Storage,
    View,
    WithMetadata,
    archive_bytes,
    checkpoint_records,
    write_checkpoint,
)

TEST = ModelStore.open("test")
SYNTHESIS = [name for name, entry in official_files().items() if entry.kind.startswith(("sop_decoder", "bop_decoder"))]


@pytest.mark.parametrize("file", SYNTHESIS)
def test_size_is_the_official_one_and_tensors_come_back(tmp_path: Path, file: str) -> None:
    entry = official_files()[file]
    tensors = TEST.tensors(file)
    path = tmp_path / "checkpoint.pth"
    write_checkpoint(path, tensors, {"epoch": 1} if entry.kind == "bop_decoder_Y" else {})
    assert path.stat().st_size == entry.size
    checkpoint = Checkpoint(path)
    assert checkpoint.names == tuple(tensors)
    for name, array in tensors.items():
        read = checkpoint.tensor(name)
        assert read.dtype == array.dtype
        np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize("dtype", STORAGE_TYPES)
def test_every_storage_type(tmp_path: Path, dtype: str) -> None:
    array = (np.arange(24).reshape(2, 3, 4) % 2).astype(dtype)
    write_checkpoint(tmp_path / "c.pth", {"a": array, "scalar": np.array(array[1, 1, 1])})
    checkpoint = Checkpoint(tmp_path / "c.pth")
    assert checkpoint.tensor("a").dtype == array.dtype
    np.testing.assert_array_equal(checkpoint.tensor("a"), array)
    assert checkpoint.tensor("scalar").shape == ()


def test_views_share_a_storage_with_any_stride(tmp_path: Path) -> None:
    values = np.arange(60, dtype=np.float32)
    storage = Storage(values)
    tensors = {
        "whole": View(storage, (60,), (1,)),
        "transposed": View(storage, (4, 15), (1, 4)),
        "part": View(storage, (2, 3), (20, 2), 7),
        "repeated": View(storage, (3, 4), (0, 1), 56),
        "one": View(storage, (1, 1), (10**9, 7), 59),
        "empty": View(storage, (0, 3), (3, 1), 1000),
        "parameter": Parameter(View(storage, (60,), (1,))),
    }
    write_checkpoint(tmp_path / "c.pth", tensors)
    checkpoint = Checkpoint(tmp_path / "c.pth")
    read = {name: checkpoint.tensor(name) for name in checkpoint.names}
    np.testing.assert_array_equal(read["whole"], values)
    np.testing.assert_array_equal(read["transposed"], values.reshape(15, 4).T)
    np.testing.assert_array_equal(read["part"], values[7:].take([[0, 2, 4], [20, 22, 24]]))
    np.testing.assert_array_equal(read["repeated"], [values[56:]] * 3)
    np.testing.assert_array_equal(read["one"], [[59]])
    assert read["empty"].shape == (0, 3)
    np.testing.assert_array_equal(read["parameter"], values)
    assert all(array.flags.c_contiguous for array in read.values())


def test_everything_that_is_no_tensor_is_left_alone(tmp_path: Path) -> None:
    moments = {0: {"step": 10**12, "exp_avg": np.ones((3, 3), np.float32)}, 1: {"step": -1}}
    extra = {
        "epoch": 300,
        "best_loss": 0.25,
        "optimizer": {"state": moments, "param_groups": [{"lr": 1e-4, "betas": (0.9, 0.999), "params": [0, 1]}]},
        "clip_thres": {"conv1": {"low": [-1.0, -2.5], "high": [float(i) for i in range(1500)]}},
        "flags": [True, False, None, (), (1,), (1, 2), (1, 2, 3), 70000, -5],
    }
    tensor = np.arange(6, dtype=np.float32)
    records = [
        Record("archive/byteorder", b"little"),
        Record("archive/.format_version", b"1"),
        Record("archive/.storage_alignment", b"64"),
        Record("archive/.data/serialization_id", b"1234"),
        Record("notes.txt", b"hello"),
    ]
    write_checkpoint(tmp_path / "c.pth", {"a": tensor}, extra, records=records)
    checkpoint = Checkpoint(tmp_path / "c.pth")
    assert checkpoint.names == ("a",)
    assert checkpoint.others == tuple(extra)
    np.testing.assert_array_equal(checkpoint.tensor("a"), tensor)


@pytest.mark.parametrize("form", [dict, OrderedDict, WithMetadata])
@pytest.mark.parametrize("prefix", ["archive", "Y_0.002"])
@pytest.mark.parametrize("zip64_end", [True, False])
def test_forms_of_other_writers(tmp_path: Path, form: type, prefix: str, zip64_end: bool) -> None:
    tensors = {f"t{i}": np.full(3, i, np.float32) for i in range(300)}  # more than 256 remembered values
    records = checkpoint_records(form(tensors), prefix, location="cuda:0")
    (tmp_path / "c.pth").write_bytes(archive_bytes(records, zip64_end=zip64_end))
    checkpoint = Checkpoint(tmp_path / "c.pth")
    assert checkpoint.names == tuple(tensors)
    np.testing.assert_array_equal(checkpoint.tensor("t299"), tensors["t299"])


def test_archive_with_a_comment(tmp_path: Path) -> None:
    data = bytearray(archive_bytes(checkpoint_records({"a": np.ones(2, np.float32)})))
    data[-2:] = (7).to_bytes(2, "little")
    (tmp_path / "c.pth").write_bytes(bytes(data) + b"comment")
    assert Checkpoint(tmp_path / "c.pth").names == ("a",)


def test_storages_that_are_not_asked_for_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "c.pth"
    good, bad = np.ones(100, np.float32), np.full(100, 7, np.float32)
    write_checkpoint(path, {"good": good, "bad": bad})
    path.write_bytes(path.read_bytes().replace(bad.tobytes(), good.tobytes()))
    checkpoint = Checkpoint(path)
    np.testing.assert_array_equal(checkpoint.tensor("good"), good)
    with pytest.raises(ModelError, match="'archive/data/1' is damaged"):
        checkpoint.tensor("bad")


def test_a_file_that_changes_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "c.pth"
    write_checkpoint(path, {"a": np.ones(2, np.float32)})
    checkpoint = Checkpoint(path)
    write_checkpoint(path, {"a": np.ones(3, np.float32), "b": np.ones(3, np.float32)})
    with pytest.raises(ModelError, match="changed while it was in use"):
        checkpoint.tensor("a")
