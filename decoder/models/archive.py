"""Records of a checkpoint's ZIP archive (09.4): stored, checked, read one at a time.

Only what checkpoints use is read; everything else in a ZIP file that could surprise is refused: compression,
encryption, several disks, two records of one name, records that overlap or leave the file.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from jpegai.codestream.errors import ModelError

__all__ = ["Archive", "Record", "shown"]

MAX_RECORDS = 1 << 16
MAX_DIRECTORY_BYTES = 16 << 20

_END = struct.Struct("<4s4H2LH")
_END_MAGIC = b"PK\x05\x06"
_LOCATOR = struct.Struct("<4sLQL")
_LOCATOR_MAGIC = b"PK\x06\x07"
_END64 = struct.Struct("<4sQ2H2L4Q")
_END64_MAGIC = b"PK\x06\x06"
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_CENTRAL_MAGIC = b"PK\x01\x02"
_LOCAL = struct.Struct("<4s5H3L2H")
_LOCAL_MAGIC = b"PK\x03\x04"

_LONGEST_COMMENT = 0xFFFF
_U16, _U32 = 0xFFFF, 0xFFFFFFFF  # "see the ZIP64 field"
_ZIP64_FIELD = 1
_ENCRYPTED = 1 << 0 | 1 << 6 | 1 << 13
_SIZES_FOLLOW = 1 << 3


def shown(text: str) -> str:
    """Return text from a file in printable ASCII on one line, shortened, in quotes."""
    return ascii(text if len(text) <= 60 else text[:57] + "...")


@dataclass(frozen=True, slots=True)
class Record:
    """One record: `offset` of its local header, `end` of the room it may take, `size` and `crc` of its content."""

    name: str
    offset: int
    end: int
    size: int
    crc: int


class Archive:
    """The records of an archive by name; the file is opened for every read and must not change meanwhile.

    Raises:
        ModelError: not such an archive, damaged, or not readable.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: tuple[int, int] | None = None
        with self._open() as file:
            self.records: Mapping[str, Record] = self._directory(file, self._stamp[0] if self._stamp else 0)

    def read(self, name: str) -> bytes:
        """Return the content of a record.

        Raises:
            ModelError: there is no such record, or it is damaged.
        """
        record = self.records.get(name)
        if record is None:
            raise self.error(f"the archive has no record {shown(name)}")
        with self._open() as file:
            header = _LOCAL.unpack(self._bytes(file, record.offset, _LOCAL.size))
            magic, _, flags, method, _, _, _, packed, size, name_length, extra_length = header
            encoded = self._bytes(file, record.offset + _LOCAL.size, name_length)
            start = record.offset + _LOCAL.size + name_length + extra_length
            if magic != _LOCAL_MAGIC or method != 0 or flags & _ENCRYPTED or encoded != name.encode():
                raise self.error(f"the header of record {shown(name)} differs from the directory", record.offset)
            if not flags & _SIZES_FOLLOW and any(value not in (record.size, _U32) for value in (packed, size)):
                raise self.error(f"record {shown(name)} has another size than the directory says", record.offset)
            if start + record.size > record.end:
                raise self.error(f"record {shown(name)} runs into the next one", record.offset)
            content = self._bytes(file, start, record.size)
        if zlib.crc32(content) != record.crc:
            raise self.error(f"record {shown(name)} is damaged: its checksum does not fit", start)
        return content

    def error(self, message: str, offset: int | None = None) -> ModelError:
        """Return an error that names this file, and a byte of it."""
        return ModelError(message, file=os.fspath(self.path), bit_offset=None if offset is None else 8 * offset)

    def _open(self) -> BinaryIO:
        """Open the file, which must be the one that was opened first."""
        try:
            file = self.path.open("rb")
        except OSError as error:
            raise self.error(f"cannot be read: {error.strerror}") from error
        status = os.fstat(file.fileno())
        stamp = status.st_size, status.st_mtime_ns
        if self._stamp is None:
            self._stamp = stamp
        elif self._stamp != stamp:
            file.close()
            raise self.error("the file has changed while it was in use")
        return file

    def _bytes(self, file: BinaryIO, offset: int, count: int) -> bytes:
        """Return bytes of the file; `count` has been compared with a size of the file or is small."""
        try:
            file.seek(offset)
            data = file.read(count)
        except OSError as error:
            raise self.error(f"cannot be read: {error.strerror}", offset) from error
        if len(data) < count:
            raise self.error("the file ends too early", offset + len(data))
        return data

    def _directory(self, file: BinaryIO, file_size: int) -> dict[str, Record]:
        offset, size, count = self._end(file, file_size)
        data = self._bytes(file, offset, size)
        entries: list[tuple[int, int, str, int, int]] = []
        at = 0
        for _ in range(count):
            if at + _CENTRAL.size > size:
                raise self.error("the directory ends too early", offset + size)
            fields = _CENTRAL.unpack_from(data, at)
            magic, _, _, flags, method, _, _, crc, packed, unpacked, *lengths, disk, _, _, start = fields
            name_end = at + _CENTRAL.size + lengths[0]
            next_at = name_end + lengths[1] + lengths[2]
            if magic != _CENTRAL_MAGIC or next_at > size:
                raise self.error("damaged directory entry", offset + at)
            try:
                name = data[name_end - lengths[0] : name_end].decode()
            except UnicodeDecodeError as error:
                raise self.error("the name of a record is not UTF-8", offset + at) from error
            if flags & _ENCRYPTED:
                raise self.error(f"record {shown(name)} is encrypted", offset + at)
            if method != 0:
                raise self.error(f"record {shown(name)} is compressed", offset + at)
            extra = data[name_end : name_end + lengths[1]]
            unpacked, packed, start = self._zip64(extra, (unpacked, packed, start), offset + at)
            if packed != unpacked:
                raise self.error(f"record {shown(name)} has two different sizes", offset + at)
            if disk not in (0, _U16):
                raise self.error("the archive is in several parts", offset + at)
            entries.append((start, start + _LOCAL.size + lengths[0] + unpacked, name, unpacked, crc))
            at = next_at
        if at != size:
            raise self.error("the directory has unused bytes", offset + at)
        return self._without_overlaps(entries, offset)

    def _without_overlaps(self, entries: list[tuple[int, int, str, int, int]], end: int) -> dict[str, Record]:
        """Return the records by name; each must end before the next one begins, the last before the directory."""
        records: dict[str, Record] = {}
        entries.sort()
        starts = [entry[0] for entry in entries]
        for (start, stop, name, size, crc), limit in zip(entries, [*starts, end][1:], strict=True):
            if stop > limit:
                raise self.error(f"record {shown(name)} runs out of its place", start)
            if name in records:
                raise self.error(f"two records are called {shown(name)}", start)
            records[name] = Record(name, start, limit, size, crc)
        return records

    def _zip64(self, extra: bytes, values: tuple[int, int, int], offset: int) -> tuple[int, int, int]:
        """Return size, packed size and offset with the ZIP64 field put in where the short ones are full."""
        wanted = [index for index, value in enumerate(values) if value == _U32]
        if not wanted:
            return values
        at = 0
        while at + 4 <= len(extra):
            kind, length = struct.unpack_from("<2H", extra, at)
            field = extra[at + 4 : at + 4 + length]
            if kind == _ZIP64_FIELD and len(field) >= 8 * len(wanted):
                long = list(values)
                for position, index in enumerate(wanted):
                    (long[index],) = struct.unpack_from("<Q", field, 8 * position)
                return long[0], long[1], long[2]
            at += 4 + length
        raise self.error("a directory entry lacks its ZIP64 sizes", offset)

    def _end(self, file: BinaryIO, file_size: int) -> tuple[int, int, int]:
        """Return offset, size and number of entries of the directory, all within limits."""
        tail_size = min(file_size, _END.size + _LONGEST_COMMENT)
        tail = self._bytes(file, file_size - tail_size, tail_size)
        at = len(tail) - _END.size
        while at >= 0:
            at = tail.rfind(_END_MAGIC, 0, at + len(_END_MAGIC))
            if at < 0 or at + _END.size + _END.unpack_from(tail, at)[-1] == len(tail):
                break
            at -= 1
        if at < 0:
            raise self.error("not a ZIP archive, or one cut short: not a checkpoint of the layout of section 09.4")
        end = file_size - tail_size + at
        _, disk, first_disk, on_disk, count, size, offset, _ = _END.unpack_from(tail, at)
        if disk not in (0, _U16) or first_disk not in (0, _U16) or on_disk != count:
            raise self.error("the archive is in several parts", end)
        if at >= _LOCATOR.size and tail[at - _LOCATOR.size :].startswith(_LOCATOR_MAGIC):
            _, _, at64, _ = _LOCATOR.unpack_from(tail, at - _LOCATOR.size)
            end -= _LOCATOR.size
            if at64 + _END64.size > end:
                raise self.error("the ZIP64 end record is out of place", end)
            magic, length, *_, on_disk64, count64, size64, offset64 = _END64.unpack(
                self._bytes(file, at64, _END64.size)
            )
            short, long = (count, size, offset), (count64, size64, offset64)
            capped = zip(short, long, (_U16, _U32, _U32), strict=True)
            if magic != _END64_MAGIC or at64 + 12 + length != end or on_disk64 != count64:
                raise self.error("damaged ZIP64 end record", at64)
            if any(value not in (full, cap) for value, full, cap in capped):
                raise self.error("the two end records of the archive differ", at64)
            end, (count, size, offset) = at64, long
        if offset + size != end:
            raise self.error("the directory of the archive is not where its end record says", end)
        if count > MAX_RECORDS or size > MAX_DIRECTORY_BYTES:
            raise self.error(f"more than {MAX_RECORDS} records, or {MAX_DIRECTORY_BYTES} bytes of directory", offset)
        return offset, size, count
