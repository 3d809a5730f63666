"""Files and folders appear under their final name complete or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

__all__ = ["atomic_file", "atomic_files", "atomic_folder"]


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


@contextlib.contextmanager
def atomic_files(paths: Iterable[str | os.PathLike[str]]) -> Iterator[list[IO[bytes]]]:
    """Open several files as `atomic_file` does: none takes its name before the contents of all are written.

    Raises:
        OSError: as `atomic_file`; only if taking a name fails do some of the files stay.
    """
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(atomic_file(path)) for path in paths]
        yield files
        for file in files:
            file.flush()


@contextlib.contextmanager
def atomic_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Make a folder beside `path` that takes its name when the block ends, and vanishes when it fails.

    Raises:
        OSError: there is something at `path` that is not an empty folder, or the folder around it cannot be written.
    """
    final = Path(path)
    if final.exists() and not (final.is_dir() and not any(final.iterdir())):
        raise FileExistsError(17, "exists and is not an empty directory", str(final))
    temporary = final.with_name(f".{final.name}.{secrets.token_hex(4)}")
    try:
        temporary.mkdir()
    except FileNotFoundError:
        raise FileNotFoundError(2, "No such directory", str(final.parent)) from None
    try:
        yield temporary
        if final.exists():
            final.rmdir()
        os.replace(temporary, final)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
