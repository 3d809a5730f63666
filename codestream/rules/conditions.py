"""Rules on the values of a header, as data: an expression that holds when the rule is kept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jpegai.codestream.errors import Finding
from jpegai.codestream.fields import selector
from jpegai.codestream.rules.catalogue import catalogue, finding
from jpegai.codestream.schema.values import Expression

__all__ = ["Condition", "Text", "broken", "unjudged"]

#: Findings that one condition gives; the last of them tells how many more there are.
_MOST_FINDINGS = 4
_BRACES = re.compile(r"\{([^{}]*)\}")


class Text:
    """A text with expressions in braces: ``at most {ceil_div(img_width, 512)} columns``."""

    def __init__(self, text: str) -> None:
        pieces = _BRACES.split(text)
        self._pieces = [Expression(piece) if place % 2 else piece for place, piece in enumerate(pieces)]

    def fill(self, names: Mapping[str, Any]) -> str:
        """Return the text with the values of its expressions."""
        return "".join(piece if isinstance(piece, str) else str(piece.evaluate(names)) for piece in self._pieces)


@dataclass(frozen=True, slots=True)
class Condition:
    """One rule on the values of a header.

    Attributes:
        rule: id of the rule.
        element: name of the element it speaks of.
        holds: expression over the names of the stream's headers and ``edition``.
        index: expressions of the indices of the element.
        each: loop variables and their counts, over which the rule is stated.
        severity: of a breach, where it is not that of the rule.
        found: what there is; by default the value of the element.
        expected: what would be right; by default the statement of the rule.
        judged: expression without which the rule has no meaning, and what is then the matter.
    """

    rule: str
    element: str
    holds: Expression
    index: tuple[Expression, ...] = ()
    each: tuple[tuple[str, Expression], ...] = ()
    severity: str | None = None
    found: Text | None = None
    expected: Text | None = None
    judged: tuple[Expression, str] | None = None

    @classmethod
    def of(
        cls,
        rule: str,
        element: str,
        holds: str,
        *,
        index: str = "",
        each: str = "",
        severity: str | None = None,
        found: str | None = None,
        expected: str | None = None,
        judged: tuple[str, str] | None = None,
    ) -> Condition:
        """Return a condition from text: indices ``c, 0``, loops ``c 2, i num_chs[c]``."""
        loops = [loop.split(maxsplit=1) for loop in each.split(",") if loop]
        return cls(
            rule,
            element,
            Expression(holds),
            tuple(Expression(text.strip()) for text in index.split(",") if text),
            tuple((name, Expression(count)) for name, count in loops),
            severity,
            None if found is None else Text(found),
            None if expected is None else Text(expected),
            None if judged is None else (Expression(judged[0]), judged[1]),
        )

    @property
    def gravity(self) -> str:
        """Severity of a breach."""
        return self.severity or catalogue()[self.rule].severity

    def can_be_judged(self, names: Mapping[str, Any]) -> bool:
        """Whether the rule has a meaning for these values."""
        return self.judged is None or bool(self.judged[0].evaluate(names))

    def breaches(self, names: Mapping[str, Any]) -> Iterator[tuple[tuple[int, ...], str]]:
        """Yield the indices of the element at which the rule does not hold, and what was found and expected there."""
        if not self.can_be_judged(names):
            return
        for scope in _turns(self.each, dict(names)):
            if not self.holds.evaluate(scope):
                yield tuple(expression.evaluate(scope) for expression in self.index), self._message(scope)

    def _message(self, scope: Mapping[str, Any]) -> str:
        if self.found is not None:
            found = self.found.fill(scope)
        else:
            value = scope[self.element]
            for expression in self.index:
                value = value[expression.evaluate(scope)]
            found = str(value)
        expected = catalogue()[self.rule].statement if self.expected is None else self.expected.fill(scope)
        return f"found {found}, expected {expected}"


def _turns(each: tuple[tuple[str, Expression], ...], scope: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the scope for every turn of the loops; it is one and the same mapping."""
    if not each:
        yield scope
        return
    (variable, count), *inner = each
    for turn in range(count.evaluate(scope)):
        scope[variable] = turn
        yield from _turns(tuple(inner), scope)


def broken(conditions: Iterable[Condition], group: str, names: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield a finding for every breach of conditions on the header `group`; of long arrays the first ones."""
    for condition in conditions:
        breaches = list(condition.breaches(names))
        for number, (place, message) in enumerate(breaches[:_MOST_FINDINGS], 1):
            left = len(breaches) - number if number == _MOST_FINDINGS else 0
            text = f"{message} (and so {left} more of the array)" if left else message
            path = selector(group, condition.element, place)
            yield finding(condition.rule, text, path, severity=condition.severity)


def unjudged(conditions: Iterable[Condition], names: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the rules that have no meaning for these values, and why."""
    for condition in conditions:
        if condition.judged is not None and not condition.can_be_judged(names):
            yield condition.rule, condition.judged[1]
