"""What a `ModelStore` is made on: formulas, a directory of checkpoints, or a packed file."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from jpegai.codestream.errors import ModelError
from jpegai.decoder import cache
from jpegai.decoder.models import analytic, test_models
from jpegai.decoder.models.checkpoint import Checkpoint
from jpegai.decoder.models.layout import expected, tensors_of
from jpegai.decoder.models.official import file_name, find, md5_of_file, official_files, official_status
from jpegai.decoder.models.packed import PackedFile, PackedInfo

__all__ = ["BUILT_IN", "Source", "open_directory", "open_packed"]


class Source(Protocol):
    """Where a store takes its weights from. It is asked for official files only; tensor names are as stored."""

    def files(self) -> tuple[str, ...]:
        """Return the official files that are there."""

    def names(self, file: str) -> tuple[str, ...]:
        """Return the names of all entries of a file; ModelError when it is not there or damaged."""

    def shape(self, file: str, name: str) -> tuple[int, ...] | None:
        """Return the shape of an entry without reading it, or None when it is not a tensor."""

    def tensor(self, file: str, name: str) -> NDArray[Any]:
        """Return a tensor, of any type; ModelError when it cannot be read."""

    def place(self, file: str) -> str:
        """Return where a file is, for messages."""

    def status(self, file: str) -> str:
        """Return ``official``, ``unknown``, ``built-in`` or ``missing``."""

    def info(self, file: str) -> PackedInfo:
        """Return MD5 and status of a file that is there."""

    def digest(self, file: str) -> str | None:
        """Return the identity of a file, or None where its tensors are the cheapest one."""


class _BuiltIn:
    """Models that are made by formula."""

    def __init__(
        self,
        name: str,
        files: Callable[[], tuple[str, ...]],
        tensor: Callable[[str, str], NDArray[Any]],
        sources: tuple[Path, ...],
    ) -> None:
        self._name = name
        self._sources = sources
        self.files = files
        self.tensor = tensor

    def names(self, file: str) -> tuple[str, ...]:
        if file not in self.files():
            raise ModelError(f"the built-in models {self._name} have no such file", file=file)
        return tuple(tensors_of(find(file).kind))

    def shape(self, file: str, name: str) -> tuple[int, ...]:
        return expected(file, name).shape

    def place(self, file: str) -> str:
        return f"{self._name}/{file}"

    def status(self, file: str) -> str:
        return "built-in" if file in self.files() else "missing"

    def info(self, file: str) -> PackedInfo:
        return PackedInfo(None, "built-in")

    def digest(self, file: str) -> str:
        self.names(file)
        return cache.content_key(self._name, file, *(path.read_bytes() for path in self._sources))


BUILT_IN: Mapping[str, Source] = {
    "analytic": _BuiltIn("analytic", analytic.files, analytic.tensor, analytic.SOURCES),
    "test": _BuiltIn("test", test_models.files, test_models.tensor, (test_models.SOURCE, test_models.RULES)),
}
"""The models that need no file, by the name under which they are opened."""


class _Directory:
    """A directory of checkpoints in the official layout; a file is parsed when it is first needed."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._open: dict[str, Checkpoint] = {}
        self._digests: dict[str, tuple[tuple[int, int], str]] = {}
        self._lock = threading.Lock()
        if not self.files():
            example = root / file_name("common_Y", 0)
            raise ModelError(f"no checkpoint of the official layout here, for example {example}", file=str(root))

    def files(self) -> tuple[str, ...]:
        return tuple(name for name in official_files() if (self._root / name).is_file())

    def names(self, file: str) -> tuple[str, ...]:
        checkpoint = self._checkpoint(file)
        return checkpoint.names + checkpoint.others

    def shape(self, file: str, name: str) -> tuple[int, ...] | None:
        checkpoint = self._checkpoint(file)
        return checkpoint.shape(name) if name in checkpoint.names else None

    def tensor(self, file: str, name: str) -> NDArray[Any]:
        return self._checkpoint(file).tensor(name)

    def place(self, file: str) -> str:
        return os.fspath(self._root / file)

    def status(self, file: str) -> str:
        return official_status(self._root / file, find(file))

    def info(self, file: str) -> PackedInfo:
        path = self._existing(file)
        status = official_status(path, find(file))
        if status == "official":
            return PackedInfo(find(file).md5, status)
        try:
            return PackedInfo(md5_of_file(path), status)
        except OSError as error:
            raise ModelError(f"cannot be read: {error.strerror}", file=self.place(file)) from error

    def digest(self, file: str) -> str:
        path = self._existing(file)
        try:
            status = path.stat()
            stamp = status.st_size, status.st_mtime_ns
            with self._lock:
                known = self._digests.get(file)
            if known is not None and known[0] == stamp:
                return known[1]
            with path.open("rb") as content:
                digest = hashlib.file_digest(content, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
        except OSError as error:
            raise ModelError(f"cannot be read: {error.strerror}", file=self.place(file)) from error
        with self._lock:
            self._digests[file] = stamp, digest
        return digest

    def _checkpoint(self, file: str) -> Checkpoint:
        with self._lock:
            checkpoint = self._open.get(file)
            if checkpoint is None:
                checkpoint = self._open[file] = Checkpoint(self._existing(file))
            return checkpoint

    def _existing(self, file: str) -> Path:
        path = self._root / file
        if not path.is_file():
            raise ModelError("there is no such checkpoint", file=self.place(file))
        return path


class _Packed:
    """A packed file."""

    def __init__(self, path: Path) -> None:
        self._pack = PackedFile(path)

    def files(self) -> tuple[str, ...]:
        return tuple(self._pack.info)

    def names(self, file: str) -> tuple[str, ...]:
        self.info(file)
        return self._pack.names(file)

    def shape(self, file: str, name: str) -> tuple[int, ...]:
        return self._pack.shape(file, name)

    def tensor(self, file: str, name: str) -> NDArray[Any]:
        return self._pack.tensor(file, name)

    def place(self, file: str) -> str:
        return f"{self._pack.path}::{file}"

    def status(self, file: str) -> str:
        return self._pack.info[file].status if file in self._pack.info else "missing"

    def info(self, file: str) -> PackedInfo:
        if file not in self._pack.info:
            raise ModelError("the packed models have no such file", file=self.place(file))
        return self._pack.info[file]

    def digest(self, file: str) -> None:
        """Return None: nothing is cheaper than the tensors themselves."""


def open_directory(path: Path) -> Source:
    """Return the checkpoints of a directory; ModelError when it has none."""
    return _Directory(path)


def open_packed(path: Path) -> Source:
    """Return the models of a packed file; ModelError when it is none."""
    return _Packed(path)
