"""What runs declared networks. No engine knows a network by name."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jpegai.decoder.engines.float32 import Float32Engine, Float32Network
    from jpegai.decoder.engines.integer import IntegerNetwork

__all__ = ["Float32Engine", "Float32Network", "IntegerNetwork"]

_HOME = {"Float32Engine": "float32", "Float32Network": "float32", "IntegerNetwork": "integer"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value
