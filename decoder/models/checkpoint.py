"""One checkpoint file of the official layout, read without running anything in it (09.4)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.models import unpickle
from jpegai.decoder.models.archive import Archive, shown
from jpegai.decoder.models.unpickle import StorageReference, TensorReference

__all__ = ["Checkpoint"]

_PICKLE = "/data.pkl"
_MAX_BYTE_ORDER_BYTES = 16


class Checkpoint:
    """The tensors of a file, each read when it is asked for; other storages are not touched.

    Attributes:
        names: names of the tensors, as stored.
        others: names of the entries that are not tensors (``epoch``, ``optimizer``, ...).

    Raises:
        ModelError: the file cannot be read, is damaged or holds anything that a checkpoint has no need of.
    """

    def __init__(self, path: Path) -> None:
        self._archive = Archive(path)
        self._folder = self._find_folder()
        self._check_byte_order()
        name = self._folder + _PICKLE
        if self._archive.records[name].size > unpickle.MAX_BYTES:  # before it is read
            raise self._archive.error(f"data.pkl has more than {unpickle.MAX_BYTES} bytes")
        value = unpickle.load(self._archive.read(name), self._check_storage, str(path))
        if not isinstance(value, dict):
            raise self._archive.error("the checkpoint does not hold a dictionary of tensors")
        self._tensors = {
            key: entry for key, entry in value.items() if isinstance(key, str) and isinstance(entry, TensorReference)
        }
        self.names = tuple(self._tensors)
        self.others = tuple(str(key) for key in value if key not in self._tensors)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a tensor without reading it; KeyError when there is none of that name."""
        return self._tensors[name].shape

    def tensor(self, name: str) -> NDArray[Any]:
        """Return a tensor as stored: C-contiguous, native byte order, type of its storage.

        Raises:
            KeyError: there is no tensor of that name.
            ModelError: its record is damaged.
        """
        reference = self._tensors[name]
        storage = reference.storage
        dtype = np.dtype(storage.dtype)
        data = self._archive.read(self._record(storage))
        if storage.dtype == "bool" and data.strip(b"\x00\x01"):
            raise self._archive.error(f"storage {shown(storage.key)} holds booleans other than 0 and 1")
        elements = np.frombuffer(data, np.uint8 if storage.dtype == "bool" else dtype.newbyteorder("<"))
        # Steps along axes that have no second element may be anything; NumPy wants sane ones.
        steps = [step if size > 1 else 0 for size, step in zip(reference.shape, reference.stride, strict=True)]
        view = np.lib.stride_tricks.as_strided(
            elements[min(reference.offset, elements.size) :],
            reference.shape,
            [step * dtype.itemsize for step in steps] if elements.size else [0] * len(steps),
            writeable=False,
        )
        return np.ascontiguousarray(view).astype(dtype, copy=False).reshape(reference.shape)

    def _find_folder(self) -> str:
        folders = [
            name.removesuffix(_PICKLE)
            for name in self._archive.records
            if name.endswith(_PICKLE) and name.count("/") == 1
        ]
        if len(folders) != 1:
            raise self._archive.error(f"a checkpoint has one record data.pkl, this archive has {len(folders)}")
        return folders[0]

    def _check_byte_order(self) -> None:
        name = self._folder + "/byteorder"
        record = self._archive.records.get(name)
        if record is not None:
            order = self._archive.read(name) if record.size <= _MAX_BYTE_ORDER_BYTES else b""
            if order.strip() != b"little":
                raise self._archive.error("the checkpoint was not written on a little-endian machine")

    def _record(self, storage: StorageReference) -> str:
        return f"{self._folder}/data/{storage.key}"

    def _check_storage(self, storage: StorageReference) -> None:
        record = self._archive.records.get(self._record(storage))
        if record is None:
            raise self._archive.error(f"the archive has no storage {shown(storage.key)}")
        wanted = storage.elements * np.dtype(storage.dtype).itemsize
        if record.size != wanted:
            raise self._archive.error(
                f"storage {shown(storage.key)} has {record.size} bytes, {wanted} are needed", record.offset
            )
