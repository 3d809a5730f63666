"""Streams that edits are tried on, and what differs between two of them, found without the code under test."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from jpegai.codestream import Codestream, EditError, SelectorError
from jpegai.codestream.building import build_stream
from jpegai.codestream.rules.check import check
from jpegai.codestream.schema.segments import kind_named
from jpegai.conformance_streams import STREAMS
from tests.streams import described_streams
from tests.writer import PLAIN

VECTORS = {vector.name: vector for vector in described_streams()}
FILES = [entry.read() for entry in STREAMS]
#: Flags of the post-filters by their names.
FLAGS = {
    "efe_linear": "EFE_linear_filter_enabled_flag", "eicci": "icci_enable_flag",
    "efe_nonlinear": "EFE_nonlinear_filter_enabled_flag", "lef": "LEF_enabled_flag",
}  # fmt: skip
SMALL = PLAIN | {"img_width_minus64": 36, "img_height_minus64": 0}


def small(edition: str | None = None, **values: Any) -> Codestream:
    threads = [b"\x00\x00\x01"]
    data = build_stream(SMALL | values, soz=threads, sorp=threads, sors=threads)
    return Codestream.parse(data, edition=edition)


def vector(name: str) -> Codestream:
    if name not in VECTORS:
        pytest.skip("no test vectors")
    return Codestream.open(VECTORS[name].path)


def values(
    stream: Codestream,
    kinds: tuple[str, ...] = ("coded", "bytes"),
    headers: tuple[str, ...] = ("pih", "ton", "rdi", "udi"),
) -> dict[str, Any]:
    """Every coded element of headers."""
    return {
        field.path: bytes(field.value) if isinstance(field.value, memoryview) else field.value
        for field in stream.fields.expanded()
        if field.kind in kinds
        and field.path.split(".")[0].split("[")[0] in headers
        and field.name not in ("marker", "length")
    }


def differences(before: Codestream, after: Codestream) -> dict[str, tuple[Any, Any]]:
    """Coded elements that differ: path to old and new value, None where there is none."""
    old, new = values(before), values(after)
    return {path: (old.get(path), new.get(path)) for path in {**old, **new} if old.get(path) != new.get(path)}


def segments(stream: Codestream) -> list[tuple[str, bytes]]:
    """Every segment as it stands: marker, length field, payload."""
    return [
        (each.name, bytes(stream.data[each.offset : each.payload_offset + len(each.payload)]))
        for each in stream.segments
    ]


def entropy(stream: Codestream) -> list[tuple[str, bytes]]:
    return [(name, data) for name, data in segments(stream) if kind_named(name).threads is not None]


def errors(stream: Codestream) -> Counter[str]:
    return Counter(found.rule for found in check(stream) if found.severity == "E")


def others(stream: Codestream, *names: str) -> list[tuple[str, bytes]]:
    return [(name, data) for name, data in segments(stream) if name not in names]


def attempt(edit: Callable[..., Codestream], *arguments: Any) -> Codestream | EditError | SelectorError:
    """Return the result of an edit, or its refusal."""
    try:
        return edit(*arguments)
    except (EditError, SelectorError) as error:
        return error


DIVERSE = [
    "bop_m0", "dis_bop", "flt_all_hop", "flt_all_a", "flt_eicci_tiles", "reg_ind_2x2", "reg_dep_2x2", "qmap_rand",
    "cube_mixed", "grfs_pattern", "tile_64_48", "fmt_c_10", "udi_rdi", "rdi_all", "threads_16", "size_97x131",
]  # fmt: skip


@functools.cache
def diverse() -> list[Codestream]:
    """Streams with every kind of syntax; the embedded ones where there are no vectors."""
    found = [Codestream.open(VECTORS[name].path) for name in DIVERSE if name in VECTORS]
    return found or [*map(Codestream.parse, FILES)]
