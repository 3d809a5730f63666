"""Writes checkpoints in the official layout, byte for byte by hand: ZIP archive and protocol 2 pickle (09.4, 09.7)."""

from __future__ import annotations

import itertools
import math
import struct
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

STORAGE_TYPES = {
    "float32": "FloatStorage",
    "float16": "HalfStorage",
    "float64": "DoubleStorage",
    "int8": "CharStorage",
    "uint8": "ByteStorage",
    "int16": "ShortStorage",
    "int32": "IntStorage",
    "int64": "LongStorage",
    "bool": "BoolStorage",
}
_ALIGNMENT = 64
_BATCH = 1000


@dataclass(frozen=True)
class Global:
    """A global of the pickle."""

    module: str
    name: str


@dataclass(eq=False)
class Storage:
    """A storage record; `key` and `elements` are set by the pickler unless they are given."""

    array: NDArray[Any]
    key: str | None = None
    elements: int | None = None


@dataclass(eq=False)
class View:
    """A tensor: `shape` and `stride` (in elements) of a storage, from element `offset`."""

    storage: Storage
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int = 0


@dataclass(eq=False)
class Parameter:
    """A tensor wrapped as a parameter."""

    tensor: View | NDArray[Any]


@dataclass(eq=False)
class Reduce:
    """A call of a global."""

    function: Global
    arguments: tuple[Any, ...]


@dataclass(eq=False)
class WithMetadata:
    """An OrderedDict with the attribute ``_metadata``, as PyTorch makes them."""

    items: Mapping[str, Any]
    metadata: Mapping[str, Any] = field(default_factory=lambda: {"": {"version": 1}})


class Pickler:
    """Emits what PyTorch's pickler emits, with the same memo."""

    def __init__(self, location: str = "cpu") -> None:
        self.data = bytearray(b"\x80\x02")
        self.storages: list[Storage] = []
        self._location = location
        self._memo: dict[Any, int] = {}
        self._kept: list[Any] = []  # the memo goes by identity

    def dump(self, value: Any) -> bytes:
        self.value(value)
        self.data += b"."
        return bytes(self.data)

    def value(self, value: Any) -> None:
        match value:
            case None:
                self.data += b"N"
            case bool():
                self.data += b"\x88" if value else b"\x89"
            case int():
                self._integer(value)
            case float():
                self.data += b"G" + struct.pack(">d", value)
            case str():
                self._remembered(("str", value), lambda: self._text(value))
            case Global():
                self._remembered(value, lambda: self.data.extend(f"c{value.module}\n{value.name}\n".encode()))
            case tuple():
                self._tuple(value)
            case list():
                self._start(value, b"]")
                self._batches(value, b"a", b"e", lambda item: self.value(item))
            case WithMetadata():
                self._ordered(value.items)
                self.value({"_metadata": OrderedDict(value.metadata)})
                self.data += b"b"
            case OrderedDict():
                self._ordered(value)
            case dict():
                self._start(value, b"}")
                self._items(value)
            case Reduce():
                self._reduce(value.function, value.arguments)
            case Parameter():
                self._reduce(Global("torch._utils", "_rebuild_parameter"), (value.tensor, True, OrderedDict()))
            case View():
                arguments = (value.storage, value.offset, value.shape, value.stride, False, OrderedDict())
                self._reduce(Global("torch._utils", "_rebuild_tensor_v2"), arguments)
            case Storage():
                self._storage(value)
            case np.ndarray():
                self.value(View(Storage(value), value.shape, _strides(value.shape)))
            case _:
                raise TypeError(type(value))

    def _put(self, key: Any) -> None:
        index = self._memo[key] = len(self._kept)
        self._kept.append(key)
        self.data += b"q" + bytes([index]) if index < 256 else b"r" + struct.pack("<I", index)

    def _remembered(self, key: Any, emit: Any) -> None:
        index = self._memo.get(key)
        if index is None:
            emit()
            self._put(key)
        else:
            self.data += b"h" + bytes([index]) if index < 256 else b"j" + struct.pack("<I", index)

    def _start(self, value: Any, opcode: bytes) -> None:
        self.data += opcode
        self._put(_Identity(value))

    def _text(self, value: str) -> None:
        encoded = value.encode()
        self.data += b"X" + struct.pack("<I", len(encoded)) + encoded

    def _integer(self, value: int) -> None:
        if 0 <= value < 1 << 8:
            self.data += b"K" + bytes([value])
        elif 0 <= value < 1 << 16:
            self.data += b"M" + struct.pack("<H", value)
        elif -(1 << 31) <= value < 1 << 31:
            self.data += b"J" + struct.pack("<i", value)
        else:
            encoded = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            self.data += b"\x8a" + bytes([len(encoded)]) + encoded

    def _tuple(self, value: tuple[Any, ...]) -> None:
        if not value:
            self.data += b")"
            return
        if len(value) > 3:
            self.data += b"("
        for item in value:
            self.value(item)
        self.data += {1: b"\x85", 2: b"\x86", 3: b"\x87"}.get(len(value), b"t")
        self._put(_Identity(value))

    def _reduce(self, function: Global, arguments: tuple[Any, ...]) -> None:
        self.value(function)
        self._tuple(arguments)
        self.data += b"R"
        self._put(_Identity(arguments))

    def _ordered(self, items: Mapping[str, Any]) -> None:
        self._reduce(Global("collections", "OrderedDict"), ())
        self._items(items)

    def _items(self, items: Mapping[Any, Any]) -> None:
        def emit(item: tuple[Any, Any]) -> None:
            self.value(item[0])
            self.value(item[1])

        self._batches(items.items(), b"s", b"u", emit)

    def _batches(self, values: Iterable[Any], one: bytes, many: bytes, emit: Any) -> None:
        values = iter(values)
        while batch := list(itertools.islice(values, _BATCH)):
            if len(batch) > 1:
                self.data += b"("
            for item in batch:
                emit(item)
            self.data += many if len(batch) > 1 else one

    def _storage(self, storage: Storage) -> None:
        if storage not in self.storages:
            self.storages.append(storage)
        if storage.key is None:
            storage.key = str(len(self.storages) - 1)
        kind = Global("torch", STORAGE_TYPES[storage.array.dtype.name])
        elements = storage.array.size if storage.elements is None else storage.elements
        self._tuple(("storage", kind, storage.key, self._location, elements))
        self.data += b"Q"


class _Identity:
    """A memo key that is the object itself."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


@dataclass
class Record:
    """One record of the archive; the other fields allow to write wrong ones."""

    name: str
    content: bytes
    flags: int = 0x0808
    method: int = 0
    crc: int | None = None
    size: int | None = None
    """Size in the directory."""
    local_name: str | None = None


def archive_bytes(records: Sequence[Record], *, zip64_end: bool = True) -> bytes:
    """Return an archive laid out as in 09.7: data aligned to 64 bytes, data descriptors, ZIP64 end record."""
    data, directory = bytearray(), bytearray()
    for record in records:
        name = record.name.encode()
        local = name if record.local_name is None else record.local_name.encode()
        crc = zlib.crc32(record.content) if record.crc is None else record.crc
        size = len(record.content) if record.size is None else record.size
        start = len(data)
        padding = -(start + 30 + len(local) + 4) % _ALIGNMENT
        data += struct.pack(
            "<4s5H3L2H", b"PK\x03\x04", 0, record.flags, record.method, 0, 0, 0, 0, 0, len(local), 4 + padding
        )
        data += local + b"FB" + struct.pack("<H", padding) + b"Z" * padding
        data += record.content
        data += struct.pack("<4s3L", b"PK\x07\x08", crc, size, size)
        directory += struct.pack(
            "<4s6H3L5H2L",
            *(b"PK\x01\x02", 0, 0, record.flags, record.method, 0, 0, crc, size, size, len(name)),
            *(0, 0, 0, 0, 0, start),
        )
        directory += name
    offset, size, count = len(data), len(directory), len(records)
    end64 = len(data) + len(directory)
    data += directory
    if zip64_end:
        data += struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, offset)
        data += struct.pack("<4sLQL", b"PK\x06\x07", 0, end64, 1)
    data += struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, min(count, 0xFFFF), min(count, 0xFFFF), size, offset, 0)
    return bytes(data)


def checkpoint_records(value: Any, prefix: str = "archive", location: str = "cpu") -> list[Record]:
    """Return the records of a checkpoint that holds `value`, usually a dictionary of arrays."""
    pickler = Pickler(location)
    content = pickler.dump(value)
    return [
        Record(f"{prefix}/data.pkl", content),
        *(Record(f"{prefix}/data/{storage.key}", _raw(storage.array)) for storage in pickler.storages),
        Record(f"{prefix}/version", b"3\n"),
    ]


def write_checkpoint(
    path: Path,
    tensors: Mapping[str, Any],
    extra: Mapping[str, Any] | None = None,
    *,
    prefix: str = "archive",
    records: Sequence[Record] = (),
) -> None:
    """Write a checkpoint file; its folder is made.

    Args:
        path: the file.
        tensors: arrays (or `View`, `Parameter`) by tensor name.
        extra: further entries of the dictionary (``epoch``, ``optimizer``, ...): numbers, lists, dictionaries, arrays.
        prefix: folder inside the archive, ``archive`` in official files.
        records: further records of the archive.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(archive_bytes([*checkpoint_records({**tensors, **(extra or {})}, prefix), *records]))


def _raw(array: NDArray[Any]) -> bytes:
    return np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
