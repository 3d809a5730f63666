"""Decoded residual integers of a component: the threads of one payload, side by side (sections 04.6, 05.9.3)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream.errors import Finding, StreamSyntaxError
from jpegai.codestream.threads import ThreadPayload
from jpegai.decoder.entropy.metans import Stack, residual_loop
from jpegai.decoder.entropy.tables import residual_tables
from jpegai.decoder.workers import Workers

__all__ = ["decode_residual"]


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
    shape = coding_map.shape
    distributions = np.require(coding_map, np.uint8, "CAW").reshape(-1)
    # A new mapping of zero pages costs nothing where no symbol falls, so the loop writes only what is coded.
    values = np.zeros(shape, np.int16)
    flat = values.reshape(-1)
    tables = residual_tables()

    def symbol(number: int) -> str:
        channel, row, column = np.unravel_index(number, shape)
        return f"channel {channel}, row {row}, column {column}"

    def wide(value: int) -> StreamSyntaxError:
        return StreamSyntaxError(
            "an escape gives a residual that does not fit 16 bits (R-91)", expected="-32768..32767", found=value
        )

    def decode(thread: int) -> Finding | None:
        stack = Stack.open(threads[thread], len(threads))
        outcome = residual_loop(
            stack.words,
            stack.pos,
            stack.first,
            stack.second,
            tables.loop,
            tables.bounds,
            distributions,
            thread,
            len(threads),
            flat,
        )
        stack.check(outcome, symbol, wide)
        return stack.end(outcome)

    findings = workers.map(decode, range(len(threads)))
    return values, [finding for finding in findings if finding is not None]
