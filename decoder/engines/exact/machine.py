"""Machine code from text in LLVM's language, for the processor's own vectors; kept in the project's cache."""

from __future__ import annotations

import ctypes
import functools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import llvmlite.binding as llvm
from numpy.typing import NDArray

from jpegai.decoder import cache, jit

__all__ = ["Shape", "address", "functions", "shape"]

#: Keeps the machine code alive.
_ENGINES: list[Any] = []
_LOCK = threading.Lock()


@dataclass(frozen=True, slots=True)
class Shape:
    """What registers hold: output channels of a tile, vectors beside each other, numbers of a vector."""

    channels: int
    vectors: int
    lanes: int

    @property
    def points(self) -> int:
        """Positions of a tile."""
        return self.vectors * self.lanes


@functools.cache
def shape() -> Shape:
    """Return the shape of tiles on this processor."""
    _, flags = jit.processor()
    features = flags.split(",")
    if "+avx512f" in features:
        return Shape(8, 3, 8)
    if "+avx" in features:
        return Shape(4, 3, 4)
    return Shape(8 if "+neon" in features else 4, 3, 2)


def functions(text: str, arguments: Mapping[str, str]) -> dict[str, Callable[..., int]]:
    """Return the functions of a module.

    Args:
        text: the module.
        arguments: by name of a function its arguments: ``p`` for an address, ``i`` for an integer of 64 bits; all
            return such an integer.
    """
    machine = jit.target_machine()
    content = cache.get_or_make("kernels", jit.code_key(text), lambda: bytes(machine.emit_object(_parsed(text))))
    with _LOCK:
        engine = llvm.create_mcjit_compiler(_parsed(""), machine)
        engine.add_object_file(llvm.ObjectFileRef.from_data(bytes(content)))
        engine.finalize_object()
        _ENGINES.append(engine)
    kinds = {"p": ctypes.c_void_p, "i": ctypes.c_int64}
    return {
        name: ctypes.CFUNCTYPE(ctypes.c_int64, *(kinds[kind] for kind in each))(engine.get_function_address(name))
        for name, each in arguments.items()
    }


def address(array: NDArray[Any]) -> int:
    """Return where an array lies."""
    place: int = array.__array_interface__["data"][0]
    return place


def _parsed(text: str) -> Any:
    module = llvm.parse_assembly(text)
    module.triple = llvm.get_process_triple()
    module.verify()
    return module
