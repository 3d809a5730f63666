"""PNG, 8 and 16 bits, with the code points of the stream (sections 10.10.4, 10.13).

The encoder is oxipng's: it writes 16-bit RGB and chunks of the caller, in half of Pillow's time for 8 bits.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import oxipng
from numpy.typing import NDArray

from jpegai.decoder.output import atomic_file
from jpegai.decoder.picture.formats import Cicp
from jpegai.decoder.picture.writers.wide import widened

if TYPE_CHECKING:
    from jpegai.decoder.picture.picture import Picture

__all__ = ["PNG_COMPRESSION_LEVEL", "encode_png", "write", "write_png"]

#: Level of the deflate coder: the fastest one, for files a few per cent larger.
PNG_COMPRESSION_LEVEL = 1


def write(picture: Picture, path: Path) -> None:
    """Write an RGB picture as a PNG file; 9 to 15 bits become 16 (`widened`)."""
    with atomic_file(path) as file:
        write_png(file, picture)


def write_png(file: IO[bytes], picture: Picture) -> None:
    """Write an RGB picture as PNG to an open file."""
    samples = widened(picture.rgb, picture.format.depth, big_endian=True)
    file.write(encode_png(samples, picture.cicp))


def encode_png(samples: NDArray[Any], cicp: Cicp | None = None) -> bytes:
    """Return a PNG file of (H, W, 3) samples: uint8, or uint16 with the high byte first in memory."""
    height, width, _ = samples.shape
    image = oxipng.RawImage(
        samples.tobytes(), width, height, color_type=oxipng.ColorType.rgb(), bit_depth=8 * samples.itemsize
    )
    if cicp is not None:  # samples of a PNG file are RGB of full range, whatever the stream was coded from
        image.add_png_chunk(b"cICP", bytes([cicp.colour_primaries, cicp.transfer_characteristics, 0, 1]))
    return image.create_optimized_png(
        level=0,
        filter=[oxipng.RowFilter.Up],
        deflate=oxipng.Deflaters.libdeflater(PNG_COMPRESSION_LEVEL),
        bit_depth_reduction=False,
        color_type_reduction=False,
        palette_reduction=False,
        grayscale_reduction=False,
        interlace=None,
    )
