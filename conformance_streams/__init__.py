"""The embedded streams: small codestreams with the pictures a right decoder makes of them.

`STREAMS` follows ``manifest.json``; the files stand beside it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

__all__ = ["STREAMS", "EmbeddedStream"]

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class EmbeddedStream:
    """One embedded stream.

    Attributes:
        file: name of the codestream.
        content: what it shows.
        rights: origin and rights of the picture.
        sha256: of the codestream.
        models: name of the models it decodes with.
        references: picture file of each transform (``sop``, ``bop``).
        stages: for each transform the sha256 of every result of the exact engine (docs/dumps.md).
    """

    file: str
    content: str
    rights: str
    sha256: str
    models: str
    references: dict[str, str]
    stages: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """Where the codestream is."""
        return _FOLDER / self.file

    def read(self) -> bytes:
        """Return the codestream."""
        return self.path.read_bytes()

    def reference(self, transform: str) -> bytes:
        """Return the PNG file that the reference software made with a transform."""
        return (_FOLDER / self.references[transform]).read_bytes()

    @cached_property
    def intact(self) -> bool:
        """Whether the codestream has the sha256 of the manifest."""
        return hashlib.sha256(self.read()).hexdigest() == self.sha256


def _load() -> tuple[EmbeddedStream, ...]:
    entries: list[dict[str, Any]] = json.loads((_FOLDER / "manifest.json").read_text())["streams"]
    return tuple(EmbeddedStream(**entry) for entry in entries)


STREAMS = _load()
