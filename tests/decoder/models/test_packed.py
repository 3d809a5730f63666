"""Packed models: what goes in comes out, and damaged or foreign safetensors files are refused."""

from __future__ import annotations

import contextlib
import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from jpegai.codestream.errors import ModelError
from jpegai.decoder.models import ModelStore, eicci_file_name, file_name
from jpegai.decoder.models.packed import PackedFile, PackedInfo, write_packed
from tests.decoder.models.mutation import MANY, mutated
from tests.decoder.models.official_writer import write_checkpoint

TEST = ModelStore.open("test")
FILES = (file_name("common_UV", 2), file_name("sop_decoder_UV", 2), eicci_file_name("hop", 3))
SMALL = eicci_file_name("hop", 3)


def equal(left: ModelStore, right: ModelStore, file: str) -> None:
    a, b = left.tensors(file), right.tensors(file)
    assert list(a) == list(b)
    for name in a:
        assert (a[name].dtype, a[name].shape) == (b[name].dtype, b[name].shape)
        np.testing.assert_array_equal(a[name], b[name])


def test_packed_directory_equals_the_directory(tmp_path: Path) -> None:
    for file in FILES:
        extra = {"optimizer": {"state": {0: np.ones(10**5, np.float32)}}} if file != SMALL else {}
        write_checkpoint(tmp_path / "models" / file, TEST.tensors(file), extra)
    write_checkpoint(tmp_path / "models" / "VM_common/Y_0.002.pth", {"a": np.ones(3, np.float32)})  # not packed
    source = ModelStore.open(tmp_path / "models")
    seen: list[str] = []
    info = source.pack(tmp_path / "out.safetensors", seen.append)
    assert set(seen) == set(info) == set(FILES)
    packed = ModelStore.open(tmp_path / "out.safetensors")
    assert set(packed.files()) == set(FILES)
    for file in FILES:
        equal(packed, TEST, file)
        md5 = hashlib.md5((tmp_path / "models" / file).read_bytes(), usedforsecurity=False).hexdigest()
        assert info[file] == PackedInfo(md5, "unknown")
        assert packed.status(file) == "unknown"
        assert packed.digest(file) != source.digest(file)  # of tensors, and of the file
    assert packed.digest(SMALL, ["scaleU", "BNY.bias"]) == source.digest(SMALL, ["scaleU", "BNY.bias"])
    assert PackedFile(tmp_path / "out.safetensors").info == info
    assert PackedFile(tmp_path / "out.safetensors").source == "models"
    assert packed.status(file_name("common_Y", 0)) == "missing"
    with pytest.raises(ModelError, match="the packed models have no such file"):
        packed.tensors(file_name("common_Y", 0))
    size = sum(array.nbytes for file in FILES for array in TEST.tensors(file).values())
    assert (tmp_path / "out.safetensors").stat().st_size < size + 40000  # no optimiser

    again = packed.pack(tmp_path / "again.safetensors")
    assert again == info


def test_packed_built_in_models(tmp_path: Path) -> None:
    analytic = ModelStore.open("analytic")
    info = analytic.pack(tmp_path / "a.safetensors")
    assert set(info.values()) == {PackedInfo(None, "built-in")}
    packed = ModelStore.open(tmp_path / "a.safetensors")
    assert set(packed.files()) == set(analytic.files())
    for file in analytic.files():
        equal(packed, analytic, file)


def test_other_libraries_read_the_names(tmp_path: Path) -> None:
    write_packed(tmp_path / "p.safetensors", "x", {SMALL: PackedInfo(None, "unknown")}, {(SMALL, "scaleU"): np.ones(1)})
    assert list(load_file(tmp_path / "p.safetensors")) == [f"{SMALL}::scaleU"]


def test_nothing_is_left_when_writing_fails(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "models" / SMALL, {**TEST.tensors(SMALL), "scaleU": np.ones(2, np.float32)})
    (tmp_path / "out").mkdir()
    with pytest.raises(ModelError, match="wrong shape"):
        ModelStore.open(tmp_path / "models").pack(tmp_path / "out" / "p.safetensors")
    with pytest.raises(OSError, match="Is a directory"):
        write_packed(tmp_path / "out", "x", {}, {})
    with pytest.raises(OSError, match="No such directory"):
        write_packed(tmp_path / "nowhere" / "p.safetensors", "x", {}, {})
    assert list((tmp_path / "out").iterdir()) == []


GOOD_METADATA = {
    "format": "jpegai-models",
    "version": "1",
    "source": "x",
    "files": json.dumps({SMALL: {"md5": None, "status": "unknown"}}),
}


def read_everything(path: Path) -> None:
    store = ModelStore.open(path)
    for file in store.files():
        dict(store.tensors(file))


def refused(path: Path, message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        read_everything(path)
    assert str(caught.value).startswith(str(path))
    assert str(caught.value).isprintable()


BAD_METADATA: dict[str, tuple[dict[str, str], str]] = {
    "foreign": ({"format": "pt"}, "does not hold packed models"),
    "version": ({"version": "2\n"}, "packed models of another version"),
    "no list": ({"files": ""}, "the list of files in the packed models is damaged"),
    "list of lists": ({"files": "[]"}, "the list of files"),
    "entry": ({"files": json.dumps({SMALL: []})}, "the list of files"),
    "md5": ({"files": json.dumps({SMALL: {"md5": 5, "status": "unknown"}})}, "the list of files"),
    "status": ({"files": json.dumps({SMALL: {"md5": None, "status": "\x1b[1m"}})}, "the list of files"),
    "file": ({"files": json.dumps({"../x": {"md5": None, "status": "unknown"}})}, "the list of files"),
    "deep": ({"files": "[" * 10**5}, "the list of files"),
}


@pytest.mark.parametrize("case", BAD_METADATA)
def test_bad_metadata(tmp_path: Path, case: str) -> None:
    changes, message = BAD_METADATA[case]
    save_file({f"{SMALL}::scaleU": np.ones(1, np.float32)}, tmp_path / "p.safetensors", GOOD_METADATA | changes)
    refused(tmp_path / "p.safetensors", message)


@pytest.mark.parametrize("key", ["scaleU", f"{file_name('common_Y', 0)}::vr_vec.c", "::", "\n::x"])
def test_tensors_without_a_file(tmp_path: Path, key: str) -> None:
    save_file({key: np.ones(1, np.float32)}, tmp_path / "p.safetensors", GOOD_METADATA)
    refused(tmp_path / "p.safetensors", "belongs to no file")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones(2, np.float32), "scaleU: wrong shape"),
        (np.ones(1, np.int32), "scaleU: wrong type"),
        (np.ones(1, np.uint64), "has the type U64"),
        (np.full(1, np.nan, np.float32), "scaleU: holds values that are not finite"),
    ],
)
def test_wrong_tensors(tmp_path: Path, array: Any, message: str) -> None:
    save_file({f"{SMALL}::scaleU": array}, tmp_path / "p.safetensors", GOOD_METADATA)
    refused(tmp_path / "p.safetensors", message)


def raw(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


KEY = f"{SMALL}::scaleU"
HEADERS = {
    "empty": b"",
    "short": b"\x01\x02",
    "length": raw({}, length=1 << 60),
    "no JSON": raw(b"{,}"),
    "not an object": raw([1, 2]),
    "no metadata": raw({KEY: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, bytes(4)),
    "offsets": raw(
        {"__metadata__": GOOD_METADATA, KEY: {"dtype": "F32", "shape": [1], "data_offsets": [0, 1 << 50]}}, bytes(4)
    ),
    "shape": raw(
        {"__metadata__": GOOD_METADATA, KEY: {"dtype": "F32", "shape": [1 << 62, 8], "data_offsets": [0, 4]}}, bytes(4)
    ),
    "type": raw(
        {"__metadata__": GOOD_METADATA, KEY: {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}, bytes(2)
    ),
    "cut": raw({"__metadata__": GOOD_METADATA, KEY: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, bytes(3)),
    "deep": raw(b'{"a":' + b"[" * 10**5 + b"]" * 10**5 + b"}"),
}


@pytest.mark.parametrize("case", HEADERS)
def test_hostile_headers(tmp_path: Path, case: str) -> None:
    (tmp_path / "p.safetensors").write_bytes(HEADERS[case])
    refused(tmp_path / "p.safetensors", "not a safetensors file|does not hold packed models|has the type BF16")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    path = tmp_path_factory.mktemp("packed") / "small.safetensors"
    arrays = {(SMALL, name): TEST.tensors(SMALL)[name] for name in ("scaleU", "BNY.bias", "BNY.num_batches_tracked")}
    write_packed(path, "x", {SMALL: PackedInfo(None, "unknown")}, arrays)
    return path, path.read_bytes()


@settings(max_examples=MANY, deadline=None)
@given(data=st.data())
def test_mutated_files(small: tuple[Path, bytes], data: st.DataObject) -> None:
    path, good = small
    content = mutated(data, good)
    path.unlink()  # a mapped file is never changed in place
    path.write_bytes(content)
    with contextlib.suppress(ModelError):
        read_everything(path)
