"""NumPy files of unknown origin."""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np
import pytest

from jpegai.codestream.errors import LimitError
from jpegai.decoder.npy import read_npy, read_npy_header
from tests.tools.dumps import npy

ARRAY = np.arange(24, dtype=np.int16).reshape(2, 3, 4)


def read(data: bytes, limit: int = 1 << 20) -> Any:
    return read_npy(io.BytesIO(data), len(data), limit)


@pytest.mark.parametrize(
    "array",
    [
        ARRAY,
        np.asfortranarray(ARRAY),
        ARRAY.astype(">i2"),
        ARRAY.astype(np.float32),
        ARRAY.astype(np.float64)[0, 0],
        ARRAY > 5,
        np.array(7, np.uint8),
        np.zeros((0, 3), np.int8),
    ],
    ids=str,
)
def test_arrays_of_numpy(array: Any) -> None:
    found = read(npy(array))
    assert np.array_equal(found, array)
    assert found.dtype == array.dtype.newbyteorder("=")
    assert found.flags.c_contiguous


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_versions(version: tuple[int, int]) -> None:
    file = io.BytesIO()
    np.lib.format.write_array(file, ARRAY, version)
    assert np.array_equal(read(file.getvalue()), ARRAY)
    file.seek(0)
    header = read_npy_header(file)
    assert (header.shape, header.dtype, header.bytes) == (ARRAY.shape, ARRAY.dtype, ARRAY.nbytes)


class Trap:
    """Tells when it is unpickled."""

    sprung = False

    def __reduce__(self) -> Any:
        return setattr, (Trap, "sprung", True)


def with_header(text: str, rest: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + rest


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (npy(np.array([Trap()], object), pickled=True), "no.* array of numbers|does not describe"),
        (pickle.dumps(Trap()), "no NPY file"),
        (npy(np.array(["text"])), "does not describe"),
        (npy(np.zeros(2, [("a", "i2")])), "does not describe"),
        (npy(ARRAY)[:-1], "ends before"),
        (npy(ARRAY)[:20], "does not describe"),
        (b"", "no NPY file"),
        (b"\x93NUMPY\x09\x00", "no NPY file"),
        (with_header("{'descr': '<i2', 'fortran_order': False, 'shape': (-1,)}"), "does not describe"),
        (with_header("{'descr': '<i2', 'fortran_order': False, 'shape': (1e9,)}"), "does not describe"),
        (with_header("{'descr': __import__('os'), 'fortran_order': False, 'shape': (1,)}"), "does not describe"),
        (with_header("{'descr': '<i2', 'fortran_order': False, 'shape': (4,)}", b"\0" * 7), "ends before"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "header is too long"),
    ],
)
def test_what_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(data)
    assert not Trap.sprung


def test_memory_is_not_taken_for_a_claim() -> None:
    claim = with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (100000000000, 1000)}")
    with pytest.raises(LimitError, match="more memory"):
        read(claim)
    with pytest.raises(LimitError):
        read(npy(ARRAY), ARRAY.nbytes - 1)
    assert read(npy(ARRAY), ARRAY.nbytes) is not None
