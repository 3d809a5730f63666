"""A few threads for the compiled loops, which release the interpreter lock."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["Workers", "available_cpus", "grain"]

_GRAIN = 1 << 16  # numbers that are worth a thread

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def available_cpus() -> int:
    """Return the number of CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def grain(numbers: int) -> int:
    """Return how many items of so many numbers each are worth a thread (for `Workers.split`)."""
    return max(1, _GRAIN // max(1, numbers))


class Workers:
    """`threads` workers; with one thread everything runs in the caller."""

    def __init__(self, threads: int | None = None) -> None:
        self.threads = threads or available_cpus()
        self._pool = ThreadPoolExecutor(self.threads, "jpegai") if self.threads > 1 else None

    def map(self, function: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
        """Return the results of `function` over `items`, in order; the first error is raised.

        `function` must not use the same workers again: all of them may be waiting for each other then.
        """
        items = list(items)
        if self._pool is None or len(items) < 2:
            return [function(item) for item in items]
        return list(self._pool.map(function, items))

    def split(self, function: Callable[[int, int], object], count: int, grain: int = 1) -> None:
        """Call `function(first, last)` on pieces that cover 0..count-1, each of at least `grain`."""
        pieces = max(1, min(self.threads, count // max(1, grain)))
        bounds = [count * piece // pieces for piece in range(pieces + 1)]
        self.map(lambda span: function(*span), itertools.pairwise(bounds))
