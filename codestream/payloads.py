"""Cutting an entropy-coded payload in regions and threads, and putting it together again (sections 01.6 and 01.7)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import construct

from jpegai.codestream.cursor import BitReader, BitWriter
from jpegai.codestream.errors import Finding, JpegAIError, StreamSyntaxError
from jpegai.codestream.fields import Entry, bytes_field, padding_field, without_gaps
from jpegai.codestream.rules.catalogue import finding
from jpegai.codestream.schema.payload import REGION_INDEX, REGION_SIZES, THREAD, THREAD_SIZES
from jpegai.codestream.schema.values import Header, Scope

__all__ = ["Payload", "Region", "ThreadPayload", "build_payload", "read_payload", "shortest_thread", "smallest_region"]


@dataclass(frozen=True, slots=True)
class ThreadPayload:
    """The bytes of one thread and where they stand.

    `data` is a view into the file, `offset` its first byte in the file, `selector` its path (``soz.threads[0]``).
    """

    data: memoryview
    offset: int
    selector: str


@dataclass(slots=True)
class Region:
    """The bytes of one region of a payload; a payload that is not cut has one, of index 0.

    Attributes:
        index: region index, in raster order.
        group: selector (``sorp``, ``sorp[2]``, ``sorp.regions[1]``).
        data: its bytes, thread table included.
        offset: first of them in the file.
        threads: its threads; empty where they cannot be told apart.
        error: why they cannot.
    """

    index: int
    group: str
    data: memoryview
    offset: int
    threads: tuple[ThreadPayload, ...] = ()
    error: JpegAIError | None = None


@dataclass(slots=True)
class Payload:
    """An entropy-coded payload, cut.

    `error` says why it cannot be cut in regions; `fields` is the trace, where one was asked for: it covers the payload.
    """

    regions: list[Region] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    error: JpegAIError | None = None
    fields: list[Entry] = field(default_factory=list)

    @property
    def errors(self) -> tuple[JpegAIError, ...]:
        """Everything that cannot be cut, in file order."""
        return tuple(error for error in (self.error, *(region.error for region in self.regions)) if error is not None)


def shortest_thread(threads: int) -> int:
    """Return the bytes of the shortest thread: states (two of a lone thread, else one) and sentinel bit (04.2.1)."""
    return 3 if threads == 1 else 2


def smallest_region(threads: int) -> int:
    """Return the bytes of the smallest payload with as many threads: the table and the shortest threads."""
    return (threads + 6) // 8 + threads * shortest_thread(threads)


def read_payload(
    payload: memoryview,
    offset: int,
    group: str,
    *,
    threads: int,
    regions: int = 1,
    independent: bool = False,
    trace: bool = False,
    wanted: Collection[int] | None = None,
) -> Payload:
    """Cut a payload that starts at byte `offset` of the file; never raises for its bytes.

    Args:
        payload: bytes of the segment.
        offset: place of the payload in the file.
        group: name of the segment in selectors.
        threads: threads of every region.
        regions: regions of the picture; 1 for payloads that are never cut in regions.
        independent: the payload is that of a single region, whose index stands in front.
        trace: collect the fields too.
        wanted: read no byte of other regions, which are left without threads; None for all.
    """
    result = Payload()
    fields: list[Entry] = []
    try:
        if independent:
            header, *_ = _table(REGION_INDEX, BitReader(payload[:1], offset), group, {}, "S-32", fields)
            result.regions = [Region(header.region_idx, group, payload[1:], offset + 1)]
        elif regions == 1:
            result.regions = [Region(0, group, payload, offset)]
        else:
            _cut(result, payload, offset, group, threads, regions, fields)
    except JpegAIError as error:
        result.error = error.locate(segment=group)
    for region in result.regions:
        if wanted is not None and region.index not in wanted:
            continue
        try:
            if not region.data and (independent or regions > 1):
                raise _empty(region, group, independent)
            region.threads = _threads(region, threads, result.findings, fields)
        except JpegAIError as error:
            region.error = error.locate(segment=group)
    if trace:
        meaning = result.errors[0].message if result.errors else "not claimed"
        result.fields = without_gaps(fields, group, offset, payload, meaning)
    return result


def _table(
    schema: construct.Struct, reader: BitReader, group: str, names: Mapping[str, Any], rule: str, fields: list[Entry]
) -> tuple[Header, int, int, int]:
    """Read a table; return its values, and where its padding starts, its bits and their value."""
    header = Header(group)
    try:
        schema.parse_stream(reader, scope=Scope(header, names, fields))
    except JpegAIError as error:
        error.rule = rule
        raise
    start = reader.position
    bits, value = reader.align()
    return header, start, bits, value


def _cut(
    result: Payload, payload: memoryview, offset: int, group: str, threads: int, regions: int, fields: list[Entry]
) -> None:
    """Cut a payload in dependent regions by the size table in front of them (01.6.1)."""
    reader = BitReader(payload, offset, ahead=False)
    header, start, bits, value = _table(REGION_SIZES, reader, group, {"R": regions}, "S-37", fields)
    path = f"{group}.padding"
    if bits:
        fields.append(padding_field(path, start, bits, value, "01.6.1"))
    if value:
        result.findings.append(finding("S-38", "padding of the size table is not 0", path, start, bits))
    first = reader.position // 8 - offset
    sizes = [header.region_size[r] for r in range(regions - 1)]
    rest = len(payload) - first - sum(sizes)
    if rest < smallest_region(threads):
        raise StreamSyntaxError(
            "the region sizes leave too little for the last region",
            selector=f"{group}.region_size[{regions - 2}]",
            bit_offset=start,
            expected=f"at least {smallest_region(threads)} bytes",
            found=rest,
            rule="S-39",
        )
    for index, size in enumerate((*sizes, rest)):
        data = payload[first : first + size]
        result.regions.append(Region(index, f"{group}.regions[{index}]", data, offset + first))
        first += size


def _empty(region: Region, group: str, independent: bool) -> StreamSyntaxError:
    """Return the error of a region without bytes, at the element that says so."""
    element, rule = ("region_idx", "S-32") if independent else (f"region_size[{region.index}]", "S-40")
    return StreamSyntaxError(
        "the region is empty", selector=f"{group}.{element}", bit_offset=8 * region.offset, rule=rule
    )


def _threads(
    region: Region, threads: int, findings: list[Finding], fields: list[Entry]
) -> tuple[ThreadPayload, ...]:
    """Cut a region in its threads.

    Raises:
        TruncatedError: the table is cut (rule S-41).
        StreamSyntaxError: a thread is shorter than any coder leaves it (S-43).
    """
    payload, offset, group = region.data, region.offset, region.group
    first = 0
    sizes: list[int] = []
    if threads > 1:
        reader = BitReader(payload, offset, ahead=False)
        header, start, bits, value = _table(THREAD_SIZES, reader, group, {"T": threads}, "S-41", fields)
        path = f"{group}.padding"
        if bits:
            fields.append(padding_field(path, start, bits, value, "01.7"))
        if value:
            findings.append(finding("S-42", "padding of the thread table is not 0", path, start, bits))
        first = reader.position // 8 - offset
        mean = (len(payload) - first) // threads
        sizes = [mean - header.thread_size_delta[t] for t in range(threads - 1)]
    sizes.append(len(payload) - first - sum(sizes))
    shortest = shortest_thread(threads)
    result = []
    for thread, size in enumerate(sizes):
        path, room = f"{group}.threads[{thread}]", len(payload) - first
        if not shortest <= size <= room:
            raise StreamSyntaxError(
                "a thread is too short" if size < shortest else "a thread ends behind its payload",
                selector=path,
                bit_offset=8 * (offset + first),
                expected=f"at least {shortest} bytes" if size < shortest else f"at most {room} bytes",
                found=size,
                rule="S-43",
            )
        data = payload[first : first + size]
        result.append(ThreadPayload(data, offset + first, path))
        fields.append(bytes_field(path, THREAD.name, offset + first, data, THREAD.meaning, THREAD.section))
        first += size
    return tuple(result)


def build_payload(
    regions: Mapping[int, Sequence[bytes | memoryview]], *, independent: bool = False, total: int = 1
) -> list[bytes]:
    """Return the payloads of the segments that carry regions: one for dependent regions, else one per region.

    Args:
        regions: region index to the bytes of its threads.
        independent: every region has a segment of its own.
        total: regions of the picture; dependent mode needs all of them.

    Raises:
        StreamSyntaxError: dependent regions are not complete, or an index does not fit.
    """
    if independent:
        parts = []
        for index, threads in regions.items():
            writer = BitWriter()
            REGION_INDEX.build_stream(None, writer, scope=Scope(Header("region", {"region_idx": index})))
            parts.append(writer.bytes() + _join(threads))
        return parts
    if sorted(regions) != list(range(total)):
        raise StreamSyntaxError("dependent regions must be complete", expected=f"0..{total - 1}", found=list(regions))
    data = [_join(regions[index]) for index in range(total)]
    writer = BitWriter()
    sizes = Header("regions", {"region_size": [len(part) for part in data[:-1]]})
    REGION_SIZES.build_stream(None, writer, scope=Scope(sizes, {"R": total}))
    return [writer.bytes() + b"".join(data)]


def _join(threads: Sequence[bytes | memoryview]) -> bytes:
    """Return threads behind their size table (01.7)."""
    writer = BitWriter()
    mean = sum(map(len, threads)) // len(threads)
    deltas = Header("threads", {"thread_size_delta": [mean - len(part) for part in threads[:-1]]})
    THREAD_SIZES.build_stream(None, writer, scope=Scope(deltas, {"T": len(threads)}))
    return writer.bytes() + b"".join(threads)
