"""Where weights come from: official checkpoints, a packed file, the built-in analytic and test models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jpegai.codestream.lazy import lazy_names

if TYPE_CHECKING:
    from jpegai.decoder.models.conversion import quantise_models
    from jpegai.decoder.models.hyper_scale import dequantise, quantise
    from jpegai.decoder.models.official import eicci_file_name, file_name
    from jpegai.decoder.models.store import ModelStore

__all__ = ["ModelStore", "dequantise", "eicci_file_name", "file_name", "quantise", "quantise_models"]

_HOME = {
    "ModelStore": "store",
    "dequantise": "hyper_scale",
    "eicci_file_name": "official",
    "file_name": "official",
    "quantise": "hyper_scale",
    "quantise_models": "conversion",
}

__getattr__ = lazy_names(__name__, _HOME, globals())
