"""Setting elements of headers by selector: several at once, judged when all of them are there."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jpegai.codestream.codestream import Codestream
from jpegai.codestream.editing import Piece, assemble, header_of, new_payload, parsed, pieces, rebuilt
from jpegai.codestream.errors import EditError, SelectorError
from jpegai.codestream.fields import Field, selector
from jpegai.codestream.headers import absent_header
from jpegai.codestream.schema.base import ByteString, Derived, Element
from jpegai.codestream.schema.declared import Declaration, declarations
from jpegai.codestream.schema.segments import SegmentKind, kind_named
from jpegai.codestream.schema.values import Header, Indexed
from jpegai.codestream.selectors import Selector, declared_as, select

__all__ = ["Value", "inserted", "set_elements"]

#: What an element can be set to: a number, the numbers of an array, bytes, or any of them as text.
Value = int | str | bytes | bytearray | memoryview | Sequence[int]

#: Order of the header segments, where one is added (01.4).
_HEADERS = ("pih", "ton", "udi", "rdi")
#: Entries that a selector may name where the array is not there yet.
_MOST_ENTRIES = 1 << 16
_TARGET = re.compile(r"(\w+)(?:\[(\w+)\])?")


def set_elements(stream: Codestream, values: Iterable[tuple[str, Value]]) -> Codestream:
    """Return a stream with other values of header elements; what they bring with them has its inferred value.

    Args:
        stream: the stream.
        values: selectors and values, applied together: the result is judged, not what lies between. Derived variables
            set the element that they come from. A header segment that is missing is added.

    Raises:
        SelectorError: a selector selects nothing that can be set.
        EditError: the result would not be valid, or not what was asked for.
    """
    draft = _Draft(stream)
    for text, value in values:
        draft.set(text, value)
    return draft.result()


def inserted(stream: Codestream, kind: SegmentKind, payload: bytes | memoryview) -> list[Piece]:
    """Return the segments of a stream and a new header segment, in the place the reference gives it."""
    parts = list(pieces(stream).values())
    earlier = _HEADERS[: _HEADERS.index(kind.name)]
    place = max(position for position, part in enumerate(parts) if part.kind.name in earlier) + 1
    return [*parts[:place], Piece.of(kind, payload), *parts[place:]]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A value that the result shall have."""

    group: str
    declaration: Declaration
    place: tuple[int, ...]
    value: Any

    @property
    def path(self) -> str:
        return selector(self.group, self.declaration.name, self.place)


class _Names(Mapping[str, Any]):
    """The names of a header that is being changed: derived variables follow what is set."""

    def __init__(self, kind: SegmentKind, header: Header, outer: Mapping[str, Any]) -> None:
        self._values = {**outer, **header}
        self._formulas = {
            each.name: each.member.func
            for each in declarations(kind.schema)
            if isinstance(each.member, Derived) and not each.member.index
        }

    def __getitem__(self, name: str) -> Any:
        formula = self._formulas.get(name)
        return self._values[name] if formula is None else formula.evaluate(self)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class _Draft:
    """A stream whose headers are being changed."""

    def __init__(self, stream: Codestream) -> None:
        self.before = self.stream = stream
        self.headers: dict[str, Header] = {}
        self.asked: dict[str, _Asked] = {}

    def result(self) -> Codestream:
        """Return the changed stream.

        Raises:
            EditError: it is not valid, or not what was asked for.
        """
        after = assemble(self.before, rebuilt(self.stream, self.headers))
        for asked in self.asked.values():
            _compare(after, asked)
        return after

    def set(self, text: str, value: Value) -> None:
        """Set what a selector selects."""
        wanted = Selector(text)
        self._add_header(wanted)
        for group, declaration, place in self._targets(wanted, value):
            self._set(group, declaration, place, value)

    def _add_header(self, wanted: Selector) -> None:
        """Add the header segment that is missing, with nothing in it."""
        name = wanted.group
        if name in _HEADERS and self.stream.segment(name) is None and declared_as(wanted):
            kind = kind_named(name)
            payload = new_payload(kind, absent_header(kind, self.stream.names), self.stream.names)
            self.stream = parsed(self.stream, inserted(self.stream, kind, payload))

    def _targets(self, wanted: Selector, value: Value) -> list[tuple[str, Declaration, tuple[int, ...]]]:
        """Return segments, declarations and indices of what shall be set."""
        found = list(wanted.find(self.stream.fields.entries))
        fields = [field for entry in found for field in ((entry,) if isinstance(entry, Field) else entry)]
        declared = declared_as(wanted) or (self._declared(fields) if fields else [])
        if not fields and not declared:
            select(self.stream.fields, wanted.text)  # says why
        if not declared:
            raise EditError("only elements of headers can be set", selector=wanted.text)
        index = wanted.parts[-1].index if len(wanted.parts) == 2 else ()
        depth = len(declared[0].member.index)
        if _is_list(declared[0], value):
            if len(index) != depth - 1 or not all(each.single for each in index):
                raise EditError("values of a whole array are for an array", selector=wanted.text)
            groups = [each.group for each in self.stream.segments if each.name == wanted.group]
            if not groups:
                raise EditError("values of a whole array are for one segment", selector=wanted.text)
            return [(group, declared[0], tuple(each.first for each in index)) for group in groups]
        if fields:
            return [self._target(field, declared) for field in fields]
        return self._absent(wanted, declared)

    def _declared(self, fields: Sequence[Field]) -> list[Declaration]:
        """Return the declarations of the one element that fields are of."""
        names = {(field.path.partition(".")[0].partition("[")[0], field.name) for field in fields}
        if len(names) > 1:
            raise SelectorError(f"several elements are selected: {fields[0].path}, {fields[-1].path} ...")
        return declared_as(Selector(fields[0].path))

    def _target(self, field: Field, declared: Sequence[Declaration]) -> tuple[str, Declaration, tuple[int, ...]]:
        group, name, place = _split(field.path)
        for each in declared:
            bytes_of = isinstance(each.member, ByteString) and len(place) == len(each.member.index) + 1
            if each.name == name and (each.fits(place) or bytes_of):
                return group, each, place
        raise EditError("only elements of headers can be set", selector=field.path)

    def _absent(
        self, wanted: Selector, declared: Sequence[Declaration]
    ) -> list[tuple[str, Declaration, tuple[int, ...]]]:
        """Return the entries of an array that is not there yet; others of the values may bring it."""
        index = wanted.parts[1].index
        group = next(each.group for each in self.stream.segments if each.name == wanted.group)
        if any(each.last is None for each in index) or len(index) != len(declared[0].member.index):
            select(self.stream.fields, wanted.text)  # says why
        spans = [range(each.first, (each.last or 0) + 1) for each in index]
        if math.prod(map(len, spans)) > _MOST_ENTRIES:
            raise SelectorError("too many entries of an array that is absent", selector=wanted.text)
        targets = [
            (group, each, place) for place in itertools.product(*spans) for each in declared if each.fits(place)
        ]
        if not targets:
            select(self.stream.fields, wanted.text)
        return targets

    def _header(self, group: str) -> Header:
        if group not in self.headers:
            segment = next(each for each in self.stream.segments if each.group == group)
            self.headers[group] = header_of(self.stream, segment)
        return self.headers[group]

    def _ask(self, asked: _Asked) -> None:
        self.asked[asked.path] = asked  # the last value counts

    def _set(self, group: str, declaration: Declaration, place: tuple[int, ...], value: Value) -> None:
        header, member = self._header(group), declaration.member
        path = selector(group, declaration.name, place)
        if isinstance(member, Derived):
            number = _number(member, value, path)
            self._set_source(group, member, place, number, path)
            self._ask(_Asked(group, declaration, place, number))
        elif _is_list(declaration, value):
            self._set_array(group, declaration, place, _numbers(member, value, path))
        elif isinstance(member, ByteString) and len(place) == len(member.index):
            data = _bytes(value, path)
            self._ask(_Asked(group, declaration, place, data))
            header.set(member.name, place, data)
        elif isinstance(member, ByteString):
            number = _number(member, value, path)
            string = bytearray(header.get_value(member.name, place[:-1]))
            try:
                string[place[-1]] = number
            except (ValueError, IndexError):
                most = len(string) - 1
                raise EditError(
                    "no such byte, or none that is 0..255", selector=path, expected=f"bytes 0..{most}", found=number
                ) from None
            self._ask(_Asked(group, declaration, place, number))
            header.set(member.name, place[:-1], bytes(string))
        else:
            number = _number(member, value, path)
            self._ask(_Asked(group, declaration, place, number))
            header.set(member.name, place, number)

    def _set_array(self, group: str, declaration: Declaration, place: tuple[int, ...], numbers: list[int]) -> None:
        """Replace an array as a whole, its length too."""
        header, member = self._header(group), declaration.member
        old = header.declare(member.name, (*place, 0), None)
        array = Indexed(old.inferred)
        array.extend(0, numbers)
        if place:
            header.declare(member.name, place, None)[place[-1]] = array
        else:
            header.values_[member.name] = array
        for position, number in enumerate(numbers):
            self._ask(_Asked(group, declaration, (*place, position), number))
        self._ask(_Asked(group, declaration, (*place, len(numbers)), None))

    def _set_source(self, group: str, member: Derived, place: tuple[int, ...], number: int, path: str) -> None:
        """Set the element that a derived variable comes from."""
        if member.sets is None:
            raise EditError(
                f"the variable is derived ({member.func}); no single element sets it", selector=path
            )
        target, formula = member.sets
        kind = kind_named(group.partition("[")[0])
        found = _TARGET.fullmatch(target)
        assert found is not None, "a declaration names one element"
        loop = {text.text: value for text, value in zip(member.index, place, strict=True)}
        names = _Names(kind, self._header(group), {**self.stream.names, **loop, "v": number})
        try:
            value = formula.evaluate(names)
            fits = value == int(value)
        except OverflowError:
            fits = False
        if not fits:
            raise EditError("no value of the element gives this", selector=path, expected=f"{target} = {formula}",
                            found=number)  # fmt: skip
        index = () if found[2] is None else (loop[found[2]] if found[2] in loop else int(found[2]),)
        source = next(each for each in declarations(kind.schema) if each.name == found[1] and each.fits(index))
        self._set(group, source, index, int(value))


def _split(path: str) -> tuple[str, str, tuple[int, ...]]:
    """Return segment, name and indices of a path of two parts; of a longer one the last name counts."""
    group, _, rest = path.partition(".")
    name, *index = rest.rpartition(".")[2].replace("]", "").split("[")
    return group, name, tuple(map(int, index))


def _is_list(declaration: Declaration, value: Value) -> bool:
    """Whether a value is that of an array: numbers in a row, or text with commas."""
    if isinstance(declaration.member, (ByteString, Derived)):
        return False
    if isinstance(value, str):
        return "," in value
    return isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray, memoryview))


def _number(member: Element | Derived, value: Any, path: str) -> int:
    """Return a value as a number; text may be a number in any notation, or what a value means."""
    if isinstance(value, str):
        meanings = getattr(member, "meanings", {})
        named = [number for number, text in meanings.items() if text.lower() == value.strip().lower()]
        if len(named) == 1:
            return int(named[0])
        try:
            return int(value, 0)
        except ValueError:
            words = f" or one of {', '.join(meanings.values())}" if meanings else ""
            raise EditError("the value is no number", selector=path, expected=f"a number{words}", found=value) from None
    if not isinstance(value, int):
        raise EditError("the value is no number", selector=path, expected="a number", found=value)
    return value


def _numbers(member: Element | Derived, value: Any, path: str) -> list[int]:
    return [_number(member, each, path) for each in (value.split(",") if isinstance(value, str) else value)]


def _bytes(value: Any, path: str) -> bytes:
    """Return a value as bytes; text is in hexadecimal."""
    try:
        if isinstance(value, str):
            return bytes.fromhex(value.removeprefix("0x"))
        if isinstance(value, int):
            raise ValueError
        return bytes(value)
    except (ValueError, TypeError):
        raise EditError("the value is no byte string", selector=path, expected="hexadecimal digits in pairs",
                        found=value) from None  # fmt: skip


def _compare(after: Codestream, asked: _Asked) -> None:
    """Refuse a result that has not the value that was asked for: it would be lost in silence."""
    member = asked.declaration.member
    if isinstance(member, ByteString) and len(asked.place) > len(member.index):
        found: Any = after.fields[selector(asked.group, member.name, asked.place[:-1])].value[asked.place[-1]]
        field = None
    else:
        field = after.fields.get(asked.path)
        found = None if field is None else field.value
    if found == asked.value:
        return
    if isinstance(member, Element) and member.counts is not None:
        reason = f"the element is counted ({member.counts}): set what it counts"
    elif asked.value is None:
        reason = "the array has more entries"
    elif field is None or field.inferred:
        when = asked.declaration.when
        reason = f"the element is absent: it is present when {when}" if when else "there is no such entry"
    else:
        reason = "another value decides"
    raise EditError(reason, selector=asked.path, expected=_shown(asked.value), found=_shown(found))


def _shown(value: Any) -> Any:
    return f"{len(value)} bytes" if isinstance(value, (bytes, memoryview)) else value
