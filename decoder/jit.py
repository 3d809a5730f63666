"""Compiled loops: `kernel` compiles a function with numba and keeps the machine code in the project's cache.

Numba's own cache trusts its files and fails where it cannot write; this one stores the same objects through
`jpegai.decoder.cache`: written atomically, verified when read, compiled again when damaged or stale. With
``NUMBA_DISABLE_JIT=1`` the very same functions run as plain Python.

Kernels release the interpreter lock, do not check bounds (the caller proves the indices), and wrap integers.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import llvmlite
import numba
import numpy as np
from numba.core import caching, dispatcher
from numba.core.runtime import rtsys

from jpegai.decoder import cache

__all__ = ["kernel"]

_Function = TypeVar("_Function", bound=Callable[..., Any])


def kernel(function: _Function) -> _Function:
    """Compile `function` on its first call (or take the machine code from the cache) and return the compiled form."""
    compiled = numba.njit(nogil=True, error_model="numpy")(function)
    if isinstance(compiled, dispatcher.Dispatcher):
        compiled._cache = _KernelCache(function)  # type: ignore[attr-defined]
    return compiled  # type: ignore[no-any-return]


class _KernelCache(caching._Cache):  # type: ignore[misc]
    """The cache interface of a numba dispatcher, on top of `jpegai.decoder.cache`."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._kind = caching.CompileResultCacheImpl
        self._sources: tuple[str, ...] | None = None

    @property
    def cache_path(self) -> str | None:
        root = cache.cache_directory()
        return None if root is None else str(root / "kernels")

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        # what machine code needs to run; `target_context.refresh()`, which a compilation does by itself, would load
        # all of numba's typing and lowering, most of the time a start takes
        rtsys.initialize(target_context)
        key = self._key(sig, target_context.codegen())
        content = cache.load("kernels", key)
        if content is None:
            return None
        try:
            return self._kind.rebuild(None, target_context, pickle.loads(content))
        except Exception:  # another build of numba may fail in any way: compile again
            cache.remove("kernels", key)
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        if self._kind.check_cachable(None, data):
            cache.store(
                "kernels", self._key(sig, data.codegen), pickle.dumps(self._kind.reduce(None, data), protocol=-1)
            )

    def enable(self) -> None:
        """Part of the interface; the cache is always on."""

    def disable(self) -> None:
        """Part of the interface; the cache is always on."""

    def flush(self) -> None:
        """Part of the interface; stale entries have other keys."""

    def _key(self, sig: Any, codegen: Any) -> str:
        if self._sources is None:
            self._sources = tuple(Path(path).read_text() for path in sorted(set(_source_files(self._function, set()))))
        versions = (numba.__version__, llvmlite.__version__, np.__version__)
        name = f"{self._function.__module__}.{self._function.__qualname__}"
        return cache.content_key(name, repr(sig), repr(codegen.magic_tuple()), *versions, *self._sources)


def _source_files(function: Callable[..., Any], seen: set[int]) -> Iterator[str]:
    """Yield the source files of a kernel and of all kernels it calls."""
    if id(function) in seen:
        return
    seen.add(id(function))
    yield function.__code__.co_filename
    for name in function.__code__.co_names:
        value = function.__globals__.get(name)
        if isinstance(value, dispatcher.Dispatcher):
            yield from _source_files(value.py_func, seen)
