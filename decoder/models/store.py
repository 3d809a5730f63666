"""`ModelStore`: one way to weights, whatever they come from (09.1, 09.6, 20, 21)."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream.errors import ModelError
from jpegai.decoder.models.layout import (
    canonical_name,
    check,
    check_shape,
    expected,
    has_layout,
    is_ignored,
    tensors_of,
)
from jpegai.decoder.models.official import file_name, find
from jpegai.decoder.models.packed import PackedInfo, write_packed
from jpegai.decoder.models.sources import BUILT_IN, Source, open_directory, open_packed

__all__ = ["ModelStore", "file_name"]


class ModelStore:
    """Weights by official file name and tensor name. One store serves any number of threads.

    Attributes:
        name: what was opened: ``analytic``, ``test`` or a path.
        built_in: whether the weights are made by formula.
    """

    def __init__(self, name: str, source: Source) -> None:
        self.name = name
        self.built_in = name in BUILT_IN and source is BUILT_IN[name]
        self._source = source
        self._mappings: dict[str, _Tensors] = {}
        self._lock = threading.Lock()

    @classmethod
    def open(cls, source: str | os.PathLike[str]) -> ModelStore:
        """Open models: ``analytic`` or ``test`` (as text), a directory of checkpoints, or a packed file.

        A directory that happens to be called like built-in models is opened as ``./analytic`` or as a `Path`.

        Raises:
            ModelError: the source is none of these, or a packed file that is damaged.
        """
        if isinstance(source, str) and source in BUILT_IN:
            return cls(source, BUILT_IN[source])
        name = os.fspath(source)
        path = Path(name)
        try:
            if path.is_dir():
                return cls(name, open_directory(path))
            if path.is_file():
                return cls(name, open_packed(path))
        except (OSError, ValueError) as error:
            raise ModelError(f"models cannot be opened: {error}", file=ascii(name)) from error
        shown = name if name.isprintable() else ascii(name)
        raise ModelError("no such models: neither built-in (analytic, test) nor a directory or packed file", file=shown)

    def files(self) -> tuple[str, ...]:
        """Return the official files that this store has (all 80 are listed in `official.official_files`)."""
        return self._source.files()

    def tensors(self, file: str) -> Mapping[str, NDArray[Any]]:
        """Return the tensors of an official file, such as ``VM_common_int/Y_0.002.pth``, by canonical name.

        The mapping is lazy: a tensor is made or read on access, every time, and checked against the official
        layout (`layout.check`); arrays are read-only. It iterates over the tensors of the layout that are there;
        asking for one that is not raises ModelError, not KeyError.

        Raises:
            ModelError: the store has no such file (`file` names its place), or it is damaged, or holds the float
                variant of a model (09.5.3), which is not part of the specification.
        """
        with self._lock:
            mapping = self._mappings.get(file)
        if mapping is None:
            tensors_of(find(file).kind)
            mapping = _Tensors(self._source, file, trusted=self.built_in)
            with self._lock:
                mapping = self._mappings.setdefault(file, mapping)
        return mapping

    def stored(self, file: str, names: Iterable[str]) -> dict[str, NDArray[Any]]:
        """Return those of some tensors, by canonical name, that a file of any kind has, as stored and not checked.

        Raises:
            ModelError: the store has no such file, or it is damaged.
        """
        source, file = self._source, find(file).name
        stored = _stored_names(source, file)
        found = [name for name in names if name in stored and source.shape(file, stored[name]) is not None]
        return {name: source.tensor(file, stored[name]) for name in found}

    def place(self, file: str) -> str:
        """Return where a file is, or would be, for messages."""
        return self._source.place(find(file).name)

    def digest(self, file: str, names: Iterable[str] | None = None) -> str:
        """Return the identity of a file's content, or of some of its tensors, as a text for cache keys.

        Built-in models: of the formulas, nothing is generated. A checkpoint: of the bytes of the file (read once);
        of the tensors' bytes when `names` are given. A packed file: of the tensors' bytes.

        Raises:
            ModelError: as `tensors`.
        """
        find(file)
        whole = self._source.digest(file) if self.built_in or names is None else None
        if whole is not None:
            return whole
        tensors = self.tensors(file)
        total = hashlib.blake2b(file.encode(), digest_size=16)
        for name in sorted(tensors if names is None else names):
            array = tensors[name]
            total.update(f"{name}:{array.dtype.name}:{array.shape}\n".encode())
            total.update(np.ascontiguousarray(array).data)
        return total.hexdigest()

    def status(self, file: str) -> str:
        """Return what a file is: ``official``, ``unknown``, ``built-in`` or ``missing``.

        A checkpoint is compared with the official size and MD5 (`official.official_status`); of a packed file it is
        what was found when it was packed.
        """
        return self._source.status(find(file).name)

    def pack(
        self,
        path: str | os.PathLike[str],
        progress: Callable[[str], None] = lambda file: None,
        replaced: Mapping[str, Mapping[str, NDArray[Any]]] | None = None,
    ) -> dict[str, PackedInfo]:
        """Write the tensors of all files of this store to a packed file (`packed`); return the origin of each.

        Entries that no official file has are left out, as are files of kinds that are not part of the specification.

        Args:
            path: the packed file.
            progress: called with the name of every file before it is read.
            replaced: tensors by file, which go in the place of the store's own or beside them; their status is unknown.

        Raises:
            OSError: the file cannot be written.
            ModelError: a checkpoint is damaged or wrong.
        """
        info: dict[str, PackedInfo] = {}
        tensors: dict[tuple[str, str], NDArray[Any]] = {}
        for file in self.files():
            if has_layout(find(file).kind) and file not in (replaced or {}):
                progress(file)
                info[file] = self._source.info(file)
                tensors |= {(file, name): array for name, array in self.tensors(file).items()}
        for file, arrays in (replaced or {}).items():
            info[file] = PackedInfo(None, "unknown")
            tensors |= {(file, name): array for name, array in arrays.items()}
        write_packed(Path(path), Path(self.name).name, info, tensors)
        return info

    def unknown_entries(self, file: str) -> tuple[str, ...]:
        """Return the entries of a file that are in no official one and are ignored (09.6)."""
        known = tensors_of(find(file).kind)
        return tuple(
            name for name in self._source.names(file) if canonical_name(name) not in known and not is_ignored(name)
        )


def _stored_names(source: Source, file: str) -> dict[str, str]:
    """Return the names of a file's entries by their canonical ones."""
    stored: dict[str, str] = {}
    for name in source.names(file):
        canonical = canonical_name(name)
        if canonical in stored:
            raise ModelError(
                f"is there twice, as {name} and {stored[canonical]}", file=source.place(file), selector=canonical
            )
        stored[canonical] = name
    return stored


class _Tensors(Mapping[str, NDArray[Any]]):
    """The tensors of one file, made, converted and checked on access."""

    def __init__(self, source: Source, file: str, *, trusted: bool) -> None:
        self._source = source
        self._file = file
        self._place = source.place(file)
        self._trusted = trusted
        self._stored = _stored_names(source, file)
        if not trusted:  # refuse the float variant before anything of it is used
            for name in self._known():
                if name.endswith("is_quantized"):
                    self[name]

    def __getitem__(self, name: str) -> NDArray[Any]:
        canonical = canonical_name(name)
        layout = expected(self._file, canonical)
        stored = self._stored.get(canonical)
        if stored is None:
            raise ModelError("the tensor is missing", file=self._place, selector=canonical)
        if self._trusted:
            array = self._source.tensor(self._file, stored)
            array.flags.writeable = False
            return array
        shape = self._source.shape(self._file, stored)
        if shape is None:
            raise ModelError("is not a tensor", file=self._place, selector=canonical)
        check_shape(shape, layout, file=self._place, name=canonical)  # before anything is read
        return check(self._source.tensor(self._file, stored), layout, file=self._place, name=canonical)

    def __contains__(self, name: object) -> bool:
        canonical = canonical_name(name) if isinstance(name, str) else None
        return canonical in self._stored and canonical in self._known()

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._known() if name in self._stored)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _known(self) -> Mapping[str, Any]:
        return tensors_of(find(self._file).kind)
