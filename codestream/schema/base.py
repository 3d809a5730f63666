"""The vocabulary of the schemas: descriptors, conditions and loops on top of construct.

A schema is a `construct.Struct`. Its leaves are `Element`s, which carry everything that is known of a syntax
element: name, descriptor, legal values, meaning, section, inferred value. Conditions, counts and lengths are
expressions in the notation of the specification's own tables (``2 * c + 1``, ``multi_threading_r[c]``), so a
declaration can be printed as well as run. Construct gives the flow; values live in a `Header` (`values`).

Parsing is ``schema.parse_stream(reader, scope=...)``, building ``schema.build_stream(None, writer, scope=...)``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import construct

from jpegai.codestream.cursor import BitReader, BitWriter
from jpegai.codestream.errors import Finding, JpegAIError, StreamSyntaxError
from jpegai.codestream.fields import Field, selector
from jpegai.codestream.schema.values import Expression, Scope

__all__ = ["Derived", "Element", "For", "Se", "U", "Ue", "When", "elements"]


class Element(construct.Construct):  # type: ignore[misc]
    """A leaf: one syntax element.

    Attributes:
        name: element name of the specification.
        legal: expression that holds for legal values, with the element as ``v``; None when every code is legal.
        rule: id of the conformance rule (12.6) that an illegal value breaks.
        meaning: what the element is.
        meanings: texts of single values.
        index: expressions of its indices.
        inferred: expression of the value it has when absent; None when it then has no value.
        section: section of the specification.
    """

    descriptor = ""

    def __init__(
        self,
        name: str,
        meaning: str,
        *,
        section: str,
        index: tuple[str, ...] = (),
        legal: str | None = None,
        rule: str | None = None,
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
        self.meanings = dict(meanings or {})
        self.inferred = None if inferred is None else Expression(inferred)
        self.flagbuildnone = True

    def read(self, reader: BitReader, context: Any) -> int:
        """Read the coded value."""
        raise NotImplementedError

    def write(self, writer: BitWriter, value: int, context: Any) -> None:
        """Write the value; ValueError when it does not fit."""
        raise NotImplementedError

    def place(self, scope: Scope) -> tuple[int, ...]:
        """Return the indices the element has in this place."""
        return tuple(expression.evaluate(scope) for expression in self.index)

    def text(self, value: Any) -> str:
        """Return what a value means, or else what the element is."""
        return self.meanings.get(value, self.meaning)

    def _parse(self, stream: BitReader, context: Any, path: str) -> int:
        scope: Scope = context._params.scope
        place = self.place(scope)
        start = stream.position
        try:
            value = self.read(stream, context)
        except JpegAIError as error:
            raise error.locate(
                segment=scope.header.group, selector=selector(scope.header.group, self.name, place), bit_offset=start
            ) from None
        default = self.inferred.evaluate(scope) if self.inferred is not None and place else None
        scope.header.set(self.name, place, value, default)
        if self.legal is not None and not self.legal.evaluate({**scope.loop, "v": value}):
            scope.findings.append(
                Finding(
                    self.rule or "S-23",
                    "E",
                    f"the value {value} is not legal ({self.legal.text} does not hold)",
                    selector(scope.header.group, self.name, place),
                    start,
                )
            )
        if scope.fields is not None:
            scope.fields.append(
                Field(
                    selector(scope.header.group, self.name, place),
                    self.name,
                    start,
                    stream.position - start,
                    value,
                    value,
                    self.text(value),
                    self.section,
                )
            )
        return value

    def _build(self, obj: Any, stream: BitWriter, context: Any, path: str) -> Any:
        scope: Scope = context._params.scope
        place = self.place(scope)
        where = selector(scope.header.group, self.name, place)
        try:
            value = scope.header.get_value(self.name, place)
        except KeyError:
            if self.inferred is None:
                raise StreamSyntaxError("no value to build from", selector=where) from None
            value = self.inferred.evaluate(scope)
            scope.header.set(self.name, place, value)
        try:
            self.write(stream, value, context)
        except (ValueError, TypeError, OverflowError):
            raise StreamSyntaxError(
                "the value does not fit the element", selector=where, expected=self.descriptor, found=value
            ) from None
        return value

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
        if self.inferred is not None:
            scope.header.declare(self.name, self.place(scope), self.inferred.evaluate(scope))


class U(Element):
    """``u(n)``: unsigned, `bits` long, most significant bit first (01.5.2)."""

    def __init__(self, name: str, bits: str | int, meaning: str, **facts: Any) -> None:
        super().__init__(name, meaning, **facts)
        self.bits = Expression(bits)
        self.descriptor = f"u({bits})"
        self._fixed = bits if isinstance(bits, int) else None

    def read(self, reader: BitReader, context: Any) -> int:
        """Read `bits` bits."""
        return reader.u(self._fixed if self._fixed is not None else self.bits(context))

    def write(self, writer: BitWriter, value: int, context: Any) -> None:
        """Write `bits` bits."""
        bits = self._fixed if self._fixed is not None else self.bits(context)
        if not 0 <= value < 1 << bits:
            raise ValueError(value)
        writer.u(bits, value)


class Ue(Element):
    """``ue(v)``: unsigned Exp-Golomb (01.5.3)."""

    descriptor = "ue(v)"

    def read(self, reader: BitReader, context: Any) -> int:
        """Read one code."""
        return reader.ue()

    def write(self, writer: BitWriter, value: int, context: Any) -> None:
        """Write one code."""
        if value < 0:
            raise ValueError(value)
        writer.ue(value)


class Se(Element):
    """``se(v)``: signed Exp-Golomb (01.5.4)."""

    descriptor = "se(v)"

    def read(self, reader: BitReader, context: Any) -> int:
        """Read one code."""
        return reader.se()

    def write(self, writer: BitWriter, value: int, context: Any) -> None:
        """Write one code."""
        writer.se(value)


class Derived(construct.Computed):  # type: ignore[misc]
    """A variable that follows from elements; it takes no bits and is recomputed when building."""

    def __init__(self, name: str, formula: str, meaning: str, *, section: str, index: tuple[str, ...] = ()) -> None:
        super().__init__(Expression(formula))
        self.name = name
        self.meaning = meaning
        self.section = section
        self.index = tuple(Expression(text) for text in index)

    def _parse(self, stream: BitReader, context: Any, path: str) -> Any:
        return self.infer(context._params.scope, stream.position)

    def _build(self, obj: Any, stream: BitWriter, context: Any, path: str) -> Any:
        return self.infer(context._params.scope, 0)

    def infer(self, scope: Scope, position: int) -> Any:
        """Compute the variable; it follows from its formula wherever it stands."""
        place = tuple(expression.evaluate(scope) for expression in self.index)
        value = self.func.evaluate(scope)
        scope.header.set(self.name, place, value)
        if scope.fields is not None:
            path = selector(scope.header.group, self.name, place)
            scope.fields.append(Field(path, self.name, position, 0, None, value, self.meaning, self.section, "derived"))
        return value


class For(construct.Construct):  # type: ignore[misc]
    """Repeat the body with a loop variable running from 0 to count-1 (construct's `Array` has no variable name)."""

    def __init__(self, variable: str, count: str | int, *body: construct.Construct) -> None:
        super().__init__()
        self.variable = variable
        self.count = Expression(count)
        self.body = body
        self.flagbuildnone = True

    def _turns(self, scope: Scope) -> Iterator[None]:
        outside = scope.loop.get(self.variable)
        for turn in range(self.count.evaluate(scope)):
            scope.loop[self.variable] = turn
            yield
        if outside is None:
            scope.loop.pop(self.variable, None)
        else:
            scope.loop[self.variable] = outside

    def _parse(self, stream: BitReader, context: Any, path: str) -> None:
        scope: Scope = context._params.scope
        if self._parse_flags(stream, scope):
            return
        for _ in self._turns(scope):
            for member in self.body:
                member._parse(stream, context, path)

    def _parse_flags(self, stream: BitReader, scope: Scope) -> bool:
        """Read a run of flags at once, where the body is one flag: large pictures have half a million of them."""
        flag = self.body[0] if len(self.body) == 1 else None
        count = self.count.evaluate(scope)
        if not isinstance(flag, U) or flag.bits.text != "1" or flag.legal or not 0 < count <= stream.remaining:
            return False
        scope.loop[self.variable] = 0
        *outer, first = flag.place(scope)
        scope.loop[self.variable] = count - 1
        consecutive = flag.place(scope) == (*outer, first + count - 1)
        default = flag.inferred.evaluate(scope) if flag.inferred is not None else None
        del scope.loop[self.variable]
        if not consecutive:
            return False
        array = scope.header.declare(flag.name, (*outer, first), default)
        group, start = selector(scope.header.group, flag.name, tuple(outer)), stream.position
        bits = stream.u(count)
        for turn in range(count):
            value = bits >> (count - 1 - turn) & 1
            array[first + turn] = value
            if scope.fields is not None:
                name = f"{group}[{first + turn}]"
                text = flag.text(value)
                scope.fields.append(Field(name, flag.name, start + turn, 1, value, value, text, flag.section))
        return True

    def _build(self, obj: Any, stream: BitWriter, context: Any, path: str) -> None:
        for _ in self._turns(context._params.scope):
            for member in self.body:
                member._build(None, stream, context, path)

    def infer(self, scope: Scope, position: int) -> None:
        """Declare the inferred values of the absent entries, without making an entry for each."""
        outside = dict(scope.loop)
        scope.loop[self.variable] = 0
        for member in self.body:
            if isinstance(member, Element):
                member.declare(scope)
            else:
                member.infer(scope, position)
        scope.loop = outside


class _Absent(construct.Construct):  # type: ignore[misc]
    """The other side of a condition: the body's elements take their inferred values."""

    def __init__(self, body: tuple[construct.Construct, ...]) -> None:
        super().__init__()
        self.body = body
        self.flagbuildnone = True

    def _parse(self, stream: BitReader, context: Any, path: str) -> None:
        self.infer(context._params.scope, stream.position)

    def _build(self, obj: Any, stream: BitWriter, context: Any, path: str) -> None:
        self.infer(context._params.scope, 0)

    def infer(self, scope: Scope, position: int) -> None:
        for member in self.body:
            member.infer(scope, position)


class When(construct.IfThenElse):  # type: ignore[misc]
    """The body is present when the condition holds; else its elements take their inferred values."""

    def __init__(self, condition: str, *body: construct.Construct) -> None:
        super().__init__(Expression(condition), construct.Struct(*body), _Absent(body))
        self.condition = self.condfunc
        self.body = body
        self.flagbuildnone = True

    def infer(self, scope: Scope, position: int) -> None:
        """Take the absent side: a condition inside an absent body does not count."""
        self.elsesubcon.infer(scope, position)


def elements(schema: construct.Construct) -> Iterator[Element]:
    """Yield the elements of a schema in coding order, from both loops and conditions."""
    if isinstance(schema, Element):
        yield schema
    for member in getattr(schema, "body", None) or getattr(schema, "subcons", None) or ():
        yield from elements(member)
