"""NumPy files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jpegai.decoder.output import atomic_file

if TYPE_CHECKING:
    from jpegai.decoder.picture.picture import Picture

__all__ = ["write_npy", "write_npz"]


def write_npy(picture: Picture, path: Path) -> None:
    """Write the samples as one array (3, height, width)."""
    with atomic_file(path) as file:
        np.save(file, np.ascontiguousarray(picture.planes))


def write_npz(picture: Picture, path: Path) -> None:
    """Write an array for each plane under its letter, and the format's name under ``format``."""
    planes = dict(zip(picture.format.space, picture.planes, strict=True))
    with atomic_file(path) as file:
        np.savez(file, format=np.array(str(picture.format)), **planes)
