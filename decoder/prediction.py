"""How long a decode will take: its work (`jpegai.decoder.work`) times the rates of the machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from jpegai.decoder.work import Work

__all__ = ["Rates", "Sample", "fit", "predict"]

#: Kind of work to the seconds that one unit of it takes.
Rates = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Sample:
    """A measurement: some work, and the seconds that it took."""

    work: Work
    seconds: float


def fit(samples: Iterable[Sample], known: Rates | None = None) -> dict[str, float]:
    """Return the rates that explain measurements best, none of them negative, with those that are known.

    It is the least sum of squares of relative errors. Kinds of which a negative rate would come out are taken to cost
    nothing, the most negative one first.
    """
    known = known or {}
    samples = [
        Sample(
            Counter({kind: amount for kind, amount in sample.work.items() if amount and kind not in known}),
            sample.seconds - sum(amount * known.get(kind, 0.0) for kind, amount in sample.work.items()),
        )
        for sample in samples
    ]
    kinds = sorted({kind for sample in samples for kind in sample.work})
    samples = [sample for sample in samples if sample.seconds > 0]
    shares = np.array([[sample.work[kind] / sample.seconds for kind in kinds] for sample in samples], np.float64)
    shares = shares.reshape(len(samples), len(kinds))
    scale = np.maximum(np.abs(shares).max(axis=0, initial=0), np.finfo(np.float64).tiny)
    rates = {**known, **dict.fromkeys(kinds, 0.0)}
    left = list(range(len(kinds)))
    while left:
        found = np.linalg.lstsq(shares[:, left] / scale[left], np.ones(len(samples)), rcond=None)[0]
        if found.min() >= 0:
            return rates | {kinds[place]: float(rate / scale[place]) for place, rate in zip(left, found, strict=True)}
        del left[int(found.argmin())]
    return rates


def predict(work: Mapping[str, Work], rates: Rates) -> dict[str, float]:
    """Return the seconds of every stage; stages with work of a kind that has no rate are left out.

    Args:
        work: of every stage.
        rates: of every kind of work that was measured.
    """
    return {
        stage: sum(amount * rates[kind] for kind, amount in amounts.items())
        for stage, amounts in work.items()
        if all(kind in rates for kind in amounts)
    }
