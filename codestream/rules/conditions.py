"""Rules on the values of a header, as data: an expression that holds when the rule is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jpegai.codestream.errors import Finding
from jpegai.codestream.fields import selector
from jpegai.codestream.rules.catalogue import finding
from jpegai.codestream.schema.values import Expression

__all__ = ["Condition", "broken"]


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
    """

    rule: str
    element: str
    holds: Expression
    index: tuple[Expression, ...] = ()
    each: tuple[tuple[str, Expression], ...] = ()
    severity: str | None = None

    @classmethod
    def of(
        cls, rule: str, element: str, holds: str, *, index: str = "", each: str = "", severity: str | None = None
    ) -> Condition:
        """Return a condition from text: indices ``c, 0``, loops ``c 2, i num_chs[c]``."""
        places = tuple(Expression(text.strip()) for text in index.split(",") if text)
        loops = [loop.split(maxsplit=1) for loop in each.split(",") if loop]
        turns = tuple((name, Expression(count)) for name, count in loops)
        return cls(rule, element, Expression(holds), places, turns, severity)

    def breaches(self, names: Mapping[str, Any]) -> Iterator[tuple[int, ...]]:
        """Yield the indices of the element at which the rule does not hold."""
        for scope in _turns(self.each, names):
            if not self.holds.evaluate(scope):
                yield tuple(expression.evaluate(scope) for expression in self.index)


def _turns(each: tuple[tuple[str, Expression], ...], names: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if not each:
        yield names
        return
    (variable, count), *inner = each
    for turn in range(count.evaluate(names)):
        yield from _turns(tuple(inner), {**names, variable: turn})


def broken(conditions: tuple[Condition, ...], group: str, names: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield a finding for every breach of conditions on the header `group`."""
    for condition in conditions:
        for place in condition.breaches(names):
            yield finding(condition.rule, None, selector(group, condition.element, place), severity=condition.severity)
