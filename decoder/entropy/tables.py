"""Distributions and decode tables of the me-tANS coder (sections 04.3 to 04.5)."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream.errors import ModelError

__all__ = ["NOT_CODED", "ResidualTables", "residual_tables", "z_cdf"]

NOT_CODED = 255
"""Entry of a coding map where nothing is coded; every other entry is the index of a distribution, 0..31."""

_STATES = 256
_HALF = 128
_ESCAPE = -(2**31)
_MAX_FREQUENCY = 2**31 - 1
_NUM_Z_SYMBOLS = 63


@dataclass(frozen=True, slots=True)
class ResidualTables:
    """Tables of the 32 residual distributions (04.3, 04.5.1); all read-only.

    Attributes:
        bounds: int32 (32,): the bound b of each distribution; values -(b-1)..b-1 are in band.
        decode: uint32 (32, 256): ``nbits << 24 | base << 16 | value & 0xFFFF`` per state (04.5.3).
        loop: int32 (33 * 256,): `decode` with bit 31 set in the entries of the escape, and a row 32 that keeps
            every state, reads nothing and gives 0. The loop decodes positions that are not coded with it.
    """

    bounds: NDArray[np.int32]
    decode: NDArray[np.uint32]
    loop: NDArray[np.int32]


@functools.cache
def residual_tables() -> ResidualTables:
    """Return the tables of the residual distributions, built once per process (about half a millisecond)."""
    data = json.loads(Path(__file__).with_name("metans_tables.json").read_bytes())
    bounds = np.array(data["bound"], np.int32)
    weights = np.array([weight for row in data["pmf"] for weight in row], np.int32)
    first_slots = np.cumsum(2 * bounds) - 2 * bounds
    slots = np.arange(len(weights), dtype=np.int32) - np.repeat(first_slots, 2 * bounds).astype(np.int32)
    values = np.where(slots & 1, -((slots + 1) >> 1), slots >> 1)

    # The spread (04.5.1): the even cumulative positions of a slot are states of the lower half, the odd ones, which
    # follow in its order of states, of the upper half. `lower` and `upper` turn a state into weight + rank.
    start = (np.cumsum(weights, dtype=np.int32) - weights) & (_STATES - 1)
    lower = weights - ((start + 1) >> 1)
    upper = weights + ((start + weights + 1) >> 1) - ((start + 1) >> 1) - _HALF - (start >> 1)
    at_position = np.repeat(np.arange(len(weights)), weights).reshape(len(bounds), _STATES)
    slot = np.hstack([at_position[:, 0::2], at_position[:, 1::2]])
    state = np.arange(_STATES, dtype=np.int32)
    occupied = state + np.hstack([lower[slot[:, :_HALF]], upper[slot[:, _HALF:]]])

    nbits = (8 - np.floor(np.log2(np.arange(1, 2 * _STATES))).astype(np.int32))[occupied - 1]
    base = (occupied << nbits) - _STATES
    packed = (nbits << 24) | (base << 16) | (values & 0xFFFF)[slot]
    escape = np.zeros(len(weights), np.int32)
    escape[first_slots + 2 * bounds - 1] = _ESCAPE
    loop = np.concatenate([(packed | escape[slot]).ravel(), state << 16])
    decode = packed.astype(np.uint32)
    for table in (bounds, decode, loop):
        table.flags.writeable = False
    return ResidualTables(bounds, decode, loop)


def z_cdf(freqs_int: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Return the cumulative weights of the z symbols (04.4).

    Args:
        freqs_int: integers (C, 63), each 1..2^31-1: the table of that name in the model.

    Returns:
        uint8 (C, 63): cdf[c][i]; the last column is 255.

    Raises:
        ModelError: another shape or type, or an entry out of range.
    """
    if freqs_int.ndim != 2 or freqs_int.shape[1] != _NUM_Z_SYMBOLS or freqs_int.dtype.kind not in "iu":
        raise ModelError(
            "freqs_int is not a table of z frequencies",
            expected=f"integers (channels, {_NUM_Z_SYMBOLS})",
            found=f"{freqs_int.dtype} {freqs_int.shape}",
        )
    bad = np.argwhere((freqs_int < 1) | (freqs_int > _MAX_FREQUENCY))
    if bad.size:
        channel, symbol = (int(index) for index in bad[0])
        raise ModelError(
            f"freqs_int[{channel}][{symbol}] is out of range",
            expected=f"1..{_MAX_FREQUENCY}",
            found=int(freqs_int[channel, symbol]),
        )
    cumulative = np.cumsum(freqs_int, axis=1, dtype=np.int64)
    total = cumulative[:, -1:]
    return ((255 * cumulative + total // 2) // total).astype(np.uint8)
