"""Decoded symbols that several windows of one stream share: what is sequential is decoded once."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream.errors import Finding

__all__ = ["Symbols"]


@dataclass(slots=True)
class Symbols:
    """What windows of a stream have decoded so far.

    Attributes:
        z: of both components, with what was odd about it; None before it is decoded.
        residual: component and region to the integers of the region and what was odd about them.
    """

    z: tuple[list[NDArray[np.int8]], list[Finding]] | None = None
    residual: dict[tuple[int, int], tuple[NDArray[np.int16], list[Finding]]] = field(default_factory=dict)
