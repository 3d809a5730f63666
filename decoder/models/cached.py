"""Tensors of a model from the cache: making them from formulas, or taking them out of an archive, costs time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder import cache
from jpegai.decoder.models.store import ModelStore

__all__ = ["cached_tensors"]


def cached_tensors(store: ModelStore, file: str, names: Sequence[str]) -> Mapping[str, NDArray[Any]]:
    """Return some tensors of an official file by name, from the cache where they are there.

    Raises:
        ModelError: as `ModelStore.tensors`.
    """
    import safetensors.numpy

    def make() -> bytes:
        tensors = store.tensors(file)
        return bytes(safetensors.numpy.save({name: np.ascontiguousarray(tensors[name]) for name in names}))

    key = cache.content_key("tensors", store.digest(file, names), *names)
    found: Mapping[str, NDArray[Any]] = safetensors.numpy.load(bytes(cache.get_or_make("weights", key, make)))
    return found
