"""Into what classes coverage sorts values and streams, as data."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jpegai.codestream import Codestream
from jpegai.codestream.building import REFERENCE_ORDER
from jpegai.codestream.schema.base import ByteString, Element, Se, U, Ue
from jpegai.codestream.schema.describe import Row
from jpegai.codestream.schema.payload import THREAD
from jpegai.codestream.schema.pih import CHROMA_FORMATS, TRANSFORMS
from jpegai.codestream.schema.ranges import legal_values
from jpegai.codestream.schema.segments import SEGMENTS
from jpegai.codestream.schema.values import Expression

__all__ = ["FACETS", "Facet", "stream_facets", "value_classes"]

#: Elements with at most as many legal values have a class for each.
_LISTED = 16

#: Classes of other numbers; ``low`` and ``high`` are the smallest and the largest legal value. A class that cannot
#: occur is left out, and so is one that has the values of a class before it.
_NUMBERS = {
    "smallest": "v == low",
    "largest": "v == high",
    "0": "v == 0",
    "1": "v == 1",
    "power of two": "v >= 2 and v & (v - 1) == 0",
    "power of two minus 1": "v >= 3 and v & (v + 1) == 0",
    "other": "v != low and v != high and v & (v - 1) and v & (v + 1)",
}
#: The same where the limits are values of other elements.
_UNBOUNDED = {
    "0": "v == 0",
    "1": "v == 1",
    "power of two": "v >= 2 and v & (v - 1) == 0",
    "power of two minus 1": "v >= 3 and v & (v + 1) == 0",
    "other": "v & (v - 1) and v & (v + 1)",
}
#: Classes of codes ue(v), by the bytes of a length field (01.3).
_CODES = {
    "0..14": "v <= 14",
    "15..254": "15 <= v <= 254",
    "255..4094": "255 <= v <= 4094",
    "4095..65534": "4095 <= v <= 65534",
    "65535..": "65535 <= v",
}
#: Classes of codes se(v).
_SIGNED = {"negative": "v < 0", "0": "v == 0", "positive": "v > 0"}
#: Classes of byte strings by length, and of threads, which are never shorter than two bytes (04.2.1).
_LENGTHS = {"0 bytes": "v == 0", "1 byte": "v == 1", "2..15 bytes": "2 <= v <= 15", "16.. bytes": "v >= 16"}
_THREADS = {"2 bytes": "v == 2", "3 bytes": "v == 3", "4..15 bytes": "4 <= v <= 15", "16.. bytes": "v >= 16"}

#: Cases that rules over several elements rule out.
_IMPOSSIBLE = {
    ("pih", "length"): {"0..14"},  # the shortest header has 117 bits
    ("ton", "bS"): {"smallest"},  # R-62, and so the next two
    ("ton", "len_mask_y"): {"smallest"},
    ("ton", "len_mask_x"): {"smallest"},
    ("ton", "numTiles"): {"smallest"},
    ("ton", "candNum"): {"smallest", "largest", "1", "power of two minus 1"},  # 8, 16, ...
}

_Test = Callable[[int], bool]


@functools.cache
def value_classes(row: Row, component: int | None = None) -> Mapping[str, _Test]:
    """Return the classes of the legal values of an element: name to the test of a value (of bytes: their number).

    Args:
        row: a row of an element.
        component: turn of the loop over components, where it is in one.
    """
    impossible = _IMPOSSIBLE.get((row.segment, row.name), ())
    return {name: test for name, test in _classes(row, component).items() if name not in impossible}


def _classes(row: Row, component: int | None) -> Mapping[str, _Test]:
    element = row.declaration
    if isinstance(element, Ue):
        return _tests(_CODES)
    if isinstance(element, Se):
        return _tests(_SIGNED)
    if isinstance(element, ByteString):
        return _tests(_THREADS if element is THREAD else _LENGTHS)
    assert isinstance(element, U)
    try:
        legal = legal_values(element, {} if component is None else {"c": component})
    except KeyError:  # the limits are those of another element
        return _tests(_UNBOUNDED)
    if element.meanings or len(legal) <= _LISTED:
        return _listed(element, legal)
    return _of_range(legal)


def _tests(texts: Mapping[str, str], **limits: int) -> dict[str, _Test]:
    return {name: _test(Expression(text), limits) for name, text in texts.items()}


def _test(holds: Expression, limits: Mapping[str, int]) -> _Test:
    return lambda value: bool(holds.evaluate({"v": value, **limits}))


def _listed(element: Element, legal: Sequence[int]) -> dict[str, _Test]:
    """A class for each value that has a text of its own, or for all of them."""
    named = [value for value in legal if value in element.meanings] or list(legal)
    classes: dict[str, _Test] = {}
    for value in named:
        text = element.meanings.get(value)
        classes[f"{value}: {text}" if text else str(value)] = value.__eq__
    if len(named) < len(legal):
        classes["other"] = lambda value: value in legal and value not in named
    return classes


def _of_range(legal: Sequence[int]) -> dict[str, _Test]:
    low, high = legal[0], legal[-1]
    edges = {value for bit in range(high.bit_length() + 1) for value in (1 << bit, (1 << bit) - 1, (1 << bit) + 1)}
    samples = sorted(value for value in edges | {low, high} if low <= value <= high)
    classes: dict[str, _Test] = {}
    seen = set()
    for name, test in _tests(_NUMBERS, low=low, high=high).items():
        members = tuple(filter(test, samples))
        if members and members not in seen:
            classes[name] = test
            seen.add(members)
    return classes


@dataclass(frozen=True, slots=True)
class Facet:
    """Something that the values of a stream say of it as a whole: an expression, and names of its values."""

    title: str
    expression: Expression
    cases: Mapping[Any, str]

    def case(self, names: Mapping[str, Any]) -> str:
        """Return the case of a stream; empty where the value has no name or a header ended before it."""
        try:
            return self.cases.get(self.expression.evaluate(names), "")
        except KeyError:
            return ""


def _facet(title: str, expression: str, cases: Mapping[Any, str]) -> Facet:
    return Facet(title, Expression(expression), cases)


def _threads(title: str, variable: str) -> Facet:
    return _facet(f"threads of {title}", variable, {count: str(count) for count in (1, 2, 4, 8, 16)})


_CUT = {(0, 0): "neither", (1, 0): "the first", (0, 1): "the second", (1, 1): "both"}
_TILED = "synthesis_tile_enable[0] and (16 * synthesis_tile_size[0] < max(img_width, img_height)) + 1"
_REGIONS = "region_partitioning_flag and 1 + (num_regions > 1) + 2 * region_residual_in_its_own_substream_flag"
_FILTERS = "EFE_linear_filter_enabled_flag + icci_enable_flag + EFE_nonlinear_filter_enabled_flag + LEF_enabled_flag"

#: Facets from elements and derived variables.
FACETS = (
    _facet("edition", "edition", {"is": "International Standard", "dis": "Draft International Standard"}),
    _facet("chroma format of the output", "s_ver, s_hor", CHROMA_FORMATS),
    _facet("chroma format as coded", "c_ver, c_hor", CHROMA_FORMATS),
    _facet("default transform", "synthesis_transform_id[0]", TRANSFORMS),
    _facet("width", "(img_width % 16 == 0) + (img_width % 64 == 0)",
           {0: "other", 1: "multiple of 16", 2: "multiple of 64"}),
    _facet("height", "(img_height % 16 == 0) + (img_height % 64 == 0)",
           {0: "other", 1: "multiple of 16", 2: "multiple of 64"}),
    _facet("display crop of columns, rows", "(diff_display_img_width > 0, diff_display_img_height > 0)", _CUT),
    _threads("z", "num_threads_z"),
    _threads("the primary residual", "num_threads_r[0]"),
    _threads("the secondary residual", "num_threads_r[1]"),
    _threads("the quality map", "num_threads_q if gain_3D_enable_flag else 0"),
    _facet("cut in columns, rows of regions", "(numHorRegions > 1, numVerRegions > 1)", _CUT),
    _facet("regions", _REGIONS,
           {0: "not partitioned", 1: "one, dependent", 2: "several, dependent", 3: "one, independent",
            4: "several, independent"}),
    _facet("synthesis tiles", _TILED, {0: "off", 1: "one", 2: "several"}),
    _facet("coded channels, primary", "(numCh[0] > 0) + (numCh[0] == 160)", {0: "none", 1: "some", 2: "all"}),
    _facet("coded channels, secondary", "(numCh[1] > 0) + (numCh[1] == 96)", {0: "none", 1: "some", 2: "all"}),
    _facet("post-filters", _FILTERS, {count: str(count) for count in range(5)}),
)  # fmt: skip


def _order(stream: Codestream) -> list[str]:
    """Kinds of segments in file order, each once."""
    return list(dict.fromkeys(segment.name for segment in stream.segments))


def _before(first: str, second: str) -> Callable[[Codestream], bool]:
    def holds(stream: Codestream) -> bool:
        order = _order(stream)
        return first in order and second in order and order.index(first) < order.index(second)

    return holds


def _has(name: str) -> Callable[[Codestream], bool]:
    return lambda stream: stream.segment(name) is not None


def _lacks(name: str) -> Callable[[Codestream], bool]:
    return lambda stream: stream.segment(name) is None


def _in_reference_order(stream: Codestream) -> bool:
    places = [REFERENCE_ORDER.index(segment.name) for segment in stream.segments]
    return places == sorted(places)


@functools.cache
def stream_facets() -> Mapping[str, Mapping[str, Callable[[Codestream], bool]]]:
    """Return facets of the segments of a stream: title, then case and its test."""
    names = [kind.name for kind in SEGMENTS.values()]
    return {
        "segment": {name: _has(name) for name in names},
        "segment left out": {name: _lacks(name) for name in ("ton", "rdi", "udi")},
        "order of segments": {
            "that of the reference": _in_reference_order,
            "z before the residuals": _before("soz", "sorp"),
            "secondary before primary residual": _before("sors", "sorp"),
            "tools header behind a residual": _before("sorp", "ton"),
            "rendering information behind a residual": _before("sorp", "rdi"),
            "user data behind a residual": _before("sorp", "udi"),
        },
        "behind the end": {
            "nothing": lambda stream: not stream.trailing,
            "bytes": lambda stream: bool(stream.trailing),
        },
        "parses": {
            "to its end": lambda stream: not stream.errors,
            "damaged": lambda stream: bool(stream.errors),
        },
    }
