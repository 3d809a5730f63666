"""The plain encoder of residuals as a compiled loop, for pictures of any size; a test compares the two."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.entropy.tables import NOT_CODED
from jpegai.decoder.jit import kernel
from tests.decoder.entropy.encoder import slot_states
from tests.vectors import spec_data


@functools.cache
def _tables() -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Bounds, the number of states before each slot, and the states themselves in the order of the slots (04.5.1)."""
    bounds = np.array(spec_data("metans_tables")["bound"], np.int64)
    before = np.zeros((len(bounds), 258), np.int64)
    states = np.empty((len(bounds), 256), np.int64)
    for d, slots in enumerate(slot_states()):
        before[d, 1 : len(slots) + 1] = np.cumsum([len(slot) for slot in slots])
        states[d] = [state for slot in slots for state in slot]
    return bounds, before, states


@kernel
def _push(value, bits, pos, out):  # type: ignore[no-untyped-def]
    for bit in range(bits):
        out[(pos + bit) >> 3] |= ((value >> bit) & 1) << ((pos + bit) & 7)
    return pos + bits


@kernel
def _escape(value, bound, pos, out):  # type: ignore[no-untyped-def]
    number = 2 * (abs(value) - bound) + (1 if value < 0 else 0)
    if number < 0:
        return pos
    if number < 8:
        return _push(1, 1, _push(number, 3, pos, out), out)
    return _push(0, 1, _push(number, 16, pos, out), out)


@kernel
def _symbol(value, d, bounds, before, states, own, which, pos, out):  # type: ignore[no-untyped-def]
    bound = bounds[d]
    slot = 2 * bound - 1 if abs(value) >= bound else (2 * value if value >= 0 else -2 * value - 1)
    weight = before[d, slot + 1] - before[d, slot]
    x = 256 + own[which]
    bits = 0
    while (weight << bits) < 256:  # nb(w) of 04.1
        bits += 1
    if (x >> bits) < weight:
        bits -= 1
    own[which] = states[d, before[d, slot] + (x >> bits) - weight]
    return _push(x & ((1 << bits) - 1), bits, pos, out)


@kernel
def _encode(values, coding_map, bounds, before, states, thread, threads, own, out):  # type: ignore[no-untyped-def]
    """Encode one thread; return the number of bits. `own` holds its states, `out` is zero."""
    length = values.shape[0]
    step = 4 * threads
    full = length // step * step
    pos = 0
    p = full + thread + (length - 1 - full - thread) // threads * threads
    while p >= full:  # the tail: each escape right behind its symbol (04.6.4, backwards)
        d = np.int64(coding_map[p])
        if d < 32:
            value = np.int64(values[p])
            pos = _escape(value, bounds[d], pos, out)
            pos = _symbol(value, d, bounds, before, states, own, p & 1 if threads == 1 else 0, pos, out)
        p -= threads
    first = full - step + thread
    while first >= 0:
        for k in range(3, -1, -1):
            p = first + k * threads
            d = np.int64(coding_map[p])
            if d < 32:
                pos = _escape(np.int64(values[p]), bounds[d], pos, out)
        for k in range(3, -1, -1):
            p = first + k * threads
            d = np.int64(coding_map[p])
            if d < 32:
                value, which = np.int64(values[p]), p & 1 if threads == 1 else 0
                pos = _symbol(value, d, bounds, before, states, own, which, pos, out)
        first -= step
    for which in range(own.shape[0] - 1, -1, -1):
        pos = _push(own[which], 8, pos, out)
    return _push(1, 1, pos, out)


def encode_map(values: NDArray[Any], coding_map: NDArray[np.uint8], threads: int) -> list[bytes]:
    """The thread payloads of one residual coding call.

    Args:
        values: (n, h, w) integers of 16 bits; those of positions that are not coded are ignored.
        coding_map: uint8 (n, h, w), index of the distribution or 255, in coding order.
        threads: 1, 2, 4, 8 or 16.
    """
    flat, entries = values.astype(np.int32).ravel(), np.ascontiguousarray(coding_map).ravel()
    result = []
    for thread in range(threads):
        coded = int(np.count_nonzero(entries[thread::threads] != NOT_CODED))
        out = np.zeros((17 + 25 * coded + 7) // 8, np.uint8)  # the most that 04.8 allows
        own = np.zeros(2 if threads == 1 else 1, np.int64)
        bits = _encode(flat, entries, *_tables(), thread, threads, own, out)
        result.append(out[: (bits + 7) // 8].tobytes())
    return result
