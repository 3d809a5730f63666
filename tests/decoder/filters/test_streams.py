"""Each filter of the vector streams alone, fed with the planes that the reference stored before it (12.6.6)."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from jpegai.codestream import Codestream
from jpegai.decoder.filters import FilterChain, Pictures, Supplies, WindowPlanes
from jpegai.decoder.models import ModelStore, eicci_file_name
from jpegai.decoder.workers import Workers
from tests.decoder.filters.exact_material import ONE, fixed_networks, fixed_planes
from tests.decoder.filters.material import eicci_network, tools_header
from tests.streams import VectorStream, described_streams
from tests.vectors import needs_vectors

TOLERANCE = 5e-3
STREAMS = [stream for stream in described_streams() if any(tag.startswith("filter_") for tag in stream.tags)]


class Results:
    """The tensors of a stream's decode."""

    def __init__(self, stream: VectorStream) -> None:
        (self.decode,) = stream.description()["decodes"]
        self._stored = np.load(stream.path.with_suffix(".npz"))

    def _facts(self, name: str) -> dict[str, Any]:
        facts: dict[str, Any] = self.decode["tensors"].get(name, {})
        return self._facts(facts["same_as"]) if "same_as" in facts else facts

    def whole(self, name: str) -> np.ndarray | None:
        key = self._facts(name).get("stored_as")
        return None if key is None else self._stored[key]

    def planes(self, stage: str, window: Any) -> WindowPlanes | None:
        parts = [self.whole(f"{stage}.{i}") for i in range(3)]
        y, u, v = (None if part is None else part.reshape(part.shape[-2:]) for part in parts)
        return None if y is None or u is None or v is None else WindowPlanes(y, u, v, window)

    def samples(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Flat indices and values of what is known of a tensor."""
        array = self.whole(name)
        if array is not None:
            return np.arange(array.size), array.ravel()
        index, values = np.array(self._facts(name)["samples"]).T
        return index.astype(np.int64), values


@dataclass(frozen=True)
class Step:
    stream: VectorStream
    stage: str
    before: str


def steps() -> list[Step]:
    found = []
    for stream in STREAMS:
        results = Results(stream)
        stages = ["filter_input", *results.decode["filters"]]
        found += [
            Step(stream, stage, before)
            for before, stage in itertools.pairwise(stages)
            if results.planes(before, None) is not None
        ]
    return found


STEPS = steps()


def chain_of(stream: VectorStream) -> FilterChain:
    fields = stream.description()["fields"]
    ton = tools_header((name, values) for segment, name, _, values in fields if segment == "tool_header")
    return FilterChain.from_header(ton, Codestream.open(stream.path).pih)


def networks_of(bank: str, store: ModelStore) -> Any:
    return lambda kind, index: eicci_network(store.tensors(eicci_file_name(bank, index)), kind)


def largest_difference(step: Step, *, exact: bool = False) -> float:
    """Compare what a filter makes with what the reference stored; `exact`: on fixed point."""
    chain, results = chain_of(step.stream), Results(step.stream)
    whole = chain.picture.whole
    (each,) = (each for each in chain.filters if each.name == step.stage)
    networks = chain.eicci and networks_of(chain.eicci.bank, ModelStore.open(step.stream.models))
    scales = results.whole("primary.scale1")
    scale = None if scales is None or chain.lef is None else scales[chain.lef.channel]
    before, alternative = (results.planes(name, whole) for name in (step.before, "filter_EFElinear_alt"))
    assert before is not None
    if exact:
        networks = fixed_networks(networks)
        before, alternative = fixed_planes(before), alternative and fixed_planes(alternative)
    made = each.apply(Pictures(before, alternative), whole, Supplies(Workers(2), networks, scale))
    differences = [difference(results, f"{step.stage}.{i}", plane) for i, plane in enumerate(made.main)]
    if step.stage == "efe_linear" and made.alternative is not None:
        differences += [difference(results, f"filter_EFElinear_alt.{i}", p) for i, p in enumerate(made.alternative)]
    return max(differences)


def difference(results: Results, name: str, plane: np.ndarray) -> float:
    index, values = results.samples(name)
    plane = plane / ONE if plane.dtype == np.int32 else plane
    return float(np.abs(plane.ravel()[index] - values).max())


@pytest.mark.parametrize("step", STEPS, ids=lambda step: f"{step.stream.name}-{step.stage}")
def test_filter_alone(step: Step) -> None:
    assert largest_difference(step) <= TOLERANCE


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_filters_that_are_on(stream: VectorStream) -> None:
    assert [each.name for each in chain_of(stream).filters] == Results(stream).decode["filters"]


@needs_vectors
def test_how_many_ran() -> None:
    assert len(STREAMS) == 25
    assert Counter(step.stage for step in STEPS) == {"efe_linear": 7, "eicci": 4, "efe_nonlinear": 7, "lef": 6}
