"""Damaged streams by number, and what must hold of each; as a program of its own, which bounds time and memory.

``python -m tests.codestream.mutations FIRST COUNT`` prints what failed, as JSON. A case is a number: it chooses the
stream and the damage.
"""

from __future__ import annotations

import functools
import json
import random
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from hypothesis import given, settings

from jpegai.codestream import Codestream, JpegAIError
from jpegai.codestream.rules.check import check
from jpegai.codestream.testing import StreamExample, streams
from jpegai.conformance_streams import STREAMS
from tests.streams import described_streams
from tests.trace import prove

#: Bounds of a case: seconds, and bytes of address space above what the process had before.
SECONDS = 10
MEMORY = 1 << 30
#: Vectors above this size are left out: their payloads are only more of the same.
_LARGEST = 20_000
_GENERATED = 100


#: What is not the same when rebuilt: padding that is not 0, and what follows the last element of a header.
_NOT_REBUILT = {"S-08", "S-20", "S-21", "S-38", "S-42"}


class TooSlowError(Exception):
    """A case took longer than it may."""


@functools.cache
def corpus() -> tuple[bytes, ...]:
    """The sound streams that are damaged: embedded, generated, and the vectors where they are."""
    generated: list[bytes] = []

    @settings(max_examples=_GENERATED, derandomize=True, database=None, deadline=None)
    @given(streams())
    def generate(example: StreamExample) -> None:
        generated.append(example.data)

    generate()
    vectors = [stream.path for stream in described_streams() if stream.path.stat().st_size < _LARGEST]
    return (*(entry.read() for entry in STREAMS), *generated, *(path.read_bytes() for path in vectors))


@functools.cache
def header_places(data: bytes) -> tuple[int, ...]:
    """The bytes that are no payload of the entropy coder: damage there is more telling."""
    places = set()
    for entry in Codestream.parse(data, recover=True).fields.entries:
        if entry.bits and entry.kind != "bytes":
            places |= set(range(entry.offset // 8, -(-(entry.offset + entry.bits) // 8)))
    return tuple(sorted(places))


def _set(data: bytearray, place: int, dice: random.Random) -> None:
    data[place : place + 1] = [dice.choice((0x00, 0xFF, 0x80, dice.randrange(256)))]


def _flip(data: bytearray, place: int, dice: random.Random) -> None:
    data[place] ^= 1 << dice.randrange(8)


def _insert(data: bytearray, place: int, dice: random.Random) -> None:
    data[place:place] = dice.randbytes(dice.randint(1, 8))


def _delete(data: bytearray, place: int, dice: random.Random) -> None:
    del data[place : place + dice.choice((1, 2, dice.randint(1, 200)))]


def _zero(data: bytearray, place: int, dice: random.Random) -> None:
    count = len(data[place : place + dice.randint(2, 40)])
    data[place : place + count] = bytes(count) if dice.random() < 0.5 else b"\xff" * count


def _cut(data: bytearray, place: int, dice: random.Random) -> None:
    del data[place:]


def _copy(data: bytearray, place: int, dice: random.Random) -> None:
    first = dice.randrange(len(data))
    data[place:place] = data[first : first + dice.randint(1, 300)]


def _marker(data: bytearray, place: int, dice: random.Random) -> None:
    data[place : place + 2] = bytes([0xFF, dice.randint(0x7F, 0x8E)])


def _splice(data: bytearray, place: int, dice: random.Random) -> None:
    other = dice.choice(corpus())
    data[place:] = other[dice.randrange(len(other)) :]


_DAMAGE: tuple[Callable[[bytearray, int, random.Random], None], ...] = (
    _set, _set, _flip, _flip, _flip, _insert, _delete, _zero, _cut, _copy, _marker, _splice,
)  # fmt: skip


def damaged(number: int) -> bytes:
    """Return case `number`."""
    dice = random.Random(number)
    original = dice.choice(corpus())
    data = bytearray(original)
    for _ in range(dice.choice((1, 1, 1, 2, 3, 5))):
        places = header_places(original) if dice.random() < 0.7 else range(len(data))
        place = dice.choice(places or (0,))
        if place < len(data):
            dice.choice(_DAMAGE)(data, place, dice)
    return bytes(data)


def attempt(call: Callable[[], Any]) -> Any:
    """Return what a call gives, or the error of ours that it raises."""
    try:
        return call()
    except JpegAIError as error:
        return error


def examine(data: bytes) -> None:
    """Check that any bytes give a stream or an error of ours, and with `recover` a stream whose trace covers them."""
    strict = attempt(lambda: Codestream.parse(data))
    stream = Codestream.parse(data, recover=True)
    refused = isinstance(strict, JpegAIError)
    assert refused or not stream.errors
    assert prove(stream.fields.entries, data) == 8 * len(data)
    for segment in stream.segments:
        assert 0 <= segment.offset < segment.payload_offset <= len(data)
        assert segment.payload == memoryview(data)[segment.payload_offset :][: len(segment.payload)]
    findings = check(stream)
    assert all(0 <= (finding.bit_offset or 0) <= 8 * len(data) for finding in findings)
    assert not refused or stream.errors or any(finding.severity == "E" for finding in findings)
    built = attempt(stream.build)
    if not stream.errors and not _NOT_REBUILT.intersection(finding.rule for finding in findings):
        assert built == data
    for error in (strict, built, *stream.errors):
        assert not isinstance(error, JpegAIError) or len(str(error).splitlines()) == 1


def run(first: int, count: int) -> dict[str, object]:
    """Examine cases; return how many, the slowest in seconds, the memory they took, and what failed."""

    def too_slow(number: int, frame: FrameType | None) -> None:
        raise TooSlowError

    corpus()
    signal.signal(signal.SIGALRM, too_slow)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY,) * 2)
    slowest, failed = 0.0, []
    for number in range(first, first + count):
        data = damaged(number)
        start = time.perf_counter()
        signal.alarm(SECONDS)
        try:
            examine(data)
        except Exception as error:  # whatever it is, it should not have come
            failed.append({"case": number, "error": f"{type(error).__name__}: {error}"[:300], "bytes": len(data)})
        finally:
            signal.alarm(0)
        slowest = max(slowest, time.perf_counter() - start)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {"cases": count, "slowest": slowest, "grown_kib": grown, "failed": failed}


if __name__ == "__main__":
    print(json.dumps(run(*map(int, sys.argv[1:]))))
