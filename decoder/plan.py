"""What a decode will touch, before anything is touched: regions, runs of the synthesis, memory. All are rectangles."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jpegai.codestream import Codestream, ConformanceError, Finding, LimitError
from jpegai.codestream.extent import bytes_read
from jpegai.decoder.components import COMPONENTS, synthesis_names
from jpegai.decoder.engines.stages import activation_bytes
from jpegai.decoder.entropy.quality import PREDICTIONS
from jpegai.decoder.filters.chain import FilterChain
from jpegai.decoder.filters.eicci import SELECTIONS
from jpegai.decoder.filters.lef import nearest_index
from jpegai.decoder.filters.planes import Window
from jpegai.decoder.geometry import (
    Area,
    Needs,
    Region,
    Span,
    Tile,
    ceil_div,
    hyper_size,
    latent_size,
    needs,
)
from jpegai.decoder.grids import DEFAULT_MAX_PIXELS, MOST_WORK, odd_overlaps, region_grid, synthesis_tiles
from jpegai.decoder.limits import check_eicci, check_held, check_picture, check_synthesised
from jpegai.decoder.memory import physical_memory
from jpegai.decoder.models import eicci_file_name
from jpegai.decoder.networks import NETWORKS, Network
from jpegai.decoder.picture.formats import Frame
from jpegai.decoder.picture.render import rendering_reads
from jpegai.decoder.picture.resample import conversion_reads
from jpegai.decoder.picture.signalling import Rendering, choose_rendering
from jpegai.decoder.support import listed_transforms

__all__ = ["DEFAULT_MAX_PIXELS", "Piece", "Plan", "Scaling", "make_plan"]

_MIB = 1 << 20
_LATENT = 16
#: Latents that a position of z covers, and those of a block of flags: held areas begin at a multiple of these.
_OF_HYPER, _OF_CUBE = 4, 16
#: Latents of a block of 05.7.2: held areas end at a multiple of these, or with the picture.
_OF_BLOCK = 8
#: What the float32 runtime takes for the activations of a network, relative to what must live at once: it copies
#: tensors to layouts of its own and leaves gaps. Measured, with something to spare.
_OVERHEAD = 1.9
#: Bytes that do not depend on the picture.
_BASE = 8 * _MIB


@dataclass(frozen=True, slots=True)
class Piece:
    """One run of a synthesis network: a tile, or a band of rows of one.

    Attributes:
        core: samples of the picture that are kept of it.
        latents: what the network reads.
        size: its size argument in luma samples.
    """

    core: Area
    latents: Area
    size: tuple[int, int]

    @property
    def kept(self) -> Area:
        """The core in the output of the network."""
        rows, columns = self.latents.rows, self.latents.columns
        return Area(self.core.rows.within(_LATENT * rows.start), self.core.columns.within(_LATENT * columns.start))


@dataclass(frozen=True, slots=True)
class Scaling:
    """What the hyper scale decoder is run on (07.8).

    Attributes:
        hyper: the z positions it reads.
        size: its size argument in luma samples.
        kept: what is held, in the latents that it makes.
    """

    hyper: Area
    size: tuple[int, int]
    kept: Area


@dataclass(frozen=True, slots=True)
class Plan:
    """A decode, laid out: of the whole picture, or of a window of it with fewer and smaller rectangles.

    Attributes:
        height, width: coded size in luma samples.
        display: height and width of the whole picture that is displayed.
        window: the luma samples of it that come out.
        filtered: those that the filters make; where chroma is resampled behind them they are more.
        unfiltered: those that the filters read.
        samples: those that the synthesis makes.
        latents, hyper: (rows, columns) of y and z of the whole picture.
        held: the latents that the arrays of the decode hold: those of whole regions.
        used: the latents that the synthesis reads.
        scaling: how the scales of the latents held are made.
        transform: synthesis transform.
        channels: latent channels whose residual is decoded, of each component.
        regions: the grid, in the order of pasting.
        needs: what is decoded and computed of the regions for each component.
        synthesis: runs of the synthesis network of each component; their cores cover the samples.
        filters: the post-filters.
        memory: estimate of the bytes the decode takes above libraries and loaded models.
        quality_prediction: how the predictor of the quality map rounds (05.16 D2).
        findings: what is odd about transform and regions.
    """

    height: int
    width: int
    display: tuple[int, int]
    window: Area
    filtered: Area
    unfiltered: Area
    samples: Area
    latents: tuple[int, int]
    hyper: tuple[int, int]
    held: Area
    used: Area
    scaling: Scaling
    transform: str
    channels: tuple[int, int]
    regions: tuple[Region, ...]
    needs: tuple[Needs, Needs]
    synthesis: tuple[tuple[Piece, ...], tuple[Piece, ...]]
    filters: FilterChain
    memory: int
    quality_prediction: str
    findings: tuple[Finding, ...]

    @property
    def together(self) -> bool:
        """Whether both components are made piece by piece alike, so that no plane is ever whole in memory."""
        return self.synthesis[0] == self.synthesis[1]

    @property
    def whole(self) -> bool:
        """Whether it is a decode of the whole picture."""
        return self.window.shape == self.display

    @property
    def coded(self) -> dict[str, tuple[int, ...]]:
        """Which regions of the residual segments are read."""
        return _coded(self.needs)


def make_plan(
    stream: Codestream,
    transform: str,
    *,
    window: Area | None = None,
    rendering: Rendering | None = None,
    channels: tuple[int, int] | None = None,
    eicci_selection: str = SELECTIONS[0],
    quality_prediction: str = PREDICTIONS[0],
    max_pixels: int = DEFAULT_MAX_PIXELS,
    max_memory: int | None = None,
) -> Plan:
    """Lay out the decode of a stream.

    Args:
        stream: a stream that `jpegai.decoder.support.check` accepts.
        transform: name of the synthesis transform.
        window: the luma samples of the displayed picture that are wanted; by default all.
        rendering: how the picture is made of the planes; by default as the stream says.
        channels: decode so many latent channels of each component at most (05.9.4); by default all.
        eicci_selection: which models eICCI applies to a tile: ``reference`` or ``per-tile`` (08.8 D3).
        quality_prediction: how the predictor of the quality map rounds: ``truncate`` or ``floor`` (05.16 D2).
        max_pixels: most coded samples of what is held: of the whole picture, or of what a window needs of it.
        max_memory: bytes the decode may take; by default half of the machine's memory.

    Raises:
        LimitError: the picture, or what the window needs of it, is larger than `max_pixels`, or does not fit in
            `max_memory` even in bands of 16 rows; networks that depend on their whole tile (HOP) have one band.
        ConformanceError: regions or tiles are impossible, or a filter cannot be applied as transmitted.
        UnsupportedError: tiles do not begin at latents.
        ValueError: the window is empty or not inside the picture, or there is no such rounding.
    """
    if quality_prediction not in PREDICTIONS:
        raise ValueError(f"quality_prediction {quality_prediction!r} is none of {PREDICTIONS}")
    pih = stream.pih
    height, width = pih.img_height, pih.img_width
    picture = Area.whole(pih.display_height, pih.display_width)
    window = window or picture
    if window.empty or not picture.contains(window):
        size = f"{picture.columns.stop} x {picture.rows.stop}"
        raise ValueError(f"a window must have samples and lie inside the picture of {size}")
    if window == picture:
        check_picture(stream, max_pixels)
    filters = _filters(stream, transform, eicci_selection)
    rendering = rendering or choose_rendering(stream)
    filtered, unfiltered, wanted = _samples(window, picture, rendering, filters)
    check_synthesised(stream, wanted, max_pixels)
    check_eicci(stream, filters, filtered, MOST_WORK * max_pixels)
    filtering = _filter_memory(filters, filtered)
    grid = region_grid(stream)
    primary_tiles, secondary_tiles = (
        synthesis_tiles(stream, component, max_pixels, wanted) for component in range(len(COMPONENTS))
    )
    alike = primary_tiles == secondary_tiles
    limit = max_memory if max_memory is not None else physical_memory() // 2
    networks = tuple(NETWORKS[name] for name in synthesis_names(transform))
    latents = latent_size(height, width)
    rows = max(tile.latents.rows.size for tile in (*primary_tiles, *secondary_tiles))
    while True:
        primary = _pieces(networks, primary_tiles, wanted, rows)
        secondary = primary if alike else _pieces(networks, secondary_tiles, wanted, rows)
        used = functools.reduce(Area.joined, {piece.latents for piece in (*primary, *secondary)})
        if window == picture:  # latents that only samples behind the display are made of are results all the same
            used = Area.whole(*latents)
        parts = needs(grid, used, context=True), needs(grid, used, context=False)
        held = _held(parts, filters, filtered, latents)
        check_held(stream, held, max_pixels)
        making = rendering.memory(*wanted.shape, keeps=primary != secondary, filters=filters.on)
        memory = _memory(networks, (*primary, *secondary), held, _read(stream, parts), making, filtering)
        memory += _everywhere(stream)
        if memory <= limit:
            break
        if rows == 1 or any(network.global_dependency for network in networks):
            raise LimitError(
                "the decode does not fit in the memory allowed (--max-memory)",
                file=stream.name,
                expected=f"at most {limit // _MIB} MiB",
                found=f"an estimate of {ceil_div(memory, _MIB)} MiB in the thinnest bands that {transform} allows",
            )
        rows = ceil_div(rows, 2)
    most = channels or tuple(component.channels for component in COMPONENTS)
    if min(most) < 0:
        raise ValueError(f"channels must be at least 0, not {most}")
    return Plan(
        height,
        width,
        picture.shape,
        window,
        filtered,
        unfiltered,
        wanted,
        latents,
        hyper_size(height, width),
        held,
        used,
        _scaling(held, height, width),
        transform,
        (min(most[0], pih.numCh[0]), min(most[1], pih.numCh[1])),
        grid,
        parts,
        (primary, secondary),
        filters,
        memory,
        quality_prediction,
        (*_odd_transform(stream, transform, filters), *odd_overlaps(stream)),
    )


def _coded(parts: Sequence[Needs]) -> dict[str, tuple[int, ...]]:
    pairs = zip(COMPONENTS, parts, strict=True)
    return {component.residual_segment: tuple(each.index for each in part.coded) for component, part in pairs}


def _samples(window: Area, picture: Area, rendering: Rendering, filters: FilterChain) -> tuple[Area, Area, Area]:
    """Return what the filters make and read, and what the synthesis makes, for a window (07.8)."""
    frame = Frame(picture.shape, window).around(window.rows, window.columns)
    if rendering.sample_by_sample and not filters.on:
        return frame.area, frame.area, frame.area
    frame = rendering_reads(frame, rendering)
    unfiltered = filters.reads(Window.of(frame.area)).area
    coded = conversion_reads(Frame(picture.shape, unfiltered), rendering.coded, rendering.source)
    return frame.area, unfiltered, coded.area


def _held(parts: Sequence[Needs], filters: FilterChain, filtered: Area, size: tuple[int, int]) -> Area:
    """Return the latents that are held: those of the regions decoded, and those whose scales LEF looks at (08.6.2)."""
    area = functools.reduce(Area.joined, (part.core for part in parts))
    if filters.lef is not None:
        rows, columns = (
            Span(int(index[span.start]), int(index[span.stop - 1]) + 1)
            for index, span in zip(
                map(nearest_index, size, filters.picture.whole.shape), (filtered.rows, filtered.columns), strict=True
            )
        )
        area = area.joined(Area(rows, columns))
    first, second = (
        Span(span.start // _OF_CUBE * _OF_CUBE, min(_OF_BLOCK * ceil_div(span.stop, _OF_BLOCK), length))
        for span, length in zip((area.rows, area.columns), size, strict=True)
    )
    return Area(first, second)


def _scaling(held: Area, height: int, width: int) -> Scaling:
    """Return the run of the hyper scale decoder that makes the scales of the latents held."""
    ((before, after),) = NETWORKS[COMPONENTS[0].scale_network].reach
    unit = _LATENT * _OF_HYPER
    spans, size = [], []
    for span, length in ((held.rows, height), (held.columns, width)):
        end = ceil_div(length, unit)
        read = span.covered_by(_OF_HYPER).grown(-before, after).intersect(Span(0, end))
        spans.append(read)
        size.append((length if read.stop == end else unit * read.stop) - unit * read.start)
    hyper = Area(*spans)
    kept = Area(held.rows.within(_OF_HYPER * hyper.rows.start), held.columns.within(_OF_HYPER * hyper.columns.start))
    return Scaling(hyper, (size[0], size[1]), kept)


def _odd_transform(stream: Codestream, transform: str, filters: FilterChain) -> Iterator[Finding]:
    """Yield what follows from a transform that is not the stream's first (12.2, 08.8 D10)."""
    listed = listed_transforms(stream)
    if transform == listed[0]:
        return
    selector = "pih.synthesis_transform_id[0]"
    offset = stream.fields[selector].offset
    if transform not in listed:
        message = f"decoded with {transform}, which the stream does not list: it lists {', '.join(listed)}"
        yield Finding(None, "W", message, selector, offset, section="12.2")
    if filters.eicci is not None:
        files = (eicci_file_name(filters.eicci.bank, index) for _, index in filters.eicci.networks)
        message = f"the models of eICCI follow the transform used, {transform}: {', '.join(dict.fromkeys(files))}"
        yield Finding(None, "W", message, selector, offset, section="08.4.2")


def _filters(stream: Codestream, transform: str, eicci_selection: str) -> FilterChain:
    """Return the filters of a stream."""
    try:
        return FilterChain.from_header(stream.ton, stream.pih, transform, eicci_selection)
    except ConformanceError as error:
        # an error about all entries of an array is shown at the first one
        path = str(error.selector)
        found = (entry for entry in stream.fields.entries if entry.path == path or entry.path.startswith(f"{path}["))
        places = (entry.offset for entry in found)
        raise error.locate(file=stream.name, bit_offset=next(places, None)) from None


def _filter_memory(filters: FilterChain, made: Area) -> int:
    """Estimate the bytes that the filters take beside their input."""
    window = Window.of(made)
    runs = filters.eicci.runs(filters.reads(window)) if filters.eicci else {}
    activations = max((activation_bytes(NETWORKS[name], *shape) for name, shape in runs.items()), default=0)
    return filters.memory(window) + int(_OVERHEAD * activations)


def _pieces(networks: Sequence[Network], grid: Sequence[Tile], wanted: Area, rows: int) -> tuple[Piece, ...]:
    """Cut the tiles in bands of at most `rows` latent rows, each read with the margin its networks reach (07.8).

    Networks that depend on all they read (HOP) take whole tiles.
    """
    bounded = not any(network.global_dependency for network in networks)
    fields = [field for network in networks for field in _fields(network.name)]

    def needed(core: Span, window: Span) -> Span:
        start = range(core.start, min(core.start + _LATENT, core.stop))
        end = range(max(core.start, core.stop - _LATENT), core.stop)
        first = min(at // _LATENT + field[at % _LATENT][0] for field in fields for at in start)
        last = max(at // _LATENT + field[at % _LATENT][1] for field in fields for at in end)
        return window.intersect(Span(first, last + 1))

    result = []
    for tile in grid:
        core = tile.core.intersect(wanted)
        if core.empty:
            continue
        for first in range(*core.rows.covered_by(_LATENT), rows):
            part = Area(core.rows.intersect(Span(_LATENT * first, _LATENT * (first + rows))), core.columns)
            latents = tile.latents
            if bounded:
                latents = Area(needed(part.rows, tile.latents.rows), needed(part.columns, tile.latents.columns))
            result.append(Piece(part, latents, _size(tile, latents)))
    return tuple(result)


@functools.cache
def _fields(name: str) -> list[list[tuple[int, int]]]:
    """Return for each input of a synthesis network what each phase of its samples reads of it (06.11)."""
    network = NETWORKS[name]
    return [network.receptive_field(entry.name) for entry in network.inputs]


def _size(tile: Tile, latents: Area) -> tuple[int, int]:
    """Return the size argument for a part of a tile: crops act at the ends of the tile only."""
    height, width = (
        (window.stop if part.stop == all_.stop else _LATENT * part.stop) - _LATENT * part.start
        for window, part, all_ in (
            (tile.window.rows, latents.rows, tile.latents.rows),
            (tile.window.columns, latents.columns, tile.latents.columns),
        )
    )
    return height, width


def _memory(
    networks: Sequence[Network],
    pieces: Sequence[Piece],
    held: Area,
    stream_bytes: int,
    picture: int,
    filters: int,
) -> int:
    """Estimate the bytes of a decode: the largest of its three stages. `stream_bytes` of the file are read."""
    latent_rows, latent_columns = held.shape
    latents = 256 * latent_rows * latent_columns
    # per latent: residual, coding map, hyper scale (5 bytes), dequantised residual, phases, latents (12), psi (4)
    making_latents = latents * (5 + 12 + 4) + 2 * stream_bytes
    # latents and picture of the whole, with the planes it may need; of one piece its latents, luma and both chroma
    # planes, and the activations
    largest = 0
    for shape in {piece.latents.shape for piece in pieces}:
        activations = max(activation_bytes(network, *shape) for network in networks)
        largest = max(largest, 256 * shape[0] * shape[1] * (4 + 4 + 8) + int(_OVERHEAD * activations))
    return _BASE + max(making_latents, 4 * latents + picture + largest, picture + filters)


def _read(stream: Codestream, parts: Sequence[Needs]) -> int:
    """Return how many bytes of the file are read."""
    return sum(last - first for first, last in bytes_read(stream, _coded(parts)))


def _everywhere(stream: Codestream) -> int:
    """Estimate the bytes of what is made of the whole picture whatever is decoded of it."""
    pih = stream.pih
    positions = math.prod(latent_size(pih.img_height, pih.img_width))
    # z; distributions, differences and values of the quality map; the scales that LEF looks at
    hyper = sum(each.channels for each in COMPONENTS) * math.prod(hyper_size(pih.img_height, pih.img_width))
    return hyper + positions * ((1 + 2 + 1) * bool(pih.gain_3D_enable_flag) + 2)
