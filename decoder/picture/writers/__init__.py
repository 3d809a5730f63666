"""Pictures to files: which extension stands for which format, what it can hold, and what writes it (section 10.10.4).

Samples are written as they are; what a format cannot hold is refused with the conversion that would help.
"""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jpegai.codestream.errors import UnsupportedError
from jpegai.decoder.picture.formats import PictureFormat

if TYPE_CHECKING:
    from jpegai.decoder.picture.picture import Picture

__all__ = ["WRITERS", "Writer", "check_output", "geometry", "write", "writer_of"]


@dataclass(frozen=True, slots=True)
class Writer:
    """A file format.

    Attributes:
        name: what it is called.
        formats: colour spaces with chroma formats it holds (``rgb444``, ``yuv420``, ...).
        module, function: what writes it, imported on first use: ``function(picture, path)``.
    """

    name: str
    formats: tuple[str, ...]
    module: str
    function: str

    def holds(self, format: PictureFormat) -> bool:
        """Whether the file format holds such samples; all of them hold 8 to 16 bits."""
        return f"{format.space}{format.chroma}" in self.formats


_RGB = ("rgb444",)
_YUV = ("yuv444", "yuv422", "yuv420")

#: File formats by extension.
WRITERS = {
    ".png": Writer("PNG", _RGB, "png", "write"),
    ".tif": Writer("TIFF", _RGB, "tiff", "write"),
    ".tiff": Writer("TIFF", _RGB, "tiff", "write"),
    ".ppm": Writer("PPM", _RGB, "netpbm", "write_ppm"),
    ".pam": Writer("PAM", _RGB, "netpbm", "write_pam"),
    ".pgm": Writer("PGM, a file for each component", _RGB + _YUV, "netpbm", "write_pgm"),
    ".pgx": Writer("PGX, a file for each component", _RGB + _YUV, "planar", "write_pgx"),
    ".yuv": Writer("planar YCbCr", _YUV, "planar", "write_yuv"),
    ".npy": Writer("NumPy array (3, height, width)", ("rgb444", "yuv444"), "arrays", "write_npy"),
    ".npz": Writer("NumPy arrays by plane", _RGB + _YUV, "arrays", "write_npz"),
}


def writer_of(path: str | os.PathLike[str]) -> Writer:
    """Return the file format of a path.

    Raises:
        UnsupportedError: none has its extension.
    """
    extension = Path(path).suffix.lower()
    if extension not in WRITERS:
        raise UnsupportedError(
            f"no picture format has the extension '{extension}'; there are {', '.join(WRITERS)}", file=os.fspath(path)
        )
    return WRITERS[extension]


def check_output(path: str | os.PathLike[str], format: PictureFormat) -> Writer:
    """Return the file format of a path that can hold samples of a format.

    Raises:
        UnsupportedError: none has its extension, or it cannot hold them; the message names the conversion that helps.
    """
    writer = writer_of(path)
    if not writer.holds(format):
        others = [extension for extension, other in WRITERS.items() if other.holds(format)]
        raise UnsupportedError(
            f"{writer.name} cannot hold {format.described}: write {', '.join(others)}, "
            f"or ask for the conversion (--format {writer.formats[0]})",
            file=os.fspath(path),
        )
    return writer


def write(picture: Picture, path: str | os.PathLike[str]) -> None:
    """Write a picture in the file format of the extension; arguments and errors as `Picture.save`."""
    place = Path(path)
    place = place.with_name(place.name.replace("{geometry}", geometry(picture.format, picture.height, picture.width)))
    writer = check_output(place, picture.format)
    function = getattr(importlib.import_module(f"{__name__}.{writer.module}"), writer.function)
    function(picture, place)


def geometry(format: PictureFormat, height: int, width: int) -> str:
    """Return size, depth and format as file names carry them (10.9.3): ``640x480_10bit_420``."""
    return f"{width}x{height}_{format.depth}bit_{'sRGB' if format.space == 'rgb' else format.chroma}"
