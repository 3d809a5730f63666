"""TIFF, 8 and 16 bits, RGB, not compressed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import tifffile

from jpegai.decoder.output import atomic_file
from jpegai.decoder.picture.writers.wide import widened

if TYPE_CHECKING:
    from jpegai.decoder.picture.picture import Picture

__all__ = ["write"]


def write(picture: Picture, path: Path) -> None:
    """Write an RGB picture as a TIFF file; 9 to 15 bits become 16 (`widened`)."""
    with atomic_file(path) as file:
        tifffile.imwrite(
            file, widened(picture.rgb, picture.format.depth), photometric="rgb", metadata=None, software="jpegai"
        )
