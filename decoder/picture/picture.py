"""A decoded picture."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream.errors import Finding, UnsupportedError
from jpegai.decoder.output import atomic_file

__all__ = ["PNG_COMPRESSION_LEVEL", "Picture", "write_png"]

#: Level of the deflate coder: a third of the time of the usual 6 for files a few per cent larger.
PNG_COMPRESSION_LEVEL = 1


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture and what there is to say about its decode.

    Attributes:
        rgb: (height, width, 3) uint8, BT.709 primaries' RGB, full range, display size.
        transform: synthesis transform that made it (``SOP``, ``BOP``).
        findings: what was odd in the stream.
        times: seconds spent by stage.
    """

    rgb: NDArray[np.uint8]
    transform: str
    findings: tuple[Finding, ...] = ()
    times: dict[str, float] = field(default_factory=dict)

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.rgb.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.rgb.shape[1])

    def to_rgb(self) -> NDArray[np.uint8]:
        """Return the samples, (height, width, 3) uint8."""
        return self.rgb

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a PNG file; it appears under its name complete or not at all.

        Raises:
            UnsupportedError: the extension is not ``.png``.
            OSError: the file cannot be written.
        """
        if Path(path).suffix.lower() != ".png":
            raise UnsupportedError(f"no writer for '{Path(path).suffix}' files yet; use .png", file=os.fspath(path))
        with atomic_file(path) as file:
            write_png(file, self.rgb)


def write_png(file: IO[bytes], rgb: NDArray[np.uint8]) -> None:
    """Write (H, W, 3) uint8 samples as PNG to an open file."""
    from PIL import Image

    Image.fromarray(rgb).save(file, "PNG", compress_level=PNG_COMPRESSION_LEVEL)
