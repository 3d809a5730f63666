"""Symbols to tensors to pictures: decoding JPEG AI codestreams."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jpegai.decoder.decoder import Decoder
    from jpegai.decoder.models import ModelStore
    from jpegai.decoder.picture.picture import Picture

__all__ = ["Decoder", "ModelStore", "Picture"]

_HOME = {"Decoder": "decoder", "ModelStore": "models", "Picture": "picture.picture"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value
