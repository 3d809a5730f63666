"""Decoded residual integers of a component: the threads of one payload, side by side (sections 04.6, 05.9.3)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream.errors import Finding, StreamSyntaxError
from jpegai.codestream.payloads import ThreadPayload
from jpegai.decoder.entropy.metans import Outcome, Stack, residual_loop
from jpegai.decoder.entropy.tables import residual_tables
from jpegai.decoder.workers import Workers

__all__ = ["ResidualCall", "decode_residual", "decode_residuals"]


@dataclass(frozen=True, slots=True)
class ResidualCall:
    """One coding call that has a payload of its own: a region of a component (05.9.3).

    Attributes:
        threads: the T threads of the payload, in order.
        coding_map: uint8 (n, h, w): index of the distribution of each position, 0..31, or 255 where nothing is
            coded (05.8.3, 05.9); C order is coding order.
        channels: how many of the first channels are wanted, None for all.
    """

    threads: Sequence[ThreadPayload]
    coding_map: NDArray[np.uint8]
    channels: int | None = None


def decode_residual(
    threads: Sequence[ThreadPayload], coding_map: NDArray[np.uint8], workers: Workers
) -> tuple[NDArray[np.int16], list[Finding]]:
    """Decode one coding call; arguments, result and errors are those of `decode_residuals`."""
    return decode_residuals([ResidualCall(threads, coding_map)], workers)[0]


def decode_residuals(
    calls: Sequence[ResidualCall], workers: Workers
) -> list[tuple[NDArray[np.int16], list[Finding]]]:
    """Decode several independent payloads (components, regions) at once, all their threads side by side (04.6.4).

    Args:
        calls: what is decoded.
        workers: what the threads of all payloads run on.

    Returns:
        For each call int16 (channels, h, w), 0 where nothing is coded; and, where all channels are decoded, a finding
        of rule S-46 for every thread that is not fully used.

    Raises:
        TruncatedError: a thread ends before its symbols do (S-45).
        StreamSyntaxError: a thread is no bit stack (S-43, S-44), or a value does not fit 16 bits (R-91). Of several
            errors that of the first thread is raised.
    """
    opened = [_Opened(call) for call in calls]
    jobs = [(call, thread) for call in opened for thread in range(len(call.threads))]
    ends = iter(workers.map(lambda job: job[0].decode(job[1]), jobs))
    return [
        (call.result, [end for end in itertools.islice(ends, len(call.threads)) if end is not None])
        for call in opened
    ]


class _Opened:
    """One coding call: the threads that share its two arrays."""

    def __init__(self, call: ResidualCall) -> None:
        self.threads = call.threads
        self.distributions = np.require(call.coding_map, np.uint8, ("C", "A", "W")).reshape(-1)
        # Fresh pages of zeros cost nothing where no symbol falls, so the loop writes only what is coded.
        self.values = np.zeros(call.coding_map.shape, np.int16)
        self.result = self.values[: call.channels]

    def decode(self, thread: int) -> Finding | None:
        """Decode one thread; return a finding if all of it was wanted and something is left."""
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
            self.result.size,
            self.values.reshape(-1),
        )
        stack.check(outcome, self._symbol, _too_wide)
        return stack.end(outcome) if self.result.size == self.values.size else None

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
