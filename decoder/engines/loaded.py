"""The networks that an engine has loaded."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from jpegai.decoder.models import file_name
from jpegai.decoder.networks import NETWORKS, Network

__all__ = ["Loaded"]

_Ready = TypeVar("_Ready")


class Loaded(Generic[_Ready]):
    """Networks by name and file, each loaded once; several may be loaded at once from several threads.

    Args:
        load: makes a network ready, from its declaration and the official file of its weights.
    """

    def __init__(self, load: Callable[[Network, str], _Ready]) -> None:
        self._load = load
        self._ready: dict[tuple[str, str], _Ready] = {}
        self._locks: dict[tuple[str, str], threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, name: str, index: int, bank: str | None) -> _Ready:
        """Return a network, loaded on its first use; arguments as `Engine.network`."""
        key = _key(name, index, bank)
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            if key not in self._ready:
                self._ready[key] = self._load(NETWORKS[name], key[1])
            return self._ready[key]

    def has(self, networks: Iterable[tuple[str, int, str | None]]) -> bool:
        """Return whether all these networks are loaded; each is given as to `get`."""
        return all(_key(*each) in self._ready for each in networks)


def _key(name: str, index: int, bank: str | None) -> tuple[str, str]:
    return name, file_name(NETWORKS[name].file_kind, index, bank)
