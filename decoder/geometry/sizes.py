"""Sizes of everything that follows from the coded size (section 07.1)."""

from __future__ import annotations

from jpegai.codestream.schema.values import ceil_div

__all__ = ["ceil_div", "hyper_size", "latent_size", "size_argument"]


def latent_size(height: int, width: int) -> tuple[int, int]:
    """Size of the latents of both components: 1/16."""
    return ceil_div(height, 16), ceil_div(width, 16)


def hyper_size(height: int, width: int) -> tuple[int, int]:
    """Size of z: 1/64."""
    return ceil_div(height, 64), ceil_div(width, 64)


def size_argument(kind: str, height: int, width: int) -> tuple[int, int]:
    """Return the (h, w) a network is called with for a luma size (06.4): `kind` is the declared size argument."""
    return (ceil_div(height, 2), ceil_div(width, 2)) if kind == "half" else (height, width)
