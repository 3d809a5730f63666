"""Where weights come from: official checkpoints, a packed file, the built-in analytic and test models."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jpegai.decoder.models.official import eicci_file_name, file_name
    from jpegai.decoder.models.store import ModelStore

__all__ = ["ModelStore", "eicci_file_name", "file_name"]

_HOME = {"ModelStore": "store", "eicci_file_name": "official", "file_name": "official"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value
