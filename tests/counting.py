"""A view of a file that notes which of its bytes are looked at."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from jpegai.codestream import codestream, cursor

__all__ = ["Counted", "count_bytes"]

_frombuffer = np.frombuffer


class Counted:
    """What stands in for a `memoryview` of a file: slices share the note, and only what is looked at is noted.

    It has no buffer of its own, so nothing can get at the bytes but through what is written here.

    Attributes:
        touched: bool, of every byte of the file.
    """

    def __init__(self, data: Any, touched: NDArray[np.bool_] | None = None, first: int = 0) -> None:
        self._data = memoryview(data)
        self._first = first
        self.touched = np.zeros(len(self._data), bool) if touched is None else touched

    def toreadonly(self) -> Counted:
        return self

    def cast(self, kind: str) -> Counted:
        assert kind == "B" == self._data.format
        return self

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            first, _, step = index.indices(len(self))
            assert step == 1
            return Counted(self._data[index], self.touched, self._first + first)
        self.touched[self._first + range(len(self))[index]] = True
        return self._data[index]

    def __bytes__(self) -> bytes:
        self.touched[self._first : self._first + len(self)] = True
        return bytes(self._data)

    def __iter__(self) -> Any:
        """For `int.from_bytes`, among others."""
        return iter(bytes(self))


def count_bytes(monkeypatch: pytest.MonkeyPatch) -> list[Counted]:
    """Let every codestream be parsed through a counted view; they are put in the list that is returned."""
    views: list[Counted] = []

    def view(data: Any) -> Counted:
        views.append(Counted(data))
        return views[-1]

    def frombuffer(data: Any, *args: Any, **more: Any) -> NDArray[Any]:
        return _frombuffer(bytes(data) if isinstance(data, Counted) else data, *args, **more)

    monkeypatch.setattr(codestream, "memoryview", view, raising=False)
    monkeypatch.setattr(
        cursor, "memoryview", lambda data: data if isinstance(data, Counted) else memoryview(data), raising=False
    )
    monkeypatch.setattr(np, "frombuffer", frombuffer)
    return views
