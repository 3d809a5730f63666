"""eICCI: a small network on wavelet coefficients, tile by tile, with models chosen by the stream (section 8.4)."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from jpegai.codestream.schema.pih import TRANSFORMS
from jpegai.decoder.filters.base import EicciNetworks, Pictures, Supplies, given
from jpegai.decoder.filters.fixed import WHITE, is_fixed
from jpegai.decoder.filters.haar import BANDS, CELL, forward, inverse
from jpegai.decoder.filters.planes import PictureShape, Samples, Window, WindowPlanes
from jpegai.decoder.filters.tables import BANKS, CHROMA_MODEL, LUMA_MODEL, MODELS, REACH, SHORT_LISTS
from jpegai.decoder.filters.tiles import Tile, tile_grid
from jpegai.decoder.filters.values import require
from jpegai.decoder.jit import kernel
from jpegai.decoder.workers import Workers, grain

__all__ = ["SELECTIONS", "Eicci", "Selection"]

#: How models are chosen (8.8 D3, D4): ``reference``, as the reference decoder does it, applies the selection of tile 0
#: to every tile, and tiles read what earlier ones have written; ``per-tile`` is the evident intent.
SELECTIONS = ("reference", "per-tile")

#: Cells that a network is run on at once, which bounds the memory of its activations: 4 million samples.
_RUN_CELLS = 1 << 18

#: Network, component, first coefficient of the component in the network's output.
_OUTPUTS = ((LUMA_MODEL, 0, 0), (CHROMA_MODEL, 1, 0), (CHROMA_MODEL, 2, BANDS))


@dataclass(frozen=True, slots=True)
class Selection:
    """What is done to a tile.

    Attributes:
        use: whether Y, U and V are filtered.
        models: network to the index of its model, for the networks that run.
    """

    use: tuple[bool, bool, bool]
    models: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Step:
    """A tile as far as a window needs it: `written` samples, made from the coefficients of `read`."""

    tile: Window
    written: Window
    read: Window
    selection: Selection


@dataclass(frozen=True, slots=True)
class Eicci:
    """Parameters of the filter.

    Attributes:
        picture: format of the whole picture.
        bank: the set of ten models, ``bop`` or ``hop``.
        tiles: in raster order, in the coded picture.
        selections: of each tile, as transmitted.
        selection: one of `SELECTIONS`.
    """

    name: ClassVar[str] = "eicci"

    picture: PictureShape
    bank: str
    tiles: tuple[Tile, ...]
    selections: tuple[Selection, ...]
    selection: str = SELECTIONS[0]

    @classmethod
    def from_header(
        cls,
        ton: Mapping[str, Any],
        pih: Mapping[str, Any],
        transform: str | None = None,
        selection: str = SELECTIONS[0],
    ) -> Eicci | None:
        """Read the filter from the tools header; None where it is off.

        Args:
            ton: values of the tools header.
            pih: values of the picture header.
            transform: the synthesis transform really used (8.8 D10); by default the first one of the stream.
            selection: one of `SELECTIONS`.

        Raises:
            ConformanceError: a model index that does not exist (R-59), or tiles that cannot be (R-57, R-58).
        """
        if not ton.get("icci_enable_flag", 0):
            return None
        if selection not in SELECTIONS:
            raise ValueError(f"selection {selection!r} is none of {SELECTIONS}")
        picture = PictureShape.from_header(pih)
        transform = transform or TRANSFORMS[pih["synthesis_transform_id"][0]]
        size = picture.coded_height, picture.coded_width
        if ton["icci_tile_enable_flag"]:
            tiles = tile_grid(*size, 16 * ton["icci_tile_size"], 16 * ton["icci_tile_overlap"])
        else:
            tiles = (Tile(Window(0, 0, *size), Window(0, 0, *size)),)
        selections = tuple(_selection(ton, t, transform, pih["model_id"]) for t in range(len(tiles)))
        return cls(picture, BANKS[transform], tiles, selections, selection)

    @property
    def networks(self) -> tuple[tuple[str, int], ...]:
        """The networks and model indices that a decode of the whole picture needs."""
        used = {network for entry in self._applied() for network in entry.models.items()}
        return tuple(sorted(used))

    def reads(self, window: Window) -> Window:
        """Return the input that an output window needs; in 4:2:2 the whole picture, whose chroma is resampled."""
        return self.picture.around(self._schedule(window)[0]) if self._full_chroma else self.picture.whole

    def memory(self, window: Window) -> int:
        """Return the bytes of the three components, with what 4:2:2 grows to, and of the coefficients of a tile."""
        held, steps = self._schedule(window if self._full_chroma else self.picture.whole)
        cells = max((math.prod(step.read.shape) for step in steps), default=0)
        planes = 12 if self._full_chroma else 12 + 8 + 8
        return planes * math.prod(held.shape) + 4 * 3 * BANDS * cells

    def work(self, window: Window) -> int:
        """Return how many samples the tiles read together for an output window."""
        steps = self._schedule(window if self._full_chroma else self.picture.whole)[1]
        return sum(math.prod(_samples(step.read, step.tile).shape) for step in steps)

    def runs(self, window: Window) -> Mapping[str, tuple[int, int]]:
        """Return the largest input that each network is run on for an output window: rows and columns of cells."""
        largest: dict[str, tuple[int, int]] = {}
        for step in self._schedule(window if self._full_chroma else self.picture.whole)[1]:
            rows, columns = step.read.shape
            for kind in step.selection.models:
                size = min(rows, _rows_at_once(columns) + 2 * REACH[kind]), columns
                largest[kind] = max(largest.get(kind, (0, 0)), size, key=math.prod)
        return largest

    def calls(self, window: Window) -> Iterator[tuple[str, int, int]]:
        """Yield every run of a network for an output window: its name, rows and columns of cells."""
        for step in self._schedule(window if self._full_chroma else self.picture.whole)[1]:
            for kind in step.selection.models:
                for _, read in _parts(step, kind):
                    yield kind, *read.shape

    def apply(self, pictures: Pictures, window: Window, supplies: Supplies) -> Pictures:
        """Filter the main picture; all its components are clipped to 0..255."""
        planes = pictures.main
        if self._full_chroma:
            result = self._filtered(planes, window, supplies)
        else:
            resample, workers = given(supplies.resample, "a resampler"), supplies.workers
            u, v = (resample(plane, planes.y.shape, workers) for plane in (planes.u, planes.v))
            wide = self._filtered(WindowPlanes(planes.y, u, v, planes.window), self.picture.whole, supplies)
            u, v = (resample(plane, self.picture.chroma_size, workers) for plane in (wide.u, wide.v))
            result = WindowPlanes(wide.y, u, v, planes.window)
        return Pictures(result.crop(window, self.picture), pictures.alternative)

    @property
    def _full_chroma(self) -> bool:
        return self.picture.source == (1, 1)

    @property
    def _in_place(self) -> bool:
        return self.selection == SELECTIONS[0]

    def _applied(self) -> tuple[Selection, ...]:
        """Return the selection of each tile that is really applied."""
        return (self.selections[0],) * len(self.tiles) if self._in_place else self.selections

    def _schedule(self, window: Window) -> tuple[Window, list[_Step]]:
        """Return the input a window needs and the steps that make it, in order.

        Tiles are visited backwards: what a tile must write follows from the window and, in place, from what later
        tiles read of it.
        """
        needed, reads, steps = window, window, []
        for tile, selection in reversed(list(zip(self.tiles, self._applied(), strict=True))):
            visible = tile.window & self.picture.whole
            written = tile.core & self.picture.whole & needed
            if written.empty or (self._in_place and not selection.models):
                continue
            reach = max((REACH[kind] for kind in selection.models), default=0)
            cells = written.moved(tile.window.top, tile.window.left).divided(CELL, CELL).grown(reach, reach)
            whole = visible.moved(tile.window.top, tile.window.left).divided(CELL, CELL)
            steps.append(_Step(visible, written, cells & whole, selection))
            reads |= _samples(cells & whole, visible)
            if self._in_place:
                needed = reads
        return reads, steps[::-1]

    def _filtered(self, planes: WindowPlanes, window: Window, supplies: Supplies) -> WindowPlanes:
        """Run the tiles on 4:4:4 planes; return all that `planes` holds, right inside `window`."""
        networks, workers = given(supplies.networks, "the networks of eICCI"), supplies.workers
        y, u, v = (np.empty_like(plane) for plane in planes)
        target = WindowPlanes(y, u, v, planes.window)
        for plane, out in zip(planes, target, strict=True):
            workers.split(functools.partial(_take, plane, out), len(plane), grain(plane.shape[1]))
        source = target if self._in_place else planes
        divisor = 1 if self._in_place and not is_fixed(y) else 255
        for step in self._schedule(window)[1]:
            part = step.written.within(planes.window)
            if not self._in_place:  # cores may overlap: the later tile wins, filtered or not (8.8 D4)
                for plane, out in zip(source, target, strict=True):
                    _take(plane[part], out[part], 0, step.written.shape[0])
            if step.selection.models:
                z = self._coefficients(step, source, divisor, workers)
                supplies.saturated(self.name, _run(step, z, target, networks, workers))
        for plane in target:
            workers.split(functools.partial(_finish, plane, is_fixed(plane)), len(plane), grain(plane.shape[1]))
        return target

    def _coefficients(self, step: _Step, source: WindowPlanes, divisor: float, workers: Workers) -> Samples:
        """Return the coefficients that a step reads: (48, h, w), Y first."""
        z = np.empty((3 * BANDS, *step.read.shape), source.y.dtype)
        held = source.window
        samples, tile = _samples(step.read, step.tile).moved(held.top, held.left), step.tile.moved(held.top, held.left)
        end = tile.bottom, tile.right
        for component, plane in enumerate(source):
            forward(plane, divisor, z, component * BANDS, (samples.top, samples.left), end, workers)
        return z


def _samples(cells: Window, tile: Window) -> Window:
    """Return the samples of cells of a tile, in coordinates of the picture."""
    top, left, bottom, right = (CELL * side for side in (cells.top, cells.left, cells.bottom, cells.right))
    return Window(top, left, bottom, right).moved(-tile.top, -tile.left) & tile


def _run(step: _Step, z: Samples, target: WindowPlanes, networks: EicciNetworks, workers: Workers) -> int:
    """Run the networks of a step and write what they make, some rows of cells at a time; return how many were cut."""
    held, cut = target.window, 0
    clip = step.written.moved(held.top, held.left)
    for kind, index in step.selection.models.items():
        network = networks(kind, index)
        for part, read in _parts(step, kind):
            result = network(np.ascontiguousarray(z[:, read.top - step.read.top : read.bottom - step.read.top]))
            corner = step.tile.top + CELL * part.top - held.top, step.tile.left + CELL * part.left - held.left
            for producer, component, band in _OUTPUTS:
                if producer == kind and step.selection.use[component]:
                    plane = (target.y, target.u, target.v)[component]
                    cut += inverse(result, band, part.moved(read.top, read.left), plane, corner, clip, workers)
    return cut


def _parts(step: _Step, kind: str) -> Iterator[tuple[Window, Window]]:
    """Yield the cells that the runs of a network make for a step, and those that they read."""
    cells = step.written.moved(step.tile.top, step.tile.left).divided(CELL, CELL)
    rows = _rows_at_once(step.read.shape[1])
    for first in range(cells.top, cells.bottom, rows):
        part = Window(first, cells.left, min(first + rows, cells.bottom), cells.right)
        above, below = part.top - REACH[kind], part.bottom + REACH[kind]
        yield part, Window(above, step.read.left, below, step.read.right) & step.read


def _rows_at_once(columns: int) -> int:
    """Return how many rows of cells a network makes in one run."""
    return max(1, _RUN_CELLS // columns)


def _selection(ton: Mapping[str, Any], t: int, transform: str, model_id: int) -> Selection:
    """Read what is done to tile `t` (8.4.2)."""
    use = tuple(bool(ton["icci_use"][t][k]) for k in range(3))
    runs = {LUMA_MODEL: use[0], CHROMA_MODEL: use[1] or use[2]}
    models = {}
    for kind in (kind for kind, used in runs.items() if used):
        short = ton["icci_use_shortList"][t]
        element = f"icci_model_signalled_idx_{kind.removeprefix('eicci_')}"
        index = ton[element][t]
        candidates = SHORT_LISTS[kind][transform][model_id] if short else range(MODELS)
        require(0 <= index < len(candidates), "R-59", f"{element}[{t}]", f"0..{len(candidates) - 1}", index)
        models[kind] = candidates[index]
    return Selection((use[0], use[1], use[2]), models)


def _take(plane: Samples, out: Samples, first: int, last: int) -> None:
    """Bring rows of samples to the scale that the tiles work on: float32 to 0..1, int32 stays as it is."""
    if is_fixed(plane):
        out[first:last] = plane[first:last]
    else:
        np.divide(plane[first:last], np.float32(255), out=out[first:last])


@kernel
def _finish(plane: Samples, fixed: bool, first: int, last: int) -> None:
    """Clip to what 0..1 stands for, back to 0..255 (8.4.4, step 5)."""
    for row in range(first, last):
        for column in range(plane.shape[1]):
            if fixed:
                plane[row, column] = min(max(plane[row, column], 0), WHITE)
            else:
                plane[row, column] = min(max(plane[row, column], np.float32(0)), np.float32(1)) * np.float32(255)
