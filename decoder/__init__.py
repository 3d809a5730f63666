"""Symbols to tensors to pictures: decoding JPEG AI codestreams."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jpegai.codestream.lazy import lazy_names

if TYPE_CHECKING:
    from jpegai.decoder.decoder import Decoder
    from jpegai.decoder.models import ModelStore
    from jpegai.decoder.picture.picture import Picture

__all__ = ["Decoder", "ModelStore", "Picture"]

_HOME = {"Decoder": "decoder", "ModelStore": "models", "Picture": "picture.picture"}

__getattr__ = lazy_names(__name__, _HOME, globals())
