"""Rules on regions and threads of entropy-coded payloads (12.6.1, R-37).

What keeps a payload from being cut (S-32, S-37 to S-43) is met where it is cut, in `jpegai.codestream.payloads`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from jpegai.codestream.errors import Finding
from jpegai.codestream.payloads import Region, ThreadPayload
from jpegai.codestream.rules.catalogue import finding
from jpegai.codestream.rules.structure import StreamCheck, missing

if TYPE_CHECKING:
    from jpegai.codestream.codestream import Codestream
    from jpegai.codestream.framing import Segment

__all__ = ["PAYLOADS"]

_COMPONENTS = ("sorp", "sors")
#: Bytes that a thread should have on average (R-37).
_WORTH_A_THREAD = 16
#: Regions that a message names.
_MOST_NAMED = 8


def _independent(stream: Codestream) -> Iterator[tuple[Segment, Region]]:
    """Yield the independent regions of both components with their segments, in file order."""
    if stream.pih.region_residual_in_its_own_substream_flag:
        for segment in stream.entropy_segments:
            if segment.name in _COMPONENTS:
                for region in stream.payload(segment).regions:
                    yield segment, region


def _present(stream: Codestream, name: str) -> set[int]:
    """Region indices of a component that are in the picture and in the stream."""
    indices = {region.index for segment, region in _independent(stream) if segment.name == name}
    return {index for index in indices if index < stream.pih.num_regions}


def _list(regions: set[int]) -> str:
    """Regions in words, the first ones of many."""
    named = ", ".join(map(str, sorted(regions)[:_MOST_NAMED]))
    left = len(regions) - _MOST_NAMED
    return f"region{'s' if len(regions) > 1 else ''} {named}{f' and {left} more' if left > 0 else ''}"


def _threads(stream: Codestream) -> Iterator[tuple[Region, ThreadPayload]]:
    for segment in stream.entropy_segments:
        for region in stream.payload(segment).regions:
            for thread in region.threads:
                yield region, thread


def _repeated(stream: Codestream) -> Iterator[Finding]:
    """S-31: each component and region at most once."""
    seen: dict[tuple[str, int], str] = {}
    for segment, region in _independent(stream):
        first = seen.setdefault((segment.name, region.index), segment.group)
        if first != segment.group:
            message = f"found region {region.index} again, expected it once: it is in {first}"
            yield finding("S-31", message, f"{segment.group}.region_idx")


def _unknown(stream: Codestream) -> Iterator[Finding]:
    """S-33: region_idx < num_regions."""
    for segment, region in _independent(stream):
        if region.index >= stream.pih.num_regions:
            message = f"found {region.index}, expected less than {stream.pih.num_regions}"
            yield finding("S-33", message, f"{segment.group}.region_idx")


def _incomplete(stream: Codestream) -> Iterator[Finding]:
    """S-34: all regions of both components are present."""
    if stream.pih.region_residual_in_its_own_substream_flag:
        for name in _COMPONENTS:
            lost = set(range(stream.pih.num_regions)) - _present(stream, name)
            if lost:
                message = f"found no {name} segment of {_list(lost)}, expected all {stream.pih.num_regions} regions"
                yield from missing(stream, "S-34", name, message)


def _lopsided(stream: Codestream) -> Iterator[Finding]:
    """S-35: a region is present for both components or for none."""
    if stream.pih.region_residual_in_its_own_substream_flag:
        present = {name: _present(stream, name) for name in _COMPONENTS}
        for name, other in (_COMPONENTS, _COMPONENTS[::-1]):
            lost = present[other] - present[name]
            if lost:
                message = f"found {_list(lost)} in {other} alone, expected both components or none"
                yield from missing(stream, "S-35", name, message)


def _sentinel(stream: Codestream) -> Iterator[Finding]:
    """S-44: the last byte of every thread is not 0."""
    for _, thread in _threads(stream):
        if not thread.data[-1]:
            place = 8 * (thread.offset + len(thread.data) - 1)
            yield finding("S-44", "found a last byte of 0, expected the sentinel bit in it", thread.selector, place, 8)


def _small_threads(stream: Codestream) -> Iterator[Finding]:
    """R-37: several threads only where each has enough bytes on average."""
    for segment in stream.entropy_segments:
        sizes = [
            (sum(len(thread.data) for thread in region.threads), len(region.threads), region)
            for region in stream.payload(segment).regions
        ]
        small = [each for each in sizes if each[1] > 1 and each[0] < _WORTH_A_THREAD * each[1]]
        if small:
            size, count, region = small[0]
            also = f" (and so {len(small) - 1} more regions)" if small[1:] else ""
            message = f"found {size} bytes for {count} threads, expected at least {_WORTH_A_THREAD} each{also}"
            yield finding("R-37", message, region.group, 8 * region.offset, 8 * len(region.data))


#: Every rule on payloads that can be cut.
PAYLOADS = (
    StreamCheck("S-31", _repeated),
    StreamCheck("S-33", _unknown),
    StreamCheck("S-34", _incomplete),
    StreamCheck("S-35", _lopsided),
    StreamCheck("S-44", _sentinel),
    StreamCheck("R-37", _small_threads),
)
