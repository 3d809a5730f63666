"""Files that are no checkpoints, or that were made to harm: each is refused by name, and nothing else happens."""

from __future__ import annotations

import contextlib
import os
import pickle
import struct
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jpegai.codestream.errors import ModelError
from jpegai.decoder.models import unpickle
from jpegai.decoder.models.checkpoint import Checkpoint
from tests.decoder.models.mutation import MANY, mutated
from tests.decoder.models.official_writer import (
    Global,
    Pickler,
    Record,
    Reduce,
    Storage,
    View,
    archive_bytes,
    checkpoint_records,
    write_checkpoint,
)

ARRAY = np.arange(12, dtype=np.float32).reshape(3, 4)


def refused(tmp_path: Path, content: bytes, message: str | None = None) -> None:
    path = tmp_path / "hostile.pth"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=message) as caught:
        read_everything(path)
    text = str(caught.value)
    assert text.startswith(str(path))
    assert text.isprintable()


def read_everything(path: Path) -> dict[str, Any]:
    checkpoint = Checkpoint(path)
    return {name: checkpoint.tensor(name) for name in checkpoint.names}


def with_pickle(content: bytes, **records: bytes) -> bytes:
    extra = [Record(f"archive/data/{key}", data) for key, data in records.items()]
    return archive_bytes([Record("archive/data.pkl", content), *extra, Record("archive/version", b"3\n")])


def with_value(value: Any) -> bytes:
    return archive_bytes(checkpoint_records(value))


class Evil:
    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("echo harmed",)


@pytest.mark.parametrize("name", ["os system", "posix system", "builtins eval", "torch load", "collections deque"])
def test_forbidden_global(tmp_path: Path, name: str) -> None:
    module, function = name.split()
    value = {"a": Reduce(Global(module, function), ("echo harmed",))}
    refused(tmp_path, with_value(value), rf"data.pkl byte \d+: the global '{name}' is not allowed")


def test_pickle_of_an_attacker(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    refused(tmp_path, with_pickle(pickle.dumps({"a": Evil()}, protocol=2)), "the global 'posix system' is not allowed")
    refused(tmp_path, with_pickle(pickle.dumps({"a": Evil()}, protocol=4)), "pickle protocol 4")
    assert capfd.readouterr().out == ""


ALLOWED = set(b"\x80cXqrhj(t\x85\x86\x87)}]suaeJKM\x8aG\x88\x89NQRb.")


@pytest.mark.parametrize("opcode", [value for value in range(256) if value not in ALLOWED])
def test_forbidden_opcode(opcode: int) -> None:
    with pytest.raises(ModelError, match=r"data.pkl byte 2: the .* is not allowed in a checkpoint"):
        unpickle.load(b"\x80\x02" + bytes([opcode]) + bytes(20), lambda storage: None, "x.pth")


def test_forbidden_opcodes_are_named() -> None:
    for opcode, name in ((b"i", "INST"), (b"\x93", "STACK_GLOBAL"), (b"\x81", "NEWOBJ"), (b"o", "OBJ")):
        with pytest.raises(ModelError, match=f"the opcode {name} is not allowed"):
            unpickle.load(opcode, lambda storage: None, "x.pth")


X = b"X\x01\x00\x00\x00a"
BROKEN_PICKLES = {
    "ends too early": b"\x80\x02}",
    "nothing left on the stack": b"}s.",
    "no mark on the stack": b"}u.",
    "values are left on the stack": b"}}.",
    "bytes follow the end": b"}.N",
    "nothing is remembered under 9": b"h\x09.",
    "appends to something": b"}Na.",
    "sets items of something": b"]" + X + b"Ns.",
    "a key without a value": b"}(" + X + b"u.",
    "a key that is neither": b"}NNs.",
    "sets attributes of something": b"}}" + X + b"Nsb.",
    "calls something that is not": b"N)R.",
    "OrderedDict with arguments that it does not take": b"ccollections\nOrderedDict\nN\x85R.",
    "persistent identity": b"NQ.",
    "an integer of 9 bytes": b"\x8a\x09" + bytes(9) + b".",
    "text that is not UTF-8": b"X\x01\x00\x00\x00\xff.",
    "does not hold a dictionary": b"].",
    "more than 1024 marks": b"(" * 1025 + b".",
    "more than 1048576 opcodes": b"]" + b"Na" * (1 << 20) + b".",
}


@pytest.mark.parametrize("message", BROKEN_PICKLES)
def test_broken_pickle(tmp_path: Path, message: str) -> None:
    refused(tmp_path, with_pickle(BROKEN_PICKLES[message]), message)


def test_only_the_metadata_of_a_dictionary_can_be_set(tmp_path: Path) -> None:
    metadata = b"X\x09\x00\x00\x00_metadata"
    refused(tmp_path, with_pickle(b"}}(" + metadata + b"N" + X + b"Nub."), "sets attributes of something")
    refused(tmp_path, with_pickle(b"]}(" + metadata + b"Nub."), "sets attributes of something")
    allowed = with_pickle(b"}}(" + metadata + b"Nub.")
    (tmp_path / "c.pth").write_bytes(allowed)
    assert read_everything(tmp_path / "c.pth") == {}


def test_pickle_that_is_too_long(tmp_path: Path) -> None:
    refused(tmp_path, with_pickle(b"N" * (unpickle.MAX_BYTES + 1)), "more than 8388608 bytes")


VIEWS = {
    "last element": View(Storage(ARRAY), (3, 4), (4, 1), 1),
    "stride": View(Storage(ARRAY), (3, 4), (5, 1)),
    "offset": View(Storage(ARRAY), (), (), 12),
    "huge stride": View(Storage(ARRAY), (2,), (1 << 62,)),
    "negative stride": View(Storage(ARRAY), (3,), (-1,), 5),
    "negative size": View(Storage(ARRAY), (-3,), (1,)),
    "negative offset": View(Storage(ARRAY), (3,), (1,), -1),
    "strides missing": View(Storage(ARRAY), (3, 4), (1,)),
    "too many dimensions": View(Storage(ARRAY), (1,) * 9, (1,) * 9),
    "repeated for ever": View(Storage(ARRAY), (1 << 40,), (0,)),
    "size is a flag": View(Storage(ARRAY), (True,), (1,)),
}


@pytest.mark.parametrize("case", VIEWS)
def test_view_out_of_its_storage(tmp_path: Path, case: str) -> None:
    refused(tmp_path, with_value({"a": VIEWS[case]}), r"byte \d+: (a tensor|tensors of more than)")


def test_views_count_together(tmp_path: Path) -> None:
    storage = Storage(np.zeros(1 << 10, np.float32))
    many = {f"t{i}": View(storage, (1 << 9, 1 << 10), (0, 1)) for i in range(129)}
    refused(tmp_path, with_value(many), "tensors of more than 67108864 elements")


def test_storage_of_the_wrong_size(tmp_path: Path) -> None:
    for elements in (0, 11, 13, 1 << 62):
        value = {"a": View(Storage(ARRAY, elements=elements), (), (), 0)}
        refused(tmp_path, with_value(value), "storage '0' has 48 bytes, .* are needed")
    refused(tmp_path, with_value({"a": View(Storage(ARRAY, elements=-1), (), ())}), "persistent identity")


def test_storage_that_is_not_there(tmp_path: Path) -> None:
    content = Pickler().dump({"a": View(Storage(ARRAY, key="../../secret"), (3, 4), (4, 1))})
    refused(tmp_path, with_pickle(content), "no storage '../../secret'")


def test_booleans_are_0_or_1(tmp_path: Path) -> None:
    records = checkpoint_records({"a": np.array([True, False, True])})
    records[1] = Record(records[1].name, b"\x01\x02\x00")
    refused(tmp_path, archive_bytes(records), "booleans other than 0 and 1")


def test_big_endian(tmp_path: Path) -> None:
    records = checkpoint_records({"a": ARRAY})
    refused(tmp_path, archive_bytes([*records, Record("archive/byteorder", b"big")]), "little-endian")
    refused(tmp_path, archive_bytes([*records, Record("archive/byteorder", b" " * 100)]), "little-endian")


def changed(index: int, **fields: Any) -> bytes:
    records = checkpoint_records({"a": ARRAY})
    for name, value in fields.items():
        setattr(records[index], name, value)
    return archive_bytes(records)


def test_records_of_other_kinds(tmp_path: Path) -> None:
    refused(tmp_path, changed(1, method=8), "record 'archive/data/0' is compressed")
    for flag in (1, 1 << 6, 1 << 13):
        refused(tmp_path, changed(1, flags=0x0808 | flag), "record 'archive/data/0' is encrypted")
    refused(tmp_path, changed(1, name="archive/version"), "two records are called 'archive/version'")
    refused(tmp_path, changed(1, name="archive/data.pkl"), "two records are called 'archive/data.pkl'")
    refused(tmp_path, changed(1, crc=1), "record 'archive/data/0' is damaged")
    refused(tmp_path, changed(1, size=47), "48 are needed")
    refused(tmp_path, changed(1, size=4700), "record 'archive/data/0' runs out of its place")
    refused(tmp_path, changed(1, size=0xFFFFFFFF), "lacks its ZIP64 sizes")
    refused(tmp_path, changed(1, local_name="archive/data/1"), "the header of record 'archive/data/0' differs")
    refused(tmp_path, changed(0, name="data.pkl"), "this archive has 0")
    refused(tmp_path, changed(1, name="other/data.pkl"), "this archive has 2")
    refused(tmp_path, changed(1, name="\x1b[31m\nred"), r"has no storage|'\\x1b\[31m\\nred'")


def test_archive_of_an_ordinary_zip_writer(tmp_path: Path) -> None:
    path = tmp_path / "deflated.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for record in checkpoint_records({"a": ARRAY}):
            archive.writestr(record.name, record.content)
    refused(tmp_path, path.read_bytes(), "is compressed")
    with zipfile.ZipFile(path, "w") as archive:  # stored: a valid checkpoint
        for record in checkpoint_records({"a": ARRAY}):
            archive.writestr(record.name, record.content)
    np.testing.assert_array_equal(read_everything(path)["a"], ARRAY)


def test_end_records(tmp_path: Path) -> None:
    good = archive_bytes(checkpoint_records({"a": ARRAY}))

    def patched(offset_from_end: int, form: str, value: int) -> bytes:
        data = bytearray(good)
        struct.pack_into(form, data, len(data) - offset_from_end, value)
        return bytes(data)

    refused(tmp_path, patched(22 - 10, "<H", 2), "several parts")
    refused(tmp_path, patched(22 - 12, "<L", 7), "the two end records of the archive differ")
    refused(tmp_path, patched(22 + 20 - 8, "<Q", 1 << 63), "the ZIP64 end record is out of place")
    refused(tmp_path, patched(22 + 20 - 8, "<Q", 0), "damaged ZIP64 end record")
    refused(tmp_path, patched(22 + 20 + 56 - 32, "<Q", 1 << 40), "damaged ZIP64|differ")
    refused(tmp_path, patched(22 + 20 + 56 - 48, "<Q", 1 << 60), "differ")
    refused(tmp_path, b"", "not a ZIP archive")
    refused(tmp_path, b"PK\x05\x06" + bytes(18), "this archive has 0")
    refused(tmp_path, pickle.dumps({"a": 1}), "not a ZIP archive")
    refused(tmp_path, good + b"\x00", "not a ZIP archive")
    refused(tmp_path, b"\x00" + good, "not where its end record says|out of place|damaged")


def test_number_of_records_is_limited_before_they_are_read(tmp_path: Path) -> None:
    entry = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", *[0] * 16)
    count = 1 << 17
    directory = entry * count
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, len(directory), 0)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(directory), 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, len(directory), 0, 0)
    refused(tmp_path, directory + end64 + locator + end, "more than 65536 records")


def test_cut_short_anywhere(tmp_path: Path) -> None:
    good = with_value({"a": ARRAY, "b": ARRAY.astype(np.int8)})
    for length in range(len(good)):
        refused(tmp_path, good[:length], "not a ZIP archive")


def test_work_is_bounded() -> None:
    """Pickles that would grow or take long elsewhere: shared lists, deep tuples, one state looked at many times."""
    doubling = b"]q\x00" + b"(h\x00h\x00e" * 10**5
    deep = b"N" + b"\x85" * 10**6
    keys = b"}(" + b"".join(b"J" + struct.pack("<i", i) + b"N" for i in range(10**4)) + b"uq\x00"
    states = keys + b"}" + b"h\x00b" * 10**4
    start = time.perf_counter()
    for content in (doubling, deep, states):
        with contextlib.suppress(ModelError):
            unpickle.load(content + b".", lambda storage: None, "x.pth")
    assert time.perf_counter() - start < 20


def test_a_hostile_header_takes_no_memory(tmp_path: Path) -> None:
    tracemalloc.start()
    for value in (VIEWS["repeated for ever"], View(Storage(ARRAY, elements=1 << 40), (1 << 40,), (1,))):
        refused(tmp_path, with_value({"a": value}))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    path = tmp_path_factory.mktemp("mutations") / "small.pth"
    write_checkpoint(path, {"a": ARRAY, "q": np.array([True]), "n": np.int32([[1, -2]])}, {"epoch": 3, "x": [1.5]})
    return path, path.read_bytes()


def loads_or_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with contextlib.suppress(ModelError):
        read_everything(path)


@settings(max_examples=MANY, deadline=None)
@given(data=st.data())
def test_mutated_files(small: tuple[Path, bytes], data: st.DataObject) -> None:
    path, good = small
    loads_or_is_refused(path, mutated(data, good))


@settings(max_examples=MANY, deadline=None)
@given(data=st.data())
def test_mutated_pickles_in_sound_archives(small: tuple[Path, bytes], data: st.DataObject) -> None:
    content = bytearray(Pickler().dump({"a": ARRAY, "b": ARRAY > 5, "x": [1, 2.5, (), {"y": None}]}))
    opcodes = st.sampled_from([bytes([value]) for value in sorted(ALLOWED)])
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.one_of(opcodes, st.binary(max_size=3)))
    storages = {"0": ARRAY.tobytes(), "1": (ARRAY > 5).tobytes()}
    loads_or_is_refused(small[0], with_pickle(bytes(content), **storages))
