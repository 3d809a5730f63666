"""The official checkpoint files: names, sizes and MD5 sums, and whether a file on disk is one of them (09.1 to 09.3).

The list itself is `official.json`.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jpegai.codestream.errors import ModelError

__all__ = [
    "OfficialFile",
    "Status",
    "eicci_file_name",
    "file_name",
    "find",
    "md5_of_file",
    "official_files",
    "official_status",
]

Status = Literal["official", "unknown", "missing"]


@dataclass(frozen=True, slots=True)
class OfficialFile:
    """One file of the official layout.

    `name` is ``directory/file`` with ``/``, `kind` the kind of its tensor list (``common_Y``, ``sop_decoder_UV``,
    ``eicci``), `index` the model_id 0..3 or, of an eICCI filter, its index 0..9 within `bank` (``bop`` or ``hop``);
    `size` in bytes, `md5` in lower-case hexadecimal, `decoding` whether a decoder uses the file.
    """

    name: str
    kind: str
    index: int
    bank: str | None
    size: int
    md5: str
    decoding: bool


@functools.cache
def official_files() -> Mapping[str, OfficialFile]:
    """Return the 80 official files by name (09.2, 09.3)."""
    rows = json.loads(Path(__file__).with_name("official.json").read_text())["files"]
    return {
        row["file"]: OfficialFile(
            row["file"], row["kind"], row["index"], row.get("bank"), row["size"], row["md5"], row["decoding"]
        )
        for row in rows
    }


@functools.cache
def _names() -> Mapping[tuple[str, str | None, int], str]:
    return {(entry.kind, entry.bank, entry.index): name for name, entry in official_files().items()}


def find(name: str) -> OfficialFile:
    """Return the official file called `name`; ModelError when the layout has no such file."""
    entry = official_files().get(name)
    if entry is None:
        raise ModelError(f"the official layout has no file {name!a:.80}")
    return entry


def file_name(kind: str, index: int, bank: str | None = None) -> str:
    """Return the file of a kind: of models by model_id, of eICCI filters by bank and index (09.1, 09.3).

    Args:
        kind: ``common_Y``, ``sop_decoder_UV``, ``eicci``, ...
        index: model_id 0..3, or index 0..9 of a filter within its bank.
        bank: ``bop`` or ``hop`` for ``eicci``.

    Raises:
        ModelError: model_id 4..15 (reserved), or no such file.
    """
    name = _names().get((kind, bank, index))
    if name is None:
        which = f"with model_id {index}" if bank is None else f"{index} in the bank {bank!r}"
        raise ModelError(f"there is no {kind} model {which}")
    return name


def eicci_file_name(bank: str, index: int) -> str:
    """Return the file of the eICCI filter `index` (0..9) of a bank, ``bop`` or ``hop`` (09.3); else ModelError."""
    return file_name("eicci", index, bank)


def official_status(path: Path, entry: OfficialFile) -> Status:
    """Compare a file on disk with its official size and MD5.

    The sum is computed only where the size fits.

    Raises:
        ModelError: the file is there and cannot be read.
    """
    try:
        if path.stat().st_size != entry.size:
            return "unknown"
        return "official" if md5_of_file(path) == entry.md5 else "unknown"
    except (FileNotFoundError, NotADirectoryError):
        return "missing"
    except OSError as error:
        raise ModelError(f"cannot be read: {error.strerror}", file=os.fspath(path)) from error


def md5_of_file(path: Path) -> str:
    """Return the MD5 sum of a file, in hexadecimal; OSError when it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
