"""The loops of the me-tANS coder: from the bytes of one thread to symbols (sections 04.2, 04.6).

The bit stack of a thread lies in an array of 32-bit words behind two words of zeros. A loop reads the bits below
`pos`, which counts those two words: a stack is empty at `EMPTY`, and what lies below is read as zeros and noticed
after the group. Every loop returns ``(status, symbol, pos, first, second)``: the number of the symbol it stopped at,
and the two states (with T >= 2 the second is without meaning; after `OUT_OF_RANGE` the first is the offending value
and `pos` is where its bits begin).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream.errors import Finding, JpegAIError, StreamSyntaxError, TruncatedError
from jpegai.codestream.payloads import ThreadPayload
from jpegai.decoder.jit import kernel

__all__ = ["EMPTY", "EXHAUSTED", "OUT_OF_RANGE", "Outcome", "Stack", "residual_loop", "z_loop"]

EMPTY = 64
"""Position of an empty stack: the bits of the two words of zeros."""

EXHAUSTED = 1
"""Status: bits were needed below the start of the thread."""

OUT_OF_RANGE = 2
"""Status: an escape carries a number that is no symbol."""

_Z_ESCAPE = -(2**31) | (8 << 24) | 32

Integer: TypeAlias = Any
"""An integer of a loop: 64 bits when compiled, a NumPy or Python integer otherwise."""

Outcome: TypeAlias = tuple[int, int, int, int, int]
"""What a loop returns, see above."""


@dataclass(frozen=True, slots=True)
class Stack:
    """The bits of one thread, its states taken off (04.2.2).

    Attributes:
        payload: where the bytes come from.
        words: uint32, the words the loops read.
        pos: read position.
        first: state S1.
        second: state S2; 0 when the thread has one state.
    """

    payload: ThreadPayload
    words: NDArray[np.uint32]
    pos: int
    first: int
    second: int

    @classmethod
    def open(cls, payload: ThreadPayload, threads: int) -> Stack:
        """Open one of `threads` threads.

        Raises:
            StreamSyntaxError: the thread is too short (rule S-43) or its last byte is 0 (S-44).
        """
        size = len(payload.data)
        states = 2 if threads == 1 else 1
        if size <= states:
            raise StreamSyntaxError(
                "a thread is too short (S-43)",
                selector=payload.selector,
                bit_offset=8 * payload.offset,
                expected=f"at least {states + 1} bytes",
                found=size,
                rule="S-43",
            )
        last = payload.data[size - 1]
        if last == 0:
            raise StreamSyntaxError(
                "the last byte of a thread is 0: its sentinel bit is missing (S-44)",
                selector=payload.selector,
                bit_offset=8 * (payload.offset + size - 1),
                rule="S-44",
            )
        words = np.zeros(EMPTY // 32 + (size + 3) // 4, "<u4")
        words.view(np.uint8)[EMPTY // 8 : EMPTY // 8 + size] = np.frombuffer(payload.data, np.uint8)
        top = 8 * size - 9 + last.bit_length()
        tail = int.from_bytes(payload.data[max(0, size - 4) :], "little") >> (top - 8 * states - 8 * max(0, size - 4))
        first, second = (tail >> 8 & 255, tail & 255) if states == 2 else (tail & 255, 0)
        return cls(payload, words.astype(np.uint32, copy=False), EMPTY + top - 8 * states, first, second)

    def bit_offset(self, pos: int) -> int:
        """Return the position in the file, in bits, of the bit that is read first at `pos`."""
        byte, bit = divmod(max(0, pos - EMPTY - 1), 8)
        return 8 * (self.payload.offset + byte) + 7 - bit

    def check(self, outcome: Outcome, symbol: Callable[[int], str], error: Callable[[int], JpegAIError]) -> None:
        """Raise what a loop met.

        Args:
            outcome: what the loop returned.
            symbol: turns the number of a symbol into words.
            error: makes the error of a number that is no symbol.

        Raises:
            TruncatedError: the loop read below the start of the thread (rule S-45).
            JpegAIError: the result of `error`, with its place filled in.
        """
        status, number, pos, found, _ = outcome
        if status == EXHAUSTED:
            raise TruncatedError(
                f"the bits of a thread end before its symbols do (S-45), near {symbol(number)}",
                selector=self.payload.selector,
                bit_offset=8 * self.payload.offset,
                rule="S-45",
            )
        if status == OUT_OF_RANGE:
            raise error(found).locate(selector=self.payload.selector, bit_offset=self.bit_offset(pos))

    def end(self, outcome: Outcome) -> Finding | None:
        """Return a finding if the thread is not fully used after its last symbol (rule S-46, 04.2.3)."""
        _, _, pos, first, second = outcome
        if pos == EMPTY and first == 0 and second == 0:
            return None
        message = f"after the last symbol {pos - EMPTY} bits are left, and states {first} and {second}"
        return Finding("S-46", "W", message, self.payload.selector, self.bit_offset(pos))


@kernel
def _window(words: NDArray[np.uint32], pos: Integer) -> Integer:
    """Return 64 bits of which the lower ``32 + pos % 32`` are those below `pos`."""
    word = np.uint64((pos - 32) >> 5)
    return (np.int64(words[word + np.uint64(1)]) << 32) | np.int64(words[word])


@kernel
def _raw(words: NDArray[np.uint32], pos: Integer, count: Integer) -> Integer:
    """Return the `count` (at most 32) bits below `pos`."""
    return (_window(words, pos) >> (32 + (pos & 31) - count)) & ((1 << count) - 1)


@kernel
def _take(
    table: NDArray[np.int32], row: Integer, state: Integer, window: Integer, left: Integer
) -> tuple[Integer, Integer, Integer]:
    """Take one in-band symbol (04.6.1): return its table entry, the state after it and the bits left in the window."""
    entry = table[np.uint64(row * 256 + state)]
    nbits = (entry >> 24) & 15
    left = left - nbits
    return entry, ((entry >> 16) & 255) | ((window >> left) & ((1 << nbits) - 1)), left


@kernel
def _next(
    words: NDArray[np.uint32], pos: Integer, table: NDArray[np.int32], row: Integer, state: Integer
) -> tuple[Integer, Integer, Integer]:
    """Take one in-band symbol with a window of its own; return its table entry, the state after it and `pos`."""
    left = 32 + (pos & 31)
    entry, state, rest = _take(table, row, state, _window(words, pos), left)
    return entry, state, pos - left + rest


@kernel
def _row(distribution: Integer) -> Integer:
    """Return the row of `ResidualTables.loop` for an entry of a coding map."""
    return min(np.int64(distribution), 32)


@kernel
def _residual_escape(words: NDArray[np.uint32], pos: Integer, bound: Integer) -> tuple[int, Integer, Integer]:
    """Read an escape (04.6.2); return ``(status, value, pos)`` with `pos` behind it."""
    if _raw(words, pos, 1) == 1:
        number = _raw(words, pos - 1, 3)
        pos = pos - 4
    else:
        number = _raw(words, pos - 1, 16)
        pos = pos - 17
    magnitude = np.int64(bound) + (number >> 1)
    value = -magnitude if number & 1 else magnitude
    if pos < EMPTY:
        return EXHAUSTED, value, pos
    return (OUT_OF_RANGE if value < -32768 or value > 32767 else 0), value, pos


@kernel
def residual_loop(
    words: NDArray[np.uint32],
    pos: Integer,
    first: Integer,
    second: Integer,
    table: NDArray[np.int32],
    bounds: NDArray[np.int32],
    distributions: NDArray[np.uint8],
    thread: int,
    threads: int,
    stop: int,
    values: NDArray[np.int16],
) -> Outcome:
    """Decode what one thread holds of a residual coding call (04.6.4), or of the beginning of it (05.9.4).

    Args:
        words: uint32, the bits of the thread.
        pos: read position.
        first: state S1.
        second: state S2, used when `threads` is 1.
        table: int32 (33 * 256,), `ResidualTables.loop`.
        bounds: int32 (32,), `ResidualTables.bounds`.
        distributions: uint8 (L,), distribution index of each position, 255 where nothing is coded.
        thread: number t of the thread.
        threads: number of threads T.
        stop: positions from here on are not asked for: the last group that begins before is decoded whole.
        values: int16 (L,), all 0; takes the values of the positions t, t + T, t + 2T, ...
    """
    pos, first, second = np.int64(pos), np.int64(first), np.int64(second)
    two = threads == 1
    length = values.size
    full = length // (4 * threads) * (4 * threads)
    for group in range(thread, min(full, stop), 4 * threads):
        p0, p1 = np.uint64(group), np.uint64(group + threads)
        p2, p3 = np.uint64(group + 2 * threads), np.uint64(group + 3 * threads)
        d0, d1, d2, d3 = distributions[p0], distributions[p1], distributions[p2], distributions[p3]
        if (d0 & d1 & d2 & d3) == 255:
            continue
        # One window holds the at most 32 bits of four symbols.
        window = _window(words, pos)
        left = 32 + (pos & 31)
        pos = pos - left
        if two:
            e0, first, left = _take(table, _row(d0), first, window, left)
            e1, second, left = _take(table, _row(d1), second, window, left)
            e2, first, left = _take(table, _row(d2), first, window, left)
            e3, second, left = _take(table, _row(d3), second, window, left)
        else:
            e0, first, left = _take(table, _row(d0), first, window, left)
            e1, first, left = _take(table, _row(d1), first, window, left)
            e2, first, left = _take(table, _row(d2), first, window, left)
            e3, first, left = _take(table, _row(d3), first, window, left)
        pos = pos + left
        if pos < EMPTY:
            return EXHAUSTED, group, pos, first, second
        values[p0] = np.int16(e0)
        values[p1] = np.int16(e1)
        values[p2] = np.int16(e2)
        values[p3] = np.int16(e3)
        if (e0 | e1 | e2 | e3) < 0:
            for symbol in range(group, group + 4 * threads, threads):
                p = np.uint64(symbol)
                d = np.uint64(distributions[p])
                if d < 32 and values[p] == -bounds[d]:
                    status, value, after = _residual_escape(words, pos, bounds[d])
                    if status:
                        return status, symbol, pos, value, second
                    values[p] = value
                    pos = after
    for symbol in range(full + thread, min(length, stop), threads):
        p = np.uint64(symbol)
        row = _row(distributions[p])
        if two and symbol & 1:
            entry, second, pos = _next(words, pos, table, row, second)
        else:
            entry, first, pos = _next(words, pos, table, row, first)
        if pos < EMPTY:
            return EXHAUSTED, symbol, pos, first, second
        values[p] = np.int16(entry)
        if entry < 0:
            status, value, after = _residual_escape(words, pos, bounds[np.uint64(distributions[p])])
            if status:
                return status, symbol, pos, value, second
            values[p] = value
            pos = after
    return 0, length, pos, first, second


@kernel
def _z_table(cdf: NDArray[np.uint8], table: NDArray[np.int32]) -> None:
    """Fill the decode table of one z channel (04.5.2), int32 (256,), packed as `ResidualTables.loop`; values are z."""
    first = np.int64(0)
    for symbol in range(63):
        last = np.int64(cdf[symbol])
        nbits = 8
        for state in range(first, last):
            occupied = state - first + last - first
            while (occupied << nbits) > 511:
                nbits = nbits - 1
            table[state] = (nbits << 24) | (((occupied << nbits) - 256) << 16) | ((symbol - 31) & 0xFFFF)
        first = last
    table[255] = _Z_ESCAPE


@kernel
def z_loop(
    words: NDArray[np.uint32],
    pos: Integer,
    first: Integer,
    second: Integer,
    cdf: NDArray[np.uint8],
    thread: int,
    threads: int,
    table: NDArray[np.int32],
    values: NDArray[np.int8],
) -> Outcome:
    """Decode what one thread holds of the z payload: one coding call per channel (04.6.4, 04.6.5).

    Args:
        words: uint32, the bits of the thread.
        pos: read position.
        first: state S1.
        second: state S2, used when `threads` is 1.
        cdf: uint8 (C, 63), cumulative weights of the channels of both components.
        thread: number t of the thread.
        threads: number of threads T.
        table: int32 (256,), written: the decode table of one channel after the other.
        values: int8 (C, L); takes z at the positions t, t + T, t + 2T, ... of every channel.
    """
    pos, first, second = np.int64(pos), np.int64(first), np.int64(second)
    two = threads == 1
    channels, length = values.shape
    full = length // (4 * threads) * (4 * threads)
    for channel in range(channels):
        _z_table(cdf[channel], table)
        group = thread
        while group < length:
            # A group of four symbols and then their escapes; behind the last full group, one by one.
            end = group + threads * (4 if group < full else 1)
            escapes = np.int32(0)
            for p in range(group, end, threads):
                if two and p & 1:
                    entry, second, pos = _next(words, pos, table, 0, second)
                else:
                    entry, first, pos = _next(words, pos, table, 0, first)
                if pos < EMPTY:
                    return EXHAUSTED, channel * length + p, pos, first, second
                values[channel, p] = np.int8(entry)
                escapes |= entry
            if escapes < 0:
                for p in range(group, end, threads):
                    if values[channel, p] == 32:
                        number = _raw(words, pos, 6)
                        if pos - 6 < EMPTY:
                            return EXHAUSTED, channel * length + p, pos, first, second
                        if number == 63:
                            return OUT_OF_RANGE, channel * length + p, pos, number, second
                        values[channel, p] = number - 31
                        pos = pos - 6
            group = end
    return 0, channels * length, pos, first, second
