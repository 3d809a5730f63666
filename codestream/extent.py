"""Which bytes of a file a decode reads that needs some regions only (sections 01.6, 07.8 item 7)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jpegai.codestream.codestream import Codestream

__all__ = ["bytes_read"]

_MARKER = 2


def bytes_read(stream: Codestream, regions: Mapping[str, Collection[int]]) -> tuple[tuple[int, int], ...]:
    """Return the first byte and the byte behind the last of every part of the file that is read, in file order.

    Read are all markers, lengths and headers, the payloads that are never cut in regions, and of the others the table
    of region sizes or the region index, and the regions that are wanted. User data are not.

    Args:
        stream: the stream.
        regions: kind of segment to the regions wanted of it.
    """
    parts = [(0, _MARKER)]
    for segment in stream.segments:
        end = segment.payload_offset + len(segment.payload)
        if segment.name == "udi":
            parts.append((segment.offset, segment.payload_offset))
        elif segment.name not in regions:
            parts.append((segment.offset, end))
        else:
            wanted = regions[segment.name]
            cut = stream.payload(segment).regions
            parts.append((segment.offset, cut[0].offset if cut else end))
            parts += [(each.offset, each.offset + len(each.data)) for each in cut if each.index in wanted]
    if stream.eoc_offset is not None:
        parts.append((stream.eoc_offset, stream.eoc_offset + _MARKER))
    joined: list[tuple[int, int]] = []
    for first, last in sorted(parts):
        if joined and joined[-1][1] >= first:
            joined[-1] = joined[-1][0], max(joined[-1][1], last)
        else:
            joined.append((first, last))
    return tuple(joined)
