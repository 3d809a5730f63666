"""PGX (ISO/IEC 15444-4): one component in one file, a header line and samples of 1 to 32 bits."""

from __future__ import annotations

import re
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["parse_pgx", "write_pgx_plane"]

#: Byte order, sign, bits, columns, rows.
_HEAD = re.compile(rb"PG[ \t]+(ML|LM)[ \t]+([+-]?)[ \t]*(\d{1,2})[ \t]+(\d{1,9})[ \t]+(\d{1,9})[ \t]*\r?\n")
_LONGEST_HEAD = 100


def _dtype(signed: bool, bits: int, order: str) -> np.dtype[Any]:
    size = 1 if bits <= 8 else 2 if bits <= 16 else 4
    return np.dtype(f"{order}{'i' if signed else 'u'}{size}")


def write_pgx_plane(file: IO[bytes], plane: NDArray[Any], bits: int) -> None:
    """Write a component to an open file, high byte first.

    Args:
        file: written.
        plane: (rows, columns) of integers; their dtype decides whether the file is signed.
        bits: bits per sample, sign included, 1..32.
    """
    signed = plane.dtype.kind == "i"
    file.write(f"PG ML {'-' if signed else '+'}{bits} {plane.shape[1]} {plane.shape[0]}\n".encode())
    file.write(np.ascontiguousarray(plane, _dtype(signed, bits, ">")).data)


def parse_pgx(data: bytes) -> tuple[NDArray[Any], int]:
    """Return the samples of a PGX file, (rows, columns) in native byte order, and the bits of each.

    Raises:
        ValueError: it is no PGX file, or ends early.
    """
    head = _HEAD.match(data[:_LONGEST_HEAD])
    if head is None:
        raise ValueError("it has no PGX header")
    bits, width, height = (int(head[group]) for group in (3, 4, 5))
    if not 1 <= bits <= 32:
        raise ValueError(f"{bits} bits per sample are not 1..32")
    dtype = _dtype(head[2] == b"-", bits, ">" if head[1] == b"ML" else "<")
    count = width * height
    if len(data) - head.end() < count * dtype.itemsize:
        raise ValueError(f"it ends before its {width}x{height} samples do")
    samples = np.frombuffer(data, dtype, count, head.end()).reshape(height, width)
    return samples.astype(dtype.newbyteorder("=")), bits
