"""PPM, PAM and PGM: samples as they are, the maximum value says the depth."""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.output import atomic_file, atomic_files

if TYPE_CHECKING:
    from jpegai.decoder.picture.picture import Picture

__all__ = ["component_paths", "write_pam", "write_pgm", "write_ppm"]


def write_ppm(picture: Picture, path: Path) -> None:
    """Write an RGB picture as a PPM file (P6)."""
    with atomic_file(path) as file:
        _write(file, f"P6\n{picture.width} {picture.height}\n{picture.format.peak}\n", picture.rgb)


def write_pam(picture: Picture, path: Path) -> None:
    """Write an RGB picture as a PAM file (P7)."""
    head = (
        f"P7\nWIDTH {picture.width}\nHEIGHT {picture.height}\nDEPTH 3\nMAXVAL {picture.format.peak}\n"
        "TUPLTYPE RGB\nENDHDR\n"
    )
    with atomic_file(path) as file:
        _write(file, head, picture.rgb)


def write_pgm(picture: Picture, path: Path) -> None:
    """Write a PGM file (P5) for each component."""
    with atomic_files(component_paths(path)) as files:
        for file, plane in zip(files, picture.planes, strict=True):
            _write(file, f"P5\n{plane.shape[1]} {plane.shape[0]}\n{picture.format.peak}\n", plane)


def component_paths(path: Path) -> list[Path]:
    """Return the names of the files of three components: NAME_0, NAME_1 and NAME_2 with the extension."""
    return [path.with_name(f"{path.stem}_{component}{path.suffix}") for component in range(3)]


def _write(file: IO[bytes], head: str, samples: NDArray[Any]) -> None:
    """Write a header and samples, high byte first."""
    file.write(head.encode())
    file.write(np.ascontiguousarray(samples, samples.dtype.newbyteorder(">")).data)
