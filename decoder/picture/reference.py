"""Files as the reference software writes them, for comparisons with it (sections 10.9.3, 10.10.1 to 10.10.3)."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream.errors import UnsupportedError
from jpegai.decoder.output import atomic_file, atomic_files
from jpegai.decoder.picture.formats import PictureFormat
from jpegai.decoder.picture.picture import Picture

__all__ = ["FileNameInfo", "file_name_info", "reference_format", "write_reference"]

_SIZE, _BITS = re.compile(r"(\d+)x(\d+)"), re.compile(r"(\d+)bit")
_FORMATS = ("444", "420", "422", "sRGB")


@dataclass(frozen=True, slots=True)
class FileNameInfo:
    """What a file name says: size, bits per sample, chroma format or ``sRGB``; None where it says nothing."""

    width: int | None
    height: int | None
    bits: int | None
    format: str | None


def file_name_info(path: str | os.PathLike[str]) -> FileNameInfo:
    """Read size, depth and format from a file name as the reference does, its oddities included (10.9.3)."""
    name = Path(path).name
    size, bits = _SIZE.search(name), _BITS.search(name)
    return FileNameInfo(
        int(size[1]) if size else None,
        int(size[2]) if size else None,
        int(bits[1]) if bits else None,
        next((format for format in _FORMATS if format in name), None),
    )


def reference_format(path: str | os.PathLike[str], decoded: PictureFormat) -> PictureFormat:
    """Return the format in which the reference writes a decoded picture to a path.

    Args:
        path: the output file; a ``.yuv`` file's name decides its depth and chroma format, 4:4:4 by default.
        decoded: format of the decoded picture.

    Raises:
        UnsupportedError: the reference writes no such file.
    """
    extension = Path(path).suffix.lower()
    if extension == ".png":
        return PictureFormat("rgb", "444", decoded.depth)
    if extension == ".pgx":  # samples of every depth are written on 0..255
        return PictureFormat("rgb", "444", 8)
    if extension != ".yuv":
        raise UnsupportedError(
            f"the reference writes .png, .yuv and .pgx, not '{extension}'", file=os.fspath(path)
        )
    info = file_name_info(path)
    chroma, depth = info.format or "444", info.bits or decoded.depth
    if chroma == "sRGB" or {chroma, decoded.chroma} == {"420", "422"} or not 8 <= depth <= 16:
        raise UnsupportedError(
            f"the reference cannot write {decoded.described} under a name that asks for {chroma}, {depth} bits",
            file=os.fspath(path),
        )
    return PictureFormat("yuv", chroma, depth)


def write_reference(picture: Picture, path: str | os.PathLike[str]) -> None:
    """Write a picture, decoded to the format that `reference_format` gives, as the reference writes it.

    Raises:
        UnsupportedError: the reference writes no such file, or the picture has another format.
        OSError: a file cannot be written.
    """
    place = Path(path)
    expected = reference_format(place, picture.format)
    if picture.format != expected:
        raise UnsupportedError(
            "the picture must be decoded to the format of the reference's file first",
            file=os.fspath(path),
            expected=expected.described,
            found=picture.format.described,
        )
    _WRITERS[place.suffix.lower()](picture, place)


def _write_png(picture: Picture, path: Path) -> None:
    """Write 8 or 16 bits; above 8 the low bits are ones (10.10.1)."""
    from jpegai.decoder.picture.writers.png import write_rows

    rgb, shift = picture.rgb, 16 - picture.format.depth

    def rows(first: int, last: int) -> NDArray[Any]:
        samples = rgb[first:last]
        return samples if shift == 8 else ((samples << shift) + ((1 << shift) - 1)).astype(">u2", order="C")

    with atomic_file(path) as file:
        write_rows(file, rows, picture.height, picture.width, 8 if shift == 8 else 16)


def _write_yuv(picture: Picture, path: Path) -> None:
    """Write the planes alone (10.10.2)."""
    with atomic_file(path) as file:
        file.write(picture.flat().astype(picture.format.dtype.newbyteorder("<")).data)


def _write_pgx(picture: Picture, path: Path) -> None:
    """Write the reference's own layout of seven files (10.10.3)."""
    parts = [path.with_name(f"{path.stem}_{component}") for component in range(3)]
    raw, heads = ([part.with_name(part.name + suffix) for part in parts] for suffix in (".raw", ".h"))
    with atomic_files([path, *raw, *heads]) as files:
        files[0].write("".join(f"{part.name}\n" for part in raw).encode())
        for file, plane in zip(files[1:4], picture.planes, strict=True):
            file.write(np.ascontiguousarray(plane, "<i4").data)
        for file in files[4:]:
            file.write(f"PG L -32 {picture.width} {picture.height}\n".encode())


_WRITERS = {".png": _write_png, ".yuv": _write_yuv, ".pgx": _write_pgx}
