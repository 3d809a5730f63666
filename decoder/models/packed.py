"""All weights in one ``.safetensors`` file: smaller and quicker to open than a directory of checkpoints.

Tensors are called ``<file>::<tensor>`` with the names of the official layout. The metadata hold the version of
this layout, the source, and for every file the MD5 sum of its checkpoint and whether that is the official one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from jpegai.codestream.errors import ModelError
from jpegai.decoder.models.archive import shown
from jpegai.decoder.models.official import official_files
from jpegai.decoder.output import atomic_file

__all__ = ["PackedFile", "PackedInfo", "write_packed"]

_FORMAT = "jpegai-models"
_VERSION = "1"
_STATUSES = ("official", "unknown", "built-in")
_DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
}


@dataclass(frozen=True, slots=True)
class PackedInfo:
    """Where the tensors of one file come from: MD5 of the checkpoint (None for built-in models) and its status.

    `status` is ``official``, ``unknown`` or ``built-in``.
    """

    md5: str | None
    status: str


def write_packed(
    path: Path,
    source: str,
    info: Mapping[str, PackedInfo],
    tensors: Mapping[tuple[str, str], NDArray[Any]],
) -> None:
    """Write tensors by ``(file, name)`` to a packed file, beside its final name first, then renamed.

    Raises:
        OSError: the file cannot be written.
    """
    arrays = {f"{file}::{name}": array for (file, name), array in tensors.items()}
    metadata = {
        "format": _FORMAT,
        "version": _VERSION,
        "source": source,
        "files": json.dumps({file: {"md5": entry.md5, "status": entry.status} for file, entry in info.items()}),
    }
    with atomic_file(path) as file:
        file.write(save(arrays, metadata))


class PackedFile:
    """The tensors of a packed file, each read when it is asked for.

    Attributes:
        source: what was packed.
        info: origin of every file.

    Raises:
        ModelError: not a packed file, of another version, or damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            pack: Any = safe_open
            self._file = pack(path, framework="numpy")
            metadata = self._file.metadata() or {}
            keys = self._file.keys()
        except OSError as error:
            raise self._error(f"cannot be read: {error.strerror or error}") from error
        except (SafetensorError, ValueError) as error:
            raise self._error(f"not a safetensors file: {shown(str(error))}") from error
        if metadata.get("format") != _FORMAT:
            raise self._error("the file does not hold packed models (jpegai models pack makes one)")
        if metadata.get("version") != _VERSION:
            raise self._error(
                "packed models of another version", expected=_VERSION, found=shown(metadata.get("version", ""))
            )
        self.source: str = metadata.get("source", "")
        self.info = self._read_info(metadata.get("files", ""))
        self._names: dict[str, list[str]] = {file: [] for file in self.info}
        for key in keys:
            file, separator, name = key.partition("::")
            if not separator or file not in self._names:
                raise self._error(f"the tensor {shown(key)} belongs to no file of the packed models")
            self._names[file].append(name)

    def names(self, file: str) -> tuple[str, ...]:
        """Return the names of a file's tensors; KeyError when the file is not in the pack."""
        return tuple(self._names[file])

    def shape(self, file: str, name: str) -> tuple[int, ...]:
        """Return the shape of a tensor without reading it."""
        return tuple(self._file.get_slice(f"{file}::{name}").get_shape())

    def tensor(self, file: str, name: str) -> NDArray[Any]:
        """Return a tensor as stored.

        Raises:
            ModelError: it has a type that no model uses, or cannot be read.
        """
        key = f"{file}::{name}"
        try:
            dtype = self._file.get_slice(key).get_dtype()
            if dtype not in _DTYPES:
                raise self._error(f"{shown(key)} has the type {dtype}")
            array: NDArray[Any] = self._file.get_tensor(key)
        except (OSError, SafetensorError) as error:
            raise self._error(f"{shown(key)} cannot be read: {shown(str(error))}") from error
        return array

    def _read_info(self, text: str) -> dict[str, PackedInfo]:
        info = {}
        try:
            for file, entry in json.loads(text).items():
                md5, status = entry["md5"], entry["status"]
                if file not in official_files() or status not in _STATUSES or not isinstance(md5, str | None):
                    raise ValueError
                info[file] = PackedInfo(md5, status)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise self._error("the list of files in the packed models is damaged") from error
        return info

    def _error(self, message: str, **more: Any) -> ModelError:
        return ModelError(message, file=os.fspath(self.path), **more)
