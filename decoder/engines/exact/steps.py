"""What the exact engine does one after the other: one class for each way of making a tensor from others.

A step makes some rows of its output from the rows that `reads` names. Tensors are held as `Rows`: a band of whole rows.
Rows do not depend on how a tensor is cut into bands.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.engines.exact import kernels, lines
from jpegai.decoder.engines.exact.functions import exp_tables
from jpegai.decoder.engines.exact.weights import Bound, IntegerWeights
from jpegai.decoder.engines.formats import FRACTION, Fixed, Saturations
from jpegai.decoder.workers import Workers, grain

__all__ = ["Concat", "Depthwise", "Elementwise", "LayerNorm", "Rows", "Run", "Slice", "Span", "Step"]

Float64 = NDArray[np.float64]
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows top..top + array.shape[1] - 1 of a tensor: int32 (C, rows, W), C-contiguous."""

    array: Fixed
    top: int


@dataclass(slots=True)
class Run:
    """A run of a network: sizes (height, width) of all its tensors, what is held of them, and memory for more."""

    sizes: Mapping[str, tuple[int, int]]
    workers: Workers
    saturations: Saturations
    network: str
    held: dict[str, Rows] = field(default_factory=dict)
    pool: list[NDArray[np.int32]] | None = None

    def room(self, channels: int, rows: int, width: int) -> Fixed:
        """Return an array for a tensor; between bands the memory of tensors that nobody holds is used again.

        The system clears the memory that it gives, which costs as much as some layers.
        """
        shape = channels, rows, width
        if self.pool is None:
            return np.empty(shape, np.int32)
        size = channels * rows * width
        for place in range(len(self.pool)):
            # what the list and the argument refer to, and no view does
            if size <= self.pool[place].size <= 2 * size and sys.getrefcount(self.pool[place]) == _FREE:
                return self.pool[place][:size].reshape(shape)
        self.pool.append(np.empty(size, np.int32))
        return self.pool[-1].reshape(shape)

    def count(self, tensor: str, cut: int) -> None:
        """Count values of a tensor that its format cut."""
        self.saturations.add(f"{self.network}.{tensor}", cut)

    def split(self, function: Callable[[int, int], int | None], count: int, numbers: int, tensor: str) -> None:
        """Call `function(first, last)` on pieces of 0..count-1, each item of so many numbers; add up what they cut."""
        self.workers.split(lambda first, last: self.count(tensor, function(first, last) or 0), count, grain(numbers))


#: References to an array in a list, as an argument counts them, where there are no others.
_ALONE = [np.empty(0)]
_FREE = sys.getrefcount(_ALONE[0])


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
        out = run.room(channels, rows[1] - rows[0], width)
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
        out = run.room(channels, rows[1] - rows[0], width)
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
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {"elu": lines.elu, "sigmoid": kernels.sigmoid}


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
        out = run.room(channels, rows[1] - rows[0], width)
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
