"""PNG files to samples, 8 and 16 bits, for comparisons and as sources (section 10.9.2).

Pillow reads what has up to 8 bits; of 16-bit colour it keeps the high bytes only, so those files are read here.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream.errors import LimitError, StreamSyntaxError, TruncatedError
from jpegai.decoder.grids import DEFAULT_MAX_PIXELS
from jpegai.decoder.jit import kernel

__all__ = ["read_png"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEAD = struct.Struct(">IIBBBBB")
#: Samples of a pixel by colour type, of the types that 16 bits have: grey, RGB, grey with alpha, RGB with alpha.
_SAMPLES = {0: 1, 2: 3, 4: 2, 6: 4}
#: First row, first column, step of rows and step of columns of the passes of an interlaced file.
_PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def read_png(data: bytes, *, name: str | None = None, max_pixels: int = DEFAULT_MAX_PIXELS) -> NDArray[Any]:
    """Return the samples of a PNG file as RGB: grey is repeated, a palette looked up, alpha dropped.

    Nothing is done to the samples: colour profiles, gamma and code points have no effect.

    Args:
        data: the file.
        name: of the file, for messages.
        max_pixels: largest picture, in samples of one component.

    Returns:
        (H, W, 3): uint8, or uint16 of a file of 16 bits.

    Raises:
        TruncatedError, StreamSyntaxError: it is no sound PNG file.
        LimitError: the picture is larger than `max_pixels`.
    """
    try:
        chunks = _chunks(data)
        kind, body = next(chunks, (b"", b""))
        if kind != b"IHDR" or len(body) != _HEAD.size:
            raise StreamSyntaxError("the PNG file does not begin with its header", expected="IHDR", found=kind)
        width, height, bits, *_ = head = _HEAD.unpack(body)
        if width * height > max_pixels:
            raise LimitError(
                "the picture is larger than the limit", expected=f"at most {max_pixels} samples", found=width * height
            )
        coded = b"".join([body for kind, body in chunks if kind == b"IDAT"])
        return _wide(head, coded) if bits == 16 else _narrow(data)
    except (LimitError, StreamSyntaxError, TruncatedError) as error:
        raise error.locate(file=name) from None


def _narrow(data: bytes) -> NDArray[np.uint8]:
    from PIL import Image

    try:
        return np.array(Image.open(io.BytesIO(data), formats=["PNG"]).convert("RGB"))
    except (OSError, SyntaxError, ValueError, struct.error, zlib.error, Image.DecompressionBombError) as error:
        raise StreamSyntaxError(f"the PNG file cannot be read: {error}") from None


def _wide(head: tuple[int, ...], coded: bytes) -> NDArray[np.uint16]:
    """Return the samples of a file of 16 bits from the contents of its header and of its IDAT chunks."""
    width, height, _, colour, *methods = head
    if colour not in _SAMPLES or methods[:2] != [0, 0] or methods[2] > 1 or not width * height:
        raise StreamSyntaxError("the header of the PNG file has no meaning", found=", ".join(map(str, head)))
    count = _SAMPLES[colour]
    passes = _PASSES if methods[2] else ((0, 0, 1, 1),)
    shapes = [(-(-(height - top) // down), -(-(width - left) // across)) for top, left, down, across in passes]
    sizes = [rows * (1 + 2 * count * columns) if columns > 0 else 0 for rows, columns in shapes]
    try:
        lines = zlib.decompressobj().decompress(coded, max(1, sum(sizes)))
    except zlib.error as error:
        raise StreamSyntaxError(f"the PNG file cannot be read: {error}") from None
    if len(lines) < sum(sizes):
        raise TruncatedError("the PNG file ends inside its samples", expected=sum(sizes), found=len(lines))
    rgb = np.empty((height, width, 3), np.uint16)
    at = 0
    for (top, left, down, across), (rows, columns), size in zip(passes, shapes, sizes, strict=True):
        if not size:
            continue
        filtered = np.frombuffer(lines, np.uint8, size, at).reshape(rows, -1)
        at += size
        plain = np.zeros((1 + rows, 2 * count * (1 + columns)), np.uint8)
        wrong = _unfilter(filtered, 2 * count, plain)
        if wrong:
            raise StreamSyntaxError("a row of the PNG file has an unknown filter", expected="0..4", found=wrong)
        samples = np.ascontiguousarray(plain[1:, 2 * count :]).view(">u2").reshape(rows, columns, count)
        rgb[top::down, left::across] = samples[..., :3] if count > 2 else samples[..., :1]
    return rgb


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield type and content of the chunks up to the end, checksums checked."""
    if data[:8] != _SIGNATURE:
        raise StreamSyntaxError("this is no PNG file")
    at, kind = 8, b""
    while kind != b"IEND":
        length, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        end = at + 12 + length
        if end > len(data):
            raise TruncatedError("the PNG file ends inside a chunk", bit_offset=8 * at)
        body = data[at + 8 : end - 4]
        if zlib.crc32(body, zlib.crc32(kind)) != int.from_bytes(data[end - 4 : end]):
            raise StreamSyntaxError(f"the checksum of the chunk {kind!r} is wrong", bit_offset=8 * at)
        yield kind, body
        at = end


@kernel
def _unfilter(filtered: NDArray[np.uint8], step: int, out: NDArray[np.uint8]) -> int:
    """Undo the filters of rows; above and left of `out` stands a pixel of zeros. Return a filter that is none, or 0."""
    for row in range(filtered.shape[0]):
        kind = filtered[row, 0]
        if kind > 4:
            return int(kind)
        for i in range(filtered.shape[1] - 1):
            left, above, corner = np.int32(out[row + 1, i]), np.int32(out[row, i + step]), np.int32(out[row, i])
            estimate = np.int32(0)
            if kind == 1:
                estimate = left
            elif kind == 2:
                estimate = above
            elif kind == 3:
                estimate = (left + above) >> 1
            elif kind == 4:
                a, b, c = abs(above - corner), abs(left - corner), abs(left + above - 2 * corner)
                estimate = left if a <= b and a <= c else above if b <= c else corner
            out[row + 1, i + step] = (np.int32(filtered[row, i + 1]) + estimate) & 255
    return 0
