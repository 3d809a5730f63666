"""A codestream from typed values alone: headers by element, entropy-coded payloads by the bytes of their threads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jpegai.codestream.codestream import Codestream
from jpegai.codestream.errors import StreamSyntaxError
from jpegai.codestream.fields import selector
from jpegai.codestream.framing import join_codestream, segment_parts
from jpegai.codestream.headers import build_header
from jpegai.codestream.payloads import build_payload
from jpegai.codestream.schema.segments import REFERENCE_ORDER, SegmentKind, kind_named
from jpegai.codestream.schema.values import Header, Indexed

__all__ = ["REFERENCE_ORDER", "Regions", "Threads", "build_stream", "check_given", "join_segments"]

#: The bytes of the threads of a payload.
Threads = Sequence[bytes]
#: Threads by region index.
Regions = Mapping[int, Threads]


def join_segments(
    segments: Sequence[tuple[SegmentKind, bytes | memoryview]], trailing: bytes | memoryview = b""
) -> bytes:
    """Return a codestream of segments, given as kinds and payloads, between its two markers."""
    return join_codestream((part for segment in segments for part in segment_parts(*segment)), trailing)


def build_stream(
    pih: Mapping[str, Any],
    *,
    soz: Threads,
    sorp: Threads | Regions,
    sors: Threads | Regions,
    soq: Threads | None = None,
    ton: Mapping[str, Any] | None = None,
    rdi: Mapping[str, Any] | None = None,
    udi: bytes | None = None,
    edition: str = "is",
    order: Sequence[str] = REFERENCE_ORDER,
) -> bytes:
    """Return a codestream built from values.

    Args:
        pih: values of the picture header by element name; arrays as lists or as mappings of indices.
        soz: threads of the hyper latents.
        sorp: threads of the primary residual, or threads by region.
        sors: the same of the secondary residual.
        soq: threads of the quality map; None for no such segment.
        ton: values of the tools header; None for no such segment.
        rdi: values of the rendering information; None for no such segment.
        udi: user data; None for no such segment.
        edition: ``is`` or ``dis``.
        order: names of the segments in file order.

    Elements that count something (threads, regions of a table, entries, bytes) are recomputed. Scalars that are absent
    or not given have their inferred values.

    Raises:
        StreamSyntaxError: a value is missing, does not fit, or would not be in the stream: its element is absent.
    """
    header = Header("pih", pih)
    independent = bool(header.get("region_residual_in_its_own_substream_flag", 0))
    payloads: dict[str, Regions] = {"soz": {0: soz}}
    if soq is not None:
        payloads["soq"] = {0: soq}
    for name, given in (("sorp", sorp), ("sors", sors)):
        payloads[name] = given if isinstance(given, Mapping) else {0: given}
    for name, regions in payloads.items():
        _set_threads(header, name, regions)
    built: dict[str, list[bytes]] = {"pih": [build_header(kind_named("pih"), header, {"edition": edition})]}
    names = {**header, "edition": edition}
    headers = {"ton": ton, "rdi": rdi, "udi": None if udi is None else {"UDI_data": udi}}
    for name, values in headers.items():
        if values is not None:
            built[name] = [build_header(kind_named(name), Header(name, values), names)]
    for name, regions in payloads.items():
        cut = kind_named(name).regions
        built[name] = build_payload(regions, independent=cut and independent, total=header.num_regions if cut else 1)
    segments = [(kind_named(name), payload) for name in order for payload in built.pop(name, ())]
    if built:
        raise StreamSyntaxError("a segment has no place in the order", segment=next(iter(built)))
    data = join_segments(segments)
    check_given(Codestream.parse(data, edition=edition), {"pih": pih, **headers})
    return data


def _set_threads(header: Header, name: str, regions: Regions) -> None:
    """Set the elements that say how many threads a payload has."""
    counts = {len(threads) for threads in regions.values()}
    if len(counts) > 1 or not counts <= {1, 2, 4, 8, 16}:
        raise StreamSyntaxError(
            "a payload has 1, 2, 4, 8 or 16 threads, the same in every region", segment=name, found=sorted(counts)
        )
    letter, index = {"soz": ("z", ()), "sorp": ("r", (0,)), "sors": ("r", (1,)), "soq": ("q", ())}[name]
    count = counts.pop() if counts else 1
    header.set(f"multi_threading_{letter}", index, int(count > 1))
    if count > 1:
        header.set(f"log2_num_threads_{letter}_minus1", index, count.bit_length() - 2)


def check_given(stream: Codestream, given: Mapping[str, Mapping[str, Any] | None]) -> None:
    """Check that what was given, by header, is what the stream says: an absent element would be lost in silence.

    Raises:
        StreamSyntaxError: a value is not there.
    """
    for group, values in given.items():
        header: Header = getattr(stream, group)
        for name, value in Header(group, values or {}).items():
            _compare(group, name, (), value, header.get(name))


def _compare(group: str, name: str, place: tuple[int, ...], given: Any, found: Any) -> None:
    if isinstance(given, Indexed):
        for index, entry in given.items():
            inner = found.get(index) if isinstance(found, Indexed) else None
            _compare(group, name, (*place, index), entry, inner)
    elif given != found:
        raise StreamSyntaxError(
            "the value is not in the stream: there the element is absent, counted, or derived",
            selector=selector(group, name, place),
            expected=given if not isinstance(given, (bytes, memoryview)) else f"{len(given)} bytes",
            found=found,
        )
