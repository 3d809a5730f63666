"""Synthesis tiles: what each is computed from and what is kept of it (section 07.6)."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jpegai.decoder.geometry.areas import Area, Span

__all__ = ["Tile", "axis_tiles", "tiles", "tiles_in_regions"]

_LATENT = 16


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile, in luma samples.

    Attributes:
        window: what is computed.
        core: what is kept.
    """

    window: Area
    core: Area

    @property
    def latents(self) -> Area:
        """The latents it is computed from; the window begins at one of them."""
        return self.window.covered_by(_LATENT)


def axis_tiles(length: int, size: int, overlap: int, wanted: Span | None = None) -> list[tuple[Span, Span]]:
    """Return window and core of the tiles of one axis (07.6.1).

    Args:
        length: samples of the picture along the axis.
        size: side of a tile in samples, at least 1.
        overlap: samples that neighbours share; less than `size` where `length` is more than that.
        wanted: leave out tiles whose core has none of these samples.
    """
    wanted = wanted or Span(0, length)
    if length <= size:
        return [(Span(0, length), Span(0, length))]
    result = []
    for start in range(0, length - overlap, size - overlap):
        stop = min(start + size, length)
        core = Span(start + (overlap // 2 if start else 0), stop - (overlap // 2 if stop < length else 0))
        if core.intersect(wanted).size:
            result.append((Span(start, stop), core))
    return result


def tiles(height: int, width: int, size: int, overlap: int, wanted: Area | None = None) -> list[Tile]:
    """Return the tiles of a picture in raster order (07.6.1); arguments as for `axis_tiles`."""
    wanted = wanted or Area.whole(height, width)
    axes = axis_tiles(height, size, overlap, wanted.rows), axis_tiles(width, size, overlap, wanted.columns)
    return [
        Tile(Area(rows[0], columns[0]), Area(rows[1], columns[1])) for rows, columns in itertools.product(*axes)
    ]


def tiles_in_regions(
    height: int, width: int, size: int, overlap: int, regions: Sequence[Area], wanted: Area | None = None
) -> list[Tile]:
    """Return the tiles of a picture with independent regions in raster order (07.6.2).

    Args:
        height: coded height.
        width: coded width.
        size: side of a tile in samples, at least 1.
        overlap: samples that neighbours inside a region share.
        regions: what the regions cover, in samples.
        wanted: leave out tiles whose core has none of these samples.
    """
    wanted = wanted or Area.whole(height, width)
    axes = (
        [(core, _extended(core, spans, length, overlap // 2)) for core, _ in axis_tiles(length, size, 0, span)]
        for length, span, spans in (
            (height, wanted.rows, {region.rows for region in regions}),
            (width, wanted.columns, {region.columns for region in regions}),
        )
    )
    result = []
    for (rows, further_rows), (columns, further_columns) in itertools.product(*axes):
        core = Area(rows, columns)
        window = core
        if further_rows is not None and further_columns is not None:
            window = Area(further_rows, further_columns)
        result.append(Tile(window, core))
    return result


def _extended(core: Span, regions: Iterable[Span], length: int, more: int) -> Span | None:
    """Return a span that reaches further at the sides that are not sides of its region; None outside of any region."""
    region = next((region for region in regions if region.intersect(core) == core), None)
    if region is None:
        return None
    start = core.start - (more if core.start != region.start else 0)
    return Span(start, min(core.stop + (more if core.stop != region.stop else 0), length))
