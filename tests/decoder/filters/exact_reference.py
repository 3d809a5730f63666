"""The filters of the exact engine written plainly: integers and fractions of any size, one sample at a time.

Written from ``docs/exact-filters.md`` and the values of the headers; of the decoder's code it takes only what places
things: windows of splits, tiles, and which model is meant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from jpegai.decoder.filters import Eicci, PictureShape, Window
from jpegai.decoder.filters.efe_linear import split_windows
from jpegai.decoder.filters.tables import LEF_FACTORS, LEF_THRESHOLDS, SPLIT_PATTERNS

ONE = 1 << 16
LIMIT = (1 << 30) - 1
WHITE = 255 * ONE

Plane = list[list[int]]
Networks = Callable[[str, int], Callable[[np.ndarray], np.ndarray]]


class Samples:
    """Makes samples of exact values and counts those that the format cuts."""

    def __init__(self) -> None:
        self.cut = 0

    def __call__(self, value: Fraction) -> int:
        rounded = round(value)
        self.cut += abs(rounded) > LIMIT
        return clamp(rounded, -LIMIT, LIMIT)


def clamp(value: Any, low: int, high: int) -> Any:
    return min(max(value, low), high)


def weight(code: int) -> Fraction:
    return Fraction(code - 32767, 2048)


def size(plane: Plane) -> tuple[int, int]:
    return len(plane), len(plane[0])


# -- EFE linear -------------------------------------------------------------------------------------------------

_INTERPOLATION = ((0, 1, 0, 0), tuple(Fraction(tap, 16) for tap in (-1, 9, 9, -1)))
_IDENTITY = (0, 1, 0, 0)


def efe_linear(
    ton: Mapping[str, Any], s: int, k: int, shape: PictureShape, luma: Plane, chroma: Plane, samples: Samples
) -> Plane:
    """Component `k` filtered with set `s`; minSymbol is 0."""
    dense, index = shape.coded == shape.source, ton["best_cand_idx"][s][k]
    if dense and index == 0:
        return chroma
    height, width = size(luma)
    rows, columns = (height + 1) // 2, (width + 1) // 2
    down, across = 3 - shape.source[0], 3 - shape.source[1]
    chroma_height, chroma_width = size(chroma)
    mean = round(Fraction(ton["B1"][k], 100) * ONE)
    out = [row[:] for row in chroma]
    for number, window in enumerate(split_windows(SPLIT_PATTERNS[max(index, 1) - 1], rows, columns).tolist()):
        for phase in range(4):
            a, b = phase >> 1, phase & 1
            across_taps, down_taps = (_IDENTITY if dense else _INTERPOLATION[bit] for bit in (b, a))
            own = [[Fraction(one) * other for other in across_taps] for one in down_taps]
            light = [[Fraction(0)] * 4 for _ in range(4)]
            if index > 0:
                length = ton["fL"][s][k]
                first = 1 - (length - 1) // 2
                for i in range(length):
                    for j in range(length):
                        plane = 0 if dense else phase
                        own[first + i][first + j] += weight(ton["weightsC"][s][k][number][plane][i][j])
                        light[first + i][first + j] += weight(ton["weightsY"][s][k][number][i][j])
            for m in range(window[0], window[1]):
                for n in range(window[2], window[3]):
                    y, x = down * m + a, across * n + b
                    if a >= down or b >= across or y >= chroma_height or x >= chroma_width:
                        continue
                    total = Fraction(mean)
                    for i in range(4):
                        for j in range(4):
                            p, q = clamp(m + i - 1, 0, rows - 1), clamp(n + j - 1, 0, columns - 1)
                            c = chroma[min(down * p + a, chroma_height - 1)][min(across * q + b, chroma_width - 1)]
                            total += own[i][j] * (c - mean)
                            total += light[i][j] * luma[min(2 * p + a, height - 1)][min(2 * q + b, width - 1)]
                    out[y][x] = samples(total)
    return out


# -- eICCI ------------------------------------------------------------------------------------------------------


def eicci(each: Eicci, networks: Networks, planes: Sequence[Plane], samples: Samples) -> list[Plane]:
    """The three planes in 4:4:4."""
    height, width = size(planes[0])
    picture = [[row[:] for row in plane] for plane in planes]
    in_place = each.selection == "reference"
    source = picture if in_place else planes
    for tile, transmitted in zip(each.tiles, each.selections, strict=True):
        selection = each.selections[0] if in_place else transmitted
        window = tile.window & Window(0, 0, height, width)
        if window.empty:
            continue
        read = [[row[window.left : window.right] for row in plane[window.top : window.bottom]] for plane in source]
        made = [[row[:] for row in plane] for plane in read]
        z = np.concatenate([coefficients(plane) for plane in read])
        for kind, index in selection.models.items():
            result = networks(kind, index)(z)
            for producer, component, band in (("eicci_Y", 0, 0), ("eicci_UV", 1, 0), ("eicci_UV", 2, 16)):
                if producer == kind and selection.use[component]:
                    # only samples of the core are made, and can be cut
                    wanted = tile.core & window
                    place = result[band : band + 16].tolist(), wanted.moved(window.top, window.left)
                    write(*place, made[component], samples)
        for plane, part in zip(picture, made, strict=True):
            core = tile.core & window
            for y in range(core.top, core.bottom):
                for x in range(core.left, core.right):
                    plane[y][x] = part[y - window.top][x - window.left]
    return [[[clamp(sample, 0, WHITE) for sample in row] for row in plane] for plane in picture]


def split(a: int, b: int, c: int, d: int) -> list[int]:
    """Twice one level of the samples 00, 10, 01, 11."""
    return [a + b + c + d, -a - b + c + d, -a + b - c + d, a - b - c + d]


def merge(s: Sequence[int]) -> list[int]:
    """Twice the samples 00, 10, 01, 11 of one level."""
    s0, s1, s2, s3 = s
    return [s0 - s1 - s2 + s3, s0 - s1 + s2 - s3, s0 + s1 - s2 - s3, s0 + s1 + s2 + s3]


_QUAD = ((0, 0), (1, 0), (0, 1), (1, 1))


def coefficients(plane: Plane) -> np.ndarray:
    """int32 (16, h, w) of a plane whose right and bottom edges are replicated."""
    height, width = size(plane)
    z = np.empty((16, (height + 3) // 4, (width + 3) // 4), np.int32)
    for i in range(z.shape[1]):
        for j in range(z.shape[2]):

            def sample(y: int, x: int, i: int = i, j: int = j) -> int:
                return plane[min(4 * i + y, height - 1)][min(4 * j + x, width - 1)]

            first = [split(*(sample(2 * m + y, 2 * n + x) for y, x in _QUAD)) for m, n in _QUAD]
            for band in range(4):
                for other, value in enumerate(split(*(quad[band] for quad in first))):
                    z[4 * band + other, i, j] = round(Fraction(value, 4 * 255))
    return z


def write(z: Sequence[Sequence[Sequence[int]]], wanted: Window, plane: Plane, samples: Samples) -> None:
    """Transform all coefficients back and write the wanted samples."""
    for i in range(len(z[0])):
        for j in range(len(z[0][0])):
            first = [merge([z[4 * band + other][i][j] for other in range(4)]) for band in range(4)]
            for quad, (m, n) in enumerate(_QUAD):
                for value, (y, x) in zip(merge([first[band][quad] for band in range(4)]), _QUAD, strict=True):
                    row, column = 4 * i + 2 * m + y, 4 * j + 2 * n + x
                    if wanted.top <= row < wanted.bottom and wanted.left <= column < wanted.right:
                        plane[row][column] = samples(Fraction(255 * value, 4))


# -- EFE non-linear ---------------------------------------------------------------------------------------------


def efe_nonlinear(
    ton: Mapping[str, Any], k: int, shape: PictureShape, luma: Plane, chroma: Plane, other: Plane, samples: Samples
) -> Plane:
    """Component `k`; `other` is that of the alternative picture. minSymbol is 0."""
    out = [row[:] for row in chroma]
    height, width = size(chroma)
    down, across = shape.source
    enabled = ton[f"nonLinear_enabled_{'UV'[k]}_flag"]
    masked = ton["mask1_enabled_flag"] and ton[f"mask{k + 1}_enabled_flag"]
    for m in range(height):
        for n in range(width):
            total, light = Fraction(chroma[m][n]), luma[down * m][across * n]
            if enabled:
                tile_height, tile_width = ton["nonlinearH"], ton["nonlinearW"]
                t = m // tile_height * -(-width // tile_width) + n // tile_width
                low, high = ton["minLuma"][t], ton["maxLuma"][t]
                knots = [round(Fraction(8 * low + i * (high - low), 800) * ONE) for i in range(8)]
                weights = [weight(code) for code in ton["A1"][k][8 * t : 8 * t + 8]]
                total = max(Fraction(0), total + weights[0] * (light - knots[0]))
                total += sum(w * max(0, light - knot) for w, knot in zip(weights[1:], knots[1:], strict=True))
            if masked:
                q = ton[f"W5_{'UV'[k]}"][m // ton["bS"]][n // ton["bS"]]
                total = (other[m][n] * q + (2 - q) * total) / 2
            if enabled or masked:
                out[m][n] = samples(total)
    return out


# -- LEF --------------------------------------------------------------------------------------------------------


def lef(model_id: int, scale: np.ndarray, luma: Plane) -> Plane:
    """Luma, with the channel of scale1 that drives the filter."""
    height, width = size(luma)
    steps = [np.float32(count) / np.float32(extent) for count, extent in zip(scale.shape, (height, width), strict=True)]
    out = [row[:] for row in luma]
    for y in range(height):
        for x in range(width):
            i, j = (
                min(int(np.float32(place) * step), count - 1)
                for place, step, count in zip((y, x), steps, scale.shape, strict=True)
            )
            reached = sum(int(scale[i, j]) >= threshold for threshold in LEF_THRESHOLDS[model_id])
            gain = Fraction(str((1, *LEF_FACTORS[model_id])[reached]))
            if 0 < y < height - 1 and 0 < x < width - 1:
                around = sum(luma[y + dy][x + dx] for dy in (-1, 0, 1) for dx in (-1, 0, 1))
                blurred = clamp(Fraction(5 * around + 19 * luma[y][x], 64), 0, WHITE)
                out[y][x] = clamp(round(blurred + (luma[y][x] - blurred) * gain), 0, WHITE)
            else:
                out[y][x] = clamp(luma[y][x], 0, WHITE)
    return out
