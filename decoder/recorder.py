"""What a decode leaves behind besides the picture: times by stage, and the intermediate results asked for."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.geometry import Area

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

    def add_part(self, name: str, size: tuple[int, int], area: Area, part: NDArray[Any]) -> None:
        """Offer what a result of height and width `size` holds in an area."""


class Dump(Recorder):
    """Keeps every result, as an independent array."""

    keeps = True

    def __init__(self) -> None:
        super().__init__()
        self.results: dict[str, NDArray[Any]] = {}

    def add(self, name: str, result: NDArray[Any]) -> None:
        """Keep a result."""
        self.results[name] = np.array(result)

    def add_part(self, name: str, size: tuple[int, int], area: Area, part: NDArray[Any]) -> None:
        """Keep a part of a result; what no part covers stays 0."""
        if name not in self.results:
            self.results[name] = np.zeros((len(part), *size), part.dtype)
        self.results[name][area.index] = part
