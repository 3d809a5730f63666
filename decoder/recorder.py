"""What a decode leaves behind besides the picture: times by stage, and the intermediate results asked for."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Dump", "Recorder"]


class Recorder:
    """Adds up the seconds of each stage; keeps no results."""

    def __init__(self) -> None:
        self.times: dict[str, float] = {}

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time of the block under `name`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.times[name] = self.times.get(name, 0.0) + time.perf_counter() - start

    def add(self, name: str, make: Callable[[], NDArray[Any]]) -> None:
        """Offer a result under its stage name; `make` is called only where it is kept."""

    def add_rows(self, name: str, shape: tuple[int, ...], first: int, rows: Callable[[], NDArray[Any]]) -> None:
        """Offer some rows (axis 1) of a result of the given shape, starting at row `first`."""


class Dump(Recorder):
    """Keeps every result, as an independent array."""

    def __init__(self) -> None:
        super().__init__()
        self.results: dict[str, NDArray[Any]] = {}

    def add(self, name: str, make: Callable[[], NDArray[Any]]) -> None:
        self.results[name] = np.array(make())

    def add_rows(self, name: str, shape: tuple[int, ...], first: int, rows: Callable[[], NDArray[Any]]) -> None:
        part = rows()
        whole = self.results.setdefault(name, np.empty(shape, part.dtype))
        whole[:, first : first + part.shape[1]] = part
