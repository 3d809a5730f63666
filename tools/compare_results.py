"""Two results against each other: how many samples differ, by how much, and which is the first."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.picture.compare import TOLERANCES, allowed
from jpegai.decoder.picture.readers import PictureFile
from jpegai.decoder.recorder import stage_of
from jpegai.tools.dump_index import Entry
from jpegai.tools.dump_layout import place, shapes

__all__ = [
    "Comparison",
    "Sample",
    "Tolerance",
    "compare_arrays",
    "compare_hashes",
    "compare_pictures",
    "parse_tolerance",
]

#: Samples that are looked at together: their temporaries stay in the cache.
_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How much results may differ.

    Attributes:
        name: ``exact``, ``conformance`` (section 12.6.6) or a number.
        limit: the number; None for the other two.
    """

    name: str
    limit: float | None = None

    def of(self, stage: str) -> float:
        """Return the largest difference that is allowed in a stage."""
        if self.limit is not None:
            return self.limit
        if self.name == "exact":
            return 0.0
        return 1.0 if stage == "picture" else TOLERANCES.get(stage, 0.0)

    def samples(self, stage: str, count: int) -> int:
        """Return how many of `count` samples may differ at all."""
        return allowed(count) if self.name == "conformance" and stage == "picture" else count


def parse_tolerance(text: str) -> Tolerance:
    """Return the tolerance that is asked for.

    Raises:
        ValueError: it is neither ``exact`` nor ``conformance`` nor a number from 0 on.
    """
    if text in ("exact", "conformance"):
        return Tolerance(text)
    limit = float(text)
    if not 0 <= limit < math.inf:
        raise ValueError(f"{text} is no limit")
    return Tolerance(text, limit)


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample that differs: where it is, and its two values."""

    channel: int
    row: int
    column: int
    a: float
    b: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came out for one result.

    Attributes:
        name: of the result.
        verdict: ``equal``; ``within`` the tolerance; ``different``; ``incomparable``, where what is there does not
            suffice; ``only in A`` or ``only in B``, where the other should have it.
        samples: how many there are; None where they were not looked at.
        differing: samples that differ at all.
        beyond: samples that differ by more than the tolerance.
        maximum: largest difference.
        rms: root of the mean of the squared differences.
        psnr: of a picture, in dB; None for equal pictures too.
        first: the first sample that makes the verdict.
        reason: why the results differ or cannot be compared, where no sample tells.
        converted: what was done before they could be compared.
    """

    name: str
    verdict: str
    samples: int | None = None
    differing: int | None = None
    beyond: int | None = None
    maximum: float | None = None
    rms: float | None = None
    psnr: float | None = None
    first: Sample | None = None
    reason: str | None = None
    converted: str | None = None

    @property
    def good(self) -> bool:
        """Whether nothing is to be said against it."""
        return self.verdict in ("equal", "within")


@dataclass(slots=True)
class _Figures:
    """Counts of one or more arrays.

    The first samples are numbered in C order, through all the arrays.
    """

    samples: int = 0
    differing: int = 0
    beyond: int = 0
    maximum: float = 0.0
    squares: float = 0.0
    first: tuple[int, float, float] | None = None
    first_beyond: tuple[int, float, float] | None = None


def compare_hashes(a: Entry, b: Entry) -> Comparison:
    """Compare results of which at least one is known by its hash only."""
    if a.shape != b.shape:
        return Comparison(a.name, "different", reason=_shapes(a.shape, b.shape))
    if a.form != b.form:
        reason = f"{a.form} in A, {b.form} in B, and hashes, which is all there is, tell of one form only"
        return Comparison(a.name, "incomparable", reason=reason)
    if a.sha256 is None or b.sha256 is None:
        return Comparison(a.name, "incomparable", reason="one of them has neither samples nor a hash")
    if a.sha256 == b.sha256:
        return Comparison(a.name, "equal")
    return Comparison(a.name, "different", reason="the hashes differ; where and by how much takes the samples")


def compare_arrays(a: Entry, b: Entry, left: NDArray[Any], right: NDArray[Any], tolerance: Tolerance) -> Comparison:
    """Compare two results in their canonical forms; where those differ, the values they stand for.

    Without a tolerance float results are held against each other bit by bit, so that what is equal has equal hashes.
    """
    if a.shape != b.shape:
        return Comparison(a.name, "different", reason=_shapes(a.shape, b.shape))
    converted = None
    if a.form != b.form:
        converted = f"{a.form} in A, {b.form} in B: compared as real values"
    bits = None if converted is None else (a.fraction_bits or 0, b.fraction_bits or 0)
    # of one fixed-point form the integers are compared; what is told are the values they stand for
    unit = 2.0 ** -(a.fraction_bits or 0) if bits is None else 1.0
    figures = _Figures()
    _measure(left.reshape(-1), right.reshape(-1), bits, tolerance.of(a.stage) / unit, figures)
    return replace(_judge(a.name, figures, tolerance, shapes(a, None), unit), converted=converted)


def compare_pictures(a: PictureFile, b: PictureFile, tolerance: Tolerance) -> Comparison:
    """Compare the planes of two pictures; other depths are brought to one, other colour spaces are not."""
    if a.space != b.space and a.space is not None and b.space is not None:
        names = {"rgb": "RGB", "yuv": "YCbCr"}
        reason = f"{names[a.space]} in A, {names[b.space]} in B: decode or convert one of them to the other"
        return Comparison("picture", "incomparable", reason=reason)
    sizes = [[plane.shape for plane in picture.planes] for picture in (a, b)]
    if sizes[0] != sizes[1]:
        return Comparison("picture", "different", reason=_planes(sizes))
    left, right, peak, converted = _one_depth(a, b)
    figures = _Figures()
    for x, y in zip(left, right, strict=True):
        _measure(x.reshape(-1), y.reshape(-1), None, tolerance.of("picture"), figures)
    made = _judge("picture", figures, tolerance, sizes[0])
    psnr = 20 * math.log10(peak / made.rms) if made.rms else None
    return replace(made, psnr=psnr, converted=converted)


def _judge(
    name: str,
    figures: _Figures,
    tolerance: Tolerance,
    sizes: Sequence[tuple[int, ...]],
    unit: float = 1.0,
) -> Comparison:
    """Make a comparison of what was counted.

    Args:
        name: of the result.
        figures: what was counted.
        tolerance: what is allowed.
        sizes: rows and columns of every channel.
        unit: the value of 1 in the figures.
    """
    most = tolerance.samples(stage_of(name), figures.samples)
    many = figures.differing > most
    verdict = "equal" if not figures.differing else "different" if figures.beyond or many else "within"
    found = (figures.first_beyond or figures.first) if verdict == "different" else None
    return Comparison(
        name,
        verdict,
        figures.samples,
        figures.differing,
        figures.beyond,
        figures.maximum * unit,
        math.sqrt(figures.squares / figures.samples) * unit if figures.samples else 0.0,
        first=None if found is None else Sample(*place(sizes, found[0]), found[1] * unit, found[2] * unit),
        reason=f"more than {most} samples differ" if many and not figures.beyond else None,
    )


def _measure(
    a: NDArray[Any], b: NDArray[Any], bits: tuple[int, int] | None, limit: float, figures: _Figures
) -> None:
    """Add what differs between two arrays of one dimension.

    Args:
        a: the one.
        b: the other.
        bits: fraction bits by which both are converted to real values; None where they are of one form.
        limit: what is allowed.
        figures: added to; its first samples are set where it has none.
    """
    before = figures.samples
    figures.samples += a.size
    for start, x, y in _blocks(a, b, bits):
        if bits is None and x.dtype.kind == "f" and x.dtype == y.dtype:
            unequal = x.view(f"u{x.itemsize}") != y.view(f"u{y.itemsize}")
        else:
            unequal = x != y
        count = int(np.count_nonzero(unequal))
        if not count:
            continue
        with np.errstate(invalid="ignore"):
            distance = np.abs(x.astype(np.float64) - y)
        distance[x == y] = 0  # infinities of one sign
        distance[np.isnan(distance)] = np.inf
        beyond = unequal if limit == 0 else distance > limit
        figures.differing += count
        figures.beyond += int(np.count_nonzero(beyond))
        figures.maximum = max(figures.maximum, float(distance.max()))
        figures.squares += float(np.dot(distance, distance))
        if figures.first is None:
            figures.first = _sample(x, y, unequal, before + start)
        if figures.first_beyond is None and beyond.any():
            figures.first_beyond = _sample(x, y, beyond, before + start)


def _blocks(
    a: NDArray[Any], b: NDArray[Any], bits: tuple[int, int] | None
) -> Iterator[tuple[int, NDArray[Any], NDArray[Any]]]:
    for start in range(0, a.size, _BLOCK):
        x, y = a[start : start + _BLOCK], b[start : start + _BLOCK]
        if bits is not None:
            x, y = (np.ldexp(part.astype(np.float64), -each) for part, each in zip((x, y), bits, strict=True))
        yield start, x, y


def _sample(a: NDArray[Any], b: NDArray[Any], mask: NDArray[np.bool_], start: int) -> tuple[int, float, float]:
    index = int(mask.argmax())
    return start + index, float(a[index]), float(b[index])


def _one_depth(
    a: PictureFile, b: PictureFile
) -> tuple[tuple[NDArray[Any], ...], tuple[NDArray[Any], ...], float, str | None]:
    """Return the planes of both on one scale, the largest sample of that scale, and what was done to get there."""
    depths = [picture.depth or other.depth for picture, other in ((a, b), (b, a))]
    first, second = (depth or 8 * a.planes[0].itemsize for depth in depths)
    if first == second:
        return a.planes, b.planes, (1 << first) - 1, None
    deep, name = (a, "A") if first > second else (b, "B")
    low, high = sorted((first, second))
    if deep.widened and high == 16 and low > 8:
        shifted = tuple(plane >> (16 - low) for plane in deep.planes)
        told = f"the 16 bits of {name} hold {low}: its low {16 - low} bits were left out"
        pair = (shifted, b.planes) if deep is a else (a.planes, shifted)
        return *pair, (1 << low) - 1, told
    told = f"{first} bits in A, {second} bits in B: compared on a scale of 0..255"
    scaled = [
        tuple(plane * (255.0 / ((1 << depth) - 1)) for plane in picture.planes)
        for picture, depth in ((a, first), (b, second))
    ]
    return scaled[0], scaled[1], 255.0, told


def _shapes(a: tuple[int, ...], b: tuple[int, ...]) -> str:
    return f"the sizes differ: {'x'.join(map(str, a))} in A, {'x'.join(map(str, b))} in B"


def _planes(sizes: list[list[Any]]) -> str:
    words = [", ".join(f"{columns}x{rows}" for rows, columns in each) for each in sizes]
    return f"the planes differ in number or size: {words[0]} in A, {words[1]} in B"
