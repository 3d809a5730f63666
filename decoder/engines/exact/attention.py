"""Attention between channels (06.3.5, step 2) in exact sums: first over all positions, then at each.

The products of queries and keys, and their squares, are summed over all positions of the tile: in blocks so short that
a sum stays below 2^53, whose sums are added as two 64-bit integers, of the upper and of the lower 26 bits. A cosine is
g / (sqrt(a) sqrt(b)) and a score the cosine times the temperature, each operation in float64 and rounded once; scores
are rounded to 24 fraction bits. The shares of a channel are exp(score - greatest score) by table, divided by their sum
and rounded half to even to 24 fraction bits. The result is the sum of shares times values, rounded like a convolution.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.engines.exact import kernels
from jpegai.decoder.engines.exact.functions import EXP_FRACTION, exp_negative, exp_tables
from jpegai.decoder.engines.exact.steps import Convolution, Part, Run, Span
from jpegai.decoder.engines.exact.weights import Bound, IntegerWeights
from jpegai.decoder.engines.formats import EXACT_PRODUCT, Fixed
from jpegai.decoder.engines.product import products
from jpegai.decoder.jit import kernel

__all__ = ["POSITIONS", "Gram", "Mix"]

#: Positions of the largest legal tile: what sums over positions are proved for.
POSITIONS = 1 << 28
#: Fraction bits of a share.
_SHARE = 24
#: Largest difference of scores.
_SCORES = 1 << 62
#: Bits of the lower half of a sum over positions.
_LOW = 26
#: Blocks that are multiplied at once.
_BLOCKS = 32


class Sums:
    """Sums over positions, exact: a (heads, c, c) array of products and two (heads, c) arrays of squares."""

    def __init__(self, heads: int, share: int) -> None:
        self._lock = threading.Lock()
        self._parts = [
            [np.zeros(shape, np.int64) for shape in ((heads, share, share), (heads, share), (heads, share))]
            for _ in range(2)
        ]

    def add(self, *blocks: NDArray[np.float64]) -> None:
        """Add the sums of blocks: integers below 2^53, blocks along axis 1."""
        whole = [block.astype(np.int64) for block in blocks]
        high = [(block >> _LOW).sum(axis=1) for block in whole]
        low = [(block & ((1 << _LOW) - 1)).sum(axis=1) for block in whole]
        with self._lock:
            for total, part in zip(self._parts[0], high, strict=True):
                total += part
            for total, part in zip(self._parts[1], low, strict=True):
                total += part

    def totals(self) -> list[NDArray[np.float64]]:
        """Return the sums, each rounded to float64 once."""
        results = []
        for high, low in zip(*self._parts, strict=True):
            whole = [(int(h) << _LOW) + int(n) for h, n in zip(high.flat, low.flat, strict=True)]
            results.append(np.array([float(value) for value in whole]).reshape(high.shape))
        return results


@dataclass(frozen=True, slots=True, eq=False)
class Gram:
    """The sums over all positions that an attention needs.

    Attributes:
        source: queries, keys and values, one after the other.
        output: names the sums.
        channels: of the queries.
        heads: number of heads.
        magnitude: largest magnitude of queries and keys.
        block: positions whose sum stays below 2^53.
    """

    source: str
    output: str
    channels: int
    heads: int
    magnitude: int
    block: int = 0
    limit: int = field(default=EXACT_PRODUCT)

    def bounds(self) -> Sequence[Bound]:
        """Return the bounds of a block's sum, and of the two halves of a sum over the largest legal tile."""
        blocks = -(-POSITIONS // self.positions)
        halves = (blocks * (self.limit >> _LOW), blocks << _LOW)
        return [
            Bound(self.output, "attention block", (self.positions * self.magnitude**2,), positions=self.positions),
            Bound(self.output, "attention sum", halves, limit=(1 << 63) - 1, positions=POSITIONS),
        ]

    @property
    def positions(self) -> int:
        """Positions of a block."""
        return self.block or max(1, self.limit // self.magnitude**2)

    def add(self, rows: Span, run: Run, sums: Sums) -> None:
        """Add the sums of some rows."""
        held = run.held[self.source]
        array: Fixed = held.array[: 2 * self.channels, rows[0] - held.top : rows[1] - held.top]
        flat = array.reshape(2, self.heads, self.channels // self.heads, -1)
        length, step = flat.shape[-1], min(self.positions, 1024)
        wide = _BLOCKS * step

        def piece(first: int, last: int) -> None:
            for start in range(first * wide, min(last * wide, length), wide):
                part = flat[..., start : start + wide].astype(np.float64)
                missing = -part.shape[-1] % step
                if missing:
                    part = np.pad(part, ((0, 0), (0, 0), (0, 0), (0, missing)))
                queries, keys = part.reshape(*part.shape[:3], -1, step).transpose(0, 1, 3, 2, 4)
                columns = np.ascontiguousarray(keys.swapaxes(-1, -2))
                made = np.empty((*queries.shape[:-1], queries.shape[-2]))
                for head in range(self.heads):
                    products(np.ascontiguousarray(queries[head]), columns[head][:, None], made[head][:, None])
                sums.add(made, (queries * queries).sum(axis=-1), (keys * keys).sum(axis=-1))

        run.workers.split(piece, -(-length // wide))


@dataclass(frozen=True, slots=True, eq=False)
class Mix:
    """Values mixed by the shares that follow from the sums.

    Attributes:
        source, output: names of values and result.
        gram: makes the sums.
        temperature: of every head.
        format: lowest and highest result.
        stored: name of the stored temperature.
    """

    source: str
    output: str
    gram: Gram
    temperature: NDArray[np.float64]
    format: Span
    stored: str

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the tensors it reads."""
        return (self.source,)

    def bounds(self) -> Sequence[Bound]:
        """Return the bounds of the difference of two scores, by head, and of a sum of shares times values."""
        share = self.gram.channels // self.gram.heads
        # cosines exceed 1 by roundings alone
        scores = (2 * ceil(abs(float(each)) * (1 << EXP_FRACTION) * (1 + 2.0**-40)) + 2 for each in self.temperature)
        return [
            Bound(self.stored, "attention score", tuple(scores), limit=_SCORES),
            Bound(self.output, "attention mix", (self.gram.magnitude * ((1 << _SHARE) + share),)),
        ]

    def layer(self, sums: Sums) -> Convolution:
        """Return the step that mixes: a convolution with the shares as weights."""
        products_, queries, keys = sums.totals()
        scores = np.zeros(products_.shape, np.int64)
        for place in np.ndindex(*scores.shape):
            head, row, column = place
            norms = sqrt(queries[head, row] or 1.0) * sqrt(keys[head, column] or 1.0)
            score = products_[place] / norms * float(self.temperature[head])
            # what is proved is far from the limits
            scores[place] = round(min(max(float(np.ldexp(score, EXP_FRACTION)), -_SCORES / 2), _SCORES / 2))
        shares: NDArray[np.float64] = np.empty(scores.shape)
        channels = self.gram.channels
        rows = channels, channels // self.gram.heads
        _softmax(scores.reshape(rows), exp_tables(), shares.reshape(rows))
        fraction = np.full(channels, _SHARE, np.int64)
        weights = IntegerWeights((shares,), np.zeros(channels), fraction, ())
        part = Part(0, 1, 0, 1, shares, 0, 0)
        # values may be larger than the results may be
        values = -self.gram.magnitude, self.gram.magnitude
        low, high = self.format
        formats = (low, high, low, high, low, high)
        return Convolution(
            self.source, self.output, weights, (part,), channels, 1, 1, 1, values, formats, kernels.NONE, None,
            self.output, "attention mix",
        )  # fmt: skip


@kernel
def _softmax(scores: NDArray[np.int64], tables: NDArray[np.int64], shares: NDArray[np.float64]) -> None:
    """Fill rows of `shares`, integers with 24 fraction bits, from scores with 24."""
    for row in range(scores.shape[0]):
        greatest = scores[row, 0]
        for column in range(scores.shape[1]):
            greatest = max(greatest, scores[row, column])
        total = np.int64(0)
        for column in range(scores.shape[1]):
            part = np.int64(exp_negative(greatest - scores[row, column], tables))
            shares[row, column] = part
            total += part
        for column in range(scores.shape[1]):
            shares[row, column] = np.rint(shares[row, column] * (1 << _SHARE) / total)
