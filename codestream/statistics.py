"""Where the bytes of a stream go: by segment, region and thread, and by what they are for."""

from __future__ import annotations

from dataclasses import dataclass

from jpegai.codestream.codestream import Codestream
from jpegai.codestream.framing import Segment

__all__ = ["PARTS", "RegionStatistics", "SegmentStatistics", "Statistics", "statistics"]

#: What bytes are for: name to text. Every byte of a file belongs to one of them.
PARTS = {
    "framing": "markers and length fields",
    "headers": "headers, metadata and user data",
    "tables": "region indices, region sizes and thread sizes",
    "both": "hyper latents of both components",
    "primary": "residual of the primary component",
    "secondary": "residual of the secondary component",
    "quality_map": "quality map",
    "trailing": "bytes behind the end of codestream",
}
_COMPONENTS = {0: "primary", 1: "secondary"}


@dataclass(frozen=True, slots=True)
class RegionStatistics:
    """Bytes of a region of a payload: its index, its table of thread sizes, and every thread."""

    index: int
    table: int
    threads: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes of the region."""
        return self.table + sum(self.threads)


@dataclass(frozen=True, slots=True)
class SegmentStatistics:
    """Bytes of a segment.

    Attributes:
        segment: the segment.
        framing: marker and length field.
        tables: what an entropy-coded payload says of its regions and threads.
        part: name in `PARTS` of the rest of the payload.
        content: bytes of that rest.
        regions: regions of an entropy-coded payload.
    """

    segment: Segment
    framing: int
    tables: int
    part: str
    content: int
    regions: tuple[RegionStatistics, ...]


@dataclass(frozen=True, slots=True)
class Statistics:
    """Bytes of a file.

    Attributes:
        size: of the file.
        width, height: coded size of the picture.
        segments: in file order.
        parts: bytes by what they are for, in the order of `PARTS`; their sum is the file.
    """

    size: int
    width: int
    height: int
    segments: tuple[SegmentStatistics, ...]
    parts: dict[str, int]

    def bits_per_pixel(self, size: int) -> float:
        """Return bytes as bits per sample of the coded luma plane."""
        return 8 * size / (self.width * self.height)

    def share(self, size: int) -> float:
        """Return bytes as a share of the file, 0..1."""
        return size / self.size


def statistics(stream: Codestream) -> Statistics:
    """Return where the bytes of a sound stream go.

    Raises:
        JpegAIError: a payload cannot be cut in regions and threads.
    """
    segments = tuple(_segment(stream, segment) for segment in stream.segments)
    parts = dict.fromkeys(PARTS, 0)
    parts["framing"] = 4  # start and end of codestream
    parts["trailing"] = len(stream.trailing)
    for each in segments:
        parts["framing"] += each.framing
        parts["tables"] += each.tables
        parts[each.part] += each.content
    return Statistics(len(stream.data), stream.pih.img_width, stream.pih.img_height, segments, parts)


def _segment(stream: Codestream, segment: Segment) -> SegmentStatistics:
    framing, size = segment.payload_offset - segment.offset, len(segment.payload)
    if segment.kind.threads is None:
        return SegmentStatistics(segment, framing, 0, "headers", size, ())
    payload = stream.payload(segment)
    for error in payload.errors:
        raise error.locate(file=stream.name)
    regions = []
    for region in payload.regions:
        threads = tuple(len(thread.data) for thread in region.threads)
        regions.append(RegionStatistics(region.index, len(region.data) - sum(threads), threads))
    content = sum(sum(region.threads) for region in regions)
    component = segment.kind.component
    part = _COMPONENTS[component] if component is not None else "both" if segment.name == "soz" else "quality_map"
    return SegmentStatistics(segment, framing, size - content, part, content, tuple(regions))
