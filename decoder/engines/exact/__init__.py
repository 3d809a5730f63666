"""The exact engine: declared networks in integers that are the same on every machine (docs/exact-arithmetic.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jpegai.codestream.lazy import lazy_names

if TYPE_CHECKING:
    from jpegai.decoder.engines.exact.network import ExactEngine, ExactNetwork
    from jpegai.decoder.engines.exact.weights import Bound

__all__ = ["Bound", "ExactEngine", "ExactNetwork"]

_HOME = {"Bound": "weights", "ExactEngine": "network", "ExactNetwork": "network"}

__getattr__ = lazy_names(__name__, _HOME, globals())
