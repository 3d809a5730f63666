"""Bits to named values and back: JPEG AI codestreams without pixels, networks or NumPy."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jpegai.codestream.codestream import Codestream
    from jpegai.codestream.errors import (
        ConformanceError,
        Finding,
        JpegAIError,
        LimitError,
        ModelError,
        StreamSyntaxError,
        TruncatedError,
        UnsupportedError,
    )
    from jpegai.codestream.fields import Field, Fields
    from jpegai.codestream.framing import Segment
    from jpegai.codestream.schema.base import Header
    from jpegai.codestream.threads import ThreadPayload

__all__ = [
    "Codestream",
    "ConformanceError",
    "Field",
    "Fields",
    "Finding",
    "Header",
    "JpegAIError",
    "LimitError",
    "ModelError",
    "Segment",
    "StreamSyntaxError",
    "ThreadPayload",
    "TruncatedError",
    "UnsupportedError",
]

_HOME = {
    "Codestream": "codestream",
    "Field": "fields",
    "Fields": "fields",
    "Header": "schema.base",
    "Segment": "framing",
    "ThreadPayload": "threads",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME.get(name, 'errors')}"), name)
    globals()[name] = value
    return value
