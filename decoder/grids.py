"""The grids of a stream: its regions and its synthesis tiles (sections 07.3, 07.4, 07.6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from jpegai.codestream import Codestream, ConformanceError, Finding, LimitError, UnsupportedError
from jpegai.codestream.rules.catalogue import finding
from jpegai.decoder.geometry import Area, Overlap, Region, Span, Tile, ceil_div, regions, tiles, tiles_in_regions
from jpegai.decoder.geometry.tiles import axis_tiles

__all__ = [
    "DEFAULT_MAX_PIXELS",
    "MOST_WORK",
    "check_tile_count",
    "odd_overlaps",
    "place",
    "region_grid",
    "synthesis_tiles",
    "tile_cores",
]

#: Default limit on the coded size in samples: above level 3 (99.5 million), a picture of 11585 x 11585.
DEFAULT_MAX_PIXELS = 1 << 27
#: Tiles may overlap so much that many times the picture is computed; so many times the largest picture at most.
MOST_WORK = 4

_LATENT = 16
#: Most synthesis tiles that are listed: of pictures up to the default limit even the smallest are fewer.
_MOST_TILES = 1 << 20


def region_grid(stream: Codestream) -> tuple[Region, ...]:
    """Return the regions of a stream: one without partitioning (07.3)."""
    pih = stream.pih
    rows, columns = pih.num_ver_splits_minus1 + 1, pih.num_hor_splits_minus1 + 1
    for count, length, name in (
        (rows, pih.img_height, "num_ver_splits_minus1"),
        (columns, pih.img_width, "num_hor_splits_minus1"),
    ):
        if count > ceil_div(length, 128):
            raise _impossible(stream, name, "a region covers nothing (R-22)", ceil_div(length, 128) - 1)
    overlap = Overlap()
    if not pih.region_residual_in_its_own_substream_flag:
        overlap = Overlap.dependent(pih.hyper_decoder_overlap_in_latent_samples, pih.mcm_overlap_in_latent_samples)
    return regions(pih.img_height, pih.img_width, rows, columns, overlap)


def odd_overlaps(stream: Codestream) -> Iterator[Finding]:
    """Yield what is odd about the overlaps of dependent regions; it is decoded as 07.4 and 07.5 have it (07.9)."""
    pih = stream.pih
    if pih.num_regions == 1 or pih.region_residual_in_its_own_substream_flag:
        return
    hyper, context = pih.hyper_decoder_overlap_in_latent_samples, pih.mcm_overlap_in_latent_samples
    selector = "pih.mcm_overlap_in_latent_samples"
    if context != 4 * hyper:
        message = f"psi is displaced by {4 * hyper - context} cells: the overlap is not 4 times that of z, {hyper}"
        yield finding("R-24", message, selector)
    if context == 0:
        yield finding("R-24", "without overlap latents at inner borders are never made: they are 0", selector)
    for length, splits in ((pih.img_height, pih.num_ver_splits_minus1), (pih.img_width, pih.num_hor_splits_minus1)):
        side = ceil_div(length, 128) // (splits + 1) * 128
        if splits and max(128 * hyper, 32 * context) > side:
            message = "the overlap reaches beyond the picture: not decodable by the reference, windows are clipped"
            yield finding("R-24", message, selector)


def synthesis_tiles(
    stream: Codestream, component: int, max_pixels: int = DEFAULT_MAX_PIXELS, wanted: Area | None = None
) -> Sequence[Tile]:
    """Return the synthesis tiles of a component in raster order: one without tiles (07.6).

    Args:
        stream: the stream.
        component: 0 or 1.
        max_pixels: most samples of a picture; tiles overlap, and may have a few times as many together.
        wanted: leave out the tiles of which no sample lies in this area.

    Raises:
        LimitError: they have more, or there are too many of them.
        ConformanceError: they are impossible.
        UnsupportedError: they do not begin at latents.
    """
    pih, most = stream.pih, MOST_WORK * max_pixels
    height, width = pih.img_height, pih.img_width
    wanted = wanted or Area.whole(height, width)
    if not pih.synthesis_tile_enable[component]:
        return [Tile(Area.whole(height, width), Area.whole(height, width))]
    size, overlap = _tile_sides(stream, component)
    name = f"synthesis_tile_overlap[{component}]"
    axes = [axis_tiles(n, size, overlap, span) for n, span in ((height, wanted.rows), (width, wanted.columns))]
    rows, columns = (sum(window.size for window, _ in axis) for axis in axes)
    if rows * columns > most:
        message = "the overlap of the tiles multiplies the work beyond the limit (--max-pixels)"
        expected = f"tiles of at most {most} samples together"
        raise LimitError(message, **place(stream, name), expected=expected, found=rows * columns)
    check_tile_count(stream, component, len(axes[0]) * len(axes[1]))
    if not pih.region_residual_in_its_own_substream_flag:
        return tiles(height, width, size, overlap, wanted)
    areas = [region.samples for region in region_grid(stream)]
    result = tiles_in_regions(height, width, size, overlap, areas, wanted)
    if any(start % _LATENT for tile in result for start in (tile.window.rows.start, tile.window.columns.start)):
        message = "a tile that begins between latents cannot be decoded"
        raise UnsupportedError(message, **place(stream, name), expected="an even value", found=overlap // _LATENT)
    return result


def tile_cores(stream: Codestream, component: int) -> tuple[list[Span], list[Span]]:
    """Return the rows and the columns that the synthesis tiles of a component make: each of them with each (07.6).

    Raises:
        ConformanceError: they are impossible.
    """
    height, width = stream.pih.img_height, stream.pih.img_width
    if not stream.pih.synthesis_tile_enable[component]:
        return [Span(0, height)], [Span(0, width)]
    size, overlap = _tile_sides(stream, component)
    if stream.pih.region_residual_in_its_own_substream_flag:
        overlap = 0  # theirs are cut without, and reach over each other (07.6.2)
    rows, columns = ([core for _, core in axis_tiles(length, size, overlap)] for length in (height, width))
    return rows, columns


def _tile_sides(stream: Codestream, component: int) -> tuple[int, int]:
    """Return side and overlap of the synthesis tiles of a component, in samples, if such tiles can be."""
    pih = stream.pih
    size, overlap = (_LATENT * element[component] for element in (pih.synthesis_tile_size, pih.synthesis_tile_overlap))
    if size == 0:
        raise _impossible(stream, f"synthesis_tile_size[{component}]", "tiles without samples (R-30)", "1..255")
    if max(pih.img_height, pih.img_width) > size and overlap >= size:
        name = f"synthesis_tile_overlap[{component}]"
        raise _impossible(stream, name, "tiles overlap all of each other (R-31)", f"less than {size // _LATENT}")
    return size, overlap


def check_tile_count(stream: Codestream, component: int, count: int) -> None:
    """Refuse to list more synthesis tiles of a component than anyone can want.

    Raises:
        LimitError: they are more.
    """
    if count > _MOST_TILES:
        message = "there are more synthesis tiles than the limit"
        where = place(stream, f"synthesis_tile_size[{component}]")
        raise LimitError(message, **where, expected=f"at most {_MOST_TILES}", found=count)


def _impossible(stream: Codestream, name: str, what: str, expected: object) -> ConformanceError:
    field = stream.fields.get(f"pih.{name}")
    return ConformanceError(what, **place(stream, name), expected=expected, found=field.value if field else None)


def place(stream: Codestream, name: str) -> dict[str, Any]:
    """Return where an element of the picture header stands, as an error takes it."""
    field = stream.fields.get(f"pih.{name}")
    return {"file": stream.name, "selector": f"pih.{name}", "bit_offset": field.offset if field else None}
