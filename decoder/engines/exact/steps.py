"""What the exact engine does one after the other: one class for each way of making a tensor from others.

A step makes some rows of its output from the rows that `reads` names. Tensors are held as `Rows`: a band of whole rows.
Rows do not depend on how a tensor is cut into bands.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

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

#: Positions of a row that are multiplied at once, and numbers of the input that are laid out at once.
_COLUMNS, _LAID_OUT = 512, 1 << 18


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

    output: str
    inputs: tuple[str, ...]

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
        source = run.held[self.source]
        flat = self._pointwise and source.array.shape[2] == across
        channels = source.array.shape[0] * max(part.columns for part in self.parts)
        wide = across if flat else min(across, _COLUMNS)
        high = max(1, min(last - first, _LAID_OUT // (channels * wide) if not flat else ceil_div(2 * _COLUMNS, wide)))
        starts = [(row, column) for row in range(first, last, high) for column in range(0, across, wide)]

        def piece(begin: int, end: int) -> int:
            work = _Work(self, run, rows, out, flat, (high, wide))
            return sum(
                work.block(row, min(high, last - row), column, min(wide, across - column))
                for row, column in starts[begin:end]
            )

        run.split(piece, len(starts), high * wide * channels, self.output)
        return out

    @property
    def _pointwise(self) -> bool:
        return self.stride == 1 and all(part.rows == part.columns == 1 for part in self.parts)


class _Work:
    """Room and constants of a thread for the blocks of a convolution."""

    def __init__(
        self, layer: Convolution, run: Run, rows: Span, out: Fixed, flat: bool, block: tuple[int, int]
    ) -> None:
        self.layer, self.rows, self.out, self.flat = layer, rows, out, flat
        self.source = run.held[layer.source]
        self.height = run.sizes[layer.source][0]
        groups = layer.parts[0].matrix.shape[0]
        self.groups, self.share = groups, self.source.array.shape[0] // groups
        self.reach = max(part.row + part.rows for part in layer.parts) - min(part.row for part in layer.parts)
        high, wide = block
        taps = max(part.columns for part in layer.parts)
        tall = layer.stride * (high - 1) + self.reach
        self.laid = np.empty(len(self.source.array) * taps * tall * wide)
        results = max(part.matrix.shape[0] * part.matrix.shape[1] for part in layer.parts)
        self.sums = np.empty(results * high * wide)
        self.line = np.empty(wide)
        self.scale, self.bias = layer.weights.scale, layer.weights.bias
        self.limits = np.array(layer.formats, np.float64)
        self.other = run.held[layer.other] if layer.other else Rows(_NO_TENSOR, 0)

    def block(self, row: int, high: int, column: int, wide: int) -> int:
        """Make a block of results; return how many values the formats cut."""
        cut, laid_out = 0, None
        for part in self.layer.parts:
            if laid_out != (part.column, part.columns):
                laid_out = part.column, part.columns
                self._pack(part, row, high, column, wide)
            cut += self._multiply(part, row, high, column, wide)
        return cut

    def _pack(self, part: Part, row: int, high: int, column: int, wide: int) -> None:
        layer, points = self.layer, high * wide
        top = layer.stride * row + min(each.row for each in layer.parts)
        tall = layer.stride * (high - 1) + self.reach
        if self.flat:
            strides = self.share * points, wide, points, points
        else:
            line = part.columns * self.share * wide
            strides = tall * line, line, self.share * wide, wide
        kernels.pack(
            self.source.array, self.laid, self.source.top, self.height, top, tall, layer.stride,
            layer.stride * column + part.column, wide, part.columns, self.groups, *strides, *layer.clip,
        )  # fmt: skip

    def _multiply(self, part: Part, row: int, high: int, column: int, wide: int) -> int:
        layer, (groups, results, depth) = self.layer, part.matrix.shape
        lines, points = (1, high * wide) if self.flat else (high, wide)
        tall = 1 if self.flat else layer.stride * (high - 1) + self.reach
        line = part.columns * self.share * points
        skipped = 0 if self.flat else part.row - min(each.row for each in layer.parts)
        columns = np.lib.stride_tricks.as_strided(
            self.laid[skipped * line :],
            (groups, lines, depth, points),
            (8 * tall * line, 8 * layer.stride * line, 8 * points, 8),
        )
        sums = self.sums[: groups * lines * results * points].reshape(groups, lines, results, points)
        products(part.matrix, columns, sums)
        row_stride = wide if self.flat else results * points
        place = np.array(
            [
                lines * results * points, row_stride, points, results,
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
        taps = weights.weight.reshape(channels, 3, 3)

        def piece(first: int, last: int) -> int:
            return int(
                kernels.depthwise(
                    source.array, taps, scale, weights.bias, out, np.empty(width), source.top, height,
                    rows[0], *self.format, first, last,
                )  # fmt: skip
            )

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
        if len(held) == 2:
            loop = functools.partial(_PAIRS[self.kind], held[0].array, held[1].array, out, *starts, *self.format)
        elif self.kind == "clip":
            loop = functools.partial(kernels.clip, held[0].array, out, *starts, *self.format)
        else:
            loop = functools.partial(_FUNCTIONS[self.kind], held[0].array, out, *starts, exp_tables())
        run.split(loop, channels, out.shape[1] * width, self.output)
        return out


_PAIRS: Mapping[str, Callable[..., int]] = {
    "add": kernels.add,
    "mul": kernels.multiply,
    "mul_one_plus": kernels.gate,
}
_FUNCTIONS: Mapping[str, Callable[..., None]] = {"elu": kernels.elu, "sigmoid": kernels.sigmoid}


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
            return int(
                kernels.layer_norm(
                    source.array, self.weight, self.bias, steady, out, *room, rows[0] - source.top, *self.format,
                    first, last,
                )  # fmt: skip
            )

        run.split(piece, out.shape[1], channels * width, self.output)
        return out
