"""Files of planes: raw YCbCr with its geometry beside it, and PGX (sections 10.9.4, 10.10.4)."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jpegai.decoder.output import atomic_files
from jpegai.decoder.picture.pgx import write_pgx_plane
from jpegai.decoder.picture.writers.netpbm import component_paths

if TYPE_CHECKING:
    from jpegai.decoder.picture.picture import Picture

__all__ = ["write_pgx", "write_yuv"]


def write_yuv(picture: Picture, path: Path) -> None:
    """Write Y, U, V one after the other, above 8 bits two bytes, low byte first; NAME.yuv.json says their geometry."""
    with atomic_files([path, path.with_name(f"{path.name}.json")]) as (file, description):
        for plane in picture.planes:
            file.write(np.ascontiguousarray(plane, plane.dtype.newbyteorder("<")).data)
        description.write(json.dumps(_description(picture), indent=2).encode() + b"\n")


def write_pgx(picture: Picture, path: Path) -> None:
    """Write a PGX file (ISO/IEC 15444-4) for each component: one header line, then samples, high byte first."""
    with atomic_files(component_paths(path)) as files:
        for file, plane in zip(files, picture.planes, strict=True):
            write_pgx_plane(file, plane, picture.format.depth)


def _description(picture: Picture) -> dict[str, Any]:
    return {
        "width": picture.width,
        "height": picture.height,
        "chroma_format": picture.format.chroma,
        "bit_depth": picture.format.depth,
        "bytes_per_sample": picture.format.dtype.itemsize,
        "byte_order": "little",
        "full_range": True,
        "planes": [
            {"name": name, "width": plane.shape[1], "height": plane.shape[0]}
            for name, plane in zip("YUV", picture.planes, strict=True)
        ],
        **{
            name: None if carried is None else asdict(carried)
            for name, carried in (
                ("cicp", picture.cicp),
                ("mastering_display", picture.mastering_display),
                ("content_light", picture.content_light),
            )
        },
    }
