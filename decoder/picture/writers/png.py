"""PNG, 8 and 16 bits, with what the stream says of colour and light (sections 10.10.4, 10.13).

The deflate coder is ISA-L's where it runs: eight times as fast as zlib's for files of the same size. What is around it
is little: filtered rows in a handful of chunks, strip by strip, so that no second picture is held in memory.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.output import atomic_file
from jpegai.decoder.picture.writers.wide import widened

if TYPE_CHECKING:
    from jpegai.decoder.picture.picture import Picture

try:
    from isal.isal_zlib import compressobj
except ImportError:  # there is none for this processor
    from zlib import compressobj  # type: ignore[assignment]

__all__ = ["PNG_COMPRESSION_LEVEL", "write", "write_png", "write_rows"]

#: Level of the deflate coder: the fastest one that compresses; the next ones gain a per cent.
PNG_COMPRESSION_LEVEL = 1

#: Bytes of samples that are filtered and compressed together.
_STRIP = 1 << 18
_UP, _AVERAGE = 2, 3  # filters of rows


def write(picture: Picture, path: Path) -> None:
    """Write an RGB picture as a PNG file; 9 to 15 bits become 16 (`widened`)."""
    with atomic_file(path) as file:
        write_png(file, picture)


def write_png(file: IO[bytes], picture: Picture) -> None:
    """Write an RGB picture as PNG to an open file."""
    rgb, depth = picture.rgb, picture.format.depth

    def rows(first: int, last: int) -> NDArray[Any]:
        return widened(rgb[first:last], depth, big_endian=True)

    write_rows(file, rows, picture.height, picture.width, 8 if depth == 8 else 16, _colour_chunks(picture))


def write_rows(
    file: IO[bytes],
    rows: Callable[[int, int], NDArray[Any]],
    height: int,
    width: int,
    bits: int,
    information: Iterable[tuple[bytes, bytes]] = (),
) -> None:
    """Write RGB samples as PNG to an open file.

    Args:
        file: written.
        rows: gives the rows first..last-1 as contiguous (last - first, width, 3) samples: uint8, or uint16 with the
            high byte first in memory.
        height: number of rows.
        width: number of columns.
        bits: 8 or 16.
        information: type and content of chunks to carry.
    """
    file.write(b"\x89PNG\r\n\x1a\n")
    _chunk(file, b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0))
    for kind, content in information:
        _chunk(file, kind, content)
    coder = compressobj(PNG_COMPRESSION_LEVEL)
    step = 3 * bits // 8
    count = max(1, min(height, _STRIP // (step * width)))
    # the row above comes first, a pixel of zeros left of each row: what filters look at exists
    lines = np.zeros((1 + count, step * (1 + width)), np.uint8)
    filtered = np.empty((count, 1 + step * width), np.uint8)
    for first in range(0, height, count):
        used = min(count, height - first)
        lines[1 : 1 + used, step:] = rows(first, first + used).view(np.uint8).reshape(used, -1)
        _filter(lines[: 1 + used], step, filtered[:used])
        _chunk(file, b"IDAT", coder.compress(filtered[:used]))
        lines[0] = lines[used]
    _chunk(file, b"IDAT", coder.flush())
    _chunk(file, b"IEND", b"")


def _colour_chunks(picture: Picture) -> Iterator[tuple[bytes, bytes]]:
    """Yield what the stream carries of colour and light as chunks of the third edition of PNG."""
    cicp, display, light = picture.cicp, picture.mastering_display, picture.content_light
    if cicp is not None:  # samples of a PNG file are RGB of full range, whatever the stream was coded from
        yield b"cICP", bytes([cicp.colour_primaries, cicp.transfer_characteristics, 0, 1])
    if display is not None:  # the units are those of ST 2086 in both
        chromaticities = [value for point in (*display.primaries, display.white_point) for value in point]
        yield b"mDCV", struct.pack(">8H2I", *chromaticities, display.maximum_luminance, display.minimum_luminance)
    if light is not None:  # in units of 0.0001 candela per square metre
        levels = light.maximum_content_light_level, light.maximum_frame_average_light_level
        yield b"cLLI", struct.pack(">2I", *(10000 * level for level in levels))


def _filter(lines: NDArray[np.uint8], step: int, out: NDArray[np.uint8]) -> None:
    """Filter rows for the deflate coder, by the filter that suits the depth: the low bytes of 16 bits are noise."""
    left, above, now = lines[1:, :-step], lines[:-1, step:], lines[1:, step:]
    if step == 3:
        out[:, 0] = _AVERAGE
        estimate = np.add(left, above, dtype=np.uint16)
        estimate >>= 1
        np.subtract(now, estimate, out=out[:, 1:], casting="unsafe")
    else:
        out[:, 0] = _UP
        np.subtract(now, above, out=out[:, 1:])


def _chunk(file: IO[bytes], kind: bytes, data: bytes) -> None:
    if data or kind == b"IEND":
        file.write(struct.pack(">I", len(data)) + kind)
        file.write(data)
        file.write(struct.pack(">I", zlib.crc32(data, zlib.crc32(kind))))
