"""What a decode leaves behind besides the picture: times by stage, and the intermediate results asked for."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Dump", "Recorder"]


class Recorder:
    """Adds up the seconds of each stage; keeps no results.

    Attributes:
        keeps: whether results are kept; what exists only to be kept is made only then.
        times: seconds by stage.
    """

    keeps = False

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

    def add(self, name: str, result: NDArray[Any]) -> None:
        """Offer a result under its stage name."""


class Dump(Recorder):
    """Keeps every result, as an independent array."""

    keeps = True

    def __init__(self) -> None:
        super().__init__()
        self.results: dict[str, NDArray[Any]] = {}

    def add(self, name: str, result: NDArray[Any]) -> None:
        """Keep a result."""
        self.results[name] = np.array(result)
