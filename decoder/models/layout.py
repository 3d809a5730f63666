"""The tensors of every kind of checkpoint file, and the check of a tensor against them (09.4.2, 09.5, 09.6).

The lists are `layout.json`. Kinds that are not part of the specification (float hyper scale decoder, training
stages) have none.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream.errors import ModelError
from jpegai.decoder.models.official import find

__all__ = [
    "LAYOUT",
    "TensorLayout",
    "canonical_name",
    "check",
    "check_shape",
    "expected",
    "has_layout",
    "is_ignored",
    "shape_text",
    "tensors_of",
]

LAYOUT = Path(__file__).with_name("layout.json")

_MAX_SHIFT = 31  # 6.5: per_channel_shifts of 32-bit accumulators


@dataclass(frozen=True, slots=True)
class TensorLayout:
    """Type and shape of a tensor as the networks take it: `dtype` is a NumPy name (``float32``, ``int8``, ...)."""

    dtype: str
    shape: tuple[int, ...]


@functools.cache
def _layout() -> Any:
    return json.loads(LAYOUT.read_text())


@functools.cache
def tensors_of(kind: str) -> Mapping[str, TensorLayout]:
    """Return the tensors of a kind of file by canonical name.

    Raises:
        ModelError: files of this kind are not part of the specification (09.5.3).
    """
    entries = _layout()["kinds"].get(kind)
    if entries is None:
        raise ModelError(f"models of the kind {kind} are not part of the specification")
    return {name: TensorLayout(dtype, tuple(shape)) for name, (dtype, shape) in entries.items()}


def has_layout(kind: str) -> bool:
    """Return whether files of a kind are part of the specification."""
    return kind in _layout()["kinds"]


def expected(file: str, name: str) -> TensorLayout:
    """Return the layout of one tensor of an official file; ModelError when the layout has no such tensor."""
    layout = tensors_of(find(file).kind).get(name)
    if layout is None:
        raise ModelError("the official layout has no such tensor", file=file, selector=name)
    return layout


def canonical_name(name: str) -> str:
    """Return the name a tensor has in the layout: aliases such as ``quantizer.gain_unit.c`` are replaced."""
    replaced: str = _layout()["aliases"].get(name, name)
    return replaced


def is_ignored(name: str) -> bool:
    """Return whether an entry may stand in a checkpoint and is used by no decoder (``optimizer``, ...; 09.6)."""
    return name in _layout()["ignored"]


def check_shape(shape: tuple[int, ...], layout: TensorLayout, *, file: str, name: str) -> None:
    """Refuse another shape than that of the layout; a scalar may be stored with the shape (1) (20.1, 21.9).

    Raises:
        ModelError: with `file` and the tensor's `name`.
    """
    if shape != layout.shape and (layout.shape, shape) != ((), (1,)):
        raise ModelError(
            "wrong shape", file=file, selector=name, expected=shape_text(layout.shape), found=shape_text(shape)
        )


def check(array: NDArray[Any], layout: TensorLayout, *, file: str, name: str) -> NDArray[Any]:
    """Return a tensor read from outside in the type and shape of its layout, read-only.

    float16 and float64 become float32; integers and booleans must have the exact type. Values are checked where
    the specification bounds them: floats are finite, shifts 0..31 (6.5), z frequencies not negative and not all
    zero (4.4), ``is_quantized`` true.

    Raises:
        ModelError: with `file` and the tensor's `name`.
    """

    def wrong(message: str, wanted: object = None, found: object = None) -> ModelError:
        return ModelError(message, file=file, selector=name, expected=wanted, found=found)

    check_shape(array.shape, layout, file=file, name=name)
    array = array.reshape(layout.shape)
    if array.dtype != np.dtype(layout.dtype):
        if layout.dtype != "float32" or array.dtype.kind != "f":
            raise wrong("wrong type", layout.dtype, array.dtype.name)
        with np.errstate(over="ignore"):  # a float64 beyond the range becomes infinite, which is refused below
            array = array.astype(np.float32)
    last = name.rpartition(".")[2]
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise wrong("holds values that are not finite")
    elif last == "is_quantized":
        if not array.all():
            raise wrong("is False: the float variant of the model is not part of the specification")
    elif last == "per_channel_shifts":
        if array.min() < 0 or array.max() > _MAX_SHIFT:
            raise wrong("shift out of range", f"0..{_MAX_SHIFT}", f"{array.min()}..{array.max()}")
    elif last == "freqs_int" and (array.min() < 0 or not array.any(axis=-1).all()):
        raise wrong("has negative frequencies, or a channel without any")
    array.flags.writeable = False
    return array


def shape_text(shape: tuple[int, ...]) -> str:
    """Return a shape as text: ``160x160x3x3``, or ``scalar``."""
    return "x".join(map(str, shape)) or "scalar"
