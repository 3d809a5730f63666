"""How the exact engine cuts its work into bands and blocks: the one place where tests know the names of these sizes."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

from jpegai.decoder.engines.exact import network, steps


def pieces(rows: int, columns: int, points: int, laid_out: int, narrow: int) -> Iterator[tuple[ModuleType, str, int]]:
    """Return what is set where: to ``setattr``, or to that of pytest's ``monkeypatch``.

    Args:
        rows: of a band; as many bands are made as that allows.
        columns: of a row that are multiplied at once, at most.
        points: of several short rows.
        laid_out: numbers that are laid out for it.
        narrow: length up to which rows are short.
    """
    yield network, "_BAND_BYTES", 1
    yield network, "_BAND_ROWS", rows
    yield steps, "_COLUMNS", columns
    yield steps, "_POINTS", points
    yield steps, "_LAID_OUT", laid_out
    yield steps, "_NARROW", narrow
