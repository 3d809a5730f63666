"""Pictures from files of any origin, sample by sample as they are: the reverse of `jpegai.decoder.picture.writers`."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream.errors import JpegAIError, LimitError, StreamSyntaxError, UnsupportedError
from jpegai.decoder.npy import read_npy
from jpegai.decoder.picture.formats import SUBSAMPLING, chroma_shape
from jpegai.decoder.picture.pgx import parse_pgx
from jpegai.decoder.picture.png_reader import read_png
from jpegai.decoder.picture.reference import file_name_info
from jpegai.decoder.picture.writers.netpbm import component_paths

__all__ = ["EXTENSIONS", "PictureFile", "picture_files", "read_picture"]


@dataclass(frozen=True, slots=True)
class PictureFile:
    """The samples of a picture.

    Attributes:
        planes: integers, each (rows, columns).
        space: ``rgb`` or ``yuv``; None where the file does not say.
        depth: bits per sample; None where the file does not say.
        widened: whether samples of 9 to 15 bits would stand in the high bits of 16 (PNG, TIFF).
    """

    planes: tuple[NDArray[Any], ...]
    space: str | None = None
    depth: int | None = None
    widened: bool = False


def read_picture(path: str | os.PathLike[str], max_pixels: int) -> PictureFile:
    """Read a picture in the file format of the extension.

    Args:
        path: of a file; of PGM and PGX also NAME, where NAME_0, NAME_1 and NAME_2 hold a component each.
        max_pixels: largest picture, in samples.

    Raises:
        UnsupportedError: no picture format has this extension, or the file uses something that is not read.
        StreamSyntaxError: the file is damaged, or is no such picture.
        LimitError: the picture is larger than the limit.
        OSError: a file cannot be read.
    """
    place = Path(path)
    reader = _READERS.get(place.suffix.lower())
    if reader is None:
        raise UnsupportedError(
            f"no picture is read from '{place.suffix}'; there are {', '.join(EXTENSIONS)}", file=os.fspath(path)
        )
    try:
        parts = [reader(each, max_pixels) for each in picture_files(place)]
    except ValueError as error:
        if isinstance(error, JpegAIError):
            raise error.locate(file=os.fspath(path)) from None
        raise StreamSyntaxError(f"the picture cannot be read: {error}", file=os.fspath(path)) from None
    except JpegAIError as error:
        raise error.locate(file=os.fspath(path)) from None
    if len(parts) == 1:
        return parts[0]
    return PictureFile(tuple(part.planes[0] for part in parts), None, parts[0].depth)


def picture_files(path: Path) -> list[Path]:
    """Return the files of a picture: the one of this name, or those of its three components."""
    components = component_paths(path)
    return components if not path.exists() and all(each.is_file() for each in components) else [path]


def _of_pixels(samples: NDArray[Any], depth: int | None, *, widened: bool = False) -> PictureFile:
    """Return (height, width, 3) samples as RGB, (height, width) as one plane."""
    if samples.ndim == 2:
        return PictureFile((samples,), None, depth, widened)
    return PictureFile(tuple(np.moveaxis(samples, 2, 0)), "rgb", depth, widened)


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise LimitError(
            "the picture is larger than the limit", expected=f"at most {max_pixels} samples", found=f"{width}x{height}"
        )


def _png(path: Path, max_pixels: int) -> PictureFile:
    samples = read_png(path.read_bytes(), max_pixels=max_pixels)
    return _of_pixels(samples, 8 * samples.itemsize, widened=samples.itemsize == 2)


def _tiff(path: Path, max_pixels: int) -> PictureFile:
    import tifffile

    data = path.read_bytes()
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            page = file.pages.first
            _check_size(page.imagewidth, page.imagelength, max_pixels)
            samples = page.asarray()
            planar = page.planarconfig == 2
    except JpegAIError:
        raise
    except Exception as error:  # whatever the library makes of damaged bytes
        raise ValueError(error) from None
    if planar and samples.ndim == 3:
        samples = np.moveaxis(samples, 0, 2)
    if samples.dtype not in (np.uint8, np.uint16) or samples.ndim not in (2, 3) or samples.shape[2:] not in ((), (3,)):
        raise UnsupportedError("TIFF is read as grey or RGB of 8 or 16 bits", found=f"{samples.dtype}, {samples.shape}")
    return _of_pixels(samples, 8 * samples.itemsize, widened=samples.itemsize == 2)


#: White space and comments between the numbers of a header.
_GAP = rb"(?:[ \t\r\n]|#[^\n]*\n)+"
_PNM = re.compile(rb"P([56])" + _GAP + rb"(\d{1,9})" + _GAP + rb"(\d{1,9})" + _GAP + rb"(\d{1,5})[ \t\r\n]")
_PAM_END = b"\nENDHDR\n"


def _netpbm(path: Path, max_pixels: int) -> PictureFile:
    data = path.read_bytes()
    match = _PNM.match(data[:4096])
    if match is not None:
        channels = 1 if match[1] == b"5" else 3
        width, height, peak = (int(match[group]) for group in (2, 3, 4))
        start = match.end()
    else:
        head, end, _ = data[:4096].partition(_PAM_END)
        if head[:2] != b"P7" or not end:
            raise ValueError("it is neither P5, P6 nor P7")
        facts = dict(line.split(None, 1) for line in head.splitlines()[1:] if len(line.split(None, 1)) == 2)
        try:
            width, height, channels, peak = (int(facts[key]) for key in (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL"))
        except KeyError as error:
            raise ValueError(f"its header has no {error.args[0].decode()}") from None
        start = len(head) + len(end)
    if channels not in (1, 3) or not 1 <= peak <= 65535 or width < 1 or height < 1:
        raise UnsupportedError("netpbm files are read with 1 or 3 samples of at most 16 bits")
    _check_size(width, height, max_pixels)
    depth = peak.bit_length()
    dtype = np.dtype(np.uint8 if peak < 256 else ">u2")
    count = width * height * channels
    if len(data) - start < count * dtype.itemsize:
        raise ValueError("it ends before its samples do")
    samples = np.frombuffer(data, dtype, count, start).astype(dtype.newbyteorder("="))
    shape = (height, width) if channels == 1 else (height, width, 3)
    return _of_pixels(samples.reshape(shape), depth if peak == (1 << depth) - 1 else None)


def _pgx(path: Path, max_pixels: int) -> PictureFile:
    plane, depth = parse_pgx(path.read_bytes())
    _check_size(plane.shape[1], plane.shape[0], max_pixels)
    return PictureFile((plane,), None, depth)


def _npy(path: Path, max_pixels: int) -> PictureFile:
    with path.open("rb") as file:
        samples = read_npy(file, path.stat().st_size, 6 * max_pixels)
    if samples.dtype not in (np.uint8, np.uint16) or samples.ndim not in (2, 3):
        raise UnsupportedError(
            "NPY is read as a picture of (3, height, width) unsigned samples", found=f"{samples.dtype}, {samples.shape}"
        )
    if not samples.size:
        raise ValueError("it has no samples")
    planes = (samples,) if samples.ndim == 2 else tuple(samples)
    return PictureFile(planes, None, 8 if samples.itemsize == 1 else None)


def _yuv(path: Path, max_pixels: int) -> PictureFile:
    width, height, depth, chroma = _yuv_geometry(path)
    _check_size(width, height, max_pixels)
    dtype = np.dtype(np.uint8 if depth <= 8 else "<u2")
    data = np.frombuffer(path.read_bytes(), np.uint8)
    planes, start = [], 0
    for rows, columns in [(height, width), *[chroma_shape(chroma, height, width)] * 2]:
        end = start + rows * columns * dtype.itemsize
        if len(data) < end:
            raise ValueError(f"it ends before its samples do ({width}x{height}, {chroma}, {depth} bits)")
        planes.append(data[start:end].view(dtype).reshape(rows, columns).astype(dtype.newbyteorder("=")))
        start = end
    return PictureFile(tuple(planes), "yuv", depth)


def _yuv_geometry(path: Path) -> tuple[int, int, int, str]:
    """Return width, height, depth and chroma format, from NAME.yuv.json or else from the name of the file (10.9.3)."""
    beside = path.with_name(f"{path.name}.json")
    known: list[Any]
    if beside.is_file():
        try:
            described = json.loads(beside.read_bytes()[: 1 << 16])
        except RecursionError:
            described = None
        if not isinstance(described, dict):
            raise ValueError(f"{beside.name} describes no geometry")
        known = [described.get(key) for key in ("width", "height", "bit_depth", "chroma_format")]
    else:
        info = file_name_info(path)
        if info.width is None or info.height is None:
            raise ValueError(f"neither its name nor {beside.name} says its size")
        known = [info.width, info.height, info.bits or 8, info.format or "420"]
    sound = all(type(value) is int and value > 0 for value in known[:3]) and known[3] in [*SUBSAMPLING]
    if not sound or known[2] > 16:
        raise ValueError(f"{beside.name if beside.is_file() else 'its name'} describes no geometry")
    width, height, depth, chroma = known
    return width, height, depth, chroma


_READERS: dict[str, Callable[[Path, int], PictureFile]] = {
    ".png": _png,
    ".tif": _tiff,
    ".tiff": _tiff,
    ".ppm": _netpbm,
    ".pgm": _netpbm,
    ".pam": _netpbm,
    ".pgx": _pgx,
    ".npy": _npy,
    ".yuv": _yuv,
}
#: Extensions of the picture files that are read.
EXTENSIONS = tuple(_READERS)
