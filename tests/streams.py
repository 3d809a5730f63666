"""The streams of the vectors folder, and what its JSON files say of them."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jpegai.codestream import Codestream
from jpegai.codestream.framing import length_field
from tests.vectors import VECTORS


@dataclass(frozen=True)
class VectorStream:
    """One stream with its description."""

    path: Path
    tags: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def models(self) -> str:
        return "analytic" if self.path.parent.name == "analytic" else "test"

    @property
    def core(self) -> bool:
        return "core" in self.tags

    def description(self) -> dict[str, Any]:
        return dict(json.loads(self.path.with_suffix(".json").read_text()))


@functools.cache
def described_streams() -> tuple[VectorStream, ...]:
    """The streams of ``test/`` and ``analytic/``; empty where the folder is absent."""
    found = []
    for folder in ("test", "analytic"):
        index = VECTORS / folder / "index.json"
        if index.is_file():
            found += [
                VectorStream(VECTORS / folder / f"{entry['name']}.jai", tuple(entry["tags"]))
                for entry in json.loads(index.read_text())
            ]
    return tuple(found)


def perf_streams() -> tuple[VectorStream, ...]:
    """The streams of ``perf/``, which have no description."""
    return tuple(VectorStream(path) for path in sorted((VECTORS / "perf").glob("*.jai")))


def stream_names(streams: tuple[VectorStream, ...]) -> list[str]:
    return [stream.name for stream in streams]


def without(data: bytes, dropped: set[tuple[str, int]]) -> bytes:
    """A stream of independent regions without the segments of these components and regions."""
    stream = Codestream.parse(data)
    parts = [data[:2]]
    for segment in stream.segments:
        payload = bytes(segment.payload)
        if not payload or (segment.name, payload[0]) not in dropped:
            parts.append(segment.kind.marker.to_bytes(2) + length_field(len(payload)) + payload)
    return b"".join([*parts, data[stream.eoc_offset :]])
