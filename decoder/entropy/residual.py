"""Decoded residual integers of a component: the threads of one payload, side by side (sections 04.6, 05.9.3)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream.errors import Finding, StreamSyntaxError
from jpegai.codestream.payloads import ThreadPayload
from jpegai.decoder.entropy.metans import Outcome, Stack, residual_loop
from jpegai.decoder.entropy.tables import residual_tables
from jpegai.decoder.workers import Workers

__all__ = ["decode_residual", "decode_residuals"]


def decode_residual(
    threads: Sequence[ThreadPayload], coding_map: NDArray[np.uint8], workers: Workers
) -> tuple[NDArray[np.int16], list[Finding]]:
    """Decode one coding call that has a payload of its own (04.6.4, 05.9.3).

    Args:
        threads: the T threads of the payload, in order.
        coding_map: uint8 (n, h, w): index of the distribution of each position, 0..31, or 255 where nothing is
            coded (05.8.3, 05.9); C order is coding order.
        workers: what the threads of the payload run on.

    Returns:
        int16 (n, h, w), 0 where nothing is coded, and a finding of rule S-46 for every thread that is not fully
        used.

    Raises:
        TruncatedError: a thread ends before its symbols do (S-45).
        StreamSyntaxError: a thread is no bit stack (S-43, S-44), or a value does not fit 16 bits (R-91).
    """
    return decode_residuals([(threads, coding_map)], workers)[0]


def decode_residuals(
    calls: Sequence[tuple[Sequence[ThreadPayload], NDArray[np.uint8]]], workers: Workers
) -> list[tuple[NDArray[np.int16], list[Finding]]]:
    """Decode several independent payloads (components, regions) at once, all their threads side by side.

    Args:
        calls: threads and coding map of each, as for `decode_residual`.
        workers: what the threads of all payloads run on.

    Returns:
        What `decode_residual` returns, for each call.

    Raises:
        JpegAIError: as `decode_residual`; of several errors that of the first thread.
    """
    opened = [_Call(threads, coding_map) for threads, coding_map in calls]
    jobs = [(call, thread) for call in opened for thread in range(len(call.threads))]
    ends = iter(workers.map(lambda job: job[0].decode(job[1]), jobs))
    return [
        (call.values, [end for end in itertools.islice(ends, len(call.threads)) if end is not None]) for call in opened
    ]


class _Call:
    """One coding call: the threads that share its two arrays."""

    def __init__(self, threads: Sequence[ThreadPayload], coding_map: NDArray[np.uint8]) -> None:
        self.threads = threads
        self.distributions = np.require(coding_map, np.uint8, ("C", "A", "W")).reshape(-1)
        # Fresh pages of zeros cost nothing where no symbol falls, so the loop writes only what is coded.
        self.values = np.zeros(coding_map.shape, np.int16)

    def decode(self, thread: int) -> Finding | None:
        """Decode one thread; return a finding if something of it is left."""
        tables = residual_tables()
        stack = Stack.open(self.threads[thread], len(self.threads))
        outcome: Outcome = residual_loop(
            stack.words,
            stack.pos,
            stack.first,
            stack.second,
            tables.loop,
            tables.bounds,
            self.distributions,
            thread,
            len(self.threads),
            self.values.reshape(-1),
        )
        stack.check(outcome, self._symbol, _too_wide)
        return stack.end(outcome)

    def _symbol(self, number: int) -> str:
        channel, row, column = np.unravel_index(number, self.values.shape)
        return f"channel {channel}, row {row}, column {column}"


def _too_wide(value: int) -> StreamSyntaxError:
    return StreamSyntaxError(
        "an escape gives a residual that does not fit 16 bits (R-91)",
        expected="-32768..32767",
        found=value,
        rule="R-91",
    )
