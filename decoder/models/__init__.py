"""Where weights come from: official checkpoints, a packed file, the built-in analytic and test models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jpegai.codestream.lazy import lazy_names

if TYPE_CHECKING:
    from jpegai.decoder.models.official import eicci_file_name, file_name
    from jpegai.decoder.models.store import ModelStore

__all__ = ["ModelStore", "eicci_file_name", "file_name"]

_HOME = {"ModelStore": "store", "eicci_file_name": "official", "file_name": "official"}

__getattr__ = lazy_names(__name__, _HOME, globals())
