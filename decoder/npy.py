"""NumPy files of unknown origin: nothing in them is executed, and no memory is taken before sizes are checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream.errors import LimitError

__all__ = ["NpyHeader", "read_npy", "read_npy_header"]

_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 1 << 14
_DESCR = re.compile(r"""['"]descr['"]\s*:\s*['"]([<>|=]?(?:b1|[iu][1248]|f[248]))['"]""")
_ORDER = re.compile(r"""['"]fortran_order['"]\s*:\s*(True|False)""")
_SHAPE = re.compile(r"""['"]shape['"]\s*:\s*\(((?:\s*\d{1,15}\s*,?){0,8})\s*\)""")


@dataclass(frozen=True, slots=True)
class NpyHeader:
    """What comes before the samples: shape, dtype, whether the first index runs fastest, bytes of the header."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    size: int

    @property
    def bytes(self) -> int:
        """Bytes of the samples."""
        return prod(self.shape) * self.dtype.itemsize


def read_npy_header(file: IO[bytes]) -> NpyHeader:
    """Read a header of any version; what follows in `file` are the samples.

    Raises:
        ValueError: it is no NPY file, or one of objects, texts or records.
    """
    start = file.read(8)
    if len(start) < 8 or start[:6] != _MAGIC or not 1 <= start[6] <= 3:
        raise ValueError("it is no NPY file")
    count = 2 if start[6] == 1 else 4
    length = int.from_bytes(file.read(count), "little")
    if length > _LONGEST_HEADER:
        raise ValueError("its header is too long")
    text = file.read(length).decode("latin-1")
    descr, order, shape = (form.search(text) for form in (_DESCR, _ORDER, _SHAPE))
    if len(text) < length or descr is None or order is None or shape is None:
        raise ValueError("its header does not describe an array of numbers")
    lengths = tuple(int(each) for each in re.findall(r"\d+", shape[1]))
    return NpyHeader(lengths, np.dtype(descr[1]), order[1] == "True", 8 + count + length)


def read_npy(file: IO[bytes], size: int, limit: int) -> NDArray[Any]:
    """Return the array of an NPY file in native byte order and C order.

    Args:
        file: read from its start.
        size: bytes that the file has, or says it has.
        limit: bytes that the array may take.

    Raises:
        ValueError: as `read_npy_header`; the samples end early.
        LimitError: the array is larger than the limit.
    """
    header = read_npy_header(file)
    if header.bytes > limit:
        raise LimitError("the array takes more memory than is allowed", expected=f"at most {limit}", found=header.bytes)
    if header.size + header.bytes > size:
        raise ValueError("it ends before its samples do")
    data = file.read(header.bytes)
    if len(data) < header.bytes:
        raise ValueError("it ends before its samples do")
    samples = np.frombuffer(data, header.dtype)
    array = samples.reshape(header.shape[::-1]).T if header.fortran else samples.reshape(header.shape)
    return np.asarray(array, header.dtype.newbyteorder("="), order="C")
