"""What runs declared networks. No engine knows a network by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jpegai.codestream.lazy import lazy_names

if TYPE_CHECKING:
    from jpegai.decoder.engines.float32 import Float32Engine, Float32Network
    from jpegai.decoder.engines.integer import IntegerNetwork

__all__ = ["Float32Engine", "Float32Network", "IntegerNetwork"]

_HOME = {"Float32Engine": "float32", "Float32Network": "float32", "IntegerNetwork": "integer"}

__getattr__ = lazy_names(__name__, _HOME, globals())
