"""A model store that holds the weights of the specification's network vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.models import file_name
from jpegai.decoder.networks import NETWORKS
from tests.decoder.engines.reference import vector_tensors

#: The model that the vectors' weights stand for.
MODEL = 2


class VectorStore:
    """What an engine asks of a store. `reads` counts how often weights were asked for."""

    name = "vectors"
    built_in = False

    def __init__(self, changes: Mapping[str, NDArray[Any]] | None = None) -> None:
        self.reads = 0
        self._files: dict[str, dict[str, NDArray[Any]]] = {}
        for network in NETWORKS.values():
            own = self._files.setdefault(file_name(network.file_kind, MODEL), {})
            own |= vector_tensors(network.name)
        for content in self._files.values():
            content |= {name: array for name, array in (changes or {}).items() if name in content}

    def tensors(self, file: str) -> Mapping[str, NDArray[Any]]:
        self.reads += 1
        return self._files[file]

    def digest(self, file: str, names: Iterable[str] | None = None) -> str:
        content = self._files[file]
        total = hashlib.sha256()
        for name in sorted(names or content):
            total.update(name.encode() + np.ascontiguousarray(content[name]).tobytes())
        return total.hexdigest()
