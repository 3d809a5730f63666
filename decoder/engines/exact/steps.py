"""What the exact engine does one after the other: one class for each way of making a tensor from others.

A step makes some rows of its output from the rows that `reads` names. Tensors are held as `Rows`: a band of whole rows.
Rows do not depend on how a tensor is cut into bands.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.engines.exact import kernels, lines, tiles
from jpegai.decoder.engines.exact.functions import exp_tables
from jpegai.decoder.engines.exact.machine import shape
from jpegai.decoder.engines.exact.weights import Bound, IntegerWeights
from jpegai.decoder.engines.formats import FRACTION, Fixed, Saturations
from jpegai.decoder.geometry import ceil_div
from jpegai.decoder.workers import Workers, grain

__all__ = ["Concat", "Convolution", "Depthwise", "Elementwise", "LayerNorm", "Part", "Run", "Slice", "Step"]

Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]
Span = tuple[int, int]

#: Of a block: largest number of columns, of numbers that are laid out, and of sums.
_COLUMNS, _LAID_OUT, _SUMS = 128, 1 << 16, 1 << 16
#: Results that are worth a thread.
_GRAIN = 1 << 13


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows top..top + array.shape[1] - 1 of a tensor: int32 (C, rows, W), C-contiguous."""

    array: Fixed
    top: int


@dataclass(slots=True)
class Run:
    """A run of a network: sizes (height, width) of all its tensors, and what is held of them."""

    sizes: Mapping[str, tuple[int, int]]
    workers: Workers
    saturations: Saturations
    network: str
    held: dict[str, Rows] = field(default_factory=dict)

    def count(self, tensor: str, cut: int) -> None:
        """Count values of a tensor that its format cut."""
        self.saturations.add(f"{self.network}.{tensor}", cut)

    def split(self, function: Callable[[int, int], int | None], count: int, numbers: int, tensor: str) -> None:
        """Call `function(first, last)` on pieces of 0..count-1, each item of so many numbers; add up what they cut."""
        self.workers.split(lambda first, last: self.count(tensor, function(first, last) or 0), count, grain(numbers))


class Step(Protocol):
    """One step."""

    @property
    def output(self) -> str:
        """Name of the tensor it makes."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the tensors it reads."""

    def reads(self, rows: Span, run: Run) -> Sequence[tuple[str, Span]]:
        """Return which rows of which tensors the rows of the output need; they may lie outside."""

    def make(self, rows: Span, run: Run) -> Fixed:
        """Make rows of the output, (C, rows, W), from what is held."""

    def bounds(self) -> Sequence[Bound]:
        """Return what is proved of its sums."""


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
        width = run.sizes[self.output][1]
        out = np.empty((self.channels, rows[1] - rows[0], width), np.int32)
        work = _Work(self, run, rows, out)
        blocks = work.blocks()

        def piece(_: int) -> int:
            return sum(work.make(*block) for block in blocks)

        run.count(self.output, sum(run.workers.map(piece, range(run.workers.threads))))
        return out


class _Work:
    """How a convolution is cut into blocks, which threads make one after the other.

    The input of a block is laid out as planes of rows with margins, one for every channel and phase of the stride, so
    that a tap is an offset (`tiles`). Rows of sums have the length of rows with margins too; what lies in the margins
    is passed over.
    """

    def __init__(self, layer: Convolution, run: Run, rows: Span, out: Fixed) -> None:
        self.layer, self.rows, self.out = layer, rows, out
        self.source = run.held[layer.source]
        self.other = run.held[layer.other] if layer.other else Rows(_NO_TENSOR, 0)
        self.height = run.sizes[layer.source][0]
        parts, stride, tile = layer.parts, layer.stride, shape()
        self.first, self.last = rows[0] // layer.factor, ceil_div(rows[1], layer.factor)
        self.across = ceil_div(out.shape[2], layer.factor)
        self.groups = parts[0].weights.shape[0]
        self.results = parts[0].weights.shape[1] * parts[0].weights.shape[3]
        self.share = self.source.array.shape[0] // self.groups
        self.row, self.column = min(part.row for part in parts), min(part.column for part in parts)
        under = (max(part.row + part.rows for part in parts) - self.row - 1) // stride
        beside = (max(part.column + part.columns for part in parts) - self.column - 1) // stride
        planes = len(self.source.array) * stride**2
        self.wide = ceil_div(self.across, ceil_div(self.across, _COLUMNS))
        self.pitch = self.wide + beside
        most = min(_LAID_OUT // (planes * self.pitch) - under, _SUMS // (self.groups * self.results * self.pitch))
        tall = self.last - self.first
        least = run.workers.threads if self.groups * self.results * self.across * tall >= _GRAIN else 1
        high = max(1, min(most, ceil_div(tall, least)))
        self.high = ceil_div(tall, ceil_div(tall, high))
        self.tall = self.high + under
        self.plane = self.tall * self.pitch
        self.points = self._points(self.high)
        self.room = planes * self.plane + tile.points, self.groups * self.results * self.points
        self.offsets = [self._offsets(part) for part in parts]
        self.tables = [self._table(part) for part in parts]
        self.scale, self.bias = layer.weights.scale, layer.weights.bias
        self.limits = np.array(layer.formats, np.float64)
        self.unit = np.array([1.0 / (1 << layer.weights.dropped)])

    def blocks(self) -> Iterator[tuple[int, int, int, int]]:
        """Return row, number of rows, column and number of columns of all blocks."""
        return iter([
            (row, min(self.high, self.last - row), column, min(self.wide, self.across - column))
            for row in range(self.first, self.last, self.high)
            for column in range(0, self.across, self.wide)
        ])  # fmt: skip

    def _points(self, high: int) -> int:
        """Return the positions from the first of a block to its last, in whole tiles."""
        points = shape().points
        return ceil_div((high - 1) * self.pitch + self.wide, points) * points

    def _offsets(self, part: Part) -> Int64:
        stride = self.layer.stride
        return _offsets(
            self.share, part.row - self.row, part.rows, part.column - self.column, part.columns, stride,
            self.plane, self.pitch,
        )  # fmt: skip

    def make(self, row: int, high: int, column: int, wide: int) -> int:
        """Make a block of results; return how many values the formats cut."""
        layer, stride = self.layer, self.layer.stride
        laid, sums = _room("laid", self.room[0]), _room("sums", self.room[1])
        of_channel = stride**2 * self.plane
        tall = self.tall - self.high + high
        array, top = self.source.array, self.source.top
        for phase in range(stride):
            place = np.array(
                [
                    *array.shape, stride * row + self.row + phase - top, tall, stride * column + self.column,
                    self.pitch, -top, self.height - top, of_channel, self.plane, *layer.clip,
                ],
                np.int64,
            )  # fmt: skip
            lines.lay_out(array, laid[phase * stride * self.plane :], place, self.unit, stride)
        made = sums[: self.room[1]].reshape(self.groups, self.results, self.points)
        place = np.array(
            [
                len(self.scale), self.pitch, row, high, column, wide, *self.rows, self.out.shape[2], self.other.top,
                self.other.array.shape[2],
            ],
            np.int64,
        )  # fmt: skip
        cut = 0
        for part, offsets, table in zip(layer.parts, self.offsets, self.tables, strict=True):
            tiles.multiply(part.weights, laid, offsets, self.share * of_channel, made, self._points(high))
            cut += lines.finish(
                sums, table, self.scale, self.bias, self.limits, self.other.array, self.out, place, layer.factor,
                layer.mode,
            )  # fmt: skip
        return cut

    def _table(self, part: Part) -> Int64:
        """Return what `lines.finish` wants to know of every output channel."""
        shuffle, share = self.layer.shuffle, len(self.layer.weights.fraction) // self.groups
        channel = np.arange(share * self.groups)
        sums = (channel // share * self.results + channel % share) * self.points
        target = channel // shuffle**2
        sizes = [array.shape[1] * array.shape[2] for array in (self.out, self.other.array)]
        down = shuffle * part.down + channel // shuffle % shuffle
        across = shuffle * part.across + channel % shuffle
        return np.stack([sums, target * sizes[0], target * sizes[1], down, across], axis=1).astype(np.int64)


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


_NO_TENSOR = np.zeros((1, 1, 1), np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class Depthwise:
    """A 3x3 convolution of every channel with itself."""

    source: str
    output: str
    weights: IntegerWeights
    format: Span
    layer: str

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the tensors it reads."""
        return (self.source,)

    def reads(self, rows: Span, run: Run) -> Sequence[tuple[str, Span]]:
        """Return the rows under the taps."""
        return [(self.source, (rows[0] - 1, rows[1] + 1))]

    def bounds(self) -> Sequence[Bound]:
        """Return the bounds of the sums."""
        return [Bound(self.layer, "depthwise", self.weights.bounds, fraction=tuple(map(int, self.weights.fraction)))]

    def make(self, rows: Span, run: Run) -> Fixed:
        """Run the loop channel by channel."""
        source, height = run.held[self.source], run.sizes[self.source][0]
        channels, _, width = source.array.shape
        out = np.empty((channels, rows[1] - rows[0], width), np.int32)
        weights = self.weights
        taps, scale, limits = weights.matrices[0], weights.scale, np.array(self.format, np.float64)
        top = source.top

        def piece(first: int, last: int) -> int:
            place = np.array(
                [first, last, source.array.shape[1], width, rows[0] - top, out.shape[1], -top, height - top], np.int64
            )
            return lines.depthwise(source.array, taps, scale, weights.bias, limits, out, place)

        run.split(piece, channels, out.shape[1] * width, self.output)
        return out


@dataclass(frozen=True, slots=True, eq=False)
class Elementwise:
    """A value from the values at the same place.

    Attributes:
        kind: ``add``, ``mul``, ``mul_one_plus``, ``elu``, ``sigmoid``, or ``clip`` for all clips and crops.
        inputs, output: names of the tensors.
        format: lowest and highest value.
        bound: largest product, 0 where there is none.
    """

    kind: str
    inputs: tuple[str, ...]
    output: str
    format: Span
    bound: int = 0

    def reads(self, rows: Span, run: Run) -> Sequence[tuple[str, Span]]:
        """Return the same rows of every input."""
        return [(name, rows) for name in self.inputs]

    def bounds(self) -> Sequence[Bound]:
        """Return the bound of the products."""
        return [Bound(self.output, self.kind, (self.bound,))] if self.bound else []

    def make(self, rows: Span, run: Run) -> Fixed:
        """Run the loop channel by channel."""
        held = [run.held[name] for name in self.inputs]
        starts = [rows[0] - each.top for each in held]
        channels, width = held[0].array.shape[0], run.sizes[self.output][1]
        out = np.empty((channels, rows[1] - rows[0], width), np.int32)
        loop: Callable[[int, int], int | None]
        if len(held) == 2:
            loop = functools.partial(_PAIRS[self.kind], held[0].array, held[1].array, out, *starts, *self.format)
        elif self.kind == "clip":
            loop = functools.partial(kernels.clip, held[0].array, out, starts[0], *self.format)
        else:
            loop = functools.partial(_FUNCTIONS[self.kind], held[0].array, out, starts[0], exp_tables())
        run.split(loop, channels, out.shape[1] * width, self.output)
        return out


_PAIRS: Mapping[str, Callable[..., Any]] = {
    "add": kernels.add,
    "mul": kernels.multiply,
    "mul_one_plus": kernels.gate,
}
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {"elu": kernels.elu, "sigmoid": kernels.sigmoid}


@dataclass(frozen=True, slots=True, eq=False)
class Concat:
    """Channels one after the other."""

    inputs: tuple[str, ...]
    output: str

    def reads(self, rows: Span, run: Run) -> Sequence[tuple[str, Span]]:
        """Return the same rows of every input."""
        return [(name, rows) for name in self.inputs]

    def bounds(self) -> Sequence[Bound]:
        """Return nothing: there are no sums."""
        return ()

    def make(self, rows: Span, run: Run) -> Fixed:
        """Copy."""
        held = [run.held[name] for name in self.inputs]
        return np.concatenate([each.array[:, rows[0] - each.top : rows[1] - each.top] for each in held])


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """Some of the channels, as a view."""

    source: str
    output: str
    channels: Span

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the tensors it reads."""
        return (self.source,)

    def reads(self, rows: Span, run: Run) -> Sequence[tuple[str, Span]]:
        """Return the same rows."""
        return [(self.source, rows)]

    def bounds(self) -> Sequence[Bound]:
        """Return nothing: there are no sums."""
        return ()

    def make(self, rows: Span, run: Run) -> Fixed:
        """Return a view, where the rows are those that are held."""
        held = run.held[self.source]
        part = held.array[slice(*self.channels), rows[0] - held.top : rows[1] - held.top]
        return np.ascontiguousarray(part)


@dataclass(frozen=True, slots=True, eq=False)
class LayerNorm:
    """Normalisation over the channels of each position."""

    source: str
    output: str
    weight: Float64
    bias: Float64
    eps: float
    format: Span
    bound: int
    layer: str

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the tensors it reads."""
        return (self.source,)

    def reads(self, rows: Span, run: Run) -> Sequence[tuple[str, Span]]:
        """Return the same rows."""
        return [(self.source, rows)]

    def bounds(self) -> Sequence[Bound]:
        """Return the bound of the sums of squares, in 64-bit integers."""
        return [Bound(self.layer, "layer_norm_channels", (self.bound,), limit=(1 << 63) - 1)]

    def make(self, rows: Span, run: Run) -> Fixed:
        """Run the loop row by row."""
        source = run.held[self.source]
        channels, _, width = source.array.shape
        out = np.empty((channels, rows[1] - rows[0], width), np.int32)
        steady = np.array([channels**2 * self.eps * 2.0 ** (2 * FRACTION)])

        def piece(first: int, last: int) -> int:
            room = np.empty((2, width), np.int64), np.empty((1, width))
            top, (low, high) = rows[0] - source.top, self.format
            cut = kernels.layer_norm(
                source.array, self.weight, self.bias, steady, out, *room, top, low, high, first, last
            )
            return int(cut)

        run.split(piece, out.shape[1], channels * width, self.output)
        return out
