"""One cache for everything that is made once and read at later starts: graphs, weights, compiled kernels.

Entries live under ``JPEGAI_CACHE`` (by default the user's cache directory). An entry is one file: a magic
number, the BLAKE2b digest of the content, the content. It is written beside its final name and renamed, so a
reader never sees half an entry; one whose digest does not fit is made again. Where nothing can be written or
read, everything still works, slower.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

from jpegai.decoder.output import atomic_file

__all__ = ["cache_directory", "content_key", "get_or_make", "load", "remove", "store"]

_MAGIC = b"jpegai-cache-1\n"
_DIGEST_BYTES = 32


def cache_directory() -> Path | None:
    """Return the root of the cache, or None when there is no place for one (``JPEGAI_CACHE`` set empty too)."""
    named = os.environ.get("JPEGAI_CACHE")
    if named is not None:
        return Path(named) if named else None
    try:
        if sys.platform == "win32":
            base = os.environ.get("LOCALAPPDATA")
            return (Path(base) if base else Path.home() / "AppData" / "Local") / "jpegai" / "cache"
        if sys.platform == "darwin":
            return Path.home() / "Library" / "Caches" / "jpegai"
        base = os.environ.get("XDG_CACHE_HOME")
        return (Path(base) if base else Path.home() / ".cache") / "jpegai"
    except RuntimeError:  # no home directory
        return None


def content_key(*parts: str | bytes) -> str:
    """Return a file-name-safe key of the parts (each counted with its length, so no two lists collide)."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


def _path(kind: str, key: str) -> Path | None:
    root = cache_directory()
    return None if root is None else root / kind / key


def load(kind: str, key: str) -> memoryview | None:
    """Return the content of an entry, or None when it is absent, damaged or unreadable."""
    path = _path(kind, key)
    if path is None:
        return None
    try:
        data = path.read_bytes()
    except OSError:
        return None
    head = len(_MAGIC) + _DIGEST_BYTES
    content = memoryview(data)[head:]
    if data[: len(_MAGIC)] != _MAGIC or data[len(_MAGIC) : head] != _digest(content):
        remove(kind, key)
        return None
    return content


def store(kind: str, key: str, content: bytes | memoryview) -> bool:
    """Write an entry atomically; return whether it could be written."""
    path = _path(kind, key)
    if path is None:
        return False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path) as file:
            file.write(_MAGIC)
            file.write(_digest(content))
            file.write(content)
    except OSError:
        return False
    return True


def remove(kind: str, key: str) -> None:
    """Remove an entry, if that is possible."""
    path = _path(kind, key)
    if path is not None:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def get_or_make(kind: str, key: str, make: Callable[[], bytes]) -> memoryview:
    """Return the content of an entry, made and stored first when it is not there."""
    content = load(kind, key)
    if content is None:
        made = make()
        store(kind, key, made)
        content = memoryview(made)
    return content


def _digest(content: bytes | memoryview) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest()
