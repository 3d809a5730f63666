"""The outcome of a comparison: every result in the order of the decode, what differs first, and what that means."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from jpegai.decoder.recorder import stage_of
from jpegai.tools.compare_results import (
    Comparison,
    Sample,
    Tolerance,
    compare_arrays,
    compare_hashes,
    compare_pictures,
)
from jpegai.tools.compare_sources import Source
from jpegai.tools.compare_words import meaning, order
from jpegai.tools.documents import head

__all__ = ["SCHEMA_VERSION", "Report"]

#: Version of the JSON form; changes when a reader would have to change.
SCHEMA_VERSION = 1

_PICTURE = "picture"


@dataclass(frozen=True, slots=True)
class Report:
    """What came out.

    Attributes:
        a: one side.
        b: the other side.
        tolerance: what was allowed.
        results: of what both have, or should have, in the order of a decode.
        not_compared: results that one side has and the other was not asked for.
        notes: what else differs between the two, and what was converted.
    """

    a: Source
    b: Source
    tolerance: Tolerance
    results: tuple[Comparison, ...]
    not_compared: tuple[str, ...]
    notes: tuple[str, ...]

    @classmethod
    def of(cls, a: Source, b: Source, tolerance: Tolerance, chosen: Collection[str] | None = None) -> Report:
        """Compare two sides.

        Args:
            a: one side.
            b: the other side.
            tolerance: what is allowed.
            chosen: stages and results; None for all.

        Raises:
            JpegAIError: a file is damaged.
            OSError: a file cannot be read.
        """
        results, left = [], []
        names = sorted({**a.index.results, **b.index.results}, key=order)
        for name in names:
            if chosen is not None and name not in chosen and stage_of(name) not in chosen:
                continue
            if name in a.index.results and name in b.index.results:
                results.append(_compare(name, a, b, tolerance))
            elif a.lacks(name):
                results.append(Comparison(name, "only in B", reason="A was asked for it and has none"))
            elif b.lacks(name):
                results.append(Comparison(name, "only in A", reason="B was asked for it and has none"))
            else:
                left.append(name)
        notes = (*_differences(a, b), *_conversions(results))
        return cls(a, b, tolerance, tuple(results), tuple(left), notes)

    @property
    def equal(self) -> bool:
        """Whether everything that was compared is equal or within the tolerance."""
        return all(result.good for result in self.results)

    @property
    def first(self) -> Comparison | None:
        """The first result in the order of a decode that is not."""
        return next((result for result in self.results if not result.good), None)

    @property
    def meaning(self) -> str | None:
        """What the first difference means; None where there is none, or it tells nothing of a stage."""
        first = self.first
        if first is None or first.verdict == "incomparable" or "picture" in (self.a.kind, self.b.kind):
            return None
        before = self.results[: self.results.index(first)]
        return meaning(first.name, [result.name for result in before])

    def document(self) -> dict[str, Any]:
        """Return the report for JSON, by compare.schema.json."""
        first = self.first
        return {
            **head(SCHEMA_VERSION),
            "a": _side(self.a),
            "b": _side(self.b),
            "tolerance": self.tolerance.name,
            "equal": self.equal,
            "first": None if first is None else {"result": first.name, "meaning": self.meaning},
            "notes": list(self.notes),
            "results": [_record(result) for result in self.results],
            "not_compared": list(self.not_compared),
        }


def _compare(name: str, a: Source, b: Source, tolerance: Tolerance) -> Comparison:
    """Compare one result that both have."""
    if name == _PICTURE:
        left, right = a.picture(), b.picture()
        if left is not None and right is not None:
            return compare_pictures(left, right, tolerance)
    elif a.load is not None and b.load is not None:
        return compare_arrays(a.index.results[name], b.index.results[name], a.load(name), b.load(name), tolerance)
    return compare_hashes(a.entry(name, b), b.entry(name, a))


def _differences(a: Source, b: Source) -> Iterator[str]:
    """Tell what the two decodes do not share."""
    first, second = a.about, b.about
    hashes = [about.get("stream", {}).get("sha256") for about in (first, second)]
    if None not in hashes and hashes[0] != hashes[1]:
        yield "A and B are of different streams"
    for member, what in (("engine", "engines"), ("transform", "transforms")):
        values = first.get(member), second.get(member)
        if None not in values and values[0] != values[1]:
            yield f"different {what}: {values[0]} in A, {values[1]} in B"
    files = [about.get("models", {}).get("files", {}) for about in (first, second)]
    if all(isinstance(each, dict) for each in files):
        other = sorted(file for file in {*files[0]} & {*files[1]} if files[0][file] != files[1][file])
        if other:
            yield f"different models: {', '.join(map(str, other))}"


def _conversions(results: list[Comparison]) -> Iterator[str]:
    """Tell what was converted, once for all results of which the same is to be said."""
    told: dict[str, list[str]] = {}
    for result in results:
        if result.converted is not None:
            told.setdefault(result.converted, []).append(stage_of(result.name))
    for text, stages in told.items():
        yield f"{', '.join(dict.fromkeys(stages))}: {text}"


def _number(value: float | None) -> float | int | None:
    """Return a number for JSON, which knows no infinity."""
    if value is None or not math.isfinite(value):
        return None
    return int(value) if value == int(value) else value


def _side(side: Source) -> dict[str, Any]:
    return {"file": side.name, "kind": side.kind, **side.about}


def _record(result: Comparison) -> dict[str, Any]:
    return {
        "name": result.name,
        "verdict": result.verdict,
        "samples": result.samples,
        "differing": result.differing,
        "beyond": result.beyond,
        "maximum": _number(result.maximum),
        "rms": _number(result.rms),
        "psnr": _number(result.psnr),
        "first": None if result.first is None else _sample(result.first),
        "reason": result.reason,
        "converted": result.converted,
    }


def _sample(sample: Sample) -> dict[str, Any]:
    place = {"channel": sample.channel, "row": sample.row, "column": sample.column}
    return {**place, "a": _number(sample.a), "b": _number(sample.b)}
