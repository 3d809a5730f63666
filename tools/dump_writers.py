"""Dumps to files: NPZ, a folder of NPY or PGX files, or the index alone (docs/dumps.md)."""

from __future__ import annotations

import contextlib
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream.errors import UnsupportedError
from jpegai.decoder.output import atomic_file, atomic_folder
from jpegai.decoder.picture.pgx import write_pgx_plane
from jpegai.tools.dump_index import INDEX_NAME, Entry, Geometry
from jpegai.tools.dump_layout import channels

__all__ = ["FORMATS", "Writer", "check_pgx", "pgx_name"]


class Writer(Protocol):
    """Takes results one by one, so that none need be held, and then the index."""

    def write(self, entry: Entry, array: NDArray[Any], geometry: Geometry | None) -> None:
        """Write a result in its canonical form; `geometry` is given for the picture."""

    def finish(self, index: str) -> None:
        """Write the index."""


@dataclass
class _Npz:
    archive: zipfile.ZipFile

    def write(self, entry: Entry, array: NDArray[Any], geometry: Geometry | None) -> None:
        # a date of its own for no member: equal dumps are equal files
        with self.archive.open(zipfile.ZipInfo(f"{entry.name}.npy"), "w", force_zip64=True) as member:
            np.lib.format.write_array(member, array, allow_pickle=False)

    def finish(self, index: str) -> None:
        self.archive.writestr(zipfile.ZipInfo(INDEX_NAME), index)


@dataclass
class _Folder:
    folder: Path

    def finish(self, index: str) -> None:
        (self.folder / INDEX_NAME).write_bytes(index.encode())


class _Npy(_Folder):
    def write(self, entry: Entry, array: NDArray[Any], geometry: Geometry | None) -> None:
        np.save(self.folder / f"{entry.name}.npy", array, allow_pickle=False)


class _Pgx(_Folder):
    def write(self, entry: Entry, array: NDArray[Any], geometry: Geometry | None) -> None:
        check_pgx(entry)
        bits = 8 * array.itemsize if geometry is None else geometry.format.depth
        for number, channel in enumerate(channels(entry, array, geometry)):
            with (self.folder / pgx_name(entry.name, number)).open("xb") as file:
                write_pgx_plane(file, channel, bits)


@dataclass
class _Hashes:
    file: IO[bytes]

    def write(self, entry: Entry, array: NDArray[Any], geometry: Geometry | None) -> None:
        pass

    def finish(self, index: str) -> None:
        self.file.write(index.encode())


def pgx_name(name: str, channel: int) -> str:
    """Return the name of the PGX file of a channel of a result."""
    return f"{name}_{channel}.pgx"


def check_pgx(entry: Entry) -> None:
    """Refuse what PGX does not hold.

    Raises:
        UnsupportedError: the result is float32.
    """
    if entry.dtype == "float32":
        raise UnsupportedError(
            f"PGX holds integers and {entry.name} is float32: write NPY or NPZ, other stages, "
            "or fixed point (--quantise BITS)"
        )


@contextlib.contextmanager
def _npz(path: str) -> Iterator[_Npz]:
    with atomic_file(path) as file, zipfile.ZipFile(file, "w") as archive:
        yield _Npz(archive)


@contextlib.contextmanager
def _npy(path: str) -> Iterator[_Npy]:
    with atomic_folder(path) as folder:
        yield _Npy(folder)


@contextlib.contextmanager
def _pgx(path: str) -> Iterator[_Pgx]:
    with atomic_folder(path) as folder:
        yield _Pgx(folder)


@contextlib.contextmanager
def _hashes(path: str) -> Iterator[_Hashes]:
    if path == "-":
        yield _Hashes(sys.stdout.buffer)
    else:
        with atomic_file(path) as file:
            yield _Hashes(file)


#: What opens each format for writing.
FORMATS: dict[str, Callable[[str], AbstractContextManager[Writer]]] = {
    "npz": _npz,
    "npy": _npy,
    "pgx": _pgx,
    "hashes": _hashes,
}
