"""From a kernel to machine code, by numba; imported only where the cache has no code yet.

Numba compiles the function; what is kept of its module is the function itself, as an object file that the linker of
LLVM can load without numba. The calling convention of such a function is numba's own: a pointer to the result, a
pointer to an exception, then every argument taken apart. It is checked here against what `jit` will pass.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
import numba
from numba.core import types as numba_types

from jpegai.decoder import jit

__all__ = ["compile_kernel"]

_NUMBERS = {"int": numba_types.int64, "bool": numba_types.boolean, "float32": numba_types.float32}
#: What code may call from outside: the C library's own, and what `jit` provides.
_PROVIDED = {"memset", "memcpy", "memmove", "NRT_MemInfo_call_dtor"}

_BODY = re.compile(r'^define [^\n]*?@"?(?P<name>[\w.$]+)"?\([^\n]*\{\n.*?^\}\n', re.MULTILINE | re.DOTALL)
_DECLARATION = re.compile(r'^declare [^\n]*@"?([\w.$]+)"?\(', re.MULTILINE)
_NAME = re.compile(r'@"?([\w.$]+)"?')
_HEAD = r'^define [^\n]* i32 @"?{}"?\((?P<arguments>[^\n]*)\)[^\n()]*\{{$'


def compile_kernel(function: Callable[..., Any], argument_types: tuple[str, ...]) -> tuple[str, int, bytes]:
    """Compile a function for arguments of these types (notation of `jit`).

    Returns:
        The name of its symbol, the number of integers it returns, and an object file for this processor.

    Raises:
        jit.CannotStore: the code needs numba at run time, or has another calling convention.
    """
    dispatcher = _dispatcher(function, {})
    dispatcher.compile(tuple(_numba_type(name) for name in argument_types))
    (result,) = dispatcher.overloads.values()
    symbol = result.fndesc.mangled_name
    text = _only(symbol, result.library.get_llvm_str(), function.__name__)
    head = re.search(_HEAD.format(re.escape(symbol)), text, re.MULTILINE)
    found = [argument.split()[0] for argument in head["arguments"].split(", ")] if head else []
    expected = ["ptr", "ptr", *(part for name in argument_types for part in jit.abi(name))]
    if found != expected:
        raise jit.CannotStore(f"{function.__name__}: calling convention {found} is not {expected}")
    module = llvm.parse_assembly(text)
    module.verify()
    return symbol, _returned(result.signature.return_type, function), jit.target_machine().emit_object(module)


def _only(symbol: str, text: str, name: str) -> str:
    """Return a module without the functions that the one named does not reach (numba's wrappers for Python)."""
    bodies = {body["name"]: body.group() for body in _BODY.finditer(text)}
    reached, waiting = set(), [symbol]
    while waiting:
        current = waiting.pop()
        if current not in reached:
            reached.add(current)
            waiting += _NAME.findall(bodies.get(current, ""))
    outside = {each for each in _DECLARATION.findall(text) if each in reached and not each.startswith("llvm.")}
    if symbol not in bodies or outside - _PROVIDED:
        raise jit.CannotStore(f"{name} needs {', '.join(sorted(outside - _PROVIDED)) or symbol}")
    return _BODY.sub(lambda body: body.group() if body["name"] in reached else "", text)


def numba_form(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return numba's own compiled form, for what cannot be stored."""
    form: Callable[..., Any] = _dispatcher(function, {})
    return form


def _dispatcher(function: Callable[..., Any], done: dict[int, Any]) -> Any:
    """Return numba's dispatcher of a function whose kernels are replaced by their dispatchers."""
    if id(function) not in done:
        names = dict(function.__globals__)
        for name in function.__code__.co_names:
            value = names.get(name)
            if isinstance(value, jit.Kernel):
                names[name] = _dispatcher(value.function, done)
        code, name = function.__code__, function.__name__
        copy = types.FunctionType(code, names, name, function.__defaults__, function.__closure__)
        copy.__module__, copy.__qualname__ = function.__module__, function.__qualname__
        done[id(function)] = numba.njit(nogil=True, error_model="numpy")(copy)
    return done[id(function)]


def _numba_type(name: str) -> Any:
    if name in _NUMBERS:
        return _NUMBERS[name]
    dtype, dimensions, layout = jit.array_type(name)
    return numba_types.Array(numba.from_dtype(dtype), dimensions, layout)  # type: ignore[call-overload]


def _returned(kind: Any, function: Callable[..., Any]) -> int:
    """Return how many 64-bit integers a function returns."""
    if kind == numba_types.none:
        return 0
    members = list(kind) if hasattr(kind, "__iter__") else [kind]
    plain = [numba.types.unliteral(member) for member in members]
    if not all(member in (numba_types.int64, numba_types.uint64) for member in plain):
        raise jit.CannotStore(f"{function.__name__} returns {kind}")
    return len(plain)
