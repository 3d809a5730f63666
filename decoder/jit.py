"""Compiled loops: `kernel` marks a function that is compiled for the types it is called with.

The machine code is kept in the project's cache and loaded by LLVM's linker alone, so a later start needs numba no
more: importing it and making it ready takes longer than decoding a small picture. Where nothing is cached,
`jpegai.decoder.compiler` makes the code. With ``NUMBA_DISABLE_JIT=1`` the very same functions run as plain Python.

Kernels take C-ordered or strided arrays, integers, booleans and float32 numbers; they return nothing, an integer or a
tuple of integers, allocate nothing, do not check bounds (the caller proves the indices) and release the interpreter
lock. Read-only arrays are taken as they are: which arguments a kernel writes is its caller's business.
"""

from __future__ import annotations

import ctypes
import functools
import json
import os
import threading
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar, cast

import llvmlite.binding as llvm
import numpy as np
from numpy.typing import NDArray

from jpegai.decoder import cache

__all__ = [
    "CannotStore",
    "Kernel",
    "abi",
    "array_type",
    "code_key",
    "disabled",
    "kernel",
    "processor",
    "target_machine",
]

_Function = TypeVar("_Function", bound=Callable[..., Any])


class CannotStore(Exception):
    """The compiled form of a kernel depends on numba at run time."""


def disabled() -> bool:
    """Return whether compiled code is not wanted: everything runs as plain Python then."""
    return os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")


def kernel(function: _Function) -> _Function:
    """Make a function a kernel. It compiles on its first call with arguments of new types."""
    if disabled():
        return function
    return cast(_Function, Kernel(function))


class Kernel:
    """A function and its compiled forms."""

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self._forms: dict[tuple[str, ...], Callable[..., Any]] = {}
        self._lock = threading.Lock()

    def __call__(self, *arguments: Any) -> Any:
        """Run the form compiled for these arguments' types."""
        types = tuple(map(_type_name, arguments))
        form = self._forms.get(types)
        if form is None:
            with self._lock:
                form = self._forms.get(types)
                if form is None:
                    form = self._forms[types] = self._make(types)
        return form(*arguments)

    def _make(self, types: tuple[str, ...]) -> Callable[..., Any]:
        key = self._key(types)
        content = cache.load("kernels", key)
        if content is None:
            from jpegai.decoder.compiler import compile_kernel, numba_form

            try:
                symbol, returned, code = compile_kernel(self.function, types)
            except CannotStore:
                return numba_form(self.function)
            content = memoryview(json.dumps([symbol, returned]).encode() + b"\n" + code)
            cache.store("kernels", key, content)
        head, code = bytes(content).split(b"\n", 1)
        symbol, returned = json.loads(head)
        return _Native(symbol, returned, types, code)

    def _key(self, types: tuple[str, ...]) -> str:
        functions = list(_reached(self.function, set()))
        sources = sorted({function.__code__.co_filename for function in functions})
        constants = sorted({constant for function in functions for constant in _constants(function)})
        name = f"{self.function.__module__}.{self.function.__qualname__}"
        return cache.content_key(name, *types, _surroundings(), repr(constants), *map(_source, sources))


class _Native:
    """Machine code behind numba's calling convention (`compiler`)."""

    def __init__(self, symbol: str, returned: int, types: tuple[str, ...], code: bytes) -> None:
        _prepare()
        module = llvm.parse_assembly("")
        module.triple = llvm.get_process_triple()
        self._engine = llvm.create_mcjit_compiler(module, target_machine())
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self._engine.finalize_object()
        parts = [part for name in types for part in abi(name)]
        prototype = ctypes.CFUNCTYPE(
            ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, *(_C_TYPES[part] for part in parts)
        )
        self._function = prototype(self._engine.get_function_address(symbol))
        self._returned = returned
        self._result = ctypes.c_int64 * max(1, returned)

    def __call__(self, *arguments: Any) -> Any:
        result, raised = self._result(), ctypes.c_void_p()
        parts: list[Any] = []
        for argument in arguments:
            if isinstance(argument, np.ndarray):
                parts += (None, None, argument.size, argument.itemsize, argument.ctypes.data)
                parts += argument.shape
                parts += argument.strides
            else:
                parts.append(argument)
        # the call releases the interpreter lock
        if self._function(ctypes.addressof(result), ctypes.addressof(raised), *parts):
            raise RuntimeError("a kernel failed")
        if self._returned == 0:
            return None
        return result[0] if self._returned == 1 else tuple(result)


_C_TYPES = {"ptr": ctypes.c_void_p, "i64": ctypes.c_int64, "i8": ctypes.c_int8, "float": ctypes.c_float}
_SCALARS = {"int": ["i64"], "bool": ["i8"], "float32": ["float"]}


def abi(name: str) -> list[str]:
    """Return the parts an argument is passed in: for an array owner (2), size, item size, data, shape and strides."""
    if name in _SCALARS:
        return _SCALARS[name]
    _, dimensions, _ = array_type(name)
    return ["ptr", "ptr", "i64", "i64", "ptr", *["i64"] * (2 * dimensions)]


def array_type(name: str) -> tuple[np.dtype[Any], int, str]:
    """Return dtype, dimensions and layout of an array type's name (``<f4 2 C``)."""
    dtype, dimensions, layout = name.split()
    return np.dtype(dtype), int(dimensions), layout


def _type_name(argument: Any) -> str:
    if isinstance(argument, np.ndarray):
        array: NDArray[Any] = argument
        return f"{array.dtype.str} {array.ndim} {'C' if array.flags.c_contiguous else 'A'}"
    if isinstance(argument, (bool, np.bool_)):
        return "bool"
    if isinstance(argument, (int, np.integer)):
        return "int"
    if isinstance(argument, np.float32):
        return "float32"
    raise TypeError(f"a kernel takes no {type(argument).__name__}")


@functools.cache
def _prepare() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    # what numba's reference counting would call to free an array; arrays are borrowed, so it is never called
    llvm.add_symbol("NRT_MemInfo_call_dtor", ctypes.cast(_never, ctypes.c_void_p).value)


#: Stands for what cannot happen.
_never = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: None)


@functools.cache
def processor() -> tuple[str, str]:
    """Return name and features of the processor code is made for; numba's own settings are respected."""
    name = os.environ.get("NUMBA_CPU_NAME") or llvm.get_host_cpu_name()
    features = "" if name == "generic" else llvm.get_host_cpu_features().flatten()
    return name, os.environ.get("NUMBA_CPU_FEATURES", features)


@functools.cache
def _surroundings() -> str:
    """Return the key of what the code of every kernel depends on: versions, processor, and how code is made here."""
    versions = (version(name) for name in ("numba", "llvmlite", "numpy"))
    return cache.content_key(
        *versions, *processor(), _source(__file__), _source(str(Path(__file__).with_name("compiler.py")))
    )


def code_key(text: str) -> str:
    """Return the key of the machine code of a text in LLVM's language."""
    return cache.content_key(text, _surroundings())


@functools.cache
def _source(path: str) -> bytes:
    return Path(path).read_bytes()


@functools.cache
def target_machine() -> Any:
    """Return what turns LLVM's code into that of the processor."""
    _prepare()
    name, features = processor()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=name, features=features, opt=3, reloc="default", codemodel="jitdefault", jit=True
    )


def _reached(function: Callable[..., Any], seen: set[int]) -> Iterator[Callable[..., Any]]:
    """Yield a kernel's function and those of all kernels it calls."""
    if id(function) in seen:
        return
    seen.add(id(function))
    yield function
    for name in function.__code__.co_names:
        value = function.__globals__.get(name)
        if isinstance(value, Kernel):
            yield from _reached(value.function, seen)


def _constants(function: Callable[..., Any]) -> Iterator[tuple[str, str]]:
    """Yield name and value of the constants of its module that a function is compiled with, wherever they come from."""
    for name in function.__code__.co_names:
        value = function.__globals__.get(name)
        if isinstance(value, (bool, int, float, tuple)):
            yield name, repr(value)
        elif isinstance(value, np.ndarray):
            yield name, f"{value.dtype.str} {value.shape} {value.tobytes().hex()}"
