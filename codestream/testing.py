"""Hypothesis strategies for valid headers and small valid streams, generated from the declarations of the schemas.

They need hypothesis (``pip install jpegai[testing]``). What is drawn keeps the legal ranges of all elements, the
declared conditions, and the rules of severity E of 12.6 that can be judged without decoding; the entropy-coded bytes
are arbitrary, so that a stream can be parsed and judged but not decoded.
"""

from __future__ import annotations

import itertools
import math
import random
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import construct
from hypothesis import assume
from hypothesis import strategies as st

from jpegai.codestream.building import build_stream, join_segments
from jpegai.codestream.codestream import Codestream
from jpegai.codestream.editions import EDITIONS
from jpegai.codestream.payloads import shortest_thread
from jpegai.codestream.schema.base import ByteString, Derived, Element, U
from jpegai.codestream.schema.choices import CHOICES, INVERTIBLE
from jpegai.codestream.schema.flow import For, Require, When
from jpegai.codestream.schema.ranges import legal_values
from jpegai.codestream.schema.segments import SegmentKind, kind_named
from jpegai.codestream.schema.values import Header, Scope

__all__ = [
    "DEFAULT_SIZES",
    "Sizes",
    "StreamExample",
    "headers",
    "picture_headers",
    "rendering_information",
    "streams",
    "tools_headers",
    "user_data",
]

#: Entries of an array that are drawn one by one; longer arrays come from one drawn seed.
_DRAWN_ENTRIES = 16


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large what is drawn may become.

    Attributes:
        side: largest side of the picture in samples, 64..65599.
        entries: about the largest number of regions, blocks and filter tiles along an axis, 1..64.
        bytes: longest byte string, and most bytes of a thread above the smallest one.
    """

    side: int = 1088
    entries: int = 4
    bytes: int = 40

    @property
    def names(self) -> Mapping[str, int]:
        """What the choices below see."""
        return {"most_side": self.side, "most_entries": self.entries, "most_bytes": self.bytes}


DEFAULT_SIZES = Sizes()


class _Generator:
    """Gives every element of a schema a value: the declarations interpreted once more, with draws in place of bits."""

    def __init__(self, draw: st.DrawFn, scope: Scope) -> None:
        self.draw = draw
        self.scope = scope
        self.dice: random.Random | None = None  # gives the values inside a long loop

    def make(self, member: construct.Construct) -> None:
        scope = self.scope
        if isinstance(member, Element):
            self.set(member, self.value)
        elif isinstance(member, Derived):
            place = tuple(index.evaluate(scope) for index in member.index)
            scope.header.set(member.name, place, member.func.evaluate(scope))
        elif isinstance(member, Require):
            assume(member.holds.evaluate(scope))
        elif isinstance(member, For):
            self.repeat(member)
        elif isinstance(member, When) and not member.condition.evaluate(scope):
            member.infer(scope, 0)
        else:
            for inner in member.body if isinstance(member, When) else member.subcons:
                self.make(inner)

    def set(self, element: Element, value: Callable[[Element], Any]) -> None:
        """Set an element in its place."""
        header, place = self.scope.header, element.place(self.scope)
        if place:
            inferred = None if element.inferred is None else element.inferred.evaluate(self.scope)
            header.declare(element.name, place, inferred)
        header.set(element.name, place, value(element))

    def repeat(self, loop: For) -> None:
        outside, dice = dict(self.scope.loop), self.dice
        count = loop.count.evaluate(self.scope)
        if not count:
            loop.declare(self.scope)
        elif isinstance(element := _innermost(loop), U):
            self.fill(loop, element)
        else:
            if count > _DRAWN_ENTRIES:
                self.dice = self.seed()
            for turn in range(count):
                self.scope.loop[loop.variable] = turn
                for member in loop.body:
                    self.make(member)
        self.scope.loop, self.dice = outside, dice

    def seed(self) -> random.Random:
        """Return what gives the values of many elements."""
        return self.dice or random.Random(self.draw(st.integers(0, 1 << 32)))

    def fill(self, loop: For, element: U) -> None:
        """Make an array: loops around one element, whose limits are the same for all entries."""
        variables, counts = [], []
        nest: Any = loop
        while isinstance(nest, For):
            variables.append(nest.variable)
            counts.append(nest.count.evaluate(self.scope))
            nest = nest.body[0]
        self.scope.loop |= dict.fromkeys(variables, 0)
        value: Callable[[Element], Any] = self.value
        if element.name not in CHOICES:
            values = self.fitting(element)
            value = self.seeded(values) if math.prod(counts) > _DRAWN_ENTRIES else lambda _: self.drawn(values)
        for turn in itertools.product(*map(range, counts)):
            self.scope.loop |= zip(variables, turn, strict=True)
            self.set(element, value)

    def seeded(self, values: Sequence[int]) -> Callable[[Element], Any]:
        """Return what gives the entries of a long array: all the smallest, all the largest, or any."""
        dice = self.seed()
        values = dice.choice((values, values, values[:1], values[-1:]))
        return lambda _: dice.choice(values)

    def value(self, element: Element) -> Any:
        """Draw the value of an element."""
        if isinstance(element, ByteString):
            count = element.count.evaluate(self.scope)
            return self.draw(st.binary(min_size=count, max_size=count))
        assert isinstance(element, U), "headers have numbers of fixed length and byte strings"
        return self.drawn(self.fitting(element))

    def drawn(self, values: Sequence[int]) -> int:
        """Draw one of ascending values."""
        if self.dice is not None:
            return self.dice.choice(values)
        strategy = st.integers(values[0], values[-1]) if isinstance(values, range) else st.sampled_from(values)
        return self.draw(strategy)

    def fitting(self, element: U) -> Sequence[int]:
        """Return the values an element may have here."""
        scope = self.scope
        values = legal_values(element, scope)
        choice = CHOICES.get(element.name)
        if choice is None:
            return values
        low = values[0] if choice.low is None else choice.low.evaluate(scope)
        high = values[-1] if choice.high is None else choice.high.evaluate(scope)
        values = values[bisect_left(values, low) : bisect_right(values, high)]
        if choice.holds is None:
            return values
        return [value for value in values if choice.holds.evaluate(scope.with_value(value))]


def _innermost(loop: For) -> construct.Construct:
    """Return what stands in loops that hold nothing else."""
    member: construct.Construct = loop
    while isinstance(member, For) and len(member.body) == 1:
        member = member.body[0]
    return member


@st.composite
def headers(
    draw: st.DrawFn,
    kind: str | SegmentKind,
    *,
    edition: str = "is",
    context: Mapping[str, Any] | None = None,
    sizes: Sizes = DEFAULT_SIZES,
) -> Header:
    """Draw a valid header of a kind of segment (``pih``, ``ton``, ``rdi``, ``udi``), derived variables included.

    Args:
        draw: given by hypothesis.
        kind: kind of segment with a schema, or its name.
        edition: ``is`` or ``dis``.
        context: values of the picture header where the kind speaks of them (``ton``); drawn when None.
        sizes: how large it may become.
    """
    kind = kind_named(kind) if isinstance(kind, str) else kind
    if context is None and kind.name == "ton":
        context = draw(headers("pih", edition=edition, sizes=sizes))
    names = {**(context or {}), **sizes.names, "edition": edition}
    if kind.name == "udi":
        names["segment_length"] = draw(st.integers(0, sizes.bytes))
    header = Header(kind.name)
    _Generator(draw, Scope(header, names)).make(kind.schema)
    if kind.name == "pih":
        assume(INVERTIBLE.evaluate(header))
    return header


def picture_headers(edition: str = "is", sizes: Sizes = DEFAULT_SIZES) -> st.SearchStrategy[Header]:
    """Return the strategy of valid picture headers."""
    return headers("pih", edition=edition, sizes=sizes)


def tools_headers(pih: Mapping[str, Any], sizes: Sizes = DEFAULT_SIZES) -> st.SearchStrategy[Header]:
    """Return the strategy of tools headers that are valid beside a picture header."""
    return headers("ton", context=pih, sizes=sizes)


def rendering_information(sizes: Sizes = DEFAULT_SIZES) -> st.SearchStrategy[Header]:
    """Return the strategy of valid rendering information."""
    return headers("rdi", sizes=sizes)


def user_data(sizes: Sizes = DEFAULT_SIZES) -> st.SearchStrategy[bytes]:
    """Return the strategy of user data."""
    return st.binary(max_size=sizes.bytes)


@dataclass(frozen=True, slots=True)
class StreamExample:
    """A valid stream and what it was made of; `edition` is needed to parse it where the header is ambiguous (02.7)."""

    data: bytes
    edition: str
    pih: Header
    ton: Header | None
    rdi: Header | None
    udi: bytes | None


@st.composite
def streams(
    draw: st.DrawFn,
    *,
    editions: Sequence[str] = EDITIONS,
    sizes: Sizes = DEFAULT_SIZES,
    trailing: bool = True,
) -> StreamExample:
    """Draw a small valid stream: any header, threads and regions, any order of segments behind the picture header.

    Segments that may be missing are missing at times, independent regions too.

    Args:
        draw: given by hypothesis.
        editions: editions to choose from.
        sizes: how large it may become.
        trailing: bytes may follow the end of codestream.
    """
    edition = draw(st.sampled_from(editions))
    pih = draw(picture_headers(edition, sizes))
    ton = draw(st.none() | tools_headers(pih, sizes))
    rdi = draw(st.none() | rendering_information(sizes))
    udi = draw(st.none() | user_data(sizes))
    entropy = random.Random(draw(st.integers(0, 1 << 32)))

    def threads(count: int) -> list[bytes]:
        return [_thread(entropy, shortest_thread(count), sizes.bytes) for _ in range(count)]

    def regions(component: int) -> dict[int, list[bytes]]:
        places = list(range(pih.num_regions))
        if pih.region_residual_in_its_own_substream_flag:
            places = draw(st.lists(st.sampled_from(places), min_size=1, unique=True))
        return {place: threads(pih.num_threads_r[component]) for place in places}

    data = build_stream(
        pih,
        soz=threads(pih.num_threads_z),
        sorp=regions(0),
        sors=regions(1),
        soq=threads(pih.num_threads_q) if pih.gain_3D_enable_flag else None,
        ton=ton,
        rdi=rdi,
        udi=udi,
        edition=edition,
    )
    first, *rest = Codestream.parse(data, edition=edition).segments
    order = [first, *(rest if draw(st.booleans()) else draw(st.permutations(rest)))]
    behind = draw(st.binary(max_size=8)) if trailing else b""
    data = join_segments([(segment.kind, segment.payload) for segment in order], behind)
    return StreamExample(data, edition, pih, ton, rdi, udi)


def _thread(entropy: random.Random, shortest: int, more: int) -> bytes:
    """Return the bytes of a thread; the last one holds the sentinel bit (S-44)."""
    front = entropy.randbytes(shortest - 1 + entropy.choice((0, entropy.randint(0, more))))
    return front + bytes([entropy.randint(1, 255)])
