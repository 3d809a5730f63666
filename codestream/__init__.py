"""Bits to named values and back: JPEG AI codestreams without pixels, networks or NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jpegai.codestream.lazy import lazy_names

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
    from jpegai.codestream.payloads import ThreadPayload
    from jpegai.codestream.schema.values import Header

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

_HOME = dict.fromkeys(__all__, "errors") | {
    "Codestream": "codestream",
    "Field": "fields",
    "Fields": "fields",
    "Header": "schema.values",
    "Segment": "framing",
    "ThreadPayload": "payloads",
}

__getattr__ = lazy_names(__name__, _HOME, globals())
