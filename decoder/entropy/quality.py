"""The quality map: how it is coded and what it does to scales and residuals (section 05.6)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream.errors import ConformanceError, Finding
from jpegai.codestream.payloads import ThreadPayload
from jpegai.decoder.entropy.gains import KAPPA, TINY
from jpegai.decoder.entropy.metans import Integer
from jpegai.decoder.entropy.residual import decode_residual
from jpegai.decoder.jit import kernel
from jpegai.decoder.workers import Workers

__all__ = ["DISTRIBUTIONS", "PREDICTIONS", "RANGE", "QualityMap", "decode_quality_map"]

DISTRIBUTIONS = (0, 4, 5, 6, 8, 10, 14, 18)
"""Distribution of the differences by quality_map_entropy_index."""

RANGE = range(-8, 9)
"""Legal values of the map (rule R-92)."""

PREDICTIONS = ("truncate", "floor")
"""How half the sum of two neighbours is rounded (05.16 D2): toward zero, which is right, or down, as encoders with a
newer framework below them did it. The two differ where the sum is negative and odd."""

_LEAST, _GREATEST = RANGE[0], RANGE[-1]


@dataclass(frozen=True, slots=True)
class QualityMap:
    """A quality map; larger values quantise finer.

    Attributes:
        values: int8 (h, w), -8..8.
    """

    values: NDArray[np.int8]

    #: What each value adds to the scale (qlog), a quarter of an octave a step.
    LOG = np.array([round(q * (math.log(2) / 4) / (KAPPA / 128)) for q in RANGE], np.int16)
    #: What each value divides the residual by, times 16 (qlin).
    LINEAR = np.array([math.ceil(16 * 2 ** (q / 4)) for q in RANGE], np.uint8)

    @property
    def log(self) -> NDArray[np.int16]:
        """int16 (h, w): added to the scale (05.7.1)."""
        return self.LOG[self.values.astype(np.intp) - _LEAST]

    @property
    def divisor(self) -> NDArray[np.float32]:
        """float32 (h, w): divides the residual (05.10), rounded to binary32 after each step."""
        table = (self.LINEAR / np.float32(16)).astype(np.float32) + TINY
        return table[self.values.astype(np.intp) - _LEAST]


def decode_quality_map(
    threads: Sequence[ThreadPayload],
    entropy_index: int,
    shape: tuple[int, int],
    workers: Workers,
    prediction: str = PREDICTIONS[0],
) -> tuple[QualityMap, list[Finding]]:
    """Decode the quality map (05.6).

    Args:
        threads: the T threads of the SOQ payload, in order.
        entropy_index: quality_map_entropy_index, 0..7.
        shape: height and width of the latents.
        workers: what the threads of the payload run on.
        prediction: one of `PREDICTIONS`.

    Returns:
        The map, and a finding of rule S-46 for every thread that is not fully used.

    Raises:
        ConformanceError: a value leaves -8..8 (rule R-92).
        TruncatedError, StreamSyntaxError: as `decode_residual`.
    """
    distributions = np.full((1, *shape), DISTRIBUTIONS[entropy_index], np.uint8)
    differences, findings = decode_residual(threads, distributions, workers)
    values = np.empty(shape, np.int8)
    number, found = _reconstruct(differences[0], values, prediction == "floor")
    if number < values.size:
        row, column = divmod(number, shape[1])
        raise ConformanceError(
            f"the quality map leaves its range at row {row}, column {column}",
            selector=threads[0].selector.split(".")[0],
            bit_offset=8 * threads[0].offset,
            expected=f"{_LEAST}..{_GREATEST}",
            found=found,
            rule="R-92",
        )
    return QualityMap(values), findings


@kernel
def _prediction(left: Integer, above: Integer, floor: bool) -> Integer:
    """Return half the sum of the neighbours by the rule of 05.16 D2, which stands here alone."""
    total = np.int64(left) + np.int64(above)
    return (total + (total < 0 and not floor)) >> 1


@kernel
def _reconstruct(differences: NDArray[np.int16], values: NDArray[np.int8], floor: bool) -> tuple[Integer, Integer]:
    """Add differences to predictions; return the number of the first value out of range (h * w: none) and the value."""
    height, width = values.shape
    for i in range(height):
        for j in range(width):
            if i == 0:
                predicted = np.int64(0) if j == 0 else np.int64(values[0, j - 1])
            elif j == 0:
                predicted = np.int64(values[i - 1, 0])
            else:
                predicted = _prediction(values[i, j - 1], values[i - 1, j], floor)
            value = predicted + np.int64(differences[i, j])
            if value < _LEAST or value > _GREATEST:
                return i * width + j, value
            values[i, j] = value
    return height * width, 0
