"""User defined information, FF8C (section 03.6): any bytes, no meaning for a decoder."""

from __future__ import annotations

from construct import Struct

from jpegai.codestream.schema.base import ByteString

__all__ = ["USER_DEFINED_INFORMATION"]

USER_DEFINED_INFORMATION = Struct(
    ByteString("UDI_data", "segment_length", "user data", section="03.6", inferred="b''"),
)
