"""A plain encoder written from section 04.7, the other side of what the tests decode."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from jpegai.codestream.payloads import ThreadPayload
from tests.vectors import spec_data


class BitStack:
    """The stack of bits and the states of one thread."""

    def __init__(self, states: int) -> None:
        self.states = [0] * states
        self.fields: list[tuple[int, int]] = []

    def push(self, value: int, bits: int) -> None:
        self.fields.append((value, bits))

    def put_symbol(self, which: int, weight: int, states: Sequence[int]) -> None:
        x = 256 + self.states[which]
        bits = 8 - (weight.bit_length() - 1)
        if x >> bits < weight:
            bits -= 1
        self.push(x & ((1 << bits) - 1), bits)
        self.states[which] = states[(x >> bits) - weight]

    def finish(self) -> bytes:
        for state in reversed(self.states):
            self.push(state, 8)
        self.push(1, 1)
        text = "".join(f"{value:0{bits}b}" for value, bits in reversed(self.fields) if bits)
        return int(text, 2).to_bytes((len(text) + 7) // 8, "little")


@functools.cache
def slot_states() -> list[list[list[int]]]:
    """The states of every slot of every residual distribution, in order (04.5.1)."""
    result = []
    for weights in spec_data("metans_tables")["pmf"]:
        row, first = [], 0
        for weight in weights:
            last = first + weight
            lower = range((first + 1) // 2, (last + 1) // 2)
            upper = range(128 + first // 2, 128 + last // 2)
            row.append([*lower, *upper])
            first = last
        result.append(row)
    return result


def schedule(length: int, threads: int) -> list[tuple[int, list[int]]]:
    """The groups of a coding call as (thread, positions) in the decoder's order (04.6.4)."""
    full = length // (4 * threads) * 4 * threads
    groups = []
    for thread in range(threads):
        groups += [
            (thread, list(range(first, first + 4 * threads, threads))) for first in range(thread, full, 4 * threads)
        ]
        groups += [(thread, [p]) for p in range(full + thread, length, threads)]
    return groups


def encode_residual(
    values: Sequence[int], distributions: Sequence[int], coded: Sequence[bool | int], threads: int
) -> list[bytes]:
    """The thread payloads of one residual coding call; values of positions that are not coded are ignored."""
    bounds = spec_data("metans_tables")["bound"]
    states = slot_states()
    stacks = [BitStack(2 if threads == 1 else 1) for _ in range(threads)]
    for thread, group in reversed(schedule(len(values), threads)):
        stack = stacks[thread]
        positions = [p for p in reversed(group) if coded[p]]
        for p in positions:
            value, bound = values[p], bounds[distributions[p]]
            number = 2 * (abs(value) - bound) + (value < 0)
            if 0 <= number < 8:
                stack.push(number, 3)
                stack.push(1, 1)
            elif number >= 8:
                stack.push(number, 16)
                stack.push(0, 1)
        for p in positions:
            value, bound = values[p], bounds[distributions[p]]
            slot = 2 * bound - 1 if abs(value) >= bound else (2 * value if value >= 0 else -2 * value - 1)
            slots = states[distributions[p]]
            stack.put_symbol(p % 2 if threads == 1 else 0, len(slots[slot]), slots[slot])
    return [stack.finish() for stack in stacks]


def encode_z(channels: Sequence[tuple[Sequence[int], Sequence[int]]], threads: int) -> list[bytes]:
    """The thread payloads of a z payload; each channel is (symbols 0..62, cdf)."""
    stacks = [BitStack(2 if threads == 1 else 1) for _ in range(threads)]
    for symbols, cdf in reversed(channels):
        states = [list(range(first, last)) for first, last in zip([0, *cdf[:-1]], cdf, strict=True)]
        for thread, group in reversed(schedule(len(symbols), threads)):
            stack = stacks[thread]
            for p in reversed(group):
                if not states[symbols[p]]:
                    stack.push(symbols[p], 6)
            for p in reversed(group):
                own = states[symbols[p]] or [255]
                stack.put_symbol(p % 2 if threads == 1 else 0, len(own), own)
    return [stack.finish() for stack in stacks]


def payloads(data: Sequence[bytes], offset: int = 0) -> list[ThreadPayload]:
    """Threads that stand one after the other in a file, the first at byte `offset`."""
    result = []
    for number, part in enumerate(data):
        result.append(ThreadPayload(memoryview(part), offset, f"sorp.threads[{number}]"))
        offset += len(part)
    return result
