"""How the exact engine cuts its work into bands and blocks: the one place where tests know the names of these sizes."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

from jpegai.decoder.engines.exact import convolution, network


def pieces(rows: int, columns: int, narrow: int, laid_out: int, sums: int) -> Iterator[tuple[ModuleType, str, int]]:
    """Return what is set where: to ``setattr``, or to that of pytest's ``monkeypatch``.

    Args:
        rows: of a band; as many bands are made as that allows.
        columns: of a block at most.
        narrow: columns of a block at least, where there are so many.
        laid_out: numbers of the input of a block.
        sums: numbers of the results of a block.
    """
    yield network, "_BAND_BYTES", 1
    yield network, "_BAND_ROWS", rows
    yield convolution, "_COLUMNS", columns
    yield convolution, "_NARROW", narrow
    yield convolution, "_LAID_OUT", laid_out
    yield convolution, "_SUMS", sums
