"""The built-in analytic models: closed-form weights that make real pictures (chapter 21).

One function per kind of file names the tensors that have formulas; everything else is at its default. To add a
kind, write its function and name it in `_KINDS`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.models import (
    analytic_chroma,
    analytic_context,
    analytic_entropy,
    analytic_hop,
    analytic_luma,
    test_models,
)
from jpegai.decoder.models.analytic_basis import Fills
from jpegai.decoder.models.layout import LAYOUT, tensors_of
from jpegai.decoder.models.official import find, official_files

__all__ = ["SOURCES", "files", "tensor"]

SOURCES = (*sorted(Path(__file__).parent.glob("analytic*.py")), test_models.SOURCE, LAYOUT)
"""The files whose text decides the values: the identity of the models."""

_DEFAULTS = (
    ("norm1.weight", 1.0),
    ("attn.temperature", 1.0),
    ("CAB.upscale.bias", -128.0),
    ("cab.upscale.bias", -128.0),
    ("entropy.likelihood_lower_bound.bound", 1e-9),
    ("entropy.lower_bound_scale.bound", 0.11),
    ("is_quantized", True),
    ("running_var", 1.0),
    ("BNY.weight", 1.0),
    ("BNUV.weight", 1.0),
    ("BN1.weight", 1.0),
    ("BN2.weight", 1.0),
)
"""Values of tensors without a formula, by the end of their name; all others are 0 (21.1.3)."""


def _common_Y(m: int) -> Fills:
    return {**analytic_entropy.fills(analytic_entropy.LUMA, m), **analytic_context.fills()}


def _common_UV(m: int) -> Fills:
    return analytic_entropy.fills(analytic_entropy.CHROMA, m)


_KINDS: Mapping[str, Callable[[int], Fills]] = {
    "common_Y": _common_Y,
    "common_UV": _common_UV,
    "sop_decoder_Y": analytic_luma.sop_decoder_Y,
    "sop_decoder_UV": analytic_chroma.sop_decoder_UV,
    "bop_decoder_Y": analytic_luma.bop_decoder_Y,
    "bop_decoder_UV": analytic_chroma.bop_decoder_UV,
    "hop_decoder_Y": analytic_hop.hop_decoder_Y,
    "hop_decoder_UV": analytic_hop.hop_decoder_UV,
    "eicci": lambda m: {},  # the identity: all at the default
}


def files() -> tuple[str, ...]:
    """Return the files that the analytic models have."""
    return tuple(name for name, entry in official_files().items() if entry.kind in _KINDS)


def tensor(file: str, name: str) -> NDArray[Any]:
    """Return one tensor of an analytic model: ``tensor("VM_sop/decoder_Y_0.002.pth", "conv4.weight")``.

    Raises:
        KeyError: the analytic models have no such file or tensor.
    """
    entry = find(file)
    fill = _fills(entry.kind, entry.index).get(name)
    layout = tensors_of(entry.kind)[name]
    default = next((value for ending, value in _DEFAULTS if name.endswith(ending)), 0)
    if fill is None:
        return np.full(layout.shape, default, layout.dtype)
    values = np.full(layout.shape, default, np.float64)
    fill(values)
    return values.astype(layout.dtype)


@functools.lru_cache(maxsize=8)
def _fills(kind: str, model: int) -> Fills:
    return _KINDS[kind](model)
