"""Bits to named values and back: JPEG AI codestreams without pixels, networks or NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jpegai.codestream.lazy import lazy_names

if TYPE_CHECKING:
    from jpegai.codestream.codestream import Codestream
    from jpegai.codestream.errors import (
        ConformanceError,
        EditError,
        Finding,
        JpegAIError,
        LimitError,
        ModelError,
        SelectorError,
        StreamSyntaxError,
        TruncatedError,
        UnsupportedError,
    )
    from jpegai.codestream.fields import Field, Fields
    from jpegai.codestream.framing import Segment
    from jpegai.codestream.payloads import ThreadPayload
    from jpegai.codestream.schema.values import Header
    from jpegai.codestream.selectors import select

__all__ = [
    "Codestream",
    "ConformanceError",
    "EditError",
    "Field",
    "Fields",
    "Finding",
    "Header",
    "JpegAIError",
    "LimitError",
    "ModelError",
    "Segment",
    "SelectorError",
    "StreamSyntaxError",
    "ThreadPayload",
    "TruncatedError",
    "UnsupportedError",
    "select",
]

_HOME = dict.fromkeys(__all__, "errors") | {
    "Codestream": "codestream",
    "Field": "fields",
    "Fields": "fields",
    "Header": "schema.values",
    "Segment": "framing",
    "ThreadPayload": "payloads",
    "select": "selectors",
}

__getattr__ = lazy_names(__name__, _HOME, globals())
