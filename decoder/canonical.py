"""The form in which results are stored and hashed, the same for every decoder (docs/dumps.md).

A hash is the sha256 of the samples alone: of the dtype of the stage, low byte first, in C order. Shape, dtype and
fraction bits are no part of it; an index states them beside it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.recorder import STAGES, stage_of

__all__ = ["DTYPES", "canonical", "dtype_of", "md5_digest", "md5_line", "quantised", "sha256"]

#: Dtypes of integer stages; the others are float32, or int32 where they are fixed point.
_INTEGERS = {
    "z": "int8", "quality_map": "int8", "hyper_scale": "int16", "scale0": "int16", "scale1": "int16",
    "sigma_index": "uint8", "coded_mask": "uint8", "cube_flags": "uint8", "grfs_flags": "uint8",
    "rvs_block_sigma": "int16", "lsbs_block_sigma": "int16", "residual": "int16",
}  # fmt: skip
#: Dtype of every stage but ``picture``, which is uint8 for up to 8 bits, else uint16.
DTYPES: Mapping[str, str] = {stage: _INTEGERS.get(stage, "float32") for stage in STAGES if stage != "picture"}


def dtype_of(name: str, dtype: str, fraction_bits: int | None = None) -> str:
    """Return the canonical dtype of a result; `dtype`, the one it has, only matters for the picture."""
    stage = stage_of(name)
    if stage == "picture":
        return "uint8" if dtype == "uint8" else "uint16"
    return DTYPES[stage] if fraction_bits is None else "int32"


def canonical(name: str, array: NDArray[Any], fraction_bits: int | None = None) -> NDArray[Any]:
    """Return a result in its canonical form: dtype of the stage, low byte first, C order; not copied where it has it.

    Integers are converted where the dtype of the stage holds them all, floats are rounded to float32.

    Args:
        name: of the result, such as ``primary.z``.
        array: the result.
        fraction_bits: of a fixed-point result.

    Raises:
        ValueError: it cannot be converted: floats where the stage has integers or the reverse, or integers that are
            too large.
    """
    target = np.dtype(dtype_of(name, array.dtype.name, fraction_bits))
    if array.dtype != target:
        if (array.dtype.kind in "biu") != (target.kind in "biu") or array.dtype.kind not in "biuf":
            raise ValueError(f"{name} is {array.dtype}, which is no {target}")
        if target.kind != "f" and array.size:
            limits = np.iinfo(target)
            if int(array.min()) < limits.min or int(array.max()) > limits.max:
                raise ValueError(f"{name} has values that {target} does not hold")
    return np.ascontiguousarray(array, target.newbyteorder("<"))


def quantised(name: str, array: NDArray[Any], fraction_bits: int) -> NDArray[np.int32]:
    """Return floats as fixed-point integers, rounded to nearest with halves to even.

    Raises:
        ValueError: a value is not finite, or too large for 32 bits.
    """
    scaled = np.rint(array.astype(np.float64) * 2.0**fraction_bits)
    limits = np.iinfo(np.int32)
    if not (np.isfinite(scaled).all() and limits.min <= scaled.min(initial=0) and scaled.max(initial=0) <= limits.max):
        raise ValueError(f"{name} has values that 32 bits with {fraction_bits} fraction bits do not hold")
    return scaled.astype(np.int32)


def sha256(array: NDArray[Any]) -> str:
    """Return the hash of an array in its canonical form, in hexadecimal digits."""
    return hashlib.sha256(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).data).hexdigest()


def md5_digest(plane: NDArray[Any], fraction_bits: int | None = None) -> str:
    """Return the MD5 of one plane before rounding, as float32 on 0..255, fixed point rounded to it (10.11.1)."""
    values = plane if fraction_bits is None else np.ldexp(plane.astype(np.float64), -fraction_bits)
    return hashlib.md5(np.ascontiguousarray(values, "<f4").data, usedforsecurity=False).hexdigest()


def md5_line(digests: Iterable[str]) -> str:
    """Return the line that the reference software prints of a decoded picture, from `md5_digest` of its planes."""
    return f"MD5: ({', '.join(digests)})"
