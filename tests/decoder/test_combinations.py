"""Random symbols in pictures of seven sizes, with all transforms and built-in models, against the slow decoder."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.combinations import Combination, combinations, examine
from tests.vectors import needs_spec
from tests.writer import TRANSFORMS


def quick(case: Combination) -> bool:
    return case.height * case.width <= (65 * 127 if case.transform == "hop" else 201 * 301)


@needs_spec
@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=() if quick(case) else pytest.mark.long, id=str(case)) for case in combinations()]
)
def test_random_symbols(case: Combination, record_property: Callable[[str, object], None]) -> None:
    outcome = examine(case)
    record_property("equal bytes", outcome.equal)
    assert not outcome.faults, outcome.row()
    assert outcome.symbols > outcome.escapes > 0


def test_all_combinations_are_there() -> None:
    assert len(combinations()) == 42
    assert {case.transform for case in combinations() if quick(case)} == set(TRANSFORMS)
