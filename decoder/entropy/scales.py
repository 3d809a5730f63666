"""From the hyper scale to what is coded and how, and from decoded integers to the residual (sections 05.7 to 05.10).

The coding map is made in one pass over the hyper scale. The single steps exist for dumps; all are built from
the same functions of one position.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.entropy.gains import check_added
from jpegai.decoder.entropy.metans import Integer
from jpegai.decoder.entropy.tables import NOT_CODED
from jpegai.decoder.geometry import ceil_div
from jpegai.decoder.jit import kernel
from jpegai.decoder.workers import Workers, grain

__all__ = ["SKIP_THRESHOLD", "coded_mask", "coding_map", "dequantise", "scale0", "sigma_index"]

SKIP_THRESHOLD = 382
"""A position is coded if its scale before RVS is above (05.9.1)."""

_NOT_CODED = np.uint8(NOT_CODED)
_LEAST_INDEX, _GREATEST_INDEX = np.int16(0), np.int16(31)
_PLAIN: Final = ("C", "A", "W")  # the one layout of arrays that the loops are compiled for
_PHASES = 4
_CUBE = 8


@kernel
def _scale0(hs: Integer, added: Integer) -> Integer:
    """Return the scale before RVS of a position (05.7.1)."""
    return np.int16(hs + added)


@kernel
def _sigma_index(scale1: Integer) -> Integer:
    """Return the index of the distribution of a position (05.8.3)."""
    return np.uint8(min(max(np.int16(np.int16(scale1 + 64) >> 7), _LEAST_INDEX), _GREATEST_INDEX))


@kernel
def _is_coded(scale0: Integer, forced: Integer) -> Any:
    """Return whether a position is coded (05.9): by its scale, or forced by its cube."""
    return (scale0 > SKIP_THRESHOLD) | (forced != 0)


@kernel
def _scale0_loop(hs: NDArray[np.int16], log: NDArray[np.int32], out: NDArray[np.int16], first: int, last: int) -> None:
    for c in range(first, last):
        added = np.int16(log[c])
        for i in range(hs.shape[1]):
            out[c, i] = _scale0(hs[c, i], added)


@kernel
def _sigma_index_loop(scale1: NDArray[np.int16], out: NDArray[np.uint8], first: int, last: int) -> None:
    for c in range(first, last):
        for i in range(scale1.shape[1]):
            out[c, i] = _sigma_index(scale1[c, i])


@kernel
def _coded_mask_loop(
    scale0: NDArray[np.int16], forced: NDArray[np.uint8], out: NDArray[np.uint8], first: int, last: int
) -> None:
    for c in range(first, last):
        for i in range(scale0.shape[1]):
            out[c, i] = _is_coded(scale0[c, i], forced[i])


@kernel
def _coding_map_loop(
    hs: NDArray[np.int16],
    log: NDArray[np.int32],
    forced: NDArray[np.uint8],
    out: NDArray[np.uint8],
    first: int,
    last: int,
) -> None:
    for c in range(first, last):
        added = np.int16(log[c])
        for i in range(hs.shape[1]):
            scale = _scale0(hs[c, i], added)
            out[c, i] = _sigma_index(scale) if _is_coded(scale, forced[i]) else _NOT_CODED


@kernel
def _dequantise_loop(
    values: NDArray[np.int16], divisor: NDArray[np.float32], out: NDArray[np.float32], first: int, last: int
) -> None:
    for c in range(first, last):
        by = np.float32(divisor[c])
        for i in range(values.shape[1]):
            out[c, i] = np.float32(values[c, i]) / by


def coding_map(
    hs: NDArray[np.int16],
    log: NDArray[np.int32],
    cube_flags: NDArray[np.uint8] | None,
    num_chs: int,
    workers: Workers,
) -> NDArray[np.uint8]:
    """Return the coding map of the channels that are coded (05.7.1, 05.8.3, 05.9), without RVS and quality map.

    Args:
        hs: int16 (C, h, w), 0..3967: output of the hyper scale decoder.
        log: int32 (C,): L, the gain of the model plus the displacement of the component (05.5.1).
        cube_flags: uint8 (4, cubeH, cubeW), or None where use_cube_flags is 0.
        num_chs: number of coded channels, 0..C.
        workers: what the channels are split over.

    Returns:
        uint8 (num_chs, h, w): sigma index 0..31 where a symbol is coded, 255 elsewhere.

    Raises:
        ConformanceError: an L leaves -8192..8191 (rule R-96).
    """
    _check(0 <= num_chs <= len(hs), f"num_chs in 0..{len(hs)}")
    other = _added(log, len(hs)), _forced(cube_flags, *hs.shape[1:])
    out = np.empty((num_chs, *hs.shape[1:]), np.uint8)
    _spread(_coding_map_loop, hs[:num_chs], other, out, workers)
    return out


def scale0(hs: NDArray[np.int16], log: NDArray[np.int32], workers: Workers) -> NDArray[np.int16]:
    """Return the scale before RVS (05.7.1), int16 (C, h, w); arguments and errors are those of `coding_map`."""
    out = np.empty(hs.shape, np.int16)
    _spread(_scale0_loop, hs, (_added(log, len(hs)),), out, workers)
    return out


def sigma_index(scale1: NDArray[np.int16], workers: Workers) -> NDArray[np.uint8]:
    """Return the sigma index (05.8.3), uint8 (C, h, w), 0..31, of a scale after RVS, int16 (C, h, w)."""
    out = np.empty(scale1.shape, np.uint8)
    _spread(_sigma_index_loop, scale1, (), out, workers)
    return out


def coded_mask(scale0: NDArray[np.int16], cube_flags: NDArray[np.uint8] | None, workers: Workers) -> NDArray[np.uint8]:
    """Return which positions of all channels are coded (05.9), as if num_chs were C.

    Args:
        scale0: int16 (C, h, w), the scale before RVS.
        cube_flags: uint8 (4, cubeH, cubeW), or None where use_cube_flags is 0.
        workers: what the channels are split over.

    Returns:
        uint8 (C, h, w), 1 where a position is coded.
    """
    out = np.empty(scale0.shape, np.uint8)
    _spread(_coded_mask_loop, scale0, (_forced(cube_flags, *scale0.shape[1:]),), out, workers)
    return out


def dequantise(residual: NDArray[np.int16], divisor: NDArray[np.float32], workers: Workers) -> NDArray[np.float32]:
    """Return the dequantised residual (05.10), without RVS, GRFS and quality map: a true division in binary32.

    Args:
        residual: int16 (n, h, w), the decoded integers.
        divisor: float32 (C,), C >= n: `Gains.divisor`.
        workers: what the channels are split over.

    Returns:
        float32 (C, h, w), 0 in the channels n..C-1.
    """
    _check(len(residual) <= len(divisor), "a divisor for every channel")
    out = np.zeros((len(divisor), *residual.shape[1:]), np.float32)
    _spread(_dequantise_loop, residual, (np.require(divisor, np.float32, _PLAIN),), out, workers)
    return out


def _check(condition: bool, needed: str) -> None:
    """Guard the loops, which do not check indices, against a mistake of the caller."""
    if not condition:
        raise ValueError(f"needed: {needed}")


def _spread(
    loop: Callable[..., None],
    source: NDArray[np.int16],
    other: tuple[NDArray[Any], ...],
    out: NDArray[Any],
    workers: Workers,
) -> None:
    """Run a loop from the planes of `source` to the first planes of `out`, split over the workers by channels."""
    channels, positions = len(source), source.shape[1] * source.shape[2]
    planes = np.require(source, np.int16, _PLAIN).reshape(channels, positions)
    flat = out.reshape(len(out), positions)
    workers.split(lambda first, last: loop(planes, *other, flat, first, last), channels, grain(positions))


def _added(log: NDArray[np.int32], channels: int) -> NDArray[np.int32]:
    """Check what is added to the scale, one number for each channel (rule R-96)."""
    _check(len(log) == channels, f"{channels} gains")
    check_added(log)
    return np.require(log, np.int32, _PLAIN)


def _forced(cube_flags: NDArray[np.uint8] | None, height: int, width: int) -> NDArray[np.uint8]:
    """Return where cube flags of 0 force all channels to be coded (05.9.2): uint8 (height * width,), 0 or 1."""
    forced = np.zeros((height, width), np.uint8)
    if cube_flags is not None:
        cubes = tuple(ceil_div(size, 2 * _CUBE) for size in (height, width))
        _check(cube_flags.shape == (_PHASES, *cubes), f"cube flags of shape {(_PHASES, *cubes)}")
        for phase in range(_PHASES):
            part = forced[phase >> 1 :: 2, phase & 1 :: 2]
            cells = np.repeat(np.repeat(cube_flags[phase] == 0, _CUBE, 0), _CUBE, 1)
            part[:] = cells[: part.shape[0], : part.shape[1]]
    return forced.reshape(-1)
