"""What the exact engine does one after the other: one class for each way of making a tensor from others.

A step makes some rows of its output from the rows that `reads` names. Tensors are held as `Rows`: a band of whole rows.
Rows do not depend on how a tensor is cut into bands.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.engines.exact import kernels
from jpegai.decoder.engines.exact.functions import exp_tables
from jpegai.decoder.engines.exact.weights import Bound, IntegerWeights
from jpegai.decoder.engines.formats import FRACTION, Fixed, Saturations
from jpegai.decoder.engines.product import products
from jpegai.decoder.geometry import ceil_div
from jpegai.decoder.workers import Workers, grain

__all__ = ["Concat", "Convolution", "Depthwise", "Elementwise", "LayerNorm", "Part", "Run", "Slice", "Step"]

Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]
Span = tuple[int, int]

#: Positions of a row, and of several short rows, that are multiplied at once; numbers that are laid out for it.
_COLUMNS, _POINTS, _LAID_OUT = 512, 1024, 1 << 18
#: Rows up to this length are put together.
_NARROW = 128


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
        matrix: (G, M, rows columns C) float64 integers, of the groups; row taps change slowest, channels fastest.
        down, across: which of the outputs of a transposed convolution it makes, 0 or 1 in each direction.
    """

    row: int
    rows: int
    column: int
    columns: int
    matrix: Float64
    down: int
    across: int


@dataclass(frozen=True, slots=True, eq=False)
class Convolution:
    """Products of a layer, and what is done with them in the same pass.

    Attributes:
        source, output: names of the tensors.
        weights: integers, of whose `matrix` form the parts are made.
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
        first, last = rows[0] // self.factor, ceil_div(rows[1], self.factor)
        across = ceil_div(width, self.factor)
        work = functools.partial(_Work, self, run, rows, out, last - first, across)
        high, wide = work().block_size
        starts = [(row, column) for row in range(first, last, high) for column in range(0, across, wide)]

        def piece(begin: int, end: int) -> int:
            mine = work()
            mine.allocate()
            return sum(
                mine.block(row, min(high, last - row), column, min(wide, across - column))
                for row, column in starts[begin:end]
            )

        run.split(piece, len(starts), 1 << 16, self.output)
        return out


class _Work:
    """Room and constants of a thread for the blocks of a convolution.

    Where rows are long, every row is a product of its own, and rows of the laid out input are shared by the products
    that read them; where they are short, or where there is one tap, a block of rows is one product (`flat`).
    """

    def __init__(self, layer: Convolution, run: Run, rows: Span, out: Fixed, tall: int, across: int) -> None:
        self.layer, self.rows, self.out = layer, rows, out
        self.source = run.held[layer.source]
        self.other = run.held[layer.other] if layer.other else Rows(_NO_TENSOR, 0)
        self.height = run.sizes[layer.source][0]
        parts = layer.parts
        self.groups = parts[0].matrix.shape[0]
        self.share = self.source.array.shape[0] // self.groups
        self.first = min(part.row for part in parts)
        self.reach = max(part.row + part.rows for part in parts) - self.first
        self.flat = across <= _NARROW or all(part.rows == part.columns == 1 for part in parts)
        channels = len(self.source.array)
        if self.flat:
            depth = self.groups * max(part.matrix.shape[2] for part in parts)
            wide = min(across, _COLUMNS)
            points = min(_POINTS, max(wide, _LAID_OUT // depth))
            self.block_size = max(1, min(tall, points // wide)), wide
        else:
            wide = min(across, _COLUMNS)
            depth = channels * max(part.columns for part in parts) * layer.stride
            self.block_size = max(1, min(tall, _LAID_OUT // (depth * wide))), wide

    def allocate(self) -> None:
        """Take the room for blocks."""
        layer, (high, wide) = self.layer, self.block_size
        if self.flat:
            depth = max(part.matrix.shape[2] for part in layer.parts) * high
        else:
            depth = self.share * max(part.columns for part in layer.parts) * self._tall(high)
        self.laid = np.empty(self.groups * depth * wide)
        self.sums = np.empty(len(layer.weights.fraction) * high * wide)
        self.line = np.empty(wide)
        self.scale, self.bias = layer.weights.scale, layer.weights.bias
        self.limits = np.array(layer.formats, np.float64)

    def _tall(self, high: int) -> int:
        """Return how many rows of the input a block of `high` rows reads."""
        return self.layer.stride * (high - 1) + self.reach

    def block(self, row: int, high: int, column: int, wide: int) -> int:
        """Make a block of results; return how many values the formats cut."""
        cut, laid_out = 0, None
        for part in self.layer.parts:
            if self.flat:
                columns = self._lay_out_points(part, row, high, column, wide)
            else:
                if laid_out != (part.column, part.columns):
                    laid_out = part.column, part.columns
                    self._lay_out_lines(part, row, high, column, wide)
                columns = self._lines(part, high, wide)
            cut += self._multiply(part, columns, row, high, column, wide)
        return cut

    def _lay_out_points(self, part: Part, row: int, high: int, column: int, wide: int) -> Float64:
        layer, points = self.layer, high * wide
        depth = part.matrix.shape[2]
        tap = self.share * points
        for under in range(part.rows):
            kernels.pack(
                self.source.array, self.laid[under * part.columns * tap :], self.source.top, self.height,
                layer.stride * row + part.row + under, high, layer.stride, layer.stride,
                layer.stride * column + part.column, wide, part.columns, self.groups, depth * points, wide, tap,
                points, *layer.clip, layer.weights.dropped,
            )  # fmt: skip
        return self.laid[: self.groups * depth * points].reshape(self.groups, 1, depth, points)

    def _lay_out_lines(self, part: Part, row: int, high: int, column: int, wide: int) -> None:
        layer, tap = self.layer, self.share * wide
        tall = self._tall(high)
        kernels.pack(
            self.source.array, self.laid, self.source.top, self.height, layer.stride * row + self.first, tall, 1,
            layer.stride, layer.stride * column + part.column, wide, part.columns, self.groups,
            tall * part.columns * tap, part.columns * tap, tap, wide, *layer.clip, layer.weights.dropped,
        )  # fmt: skip

    def _lines(self, part: Part, high: int, wide: int) -> Float64:
        """Return the taps of every row, (G, rows, taps C, columns): views that share rows."""
        line = part.columns * self.share * wide
        return np.lib.stride_tricks.as_strided(
            self.laid[(part.row - self.first) * line :],
            (self.groups, high, part.matrix.shape[2], wide),
            (8 * self._tall(high) * line, 8 * self.layer.stride * line, 8 * wide, 8),
        )

    def _multiply(self, part: Part, columns: Float64, row: int, high: int, column: int, wide: int) -> int:
        layer, (groups, results, _) = self.layer, part.matrix.shape
        lines, points = columns.shape[1], columns.shape[3]
        sums = self.sums[: groups * lines * results * points].reshape(groups, lines, results, points)
        products(part.matrix, columns, sums)
        place = np.array(
            [
                lines * results * points, wide if self.flat else results * points, points, results,
                row, high, column, wide, layer.factor, layer.shuffle, part.down, part.across,
                *self.rows, self.other.top, layer.mode,
            ],
            np.int64,
        )  # fmt: skip
        return int(
            kernels.requantise(
                self.sums, self.scale, self.bias, self.limits, self.other.array, self.out, self.line, place
            )
        )


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
        weights, scale = self.weights, self.weights.scale
        taps = weights.matrices[0].reshape(channels, 3, 3)

        def piece(first: int, last: int) -> int:
            line = np.empty(width)
            low, high = self.format
            cut = kernels.depthwise(
                source.array, taps, scale, weights.bias, out, line, source.top, height, rows[0], low, high, first, last
            )
            return int(cut)

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
