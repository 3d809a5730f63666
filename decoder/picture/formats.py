"""What the samples of a picture mean: colour space, chroma format, bit depth (sections 10.1, 10.2, 10.13)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.geometry import Area, Span, ceil_div

__all__ = [
    "SUBSAMPLING",
    "Cicp",
    "ContentLight",
    "Frame",
    "MasteringDisplay",
    "PictureFormat",
    "Planes",
    "Samples",
    "chroma_shape",
    "is_fixed",
    "parse_format",
]

#: Vertical and horizontal subsampling of each chroma format.
SUBSAMPLING = {"444": (1, 1), "422": (1, 2), "420": (2, 2)}

_NAME = re.compile(r"(rgb|yuv)(444|422|420)(?::(\d+))?")

#: Three planes on 0..255, each (rows, columns): Y, U, V or R, G, B. They are float32, or int32 in fixed point
#: (`engines.formats`).
Planes = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]
#: The integer samples of a picture: (3, H, W) where the planes have one size, else three planes.
Samples = NDArray[Any] | tuple[NDArray[Any], NDArray[Any], NDArray[Any]]


@dataclass(frozen=True, slots=True)
class PictureFormat:
    """A format of integer samples; full range always (10.1.2).

    Attributes:
        space: ``rgb`` or ``yuv``; RGB is always 4:4:4.
        chroma: ``444``, ``422`` or ``420``.
        depth: bits per sample, 8..16.
    """

    space: str
    chroma: str
    depth: int

    @property
    def peak(self) -> int:
        """Largest sample."""
        return (1 << self.depth) - 1

    @property
    def dtype(self) -> np.dtype[Any]:
        """``uint8`` for up to 8 bits, else ``uint16``."""
        return np.dtype(np.uint8 if self.depth <= 8 else np.uint16)

    def __str__(self) -> str:
        return f"{self.space}{self.chroma}:{self.depth}"

    @property
    def described(self) -> str:
        """The format in words, for messages."""
        space = "RGB" if self.space == "rgb" else "YCbCr"
        return f"{space} {':'.join(self.chroma)}, {self.depth} bits"


def parse_format(text: str, depth: int) -> PictureFormat:
    """Return the format that a name asks for: ``rgb444``, ``yuv420``, or with a bit depth ``yuv420:10``.

    Args:
        text: the name.
        depth: bits per sample where the name has none.

    Raises:
        ValueError: it is no such name.
    """
    match = _NAME.fullmatch(text.lower())
    if match is None or (match[1] == "rgb" and match[2] != "444") or not 8 <= int(match[3] or depth) <= 16:
        raise ValueError(
            f"{text!r} is no format: rgb444, yuv444, yuv422 or yuv420, then a colon and 8..16 bits where wanted"
        )
    return PictureFormat(match[1], match[2], int(match[3] or depth))


def is_fixed(plane: NDArray[Any]) -> bool:
    """Whether a plane is int32 in fixed point; else it is float32."""
    return plane.dtype == np.int32


def chroma_shape(chroma: str, height: int, width: int) -> tuple[int, int]:
    """Return rows and columns of the chroma planes of a picture."""
    vertical, horizontal = SUBSAMPLING[chroma]
    return ceil_div(height, vertical), ceil_div(width, horizontal)


@dataclass(frozen=True, slots=True)
class Frame:
    """Where planes lie in their picture: what is resampled depends on the place in the whole of it (10.5.2).

    Attributes:
        size: height and width of the picture.
        area: the luma samples of it that the planes hold; with subsampled chroma they begin at even rows and columns.
    """

    size: tuple[int, int]
    area: Area

    @classmethod
    def whole(cls, height: int, width: int) -> Frame:
        """Return the frame of planes that hold all of a picture."""
        return cls((height, width), Area.whole(height, width))

    def part(self, chroma: str) -> Area:
        """Return the chroma samples that belong to the area: floor(first / s) to floor(last / s)."""
        vertical, horizontal = SUBSAMPLING[chroma]
        return Area(self.area.rows.covered_by(vertical), self.area.columns.covered_by(horizontal))

    def around(self, rows: Span, columns: Span) -> Frame:
        """Return the frame of these luma samples: from even rows and columns on, and to those or the picture's end."""
        first, second = (
            Span(span.start // 2 * 2, min(ceil_div(span.stop, 2) * 2, length))
            for span, length in zip((rows, columns), self.size, strict=True)
        )
        return Frame(self.size, Area(first, second))


@dataclass(frozen=True, slots=True)
class Cicp:
    """Code points of ITU-T H.273 that a stream carries (03.5); they have no effect on samples (10.13)."""

    colour_primaries: int
    transfer_characteristics: int
    matrix_coefficients: int
    image_full_range_flag: int

    @classmethod
    def of(cls, rendering_information: Mapping[str, Any]) -> Cicp | None:
        """Return those of a rendering-information header, None where it has none."""
        if not rendering_information["cicp_info_present_flag"]:
            return None
        return cls(*(rendering_information[name] for name in cls.__slots__))


@dataclass(frozen=True, slots=True)
class MasteringDisplay:
    """The display a picture was graded on, SMPTE ST 2086 (03.5); it has no effect on samples (10.13).

    Attributes:
        primaries: x and y of red, green and blue, in units of 0.00002.
        white_point: x and y of white, in the same units.
        maximum_luminance, minimum_luminance: in units of 0.0001 candela per square metre.
    """

    primaries: tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
    white_point: tuple[int, int]
    maximum_luminance: int
    minimum_luminance: int

    @classmethod
    def of(cls, rendering_information: Mapping[str, Any]) -> MasteringDisplay | None:
        """Return that of a rendering-information header, None where it has none."""
        rdi = rendering_information
        if not rdi["mdcv_info_present_flag"]:
            return None
        x, y = (rdi[f"mastering_display_colour_primaries_{axis}"] for axis in "xy")
        white_x, white_y = (rdi[f"mastering_display_white_point_chromaticity_{axis}"] for axis in "xy")
        most, least = (rdi[f"mastering_display_{end}_luminance"] for end in ("maximum", "minimum"))
        return cls(((x[0], y[0]), (x[1], y[1]), (x[2], y[2])), (white_x, white_y), most, least)


@dataclass(frozen=True, slots=True)
class ContentLight:
    """How bright a picture is, in candela per square metre, 0 where it is not known (03.5); without effect (10.13)."""

    maximum_content_light_level: int
    maximum_frame_average_light_level: int

    @classmethod
    def of(cls, rendering_information: Mapping[str, Any]) -> ContentLight | None:
        """Return that of a rendering-information header, None where it has none."""
        if not rendering_information["clli_info_present_flag"]:
            return None
        return cls(*(rendering_information[name] for name in cls.__slots__))
