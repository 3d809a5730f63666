"""Dumps as another decoder might write them, by docs/dumps.md alone: nothing of the package's writers."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]


def npy(array: NDArray[Any], *, pickled: bool = False) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=pickled)
    return file.getvalue()


def archive(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as made:
        for name, data in members.items():
            made.writestr(name, data)
    return file.getvalue()


def index(arrays: Arrays, bits: dict[str, int] | None = None, **more: Any) -> dict[str, Any]:
    """An index of arrays in their canonical forms, on a machine of the little end."""
    results = [
        {
            "name": name,
            "shape": list(array.shape),
            "dtype": array.dtype.name,
            "fraction_bits": (bits or {}).get(name),
            "sha256": hashlib.sha256(array.tobytes()).hexdigest(),
        }
        for name, array in arrays.items()
    ]
    return {"schema_version": 1, "results": results, **more}


def dump(arrays: Arrays, bits: dict[str, int] | None = None, **more: Any) -> bytes:
    """An NPZ dump with its index."""
    members = {f"{name}.npy": npy(array) for name, array in arrays.items()}
    return archive({**members, "index.json": json.dumps(index(arrays, bits, **more)).encode()})


def made_up() -> Arrays:
    """Results of every kind, made up: integers, floats and a picture of 4x6 samples."""
    count = np.arange(24)
    return {
        "primary.z": (count % 7 - 3).astype(np.int8).reshape(6, 2, 2),
        "secondary.z": (count % 5 - 2).astype(np.int8).reshape(6, 2, 2),
        "primary.residual": (count - 12).astype(np.int16).reshape(2, 3, 4),
        "primary.latents": (count / 8 - 1).astype(np.float32).reshape(2, 3, 4),
        "primary.planes": (count * 10.5).astype(np.float32).reshape(1, 4, 6),
        "lef.1": (count * 10.25).astype(np.float32).reshape(1, 4, 6),
        "picture": (np.arange(72) * 3).astype(np.uint8).reshape(4, 6, 3),
    }


def fixed(array: NDArray[Any], bits: int) -> NDArray[np.int32]:
    """Values as integers with fraction bits."""
    return np.rint(array.astype(np.float64) * 2**bits).astype(np.int32)


def altered(arrays: Arrays, name: str, place: tuple[int, ...], value: float) -> Arrays:
    """The same results with one other sample."""
    array = arrays[name].copy()
    array[place] = value
    return {**arrays, name: array}


_WRONG = altered(made_up(), "primary.planes", (0, 2, 3), 200.0)
#: Dumps for the transcripts.
DUMPS = {
    "right.npz": dump(made_up()),
    "wrong.npz": dump(altered(_WRONG, "picture", (1, 2, 0), 0)),
    "fixed.npz": dump(
        {**made_up(), "primary.latents": fixed(made_up()["primary.latents"], 12)}, {"primary.latents": 12},
        engine="exact", exact=True, transform="SOP",
    ),
    "hashes.json": json.dumps(index(_WRONG)).encode(),
}  # fmt: skip
