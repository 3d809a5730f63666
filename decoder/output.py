"""Files appear under their final name complete or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import IO

__all__ = ["atomic_file"]


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a binary file beside `path` that takes its name when the block ends, and vanishes when it fails.

    Raises:
        OSError: the folder does not exist or cannot be written.
    """
    final = Path(path)
    if final.is_dir():
        raise IsADirectoryError(21, "Is a directory", str(final))
    temporary = final.with_name(f".{final.name}.{secrets.token_hex(4)}")
    try:
        file = temporary.open("xb")
    except FileNotFoundError:
        raise FileNotFoundError(2, "No such directory", str(final.parent)) from None
    try:
        with file:
            yield file
        os.replace(temporary, final)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
