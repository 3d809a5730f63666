"""PNG of 16 bits per sample, which Pillow reads with 8."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream.errors import LimitError
from jpegai.decoder.jit import kernel

__all__ = ["has_16_bits", "parse_16_bits"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
#: Samples of a pixel, by colour type: grey, RGB, grey and RGB with alpha.
_SAMPLES = {0: 1, 2: 3, 4: 2, 6: 4}


def has_16_bits(data: bytes) -> bool:
    """Whether the header of a PNG file says 16 bits per sample."""
    return data[:8] == _SIGNATURE and data[12:16] == b"IHDR" and data[24:25] == b"\x10"


def parse_16_bits(data: bytes, max_pixels: int) -> NDArray[np.uint16]:
    """Return the samples of a PNG file of 16 bits as RGB, (height, width, 3): grey repeated, alpha left out.

    Raises:
        ValueError: the file is damaged, or interlaced.
        LimitError: the picture is larger than the limit.
    """
    width, height, _, colour, compression, filtering, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    if colour not in _SAMPLES or compression or filtering or not width * height:
        raise ValueError("its header is no PNG header")
    if interlaced:
        raise ValueError("it is interlaced, which is not read with 16 bits")
    if width * height > max_pixels:
        raise LimitError(
            "the picture is larger than the limit", expected=f"at most {max_pixels} samples", found=f"{width}x{height}"
        )
    step = 2 * _SAMPLES[colour]
    size = height * (1 + step * width)
    coder = zlib.decompressobj()
    try:
        content = coder.decompress(b"".join(_image_data(data)), size)
    except zlib.error as error:
        raise ValueError(f"its samples are damaged ({error})") from None
    if len(content) < size:
        raise ValueError("it ends before its samples do")
    lines = np.frombuffer(content, np.uint8).reshape(height, -1)
    if lines[:, 0].max() > 4:
        raise ValueError("a row has an unknown filter")
    # the row above comes first, a pixel of zeros left of each row: what filters look at exists
    rows = np.zeros((height + 1, step * (width + 1)), np.uint8)
    _restore(lines, step, rows)
    samples = np.ascontiguousarray(rows[1:, step:]).view(">u2").reshape(height, width, -1).astype(np.uint16)
    return samples[:, :, :3] if step >= 6 else np.repeat(samples[:, :, :1], 3, axis=2)


def _image_data(data: bytes) -> Iterator[bytes]:
    """Yield the compressed samples, chunk by chunk."""
    at = 8
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        if len(body) < length or zlib.crc32(kind + body) != int.from_bytes(data[at + 8 + length : at + 12 + length]):
            raise ValueError(f"a chunk is damaged at byte {at}")
        if kind == b"IDAT":
            yield body
        at += 12 + length


@kernel
def _restore(lines: NDArray[Any], step: int, rows: NDArray[Any]) -> None:
    """Undo the filter of every row: `lines` with their filters in front, `rows` with a margin above and to the left."""
    for row in range(lines.shape[0]):
        kind = lines[row, 0]
        for i in range(lines.shape[1] - 1):
            left = np.int32(rows[row + 1, i])
            above = np.int32(rows[row, i + step])
            corner = np.int32(rows[row, i])
            guess = np.int32(0)
            if kind == 1:
                guess = left
            elif kind == 2:
                guess = above
            elif kind == 3:
                guess = (left + above) >> np.int32(1)
            elif kind == 4:
                to_left, to_above, to_corner = abs(above - corner), abs(left - corner), abs(left + above - 2 * corner)
                guess = corner
                if to_left <= to_above and to_left <= to_corner:
                    guess = left
                elif to_above <= to_corner:
                    guess = above
            rows[row + 1, i + step] = np.uint8((np.int32(lines[row, i + 1]) + guess) & np.int32(255))
