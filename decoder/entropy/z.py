"""The hyper latent z of both components, from the threads of the one SOZ payload (sections 04.6.5, 05.3)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream.errors import Finding, StreamSyntaxError
from jpegai.codestream.payloads import ThreadPayload
from jpegai.decoder.entropy.metans import Stack, z_loop
from jpegai.decoder.workers import Workers

__all__ = ["decode_z"]


def decode_z(
    threads: Sequence[ThreadPayload], cdfs: Sequence[NDArray[np.uint8]], shape: tuple[int, int], workers: Workers
) -> tuple[list[NDArray[np.int8]], list[Finding]]:
    """Decode the hyper latents of all components, which share one payload (05.3).

    Args:
        threads: the T threads of the payload, in order.
        cdfs: for each component uint8 (C, 63), what `z_cdf` returns.
        shape: height and width of the hyper latent.
        workers: what the threads of the payload run on.

    Returns:
        For each component z, int8 (C, height, width), -31..31; and a finding of rule S-46 for every thread that is
        not fully used.

    Raises:
        TruncatedError: a thread ends before its symbols do (S-45).
        StreamSyntaxError: a thread is no bit stack (S-43, S-44), or an escape carries 63 (R-90).
    """
    height, width = shape
    cdf = np.concatenate(cdfs).astype(np.uint8, copy=False)
    values = np.empty((len(cdf), height * width), np.int8)
    bounds = np.cumsum([0] + [len(part) for part in cdfs])

    def symbol(number: int) -> str:
        channel, row, column = np.unravel_index(number, (len(cdf), height, width))
        component = int(np.searchsorted(bounds, channel, "right")) - 1
        return f"component {component}, channel {channel - bounds[component]}, row {row}, column {column}"

    def invalid(value: int) -> StreamSyntaxError:
        return StreamSyntaxError("an escape carries no z symbol (R-90)", expected="0..62", found=value, rule="R-90")

    def decode(thread: int) -> Finding | None:
        stack = Stack.open(threads[thread], len(threads))
        outcome = z_loop(
            stack.words,
            stack.pos,
            stack.first,
            stack.second,
            cdf,
            thread,
            len(threads),
            np.empty(256, np.int32),
            values,
        )
        stack.check(outcome, symbol, invalid)
        return stack.end(outcome)

    findings = workers.map(decode, range(len(threads)))
    planes = values.reshape(len(cdf), height, width)
    parts = [planes[first:last] for first, last in itertools.pairwise(bounds)]
    return parts, [finding for finding in findings if finding is not None]
