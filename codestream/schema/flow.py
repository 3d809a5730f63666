"""The flow of the schemas: conditions, loops, and what nothing can be read without, on top of construct."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import construct

from jpegai.codestream.cursor import BitReader, BitWriter
from jpegai.codestream.errors import LimitError, StreamSyntaxError
from jpegai.codestream.fields import FieldRun, selector
from jpegai.codestream.schema.base import Element, U
from jpegai.codestream.schema.values import Expression, Scope

__all__ = ["For", "Require", "When", "elements", "infer"]


class Require(construct.Construct):  # type: ignore[misc]
    """A condition without which nothing behind it can be read."""

    def __init__(self, rule: str, element: str, holds: str, message: str) -> None:
        super().__init__()
        self.rule = rule
        self.element = element
        self.holds = Expression(holds)
        self.message = message
        self.flagbuildnone = True

    def _parse(self, stream: BitReader, context: Any, path: str) -> None:
        scope: Scope = context._params.scope
        if not self.holds.evaluate(scope):
            group = scope.header.group
            raise StreamSyntaxError(
                self.message, segment=group, selector=selector(group, self.element), bit_offset=stream.position,
                expected=self.holds, rule=self.rule,
            )  # fmt: skip

    def _build(self, obj: Any, stream: BitWriter, context: Any, path: str) -> None:
        scope: Scope = context._params.scope
        if not self.holds.evaluate(scope):
            raise StreamSyntaxError(
                self.message, selector=selector(scope.header.group, self.element), expected=self.holds, rule=self.rule
            )

    def infer(self, scope: Scope, position: int) -> None:
        """An absent condition demands nothing."""

    def declare(self, scope: Scope) -> None:
        """An absent condition demands nothing."""


class For(construct.Construct):  # type: ignore[misc]
    """Repeat the body with a loop variable running from 0 to count-1 (construct's `Array` has no variable name).

    `limit` bounds the count where bits alone bound it too loosely for a parser.
    """

    def __init__(
        self, variable: str, count: str | int, *body: construct.Construct, limit: int | None = None
    ) -> None:
        super().__init__()
        self.variable = variable
        self.count = Expression(count)
        self.body = body
        self.limit = limit
        self.flagbuildnone = True

    def _turns(self, scope: Scope, count: int) -> Iterator[None]:
        outside = scope.loop.get(self.variable)
        for turn in range(count):
            scope.loop[self.variable] = turn
            yield
        if outside is None:
            scope.loop.pop(self.variable, None)
        else:
            scope.loop[self.variable] = outside

    def _parse(self, stream: BitReader, context: Any, path: str) -> None:
        scope: Scope = context._params.scope
        count = self.count.evaluate(scope)
        if self.limit is not None and count > self.limit:
            raise LimitError(
                f"too many entries ({self.count})", segment=scope.header.group, bit_offset=stream.position,
                expected=f"at most {self.limit}", found=count,
            )  # fmt: skip
        if not count:
            self.declare(scope)
            return
        element, first = self._run(scope, count)
        if first is not None and count * element.width(scope) <= stream.remaining:
            self._parse_run(element, first, count, stream, scope)
            return
        for _ in self._turns(scope, count):
            for member in self.body:
                member._parse(stream, context, path)

    def _run(self, scope: Scope, count: int) -> tuple[Any, tuple[int, ...] | None]:
        """Return the element and the place of its first entry where the body is one number that walks along an array.

        Large headers have a million of them: they are read and written at once.
        """
        element = self.body[0]
        if len(self.body) > 1 or not isinstance(element, U) or count < 2:
            return element, None
        scope.loop[self.variable] = 0
        first = element.place(scope)
        scope.loop[self.variable] = count - 1
        last = element.place(scope)
        del scope.loop[self.variable]
        return element, first if first and last == (*first[:-1], first[-1] + count - 1) else None

    def _parse_run(self, element: U, first: tuple[int, ...], count: int, stream: BitReader, scope: Scope) -> None:
        start, width = stream.position, element.width(scope)
        values = stream.run(count, width)
        scope.loop[self.variable] = 0
        default = element.inferred.evaluate(scope) if element.inferred is not None else None
        scope.header.declare(element.name, first, default).extend(first[-1], values)
        array = selector(scope.header.group, element.name, first[:-1])
        if scope.fields is not None:
            scope.fields.append(
                FieldRun(array, element.name, first[-1], start, width, values, element.text, element.section)
            )
        element.judge(scope, array, first[-1], values, start, width)
        scope.loop.pop(self.variable)

    def _build(self, obj: Any, stream: BitWriter, context: Any, path: str) -> None:
        scope: Scope = context._params.scope
        count = self.count.evaluate(scope)
        if not count:
            self.declare(scope)
            return
        element, first = self._run(scope, count)
        if first is not None and self._build_run(element, first, count, stream, scope):
            return
        for _ in self._turns(scope, count):
            for member in self.body:
                member._build(None, stream, context, path)

    def _build_run(self, element: U, first: tuple[int, ...], count: int, stream: BitWriter, scope: Scope) -> bool:
        """Write the entries of an array at once; return False where one is missing, does not fit or may be fatal."""
        if element.fatal:
            return False
        width = element.width(scope)
        try:
            array = scope.header.get_value(element.name, first[:-1])
            values = [array[first[-1] + k] for k in range(count)]
            if not 0 <= min(values) <= max(values) < 1 << width:
                return False
        except (KeyError, TypeError):
            return False
        stream.run(width, values)
        return True

    def infer(self, scope: Scope, position: int) -> None:
        """Declare the inferred values of the absent entries, without making an entry for each."""
        self.declare(scope)

    def declare(self, scope: Scope) -> None:
        """Make the elements of the body known."""
        outside = dict(scope.loop)
        scope.loop[self.variable] = 0
        for member in self.body:
            member.declare(scope)
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

    def declare(self, scope: Scope) -> None:
        """Make the elements of the body known."""
        for member in self.body:
            member.declare(scope)


def infer(schema: construct.Struct, scope: Scope) -> None:
    """Give every element of a schema its inferred value, as where the whole segment is absent."""
    for member in schema.subcons:
        member.infer(scope, 0)


def elements(schema: construct.Construct) -> Iterator[Element]:
    """Yield the elements of a schema in coding order, from both loops and conditions."""
    if isinstance(schema, Element):
        yield schema
    for member in getattr(schema, "body", None) or getattr(schema, "subcons", None) or ():
        yield from elements(member)
