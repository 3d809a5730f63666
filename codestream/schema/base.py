"""The vocabulary of the schemas: syntax elements and derived variables, on top of construct (`flow` has the rest).

A schema is a `construct.Struct`. Its leaves are `Element`s, which carry everything that is known of a syntax
element: name, descriptor, legal values, meaning, section, inferred value. Conditions, counts and lengths are
expressions in the notation of the specification's own tables (``2 * c + 1``, ``multi_threading_r[c]``), so a
declaration can be printed as well as run. Construct gives the flow; values live in a `Header` (`values`).

Parsing is ``schema.parse_stream(reader, scope=...)``, building ``schema.build_stream(None, writer, scope=...)``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import construct

from jpegai.codestream.cursor import BitReader, BitWriter
from jpegai.codestream.errors import JpegAIError, StreamSyntaxError
from jpegai.codestream.fields import Field, selector
from jpegai.codestream.rules.catalogue import finding
from jpegai.codestream.schema.values import Expression, Scope

__all__ = ["ByteString", "Derived", "Element", "Se", "U", "Ue"]


class Element(construct.Construct):  # type: ignore[misc]
    """A leaf: one syntax element.

    Attributes:
        name: element name of the specification.
        legal: expression that holds for legal values, with the element as ``v``; None when every code is legal.
        rule: id of the conformance rule (12.6) that an illegal value breaks.
        most: expression of max_symbol_value where not every code is one (01.5.2; rule S-23).
        fatal: what follows cannot be read behind an illegal value.
        counts: expression of the value where it counts entries of an array; then it is recomputed when building.
        meaning: what the element is.
        meanings: texts of single values.
        index: expressions of its indices.
        inferred: expression of the value it has when absent; None when it is always present.
        section: section of the specification.
    """

    descriptor = ""
    kind = "coded"

    def __init__(
        self,
        name: str,
        meaning: str,
        *,
        section: str,
        index: tuple[str, ...] = (),
        legal: str | None = None,
        rule: str | None = None,
        most: str | int | None = None,
        fatal: bool = False,
        counts: str | None = None,
        meanings: Mapping[int, str] | None = None,
        inferred: str | int | None = None,
    ) -> None:
        super().__init__()
        self.name = name
        self.meaning = meaning
        self.section = section
        self.index = tuple(Expression(text) for text in index)
        self.legal = None if legal is None else Expression(legal)
        self.rule = rule
        self.most = None if most is None else Expression(most)
        self.fatal = fatal
        self.counts = None if counts is None else Expression(counts)
        self.meanings = dict(meanings or {})
        self.inferred = None if inferred is None else Expression(inferred)
        self.flagbuildnone = True

    def read(self, reader: BitReader, scope: Scope) -> Any:
        """Read the coded value."""
        raise NotImplementedError

    def write(self, writer: BitWriter, value: Any, scope: Scope) -> None:
        """Write the value; ValueError when it does not fit."""
        raise NotImplementedError

    def place(self, scope: Scope) -> tuple[int, ...]:
        """Return the indices the element has in this place."""
        return tuple(expression.evaluate(scope) for expression in self.index)

    def text(self, value: Any) -> str:
        """Return what a value means, or else what the element is."""
        return self.meanings.get(value, self.meaning) if self.meanings else self.meaning

    def broken(self, value: Any, scope: Scope) -> list[tuple[str, Expression]]:
        """Return the rules that a value breaks here, and what does not hold."""
        rules = []
        if self.most is not None and value > self.most.evaluate(scope):
            rules.append(("S-23", Expression(f"v <= {self.most}")))
        if self.legal is not None and not self.legal.evaluate(scope.with_value(value)):
            rules.append((self.rule or "S-23", self.legal))
        return rules

    def judge(self, scope: Scope, array: str, first: int | None, values: Sequence[Any], start: int, width: int) -> None:
        """Report illegal values: of the element `array`, or of its entries from `first` on.

        Raises:
            StreamSyntaxError: nothing behind one of them can be read.
        """
        if self.legal is None and self.most is None:
            return
        broken = {value: rules for value in set(values) if (rules := self.broken(value, scope))}
        if not broken:
            return
        places: dict[str, list[int]] = {}
        for place, value in enumerate(values):
            for rule, _ in broken.get(value, ()):
                places.setdefault(rule, []).append(place)
        for rule, found in places.items():
            value, offset = values[found[0]], start + found[0] * width
            path = array if first is None else f"{array}[{first + found[0]}]"
            holds = dict(broken[value])[rule]
            message = f"the value {value} is not legal ({holds} does not hold)"
            if self.fatal:
                group = scope.header.group
                raise StreamSyntaxError(message, segment=group, selector=path, bit_offset=offset, rule=rule)
            message += f", nor are {len(found) - 1} others of the array" if found[1:] else ""
            scope.findings.append(finding(rule, message, path, offset, width))

    def _parse(self, stream: BitReader, context: Any, path: str) -> Any:
        scope: Scope = context._params.scope
        place = self.place(scope)
        where = selector(scope.header.group, self.name, place)
        start = stream.position
        try:
            value = self.read(stream, scope)
        except JpegAIError as error:
            rule = self.rule if isinstance(self, ByteString) else None
            raise error.locate(segment=scope.header.group, selector=where, bit_offset=start, rule=rule) from None
        default = self.inferred.evaluate(scope) if self.inferred is not None and place else None
        scope.header.set(self.name, place, value, default)
        if scope.fields is not None:
            bits = stream.position - start
            raw = value if self.kind == "coded" else None
            scope.fields.append(
                Field(where, self.name, start, bits, raw, value, self.text(value), self.section, self.kind)
            )
        self.judge(scope, where, None, (value,), start, stream.position - start)
        return value

    def _build(self, obj: Any, stream: BitWriter, context: Any, path: str) -> Any:
        scope: Scope = context._params.scope
        place = self.place(scope)
        where = selector(scope.header.group, self.name, place)
        try:
            value = self._value(scope, place)
        except KeyError:
            raise StreamSyntaxError("no value to build from", selector=where) from None
        scope.header.set(self.name, place, value)
        broken = self.broken(value, scope) if self.fatal else ()
        for rule, holds in broken:
            raise StreamSyntaxError(
                f"the value {value} is not legal ({holds} does not hold)", selector=where, rule=rule
            )
        try:
            self.write(stream, value, scope)
        except (ValueError, TypeError, OverflowError):
            raise StreamSyntaxError(
                "the value does not fit the element", selector=where, expected=self.descriptor, found=value
            ) from None
        return value

    def _value(self, scope: Scope, place: tuple[int, ...]) -> Any:
        """Return the value to build from: a count of what is there, the value given, or the default.

        Entries of an array have no default, but those that are declared alone.
        """
        if self.counts is not None:
            with contextlib.suppress(KeyError, TypeError, NameError):  # an array without entries has no name
                return self.counts.evaluate(scope)
        try:
            return scope.header.get_value(self.name, place)
        except KeyError:
            if self.inferred is None or not all(each.text.isdecimal() for each in self.index):
                raise
        return self.inferred.evaluate(scope)

    def infer(self, scope: Scope, position: int) -> None:
        """Give the absent element its inferred value."""
        if self.inferred is None:
            return
        place = self.place(scope)
        value = self.inferred.evaluate(scope)
        scope.header.set(self.name, place, value)
        if scope.fields is not None:
            path = selector(scope.header.group, self.name, place)
            scope.fields.append(
                Field(path, self.name, position, 0, None, value, self.text(value), self.section, "inferred")
            )

    def declare(self, scope: Scope) -> None:
        """Make the element known where all entries of its array are absent."""
        if self.inferred is not None and self.index:
            scope.header.array(self.name, len(self.index), self.inferred.evaluate(scope))


class U(Element):
    """``u(n)``: unsigned, `bits` long, most significant bit first (01.5.2)."""

    def __init__(self, name: str, bits: str | int, meaning: str, **facts: Any) -> None:
        super().__init__(name, meaning, **facts)
        self.bits = Expression(bits)
        self.descriptor = f"u({bits})"
        self._fixed = bits if isinstance(bits, int) else None

    def width(self, scope: Scope) -> int:
        """Return the number of bits here."""
        return self._fixed if self._fixed is not None else int(self.bits.evaluate(scope))

    def read(self, reader: BitReader, scope: Scope) -> int:
        """Read `bits` bits."""
        return reader.u(self.width(scope))

    def write(self, writer: BitWriter, value: int, scope: Scope) -> None:
        """Write `bits` bits."""
        bits = self.width(scope)
        if not 0 <= value < 1 << bits:
            raise ValueError(value)
        writer.u(bits, value)


class Ue(Element):
    """``ue(v)``: unsigned Exp-Golomb (01.5.3)."""

    descriptor = "ue(v)"

    def read(self, reader: BitReader, scope: Scope) -> int:
        """Read one code."""
        return reader.ue()

    def write(self, writer: BitWriter, value: int, scope: Scope) -> None:
        """Write one code."""
        if value < 0:
            raise ValueError(value)
        writer.ue(value)


class Se(Element):
    """``se(v)``: signed Exp-Golomb (01.5.4)."""

    descriptor = "se(v)"

    def read(self, reader: BitReader, scope: Scope) -> int:
        """Read one code."""
        return reader.se()

    def write(self, writer: BitWriter, value: int, scope: Scope) -> None:
        """Write one code."""
        writer.se(value)


class ByteString(Element):
    """``u(8)`` times `count`: bytes, from a byte boundary on; one value, addressable by byte."""

    kind = "bytes"

    def __init__(self, name: str, count: str, meaning: str, **facts: Any) -> None:
        super().__init__(name, meaning, **facts)
        self.count = Expression(count)
        self.descriptor = f"u(8) x {count}"

    def read(self, reader: BitReader, scope: Scope) -> memoryview:
        """Take the bytes as a view."""
        count = self.count.evaluate(scope)
        reader.need(8 * count)
        return reader.take(count)

    def write(self, writer: BitWriter, value: bytes | memoryview, scope: Scope) -> None:
        """Write the bytes."""
        writer.take(value)

    def text(self, value: Any) -> str:
        """Return what the element is."""
        return self.meaning


class Derived(construct.Computed):  # type: ignore[misc]
    """A variable that follows from elements; it takes no bits and is recomputed when building.

    `inferred` is its value where what it follows from is absent; `sets` says how to set it: the element that it
    comes from, and the expression of that element's value with the wanted one as ``v``.
    """

    def __init__(
        self,
        name: str,
        formula: str,
        meaning: str,
        *,
        section: str,
        index: tuple[str, ...] = (),
        inferred: int | None = None,
        sets: tuple[str, str] | None = None,
    ) -> None:
        super().__init__(Expression(formula))
        self.name = name
        self.meaning = meaning
        self.section = section
        self.index = tuple(Expression(text) for text in index)
        self.inferred = inferred
        self.sets = None if sets is None else (sets[0], Expression(sets[1]))

    def _parse(self, stream: BitReader, context: Any, path: str) -> Any:
        return self._set(context._params.scope, stream.position, self.func.evaluate(context._params.scope))

    def _build(self, obj: Any, stream: BitWriter, context: Any, path: str) -> Any:
        return self._set(context._params.scope, 0, self.func.evaluate(context._params.scope))

    def _set(self, scope: Scope, position: int, value: Any, kind: str = "derived") -> Any:
        place = tuple(expression.evaluate(scope) for expression in self.index)
        scope.header.set(self.name, place, value)
        if scope.fields is not None:
            path = selector(scope.header.group, self.name, place)
            scope.fields.append(Field(path, self.name, position, 0, None, value, self.meaning, self.section, kind))
        return value

    def infer(self, scope: Scope, position: int) -> None:
        """Give the variable its value where its elements are absent."""
        if self.inferred is not None:
            self._set(scope, position, self.inferred, "inferred")

    def declare(self, scope: Scope) -> None:
        """An array of variables has no entries where its elements are absent."""
