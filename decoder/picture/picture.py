"""A decoded picture."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream.errors import Finding, UnsupportedError
from jpegai.decoder.geometry import Area
from jpegai.decoder.picture.assembly import crop_samples
from jpegai.decoder.picture.formats import (
    Cicp,
    ContentLight,
    Frame,
    MasteringDisplay,
    PictureFormat,
    Samples,
    parse_format,
)
from jpegai.decoder.picture.render import convert, round_planes
from jpegai.decoder.workers import Workers

__all__ = ["Picture"]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture and what there is to say about its decode.

    Attributes:
        planes: the samples, ``uint8`` for up to 8 bits, else ``uint16``, full range, display size: one array
            (3, height, width) where the planes have one size, else three planes. Order R, G, B or Y, U, V.
        format: colour space, chroma format and bit depth of the samples.
        transform: synthesis transform that made it (``SOP``, ``BOP``).
        findings: what was odd in the stream.
        times: seconds spent by stage.
        cicp: code points of the stream's rendering information, None without any.
        window: the luma samples of a larger picture that these are; a subsampled plane has its samples floor(first / s)
            to floor(last / s). None where the picture is whole.
        mastering_display: the display it was graded on, None where the stream does not say.
        content_light: how bright it is, None where the stream does not say.
    """

    planes: Samples
    format: PictureFormat
    transform: str
    findings: tuple[Finding, ...] = ()
    times: dict[str, float] = field(default_factory=dict)
    cicp: Cicp | None = None
    window: Area | None = None
    mastering_display: MasteringDisplay | None = None
    content_light: ContentLight | None = None

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.planes[0].shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.planes[0].shape[1])

    @property
    def rgb(self) -> NDArray[Any]:
        """The samples of an RGB picture, (height, width, 3), not copied.

        Raises:
            UnsupportedError: the picture is YCbCr; `to_rgb` converts.
        """
        if self.format.space != "rgb" or not isinstance(self.planes, np.ndarray):
            raise UnsupportedError(f"the picture is {self.format.described}; to_rgb() converts it")
        return self.planes.transpose(1, 2, 0)

    def to_rgb(self) -> NDArray[Any]:
        """Return the samples as RGB of the same depth, (height, width, 3); see `convert`."""
        return self.convert(PictureFormat("rgb", "444", self.format.depth)).rgb

    def part(self, window: Area) -> Picture:
        """Return a window of the picture; its samples are copied.

        Args:
            window: luma samples of the whole picture, all of them in this one.

        Raises:
            ValueError: the window is empty or not inside this picture.
        """
        held = self.window or Area.whole(self.height, self.width)
        if window.empty or not held.contains(window):
            raise ValueError(f"{window} must have samples and lie inside {held}")
        if window == held:
            return self
        samples = crop_samples(self.planes, self.format, Frame(held.shape, held), window)
        return replace(self, planes=samples, window=window)

    def convert(self, format: str | PictureFormat) -> Picture:
        """Return the picture in another format: BT.709, resampling by section 10.5.

        The samples have been rounded once and are rounded again; a decode to the format asked for
        (`Decoder.decode`) rounds once.

        Args:
            format: ``rgb444``, ``yuv444``, ``yuv422`` or ``yuv420``, with ``:BITS`` where the depth changes.

        Raises:
            ValueError: `format` is no such name.
            UnsupportedError: chroma of a window would be resampled, which depends on what is around it and on its place
                in the whole picture; a decode of the window to that format has both.
        """
        target = format if isinstance(format, PictureFormat) else parse_format(format, self.format.depth)
        if target == self.format:
            return self
        if self.window is not None and target.chroma != self.format.chroma:
            raise UnsupportedError(
                f"a window of a picture cannot be converted to {target.described}: decode it to that format"
            )
        workers = Workers(1)
        scale = np.float32(self.format.peak) / np.float32(255)
        a, b, c = (plane.astype(np.float32) / scale for plane in self.planes)
        planes = convert((a, b, c), self.format.space, self.format.chroma, target, workers)
        return replace(self, planes=round_planes(planes, target, workers), format=target)

    def flat(self) -> NDArray[Any]:
        """Return all samples in the order of a planar file, one dimension."""
        return np.concatenate([plane.ravel() for plane in self.planes])

    def save(self, path: str | os.PathLike[str], *, reference_output: bool = False) -> None:
        """Write the picture in the file format of the extension; it appears complete or not at all.

        Args:
            path: where to. A format that needs several files names them after it; ``{geometry}`` in the name
                becomes size, depth and format (``640x480_10bit_420``).
            reference_output: write as the reference software does (10.10.1 to 10.10.3).

        Raises:
            UnsupportedError: no file format has this extension, or it cannot hold the picture as it is.
            OSError: the file cannot be written.
        """
        if reference_output:
            from jpegai.decoder.picture.reference import write_reference

            write_reference(self, path)
        else:
            from jpegai.decoder.picture.writers import write

            write(self, path)
