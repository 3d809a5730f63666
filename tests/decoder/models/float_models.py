"""Float hyper scale decoders for tests: built-in models taken back to floats, and models made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.components import COMPONENTS, Component
from jpegai.decoder.models import ModelStore, file_name
from jpegai.decoder.models.hyper_scale import dequantise
from jpegai.decoder.networks import NETWORKS
from tests.decoder.models.official_writer import write_checkpoint

Tensors = dict[str, NDArray[Any]]


def floats(store: ModelStore, component: Component, index: int, *, declared: bool = True) -> Tensors:
    """Return the float hyper scale decoder of a built-in model, with or without the ranges of its layers."""
    network = NETWORKS[component.scale_network]
    found = dequantise(network, store.tensors(file_name(component.file_kind, index)))
    return {name: array for name, array in found.items() if declared or not name.endswith("input_range")}


def float_file(store: ModelStore, component: Component, index: int, *, declared: bool = True) -> Tensors:
    """Return the tensors of a whole float file."""
    return {
        **store.tensors(file_name(component.file_kind, index)),
        **floats(store, component, index, declared=declared),
    }


def write_float_model(root: Path, models: str, index: int, *, declared: bool = True, **changed: Tensors) -> Path:
    """Write the float files of a model, and those of SOP synthesis, to a directory.

    Tensors by name of the component (``primary``, ``secondary``) go in the place of the model's own; None leaves one
    out.
    """
    store = ModelStore.open(models)
    for component in COMPONENTS:
        tensors = float_file(store, component, index, declared=declared) | changed.get(component.name, {})
        kept = {name: array for name, array in tensors.items() if array is not None}
        write_checkpoint(root / file_name(f"{component.file_kind}_float", index), kept, {"epoch": 1})
    for kind in ("sop_decoder_Y", "sop_decoder_UV"):
        name = file_name(kind, index)
        write_checkpoint(root / name, store.tensors(name))
    return root


class WithFloats:
    """A source of weights: built-in models, some of whose tensors are replaced."""

    def __init__(self, models: str, replaced: dict[str, Tensors]) -> None:
        self._store = ModelStore.open(models)
        self._replaced = replaced

    def files(self) -> tuple[str, ...]:
        return self._store.files()

    def names(self, file: str) -> tuple[str, ...]:
        return tuple(self._store.tensors(file))

    def shape(self, file: str, name: str) -> tuple[int, ...]:
        return tuple(self.tensor(file, name).shape)

    def tensor(self, file: str, name: str) -> NDArray[Any]:
        changed = self._replaced.get(file, {})
        return np.array(changed[name] if name in changed else self._store.tensors(file)[name])

    def place(self, file: str) -> str:
        return file

    def status(self, file: str) -> str:
        return "unknown"

    def info(self, file: str) -> Any:
        raise AssertionError("not packed")

    def digest(self, file: str) -> None:
        return None
