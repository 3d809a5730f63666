"""Windows of one picture that are decoded together, where that is less work than each of them alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from jpegai.codestream import LimitError
from jpegai.decoder.geometry import Area
from jpegai.decoder.outline import plan_macs
from jpegai.decoder.plan import Plan

__all__ = ["Group", "grouped"]


@dataclass(frozen=True, slots=True)
class Group:
    """Windows that are cut from one decode.

    Attributes:
        members: their places in the list.
        window: the smallest one that holds them all, which is decoded.
        used: the latents that its synthesis reads.
        macs: its multiply-adds.
        regions: what is read: kinds of residual segments, and regions.
    """

    members: tuple[int, ...]
    window: Area
    used: Area
    macs: int
    regions: frozenset[tuple[str, int]]


def grouped(windows: Sequence[Area], lay: Callable[[Area], Plan]) -> list[Group]:
    """Return groups of windows, each window in one.

    Windows or groups whose synthesis reads the same latents are joined where the decode of the smallest window around
    both takes no more multiply-adds than both decodes, reads no region that neither needs, and stays within the limits.
    Margins, and what depends on a whole tile (HOP) or region, are then computed once.

    Args:
        windows: luma samples of the displayed picture.
        lay: lays out the decode of a window.

    Raises:
        JpegAIError: a window cannot be decoded.
    """

    def group(members: tuple[int, ...], window: Area) -> Group:
        plan = lay(window)
        regions = frozenset((kind, region) for kind, coded in plan.coded.items() for region in coded)
        return Group(members, window, plan.used, sum(plan_macs(plan).values()), regions)

    def joined(first: Group, second: Group) -> Group | None:
        if first.used.intersect(second.used).empty:
            return None
        members, window = first.members + second.members, first.window.joined(second.window)
        if window == first.window:
            return replace(first, members=members)
        try:
            both = group(members, window)
        except LimitError:
            return None
        worth = both.macs <= first.macs + second.macs and both.regions <= first.regions | second.regions
        return both if worth else None

    groups: list[Group] = []
    for number, window in enumerate(windows):
        newest, place = group((number,), window), 0
        while place < len(groups):
            both = joined(groups[place], newest)
            if both is None:
                place += 1
            else:
                del groups[place]
                newest, place = both, 0
        groups.append(newest)
    return groups
