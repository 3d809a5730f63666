"""The four post-filters, from planes to planes (chapter 08): EFE linear, eICCI, EFE non-linear, LEF."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jpegai.codestream.lazy import lazy_names

if TYPE_CHECKING:
    from jpegai.decoder.filters.base import Pictures, Supplies
    from jpegai.decoder.filters.chain import FilterChain
    from jpegai.decoder.filters.efe_linear import EfeLinear
    from jpegai.decoder.filters.efe_nonlinear import EfeNonlinear
    from jpegai.decoder.filters.eicci import Eicci
    from jpegai.decoder.filters.lef import Lef
    from jpegai.decoder.filters.planes import PictureShape, Window, WindowPlanes

__all__ = [
    "EfeLinear",
    "EfeNonlinear",
    "Eicci",
    "FilterChain",
    "Lef",
    "PictureShape",
    "Pictures",
    "Supplies",
    "Window",
    "WindowPlanes",
]

_HOME = {
    "EfeLinear": "efe_linear",
    "EfeNonlinear": "efe_nonlinear",
    "Eicci": "eicci",
    "FilterChain": "chain",
    "Lef": "lef",
    "PictureShape": "planes",
    "Pictures": "base",
    "WindowPlanes": "planes",
    "Supplies": "base",
    "Window": "planes",
}

__getattr__ = lazy_names(__name__, _HOME, globals())
