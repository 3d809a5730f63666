"""Threads of an entropy-coded payload: the size table in front and the byte ranges behind it (section 01.7)."""

from __future__ import annotations

from dataclasses import dataclass

from construct import Struct

from jpegai.codestream.cursor import BitReader
from jpegai.codestream.errors import Finding, StreamSyntaxError
from jpegai.codestream.fields import Field, bytes_field, padding_field
from jpegai.codestream.schema.base import For, Se
from jpegai.codestream.schema.values import Header, Scope

__all__ = ["ThreadPayload", "split_threads"]

#: Shortest payload of a thread: two states (one thread) or one state, and the sentinel bit (04.8).
_SHORTEST = {True: 3, False: 2}
#: 15 codes of at most 2 * 32 + 1 bits.
_LONGEST_TABLE = 15 * 65 // 8 + 1

_TABLE = Struct(
    For("t", "T - 1", Se("thread_size_delta", "mean thread size minus the size", section="01.7", index=("t",)))
)


@dataclass(frozen=True, slots=True)
class ThreadPayload:
    """The bytes of one thread and where they stand.

    `data` is a view into the file, `offset` its first byte in the file, `selector` its path (``soz.threads[0]``).
    """

    data: memoryview
    offset: int
    selector: str


def split_threads(
    payload: memoryview,
    offset: int,
    threads: int,
    group: str,
    fields: list[Field] | None = None,
    findings: list[Finding] | None = None,
) -> tuple[ThreadPayload, ...]:
    """Cut a payload that starts at byte `offset` of the file into its threads.

    `fields` and `findings` collect the trace and what is odd but harmless.

    Raises:
        TruncatedError: the table is cut (rule S-41).
        StreamSyntaxError: a thread is shorter than any coder leaves it (rule S-43).
    """
    header = Header(group)
    scope = Scope(header, {"T": threads}, fields)
    reader = BitReader(payload[:_LONGEST_TABLE], offset)
    _TABLE.parse_stream(reader, scope=scope)
    start = reader.position
    padding, value = reader.align()
    if value and findings is not None:
        findings.append(Finding("S-42", "W", "padding of the thread table is not 0", f"{group}.padding", start))
    if padding and fields is not None:
        fields.append(padding_field(f"{group}.padding", start, padding, value, "01.7"))
    first = reader.position // 8 - offset
    total = len(payload) - first
    sizes = [total // threads - header.thread_size_delta[t] for t in range(threads - 1)]
    sizes.append(total - sum(sizes))
    result = []
    for thread, size in enumerate(sizes):
        path = f"{group}.threads[{thread}]"
        shortest, room = _SHORTEST[threads == 1], len(payload) - first
        if not shortest <= size <= room:
            raise StreamSyntaxError(
                "a thread is too short" if size < shortest else "a thread ends behind its payload",
                segment=group,
                selector=path,
                bit_offset=8 * (offset + first),
                expected=f"{shortest}..{room} bytes",
                found=size,
            )
        data = payload[first : first + size]
        result.append(ThreadPayload(data, offset + first, path))
        if fields is not None:
            fields.append(bytes_field(path, "threads", offset + first, data, "me-tANS data", "04.2"))
        first += size
    return tuple(result)
