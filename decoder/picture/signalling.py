"""What a stream says of its picture, and the format that comes out (sections 10.2, 10.7)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream import Codestream, Finding, UnsupportedError
from jpegai.decoder.picture.formats import (
    SUBSAMPLING,
    Cicp,
    ContentLight,
    MasteringDisplay,
    PictureFormat,
    chroma_shape,
    parse_format,
)

__all__ = ["COLOURS", "Rendering", "choose_rendering"]

#: What may be asked of a user-defined colour transform: leave it, or apply the formula that must have been intended.
COLOURS = ("signalled", "intended")

_FORMATS = {subsampling: name for name, subsampling in SUBSAMPLING.items()}


@dataclass(frozen=True, slots=True)
class Rendering:
    """The way from the planes of the synthesis to the samples of a picture.

    Attributes:
        coded: chroma format in which chroma was coded.
        source: chroma format of the source picture, in which the filters work.
        transform: colour transform after the filters: ``none``, ``bt709`` or ``user``.
        target: format of the picture that comes out.
        user: (3, 4) int32, matrix and offset of the user's transform, 0..255 for 0..1; None without one.
        cicp: code points of the stream, to be passed on.
        findings: what is worth reporting.
        mastering_display: the display the picture was graded on, as far as the stream says, to be passed on.
        content_light: how bright the picture is, as far as the stream says, to be passed on.
    """

    coded: str
    source: str
    transform: str
    target: PictureFormat
    user: NDArray[np.int32] | None = None
    cicp: Cicp | None = None
    findings: tuple[Finding, ...] = ()
    mastering_display: MasteringDisplay | None = None
    content_light: ContentLight | None = None

    @property
    def decoded(self) -> tuple[str, str]:
        """Colour space and chroma format of the decoded picture (10.4.6)."""
        return ("yuv", self.source) if self.transform == "none" else ("rgb", "444")

    @property
    def sample_by_sample(self) -> bool:
        """Whether each sample comes from those at its place in the planes as coded, by rounding or BT.709 alone."""
        target = self.target
        if self.transform == "bt709":
            return self.coded == "444" and target.space == "rgb"
        return self.transform == "none" and self.coded == self.source and (target.space, target.chroma) == self.decoded

    def memory(self, height: int, width: int, *, keeps: bool = False, filters: bool = False) -> int:
        """Return the bytes that an `Assembly` of a picture of this size takes at most, strips of a few rows apart.

        Args:
            height: display height.
            width: display width.
            keeps: whether the planes are kept although the samples need them no more.
            filters: whether they are kept for filters, which take them in the format of the source.
        """
        luma = height * width
        size = {chroma: math.prod(chroma_shape(chroma, height, width)) for chroma in SUBSAMPLING}

        def resampled(source: str, target: str) -> int:
            by_way = 8 * luma if "444" not in (source, target) else 0
            return 8 * size[target] + by_way if source != target else 0

        target = self.target
        samples = (luma + 2 * size[target.chroma]) * target.dtype.itemsize
        if self.sample_by_sample and not (keeps or filters):
            return samples
        planes = 4 * (luma + 2 * size[self.coded]) + (resampled(self.coded, self.source) if filters else 0)
        if self.transform == "bt709" and target.space == "rgb" and self.source in ("444", self.coded):
            return planes + samples
        space, chroma = self.decoded
        decoded = resampled(self.coded, self.source) + 4 * (luma + 2 * size[chroma])
        converted = 12 * luma if space != target.space else 0
        return planes + decoded + converted + resampled(chroma, target.chroma) + samples


def choose_rendering(
    stream: Codestream, format: str | PictureFormat | None = None, colour: str = "signalled"
) -> Rendering:
    """Read what the picture header says of formats and colour.

    Args:
        stream: the stream.
        format: format of the picture asked for (`parse_format`); by default that of the stream.
        colour: ``intended`` applies a user-defined transform by the formula that must have been intended.

    Raises:
        UnsupportedError: an element has a value without a meaning, or one that needs a conversion nobody asked for.
        ValueError: `format` or `colour` is no such name.
    """
    if colour not in COLOURS:
        raise ValueError(f"colour {colour!r} is none of {COLOURS}")
    pih = stream.pih
    if pih.bit_depth_idc > 4:
        raise _unsupported(stream, "bit_depth_idc", "a bit depth without a meaning", "0..4")
    source = _chroma(stream, "s")
    coded = _chroma(stream, "c")
    if coded == "420" and source == "422" and format is None:
        raise _unsupported(
            stream,
            "s_ver_minus1",
            "4:2:2 coded as 4:2:0 has no conversion of its own; by way of 4:4:4 where a format is asked for (--format)",
        )
    transform, user, findings = _transform(stream, colour, source)
    if format is None:
        space, chroma = ("yuv", source) if transform == "none" else ("rgb", "444")
        target = PictureFormat(space, chroma, pih.bit_depth)
    else:
        target = format if isinstance(format, PictureFormat) else parse_format(format, pih.bit_depth)
    if pih.colour_transform_idx == 2 and transform == "none" and target.space == "rgb":
        raise _unsupported(
            stream,
            "colour_transform_idx",
            "RGB by a user-defined transform that no decoder can run; decode to YCbCr, "
            "or ask for the formula that must have been intended (--colour intended)",
        )
    rdi = stream.rdi
    light = MasteringDisplay.of(rdi), ContentLight.of(rdi)
    return Rendering(coded, source, transform, target, user, Cicp.of(rdi), findings, *light)


def _chroma(stream: Codestream, which: str) -> str:
    """Return the chroma format of the source (``s``) or of what was coded (``c``)."""
    vertical, horizontal = stream.pih[f"{which}_ver"], stream.pih[f"{which}_hor"]
    if (vertical, horizontal) not in _FORMATS:
        raise _unsupported(
            stream,
            f"{which}_ver_minus1",
            "there is no chroma format with this subsampling",
            ", ".join(f"{v}x{h}" for v, h in _FORMATS),
            f"{vertical}x{horizontal} (rows x columns)",
        )
    return _FORMATS[vertical, horizontal]


def _transform(
    stream: Codestream, colour: str, source: str
) -> tuple[str, NDArray[np.int32] | None, tuple[Finding, ...]]:
    """Return the colour transform, the user's matrix with its offset, and findings."""
    pih = stream.pih
    if pih.colour_transform_idx == 3:
        raise _unsupported(stream, "colour_transform_idx", "a colour transform without a meaning", "0..2")
    if pih.colour_transform_idx < 2:
        return ("none", "bt709")[pih.colour_transform_idx], None, ()
    if colour != "intended":
        return "none", None, ()
    if source != "444":
        raise _unsupported(
            stream, "colour_transform_idx", "the user-defined transform is applied to 4:4:4 only", "4:4:4", source
        )
    matrix, offset = pih.colour_transform_matrix, pih.colour_transform_offset
    user = np.array([[*(matrix[i][j] for j in range(3)), offset[i]] for i in range(3)], np.int32)
    finding = Finding(
        None,
        "W",
        "the user-defined transform was applied by its evident intent; no decoder is bound to this result",
        "pih.colour_transform_idx",
        stream.fields["pih.colour_transform_idx"].offset,
        section="10.7",
    )
    return "user", user, (finding,)


def _unsupported(
    stream: Codestream, name: str, message: str, expected: str | None = None, found: str | None = None
) -> UnsupportedError:
    """Return the error of an element of the picture header; an inferred one has no place in the file."""
    field = stream.fields.get(f"pih.{name}")
    return UnsupportedError(
        message,
        file=stream.name,
        selector=f"pih.{name}",
        bit_offset=field.offset if field is not None and field.bits else None,
        expected=expected,
        found=found or stream.pih[name],
    )
