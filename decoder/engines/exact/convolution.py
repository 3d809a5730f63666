"""Convolutions of the exact engine: cut into blocks that the nearer caches hold, laid out, multiplied and finished."""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.engines.exact import lines, tiles
from jpegai.decoder.engines.exact.machine import shape
from jpegai.decoder.engines.exact.steps import Rows, Run, Span
from jpegai.decoder.engines.exact.weights import Bound, IntegerWeights
from jpegai.decoder.engines.formats import Fixed
from jpegai.decoder.geometry import ceil_div

__all__ = ["Convolution", "Part"]

Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]
Shape = tuple[int, ...]
#: What a plan depends on, as `_Plan` takes it.
Key = tuple[Span, Shape, Shape, int, int, Shape, int, int]

#: Of a block: number of columns at most, and at least where there are so many; largest number of what is laid out,
#: and of sums.
_COLUMNS, _NARROW, _LAID_OUT, _SUMS = 128, 32, 1 << 17, 1 << 17
#: What laying out a number costs, in multiply-adds.
_LAY_OUT = 24
#: Results that are worth a thread.
_GRAIN = 1 << 13
#: Plans that a layer keeps.
_PLANS = 16
_NO_TENSOR = Rows(np.zeros((1, 1, 1), np.int32), 0)


@dataclass(frozen=True, slots=True)
class Part:
    """A convolution without padding, one of those that a layer is made of.

    Attributes:
        row, rows: first row tap, relative to `stride` times the row of the result, and their number.
        column, columns: the same for columns.
        weights: of (G, M, C rows columns) integers of the groups, from `tiles.arrange`; column taps change fastest.
        down, across: which of the outputs of a transposed convolution it makes, 0 or 1 in each direction.
    """

    row: int
    rows: int
    column: int
    columns: int
    weights: Float64
    down: int
    across: int


@dataclass(frozen=True, slots=True, eq=False)
class Convolution:
    """Products of a layer, and what is done with them in the same pass.

    Attributes:
        source, output: names of the tensors.
        weights: what belongs to the weights of the parts.
        parts: what is multiplied.
        channels: channels of the output.
        stride: of the input.
        factor: by which the output is larger than the products: transposed convolutions, pixel shuffles.
        shuffle: the part of it that is a pixel shuffle.
        clip: the input is limited to it when it is read.
        formats: lowest and highest value of the format of the layer, of the activation behind it, and of the output.
        mode: what is done with `other`.
        other: name of the tensor that is added, or gated.
        layer: name of the stored weights.
        kind: of the layer.
        gate_bound: largest product of a gate.
        plans: how it was cut into blocks lately.
    """

    source: str
    output: str
    weights: IntegerWeights
    parts: tuple[Part, ...]
    channels: int
    stride: int
    factor: int
    shuffle: int
    clip: Span
    formats: tuple[int, int, int, int, int, int]
    mode: int
    other: str | None
    layer: str
    kind: str
    gate_bound: int = 0
    plans: dict[Key, _Plan] = field(default_factory=dict)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the tensors it reads."""
        return (self.source,) if self.other is None else (self.source, self.other)

    def reads(self, rows: Span, run: Run) -> Sequence[tuple[str, Span]]:
        """Return the rows under the taps."""
        first, last = rows[0] // self.factor, ceil_div(rows[1], self.factor)
        top = self.stride * first + min(part.row for part in self.parts)
        end = self.stride * (last - 1) + max(part.row + part.rows for part in self.parts)
        needs = [(self.source, (top, end))]
        return needs if self.other is None else [*needs, (self.other, rows)]

    def bounds(self) -> Sequence[Bound]:
        """Return the bounds of the sums, and of the products of a gate."""
        fraction = tuple(int(bits) for bits in self.weights.fraction)
        result = [Bound(self.layer, self.kind, self.weights.bounds, fraction=fraction)]
        if self.gate_bound:
            result.append(Bound(self.output, "gate", (self.gate_bound,)))
        return result

    def make(self, rows: Span, run: Run) -> Fixed:
        """Multiply block by block."""
        source, other = run.held[self.source], run.held[self.other] if self.other else _NO_TENSOR
        out = run.room(self.channels, rows[1] - rows[0], run.sizes[self.output][1])
        key = (
            rows, out.shape, source.array.shape, source.top, run.sizes[self.source][0], other.array.shape, other.top,
            run.workers.threads,
        )  # fmt: skip
        plan = self.plans.get(key)
        if plan is None:
            if len(self.plans) >= _PLANS:
                self.plans.clear()
            plan = self.plans[key] = _Plan(self, *key)
        blocks = iter(plan.blocks)

        def piece(_: int) -> int:
            return sum(plan.make(block, source.array, other.array, out) for block in blocks)

        threads = min(run.workers.threads, len(plan.blocks))
        run.count(self.output, sum(run.workers.map(piece, range(threads))))
        return out


@dataclass(frozen=True, slots=True)
class _Block:
    """Results that are made at once: places of what is laid out, by row phase; of the results; and positions.

    `used` positions hold results, `points` are what whole tiles make.
    """

    laid: tuple[Int64, ...]
    made: Int64
    points: int
    used: int


class _Plan:
    """How a convolution is cut into blocks, which threads make one after the other.

    The input of a block is laid out as planes of rows with margins, one for every channel and phase of the stride, so
    that a tap is an offset (`tiles`). Rows of sums have the length of rows with margins too; what lies in the margins
    is passed over.
    """

    def __init__(
        self, layer: Convolution, rows: Span, out: Shape, source: Shape, top: int, height: int, other: Shape,
        other_top: int, threads: int,
    ) -> None:  # fmt: skip
        parts, stride, tile = layer.parts, layer.stride, shape()
        self.layer = layer
        first, last = rows[0] // layer.factor, ceil_div(rows[1], layer.factor)
        across, tall = ceil_div(out[2], layer.factor), last - first
        self.groups, blocks, _, size = parts[0].weights.shape
        self.results = blocks * size
        share = source[0] // self.groups
        row, column = min(part.row for part in parts), min(part.column for part in parts)
        under = (max(part.row + part.rows for part in parts) - row - 1) // stride
        beside = (max(part.column + part.columns for part in parts) - column - 1) // stride
        planes, sums = source[0] * stride**2, self.groups * self.results
        least = threads if sums * across * tall >= _GRAIN else 1

        def points(high: int, wide: int) -> int:
            return ceil_div((high - 1) * (wide + beside) + wide, tile.points) * tile.points

        def rows_of(wide: int) -> int:
            pitch = wide + beside
            most = min(_LAID_OUT // (planes * pitch) - under, _SUMS // (sums * pitch), ceil_div(tall, least))
            return ceil_div(tall, ceil_div(tall, max(1, most)))

        def cost(wide: int) -> float:
            high = rows_of(wide)
            products = sum(part.weights.size for part in parts) * points(high, wide)
            return (_LAY_OUT * planes * (high + under) * (wide + beside) + products) / (high * min(wide, across))

        counts = range(ceil_div(across, _COLUMNS), ceil_div(across, _NARROW) + 1)
        wide = min((ceil_div(across, count) for count in counts), key=cost)
        high, pitch = rows_of(wide), wide + beside
        self.plane = (high + under) * pitch
        of_channel = stride**2 * self.plane
        self.group = share * of_channel
        self.points = points(high, wide)
        self.room = planes * self.plane + tile.points, sums * self.points
        self.offsets = [
            _offsets(share, part.row - row, part.rows, part.column - column, part.columns, stride, self.plane, pitch)
            for part in parts
        ]
        self.tables = [self._table(part, out, other) for part in parts]
        self.scale, self.bias = layer.weights.scale, layer.weights.bias
        self.limits = np.array(layer.formats, np.float64)
        self.unit = np.array([1.0 / (1 << layer.weights.dropped)])
        self.blocks = []
        for up in range(first, last, high):
            for left in range(0, across, wide):
                count, columns = min(high, last - up), min(wide, across - left)
                laid = [
                    (
                        *source, stride * up + row + phase - top, count + under, stride * left + column, pitch,
                        -top, height - top, of_channel, self.plane, *layer.clip,
                    )
                    for phase in range(stride)
                ]  # fmt: skip
                made = len(self.scale), pitch, up, count, left, columns, *rows, out[2], other_top, other[2]
                places = [np.array(place, np.int64) for place in (*laid, made)]
                used = (count - 1) * pitch + columns
                self.blocks.append(_Block(tuple(places[:-1]), places[-1], points(count, wide), used))

    def make(self, block: _Block, source: Fixed, other: Fixed, out: Fixed) -> int:
        """Make a block of results; return how many values the formats cut."""
        layer, stride = self.layer, self.layer.stride
        laid, sums = _room("laid", self.room[0]), _room("sums", self.room[1])
        for phase, place in enumerate(block.laid):
            lines.lay_out(source, laid[phase * stride * self.plane :], place, self.unit, stride)
        made = sums[: self.room[1]].reshape(self.groups, self.results, self.points)
        cut = 0
        for part, offsets, table in zip(layer.parts, self.offsets, self.tables, strict=True):
            tiles.multiply(part.weights, laid, offsets, self.group, made, block.points, block.used)
            cut += lines.finish(
                sums, table, self.scale, self.bias, self.limits, other, out, block.made, layer.factor, layer.mode
            )
        return cut

    def _table(self, part: Part, out: Shape, other: Shape) -> Int64:
        """Return what `lines.finish` wants to know of every output channel."""
        shuffle, share = self.layer.shuffle, len(self.layer.weights.fraction) // self.groups
        channel = np.arange(share * self.groups)
        sums = (channel // share * self.results + channel % share) * self.points
        target = channel // shuffle**2
        down = shuffle * part.down + channel // shuffle % shuffle
        across = shuffle * part.across + channel % shuffle
        starts = target * (out[1] * out[2]), target * (other[1] * other[2])
        return np.stack([sums, *starts, down, across], axis=1).astype(np.int64)


@functools.lru_cache(1024)
def _offsets(
    channels: int, row: int, rows: int, column: int, columns: int, stride: int, plane: int, pitch: int
) -> Int64:
    """Return the offsets of taps from row and column on, (channels rows columns,), in planes of phases of a stride."""
    down, across = np.arange(row, row + rows)[:, None], np.arange(column, column + columns)
    taps = (down % stride * stride + across % stride) * plane + down // stride * pitch + across // stride
    starts = np.arange(channels)[:, None, None] * (stride**2 * plane)
    return np.ascontiguousarray((starts + taps).reshape(-1), np.int64)


_ROOMS = threading.local()


def _room(name: str, size: int) -> Float64:
    """Return room of this thread for so many numbers; it is kept, since fresh memory costs time."""
    room: Float64 | None = getattr(_ROOMS, name, None)
    if room is None or room.size < size:
        room = np.empty(size)
        setattr(_ROOMS, name, room)
    return room
