"""Edits: pure functions from a stream to a stream. Segments that an edit does not touch keep their bytes.

Each refuses (`EditError`) what would make the result invalid: what would not parse, what would have the payloads coded
again (11.19), what would give the data of a post-filter another meaning, and what would break a rule of 12.6 with
severity E that the stream keeps. `jpegai.codestream.changes.changes` names all that differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jpegai.codestream.building import REFERENCE_ORDER, check_given
from jpegai.codestream.codestream import Codestream
from jpegai.codestream.editing import Piece, assemble, header_of, new_payload, pieces, rebuilt
from jpegai.codestream.editions import EDITIONS
from jpegai.codestream.errors import EditError, JpegAIError, SelectorError
from jpegai.codestream.framing import Segment
from jpegai.codestream.headers import read_header
from jpegai.codestream.payloads import build_payload
from jpegai.codestream.schema.base import U
from jpegai.codestream.schema.declared import declarations
from jpegai.codestream.schema.pih import PICTURE_HEADER
from jpegai.codestream.schema.recoding import TOOL_FILTERS
from jpegai.codestream.schema.segments import SegmentKind, kind_named
from jpegai.codestream.schema.values import Header
from jpegai.codestream.selectors import Selector, near, select
from jpegai.codestream.setting import Value, inserted, set_elements

__all__ = [
    "FILTERS", "ORDERS", "change_edition", "crop_display", "drop", "drop_trailing", "keep_regions",
    "remove_rendering_information", "remove_user_data", "reorder", "replace", "set_element", "set_elements",
    "set_rendering_information", "set_user_data", "strip_filters",
]  # fmt: skip

#: Names of the post-filters that `strip_filters` takes out.
FILTERS = tuple(each.name for each in TOOL_FILTERS)
#: Orders of segments by name: as the reference writes them, and what a decoder needs first in front.
ORDERS = {
    "reference": REFERENCE_ORDER,
    "streaming": ("pih", "ton", "udi", "rdi", "soz", "soq", "sorp", "sors"),
}

#: What a segment can be replaced by: the bytes of its payload, values of a header, or the bytes of its threads.
Content = bytes | bytearray | memoryview | Mapping[str, Any] | Sequence[bytes]


def set_element(stream: Codestream, selector: str, value: Value) -> Codestream:
    """Return a stream with another value of a header element; see `set_elements`."""
    return set_elements(stream, [(selector, value)])


def drop(stream: Codestream, selector: str) -> Codestream:
    """Return a stream without the segments that a selector names."""
    gone = {segment.group for segment in _segments(stream, selector)}
    return assemble(stream, [part for group, part in pieces(stream).items() if group not in gone])


def drop_trailing(stream: Codestream) -> Codestream:
    """Return a stream without the bytes behind its end."""
    return assemble(stream, pieces(stream).values(), trailing=b"")


def replace(stream: Codestream, selector: str, content: Content) -> Codestream:
    """Return a stream with another payload of one segment.

    Args:
        stream: the stream.
        selector: names the segment.
        content: bytes of the payload; values of a header by element name; or the bytes of the threads of an
            entropy-coded payload that is not cut in regions, or of one independent region.
    """
    found = _segments(stream, selector)
    if len(found) > 1:
        raise EditError("one segment can be replaced at a time", selector=selector, found=_names(found))
    segment = found[0]
    if isinstance(content, Mapping):
        return _replace_header(stream, segment.kind, segment, content)
    if isinstance(content, (bytes, bytearray, memoryview)):
        return _with(stream, segment, bytes(content))
    return _with(stream, segment, _joined(stream, segment, content))


def keep_regions(stream: Codestream, regions: Iterable[int]) -> Codestream:
    """Return an extract of a stream of independent regions: the residual of some of them, all else as it is."""
    kept = sorted({*regions})
    if not stream.pih.region_residual_in_its_own_substream_flag:
        raise EditError(
            "the regions are not independent: only independent ones can be taken out",
            selector="pih.region_residual_in_its_own_substream_flag", expected=1, found=0,
        )  # fmt: skip
    index = {
        segment.group: stream.payload(segment).regions[0].index
        for segment in stream.segments
        if segment.kind.regions and stream.payload(segment).regions
    }
    missing = [region for region in kept if region not in index.values()]
    if missing or not kept:
        raise EditError(
            "there is no such region" if missing else "no region would be left",
            segment="sorp", expected=f"some of {sorted({*index.values()})}", found=missing or None,
        )  # fmt: skip
    return assemble(stream, [part for group, part in pieces(stream).items() if index.get(group, kept[0]) in kept])


def strip_filters(stream: Codestream, names: Iterable[str] = FILTERS) -> Codestream:
    """Return a stream without the data of post-filters (names of `FILTERS`), and with their flags off."""
    names = list(names)
    unknown = [name for name in names if name not in FILTERS]
    if unknown:
        raise EditError("there is no such filter", selector="ton", expected=", ".join(FILTERS), found=unknown[0])
    if stream.segment("ton") is None:
        return stream
    on = [each.flag for each in TOOL_FILTERS if each.name in names and stream.ton[each.flag]]
    return set_elements(stream, [(f"ton.{flag}", 0) for flag in on])


def set_user_data(stream: Codestream, data: bytes | memoryview) -> Codestream:
    """Return a stream with user data (03.6) in place of those it has."""
    return _put(stream, "udi", bytes(data))


def remove_user_data(stream: Codestream) -> Codestream:
    """Return a stream without user data."""
    return _without(stream, "udi")


def set_rendering_information(stream: Codestream, values: Mapping[str, Any]) -> Codestream:
    """Return a stream with rendering information (03.5) in place of what it has.

    Args:
        stream: the stream.
        values: by element name; flags that say that an element is present follow from what is given.
    """
    return _replace_header(stream, kind_named("rdi"), _only(stream, "rdi"), values)


def remove_rendering_information(stream: Codestream) -> Codestream:
    """Return a stream without rendering information."""
    return _without(stream, "rdi")


def change_edition(stream: Codestream, edition: str) -> Codestream:
    """Return a stream in the other edition (02.7)."""
    if edition not in EDITIONS:
        raise EditError("there is no such edition", expected=" or ".join(EDITIONS), found=edition)
    segment = stream.segments[0]
    return assemble(stream, rebuilt(stream, {segment.group: header_of(stream, segment)}, edition), edition=edition)


def crop_display(stream: Codestream, width: int, height: int) -> Codestream:
    """Return a stream that is displayed in another size: columns at the right and rows at the bottom are cut off."""
    pih = stream.pih
    bits = {each.name: each.member.bits for each in declarations(PICTURE_HEADER) if isinstance(each.member, U)}
    for name, asked, coded in (("width", width, pih.img_width), ("height", height, pih.img_height)):
        most = (1 << bits[f"diff_display_img_{name}"].evaluate({})) - 1
        if not 0 <= coded - asked <= most:
            raise EditError(
                f"at most {most} samples can be cut off", selector=f"pih.display_{name}",
                expected=f"{coded - most}..{coded}", found=asked,
            )  # fmt: skip
    return set_elements(stream, [("pih.display_width", width), ("pih.display_height", height)])


def reorder(stream: Codestream, order: str | Sequence[str]) -> Codestream:
    """Return a stream with its segments in another order.

    Args:
        stream: the stream.
        order: a name of `ORDERS`, or selectors of segments, each of one or more; those of a kind stay in their order.
    """
    parts, ordered = pieces(stream), dict[str, Piece]()
    if isinstance(order, str):
        if order not in ORDERS:
            raise EditError("there is no such order", expected=" or ".join(ORDERS), found=order)
        order = [name for name in ORDERS[order] if stream.segment(name) is not None]
    for selector in order:
        ordered |= {each.group: parts[each.group] for each in _segments(stream, selector) if each.group not in ordered}
    left = [group for group in parts if group not in ordered]
    if left:
        raise EditError("a segment has no place in the order", selector=left[0])
    return assemble(stream, ordered.values())


def _segments(stream: Codestream, selector: str) -> list[Segment]:
    """Return the segments that a selector names; at least one.

    Raises:
        SelectorError: it selects nothing.
        EditError: it selects something else.
    """
    wanted = Selector(selector)
    found = [segment for segment in stream.segments if wanted.names(segment.group)]
    if not found:
        other = select(stream.fields, selector)[0]
        raise EditError("only whole segments can be taken", selector=selector, found=other.path)
    return found


def _names(segments: Sequence[Segment]) -> str:
    return ", ".join(segment.group for segment in segments)


def _only(stream: Codestream, name: str) -> Segment | None:
    """Return the one segment of a kind, None where there is none."""
    found = [segment for segment in stream.segments if segment.name == name]
    if len(found) > 1:
        raise EditError("the stream has several segments of this kind; drop all but one", segment=name,
                        found=_names(found))  # fmt: skip
    return found[0] if found else None


def _with(stream: Codestream, segment: Segment, payload: bytes | memoryview) -> Codestream:
    """Return a stream with another payload of a segment; a picture header may have other headers written anew."""
    parts = pieces(stream)
    if segment is stream.segment("pih"):
        outer = {"edition": stream.edition}
        reading = read_header(segment.kind, segment.group, memoryview(payload), segment.payload_offset, outer)
        if reading.error is None:
            parts = dict(zip(parts, rebuilt(stream, {segment.group: reading.header}), strict=True))
    parts[segment.group] = Piece.of(segment.kind, payload)
    return assemble(stream, parts.values())


def _put(stream: Codestream, name: str, payload: bytes) -> Codestream:
    """Return a stream with a header segment, in place of the one it has."""
    segment = _only(stream, name)
    if segment is not None:
        return _with(stream, segment, payload)
    return assemble(stream, inserted(stream, kind_named(name), payload))


def _without(stream: Codestream, name: str) -> Codestream:
    return stream if stream.segment(name) is None else drop(stream, name)


def _replace_header(
    stream: Codestream, kind: SegmentKind, segment: Segment | None, values: Mapping[str, Any]
) -> Codestream:
    """Return a stream with a header of values, and refuse it when one of them is not there."""
    if kind.schema is None:
        raise EditError("the segment is no header: it has no values", segment=kind.name)
    given = dict(values)
    declared = list(declarations(kind.schema))
    for each in declared:
        if each.name in values:
            flags = [condition.text for condition in each.conditions if condition.text.isidentifier()]
            given |= {flag: 1 for flag in flags if flag not in values}
    names = sorted({each.name for each in declared})
    for name in values:
        if name not in names:
            raise SelectorError(f"there is no such element{near(name, names)}", selector=f"{kind.name}.{name}")
    try:
        header = Header(kind.name, given)
    except TypeError:
        raise EditError("arrays are lists, or mappings of indices", segment=kind.name) from None
    if kind.name == "pih":
        after = assemble(stream, rebuilt(stream, {stream.segments[0].group: header}))
    else:
        payload = new_payload(kind, header, stream.names)
        after = _with(stream, segment, payload) if segment is not None else _put(stream, kind.name, payload)
    try:
        check_given(after, {kind.name: given})
    except JpegAIError as error:
        raise EditError(error.message, selector=error.selector, expected=error.expected, found=error.found) from None
    return after


def _joined(stream: Codestream, segment: Segment, threads: Sequence[bytes]) -> bytes:
    """Return the payload of threads."""
    if segment.kind.threads is None:
        raise EditError("the segment has no threads", segment=segment.name)
    regions = stream.payload(segment).regions
    if len(regions) != 1 or len(regions[0].threads) != len(threads):
        raise EditError(
            "threads of one region replace as many", selector=segment.group,
            expected=f"{len(regions)} regions of {len(regions[0].threads)} threads", found=f"{len(threads)} threads",
        )  # fmt: skip
    independent = stream.independent(segment.kind)
    return build_payload({regions[0].index: threads}, independent=independent)[0]
