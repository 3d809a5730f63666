"""Dumps from files of any origin: NPZ, a folder of NPY or PGX files, or an index alone (docs/dumps.md)."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from numpy.typing import NDArray

from jpegai.codestream.errors import JpegAIError, LimitError, StreamSyntaxError
from jpegai.decoder.canonical import canonical, dtype_of, sha256
from jpegai.decoder.npy import read_npy, read_npy_header
from jpegai.decoder.picture.pgx import parse_pgx
from jpegai.decoder.recorder import is_result
from jpegai.tools.dump_index import INDEX_NAME, MAX_INDEX_BYTES, Entry, Index
from jpegai.tools.dump_layout import joined, shapes
from jpegai.tools.dump_writers import pgx_name

__all__ = ["DumpFile", "open_dump"]

_MAX_MEMBERS = 1 << 16
_SUFFIX = ".npy"
#: What comes from the bytes of an archive that is damaged.
_DAMAGE = (ValueError, struct.error, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


@dataclass
class DumpFile:
    """A dump that is read result by result.

    Attributes:
        path: of the file or folder.
        index: what it says of itself; made of the headers of its arrays where it says nothing.
        indexed: whether it has an index of its own.
        has_arrays: whether it holds arrays, or only their hashes.
    """

    path: str
    index: Index
    indexed: bool
    has_arrays: bool
    _read: Callable[[Entry], NDArray[Any]] = field(repr=False)

    def load(self, name: str) -> NDArray[Any]:
        """Return a result, which is held against its entry.

        Raises:
            StreamSyntaxError: it is damaged, or not what the index says.
            LimitError: it takes more memory than is allowed.
            OSError: it cannot be read.
        """
        entry = self.index.results[name]
        with _located(self.path, name):
            array = canonical(name, self._read(entry), entry.fraction_bits)
            if array.shape != entry.shape or array.dtype.name != entry.dtype:
                raise StreamSyntaxError(
                    "the array is not what the index says",
                    expected=f"{entry.dtype} {entry.shape}",
                    found=f"{array.dtype.name} {array.shape}",
                )
            if entry.sha256 is not None and sha256(array) != entry.sha256:
                raise StreamSyntaxError("the array is damaged: it has another sha256 than the index says")
        return array


def open_dump(path: str, max_bytes: int) -> DumpFile:
    """Open a dump: an NPZ file, a folder with an index, or an index.

    An NPZ file without an index, such as another decoder may write, is taken by the names of its arrays.

    Args:
        path: of the file or folder.
        max_bytes: memory that one result may take.

    Raises:
        StreamSyntaxError: it is no dump, or damaged.
        LimitError: an index is too large.
        OSError: it cannot be read.
    """
    place = Path(path)
    with _located(path):
        if place.is_dir():
            with (place / INDEX_NAME).open("rb") as file:
                return _folder(place, _index(file, os.fspath(place / INDEX_NAME)), max_bytes)
        if place.suffix.lower() == ".npz":
            return _npz(path, max_bytes)
        with place.open("rb") as file:
            return DumpFile(path, _index(file, path), True, False, _nothing)


def _nothing(entry: Entry) -> NDArray[Any]:
    raise StreamSyntaxError("the dump holds hashes only")


@contextmanager
def _located(path: str, name: str | None = None) -> Iterator[None]:
    """Let every error of the block name the file and the result."""
    try:
        yield
    except JpegAIError as error:
        raise error.locate(file=path, selector=name) from None
    except _DAMAGE as error:
        raise StreamSyntaxError(f"the dump cannot be read: {error}", file=path, selector=name) from None


def _index(file: IO[bytes], name: str) -> Index:
    data = file.read(MAX_INDEX_BYTES + 1)
    if len(data) > MAX_INDEX_BYTES:
        raise LimitError("the index of the dump is too large", file=name, expected=f"at most {MAX_INDEX_BYTES} bytes")
    return Index.parse(data, name)


def _npz(path: str, max_bytes: int) -> DumpFile:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        names = [member.filename for member in members]
        if len(names) > _MAX_MEMBERS:
            raise LimitError("the archive has too many members", expected=f"at most {_MAX_MEMBERS}", found=len(names))
        if any(member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for member in members):
            raise StreamSyntaxError("a member of the archive is neither stored nor deflated")
        if len(set(names)) != len(names):
            raise StreamSyntaxError("the archive has two members of one name")
        if INDEX_NAME in names:
            with archive.open(INDEX_NAME) as file:
                index = _index(file, path)
        else:
            index = Index(dict(_headers(archive)))
            if not index.results:
                raise StreamSyntaxError("no array of the archive is called like a result of a decode")

    def read(entry: Entry) -> NDArray[Any]:
        with zipfile.ZipFile(path) as archive:
            try:
                member = archive.getinfo(entry.name + _SUFFIX)
            except KeyError:
                raise StreamSyntaxError("the archive lacks a result of its index") from None
            if member.file_size > max_bytes:
                raise LimitError(
                    "the result takes more memory than is allowed",
                    expected=f"at most {max_bytes} bytes",
                    found=member.file_size,
                )
            with archive.open(member) as file:
                return read_npy(file, member.file_size, max_bytes)

    return DumpFile(path, index, INDEX_NAME in names, True, read)


def _headers(archive: zipfile.ZipFile) -> Iterator[tuple[str, Entry]]:
    """Yield the results of an archive without an index."""
    for member in archive.infolist():
        name = member.filename.removesuffix(_SUFFIX)
        if is_result(name) and name != member.filename:
            with archive.open(member) as file:
                header = read_npy_header(file)
            yield name, Entry(name, header.shape, dtype_of(name, header.dtype.name))


def _folder(folder: Path, index: Index, max_bytes: int) -> DumpFile:
    def read(entry: Entry) -> NDArray[Any]:
        path = folder / f"{entry.name}{_SUFFIX}"
        if path.is_file():
            with path.open("rb") as file:
                return read_npy(file, path.stat().st_size, max_bytes)
        parts = []
        for number, shape in enumerate(shapes(entry, index.geometry)):
            part, _ = parse_pgx((folder / pgx_name(entry.name, number)).read_bytes())
            if part.shape != shape:
                raise StreamSyntaxError(f"channel {number} has another size", expected=shape, found=part.shape)
            parts.append(part)
        return joined(entry, parts)

    return DumpFile(os.fspath(folder), index, True, True, read)
