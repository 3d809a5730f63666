"""A restricted pickle machine for checkpoints: it builds values, and cannot run anything (09.4.1).

It knows the opcodes and globals that checkpoints need and refuses every other one. Tensors and storages become
descriptions; nothing is allocated for them here. The values are never walked, so depth and sharing cost nothing.
"""

from __future__ import annotations

import math
import pickletools
import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from jpegai.codestream.errors import ModelError
from jpegai.decoder.models.archive import shown

__all__ = ["MAX_BYTES", "MAX_DIMENSIONS", "MAX_ELEMENTS", "StorageReference", "TensorReference", "load"]

MAX_BYTES = 8 << 20
"""Longest pickle."""
MAX_OPCODES = 1 << 20
MAX_MARKS = 1 << 10
MAX_INTEGER_BYTES = 8
MAX_DIMENSIONS = 8
MAX_ELEMENTS = 1 << 26
"""Most elements of all tensors of a file together, counted as often as they are seen through a view."""


class _Global(Enum):
    """The callables that may be named."""

    REBUILD_TENSOR = "torch._utils _rebuild_tensor_v2"
    REBUILD_PARAMETER = "torch._utils _rebuild_parameter"
    ORDERED_DICT = "collections OrderedDict"


_STORAGE_TYPES = {
    "torch FloatStorage": "float32",
    "torch HalfStorage": "float16",
    "torch DoubleStorage": "float64",
    "torch CharStorage": "int8",
    "torch ByteStorage": "uint8",
    "torch ShortStorage": "int16",
    "torch IntStorage": "int32",
    "torch LongStorage": "int64",
    "torch BoolStorage": "bool",
}


@dataclass(frozen=True, slots=True)
class _StorageType:
    dtype: str


@dataclass(frozen=True, slots=True)
class StorageReference:
    """`elements` elements of a NumPy type in the record ``data/<key>``."""

    dtype: str
    key: str
    elements: int


@dataclass(frozen=True, slots=True)
class TensorReference:
    """A view of a storage: element (i, j, ..) is at offset + i·stride[0] + j·stride[1] + .., in elements."""

    storage: StorageReference
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


def load(data: bytes, check_storage: Callable[[StorageReference], None], file: str) -> Any:
    """Return the value of a pickle.

    `check_storage` is called with every storage and raises ModelError when the archive has no such record or one
    of another size; `file` is named in errors, with the byte offset in `data`.

    Raises:
        ModelError: an opcode or global that is not allowed, a limit, or a damaged pickle.
    """
    if len(data) > MAX_BYTES:
        raise ModelError(f"the pickle has {len(data)} bytes, more than {MAX_BYTES}", file=file)
    return _Machine(data, check_storage, file).run()


class _Refused(Exception):
    """What is wrong with the current opcode."""


class _Machine:
    def __init__(self, data: bytes, check_storage: Callable[[StorageReference], None], file: str) -> None:
        self._data = data
        self._check_storage = check_storage
        self._file = file
        self._at = 0
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}
        self._elements = 0

    def run(self) -> Any:
        for _ in range(MAX_OPCODES):
            start = self._at
            try:
                opcode = self._take(1)
                if opcode == b".":
                    return self._stop()
                action = _ACTIONS.get(opcode)
                if action is None:
                    raise _Refused(f"{_opcode_name(opcode)} is not allowed in a checkpoint")
                action(self)
            except _Refused as refused:
                raise ModelError(f"data.pkl byte {start}: {refused}", file=self._file) from None
            except ModelError as error:
                error.message = f"data.pkl byte {start}: {error.message}"
                raise
        raise ModelError(f"data.pkl has more than {MAX_OPCODES} opcodes", file=self._file)

    # Operands

    def _take(self, count: int) -> bytes:
        data = self._data[self._at : self._at + count]
        if len(data) < count:
            raise _Refused("the pickle ends too early")
        self._at += count
        return data

    def _unsigned(self, count: int) -> int:
        return int.from_bytes(self._take(count), "little")

    def _line(self) -> str:
        end = self._data.find(b"\n", self._at)
        if end < 0:
            raise _Refused("the pickle ends too early")
        line = self._data[self._at : end]
        self._at = end + 1
        return _text(line)

    # Stack

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _pop(self) -> Any:
        if len(self._stack) <= (self._marks[-1] if self._marks else 0):
            raise _Refused("nothing left on the stack")
        return self._stack.pop()

    def _top(self) -> Any:
        value = self._pop()
        self._stack.append(value)
        return value

    def _pop_mark(self) -> list[Any]:
        if not self._marks:
            raise _Refused("no mark on the stack")
        start = self._marks.pop()
        values = self._stack[start:]
        del self._stack[start:]
        return values

    # Opcodes

    def _stop(self) -> Any:
        value = self._pop()
        if self._stack or self._marks:
            raise _Refused("values are left on the stack")
        if self._at != len(self._data):
            raise _Refused("bytes follow the end of the pickle")
        return value

    def _proto(self) -> None:
        version = self._unsigned(1)
        if version != 2:
            raise _Refused(f"pickle protocol {version}, checkpoints have 2")

    def _mark(self) -> None:
        if len(self._marks) >= MAX_MARKS:
            raise _Refused(f"more than {MAX_MARKS} marks")
        self._marks.append(len(self._stack))

    def _put(self, width: int) -> None:
        self._memo[self._unsigned(width)] = self._top()

    def _get(self, width: int) -> None:
        index = self._unsigned(width)
        if index not in self._memo:
            raise _Refused(f"nothing is remembered under {index}")
        self._push(self._memo[index])

    def _global(self) -> None:
        name = f"{self._line()} {self._line()}"
        if name in _STORAGE_TYPES:
            self._push(_StorageType(_STORAGE_TYPES[name]))
            return
        try:
            self._push(_Global(name))
        except ValueError:
            raise _Refused(f"the global {shown(name)} is not allowed in a checkpoint") from None

    def _unicode(self) -> None:
        self._push(_text(self._take(self._unsigned(4))))

    def _long(self) -> None:
        count = self._unsigned(1)
        if count > MAX_INTEGER_BYTES:
            raise _Refused(f"an integer of {count} bytes")
        self._push(int.from_bytes(self._take(count), "little", signed=True))

    def _float(self) -> None:
        self._push(struct.unpack(">d", self._take(8))[0])

    def _tuple(self, count: int) -> None:
        values = [self._pop() for _ in range(count)]
        self._push(tuple(reversed(values)))

    def _append(self, values: list[Any]) -> None:
        target = self._top()
        if not isinstance(target, list):
            raise _Refused("appends to something that is not a list")
        target.extend(values)

    def _set(self, values: list[Any]) -> None:
        target = self._top()
        if not isinstance(target, dict):
            raise _Refused("sets items of something that is not a dictionary")
        if len(values) % 2:
            raise _Refused("a key without a value")
        for key, value in zip(values[::2], values[1::2], strict=True):
            if not isinstance(key, str | int):
                raise _Refused("a key that is neither text nor an integer")
            target[key] = value

    def _set_one(self) -> None:
        value, key = self._pop(), self._pop()
        self._set([key, value])

    def _build(self) -> None:
        """State of an OrderedDict: its attribute ``_metadata`` is of no use and dropped."""
        state, target = self._pop(), self._top()
        if not isinstance(target, dict) or not isinstance(state, dict) or len(state) != 1 or "_metadata" not in state:
            raise _Refused("sets attributes of something")

    def _persistent(self) -> None:
        match self._pop():
            case ("storage", _StorageType(dtype), str(key), str(), int(count)) if _is_size(count):
                storage = StorageReference(dtype, key, count)
                self._check_storage(storage)
                self._push(storage)
            case _:
                raise _Refused("a persistent identity that is not that of a storage")

    def _reduce(self) -> None:
        arguments, function = self._pop(), self._pop()
        match function, arguments:
            case _Global.ORDERED_DICT, ():
                self._push({})
            case _Global.REBUILD_PARAMETER, (TensorReference() as tensor, bool(), dict()):
                self._push(tensor)
            case _Global.REBUILD_TENSOR, (
                StorageReference() as storage,
                int(offset),
                tuple(shape),
                tuple(stride),
                bool(),
                dict(),
            ):
                self._push(self._tensor(storage, offset, shape, stride))
            case _Global(), _:
                raise _Refused(f"{function.value} with arguments that it does not take")
            case _:
                raise _Refused("calls something that is not a function")

    def _tensor(
        self, storage: StorageReference, offset: int, shape: tuple[Any, ...], stride: tuple[Any, ...]
    ) -> TensorReference:
        if len(shape) != len(stride) or len(shape) > MAX_DIMENSIONS:
            raise _Refused(f"a tensor of {len(shape)} dimensions with {len(stride)} strides")
        if not all(map(_is_size, (offset, *shape, *stride))):
            raise _Refused("a tensor with a size, stride or offset that is not a number or negative")
        count = math.prod(shape)
        self._elements += count
        if self._elements > MAX_ELEMENTS:
            raise _Refused(f"tensors of more than {MAX_ELEMENTS} elements")
        last = offset + sum((size - 1) * step for size, step in zip(shape, stride, strict=True))
        if count and last >= storage.elements:
            raise _Refused(f"a tensor reaches element {last} of a storage of {storage.elements}")
        return TensorReference(storage, offset, shape, stride)


def _is_size(value: Any) -> bool:
    return type(value) is int and value >= 0


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise _Refused("text that is not UTF-8") from None


def _opcode_name(opcode: bytes) -> str:
    known = [entry.name for entry in pickletools.opcodes if entry.code == opcode.decode("latin-1")]
    return f"the opcode {known[0]}" if known else f"the byte 0x{opcode.hex()} as an opcode"


_ACTIONS: dict[bytes, Callable[[_Machine], None]] = {
    b"\x80": _Machine._proto,
    b"c": _Machine._global,
    b"X": _Machine._unicode,
    b"q": lambda machine: machine._put(1),
    b"r": lambda machine: machine._put(4),
    b"h": lambda machine: machine._get(1),
    b"j": lambda machine: machine._get(4),
    b"(": _Machine._mark,
    b"t": lambda machine: machine._push(tuple(machine._pop_mark())),
    b"\x85": lambda machine: machine._tuple(1),
    b"\x86": lambda machine: machine._tuple(2),
    b"\x87": lambda machine: machine._tuple(3),
    b")": lambda machine: machine._push(()),
    b"}": lambda machine: machine._push({}),
    b"]": lambda machine: machine._push([]),
    b"s": _Machine._set_one,
    b"u": lambda machine: machine._set(machine._pop_mark()),
    b"a": lambda machine: machine._append([machine._pop()]),
    b"e": lambda machine: machine._append(machine._pop_mark()),
    b"J": lambda machine: machine._push(int.from_bytes(machine._take(4), "little", signed=True)),
    b"K": lambda machine: machine._push(machine._unsigned(1)),
    b"M": lambda machine: machine._push(machine._unsigned(2)),
    b"\x8a": _Machine._long,
    b"G": _Machine._float,
    b"\x88": lambda machine: machine._push(True),
    b"\x89": lambda machine: machine._push(False),
    b"N": lambda machine: machine._push(None),
    b"Q": _Machine._persistent,
    b"R": _Machine._reduce,
    b"b": _Machine._build,
}
"""The opcodes of section 09.4.1 other than STOP: PROTO, GLOBAL, BINUNICODE, BINPUT, LONG_BINPUT, BINGET, ..."""
