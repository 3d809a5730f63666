"""The names under which the reference logs what it writes, by `headers.json`."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from typing import Any

from jpegai.codestream.fields import Entry, Field
from tests.vectors import spec_data


def expanded(entries: Iterable[Entry]) -> Iterator[Field]:
    """Fields one by one, a byte string as a field per byte."""
    for entry in entries:
        for field in (entry,) if isinstance(entry, Field) else entry:
            if field.kind == "bytes":
                for index, byte in enumerate(field.value):
                    where = field.offset + 8 * index
                    yield Field(f"{field.path}[{index}]", field.name, where, 8, byte, byte, "", field.section)
            else:
                yield field


def walk(body: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for node in body:
        if node["t"] in ("e", "let"):
            yield node
        else:
            yield from walk(node.get("body", []))


@functools.cache
def declared(segment: str) -> list[dict[str, Any]]:
    entry = next(entry for entry in spec_data("headers")["segments"] if entry["name"] == segment)
    return list(walk(entry["body"]))


def reference_name(segment: str, field: Field) -> str:
    """The name under which the reference logs a field: `reference_name` of headers.json with its variables."""
    index = [int(text) for text in re.findall(r"\[(\d+)\]", field.path)]
    for node in declared(segment):
        literal = [text for text in node.get("index", []) if text.isdecimal()]
        if node["t"] == "e" and node["name"] == field.name and (not literal or int(literal[0]) == index[0]):
            names = dict(zip(node.get("index", []), index, strict=False))
            names["UV"] = "V" if names.get("k") else "U"  # type: ignore[assignment]
            return str(node.get("reference_name", node["name"])).format(**names)
    raise AssertionError(f"{field.path} is not in headers.json")
