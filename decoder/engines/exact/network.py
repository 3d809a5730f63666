"""Declared networks run in exact integers, segment by segment and band by band.

A segment is what lies between sums over all positions: its rows depend on some rows of what earlier segments made. A
network with attention is run in bands of rows, since its widest tensors are then never whole; results do not depend
on the bands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream import Finding
from jpegai.codestream.errors import ModelError
from jpegai.decoder.engines.exact.attention import Gram, Mix, Sums
from jpegai.decoder.engines.exact.program import AnyStep, LocalStep, build_steps
from jpegai.decoder.engines.exact.ranges import input_range
from jpegai.decoder.engines.exact.self_test import require_exact_products
from jpegai.decoder.engines.exact.steps import Concat, Rows, Run, Slice, Span, Step
from jpegai.decoder.engines.exact.weights import Bound
from jpegai.decoder.engines.formats import FRACTION, Fixed, Saturations
from jpegai.decoder.engines.loaded import Loaded
from jpegai.decoder.engines.saturation import saturated, to_latents
from jpegai.decoder.geometry import ceil_div
from jpegai.decoder.models import ModelStore
from jpegai.decoder.models.cached import cached_tensors
from jpegai.decoder.networks import Network
from jpegai.decoder.workers import Workers

__all__ = ["ExactEngine", "ExactNetwork"]

#: Bytes of tensors that a band may take, and rows that it has at least.
_BAND_BYTES, _BAND_ROWS = 32 << 20, 8


@dataclass(frozen=True, slots=True)
class _Segment:
    """Steps that run band by band; `kept` are the tensors that later segments, or the caller, need of it."""

    steps: tuple[LocalStep, ...]
    kept: tuple[str, ...]
    gram: Gram | None


class ExactNetwork:
    """A network with its weights as integers, all its sums proved. Thread-safe.

    Args:
        network: a network in float32 arithmetic.
        tensors: weights by full name.
        workers: threads of the loops.
        allow_unproved: take weights that are too large for the formats, too (`integer_weights`).

    Attributes:
        unproved: the sums that are not proved; none unless they were allowed.

    Raises:
        ModelError: weights are too large for the formats; layer and channel are named.
        UnsupportedError: the engine has no such layer.
    """

    def __init__(
        self,
        network: Network,
        tensors: Mapping[str, NDArray[Any]],
        workers: Workers,
        *,
        allow_unproved: bool = False,
    ) -> None:
        self.network = network
        self.steps = build_steps(network, tensors, allow_unproved=allow_unproved)
        self.unproved = tuple(bound for bound in self.bounds() if not bound.holds)
        self._workers = workers
        self._segments = _segments(self.steps, network.output)

    @property
    def exact(self) -> bool:
        """Whether what it makes is exact: all its sums are proved."""
        return not self.unproved

    @property
    def warning(self) -> Finding | None:
        """What a picture made with it has to say of it: the first sum that is not proved."""
        if self.exact:
            return None
        first, more = self.unproved[0], len(self.unproved) - 1
        message = "decoded with weights too large for the exact engine: the result is not exact"
        if more:
            message += f" (nor are {more} more sums of {self.network.name} proved)"
        return Finding(None, "W", message, f"{self.network.name}, {first.layer}, channel {first.channel}")

    def bounds(self) -> list[Bound]:
        """Return what is proved of all sums."""
        return [bound for step in self.steps for bound in step.bounds()]

    def __call__(
        self, *inputs: Fixed, size: tuple[int, int] | None = None, saturations: Saturations | None = None
    ) -> Fixed:
        """Run the network.

        Args:
            inputs: (C, H, W) int32 with 16 fraction bits, in the order of the declaration; what leaves their range
                is cut and counted.
            size: the size argument (h, w) of section 06.4, for networks that crop.
            saturations: counts the values that formats cut.

        Returns:
            (C, H', W') int32 with 16 fraction bits, before the final crop to h x w.
        """
        if self.network.has_crops and size is None:
            raise ValueError(f"{self.network.name} needs its size argument")
        _, height, width = inputs[0].shape
        sizes = dict(self.network.sizes(height, width, size))
        sizes |= {step.output: sizes[step.source] for step in self.steps if isinstance(step, Slice)}
        run = Run(sizes, self._workers, saturations or Saturations(), self.network.name)
        for entry, array in zip(self.network.inputs, inputs, strict=True):
            limit = (1 << (input_range(entry.name) + FRACTION)) - 1
            given = saturated(array, limit, f"{self.network.name}.{entry.name}", run.saturations, self._workers)
            run.held[entry.name] = Rows(np.ascontiguousarray(given), 0)
        sums: dict[str, Sums] = {}
        for number, segment in enumerate(self._segments):
            _run_segment(segment, run, sums)
            later = {name for each in self._segments[number + 1 :] for step in each.steps for name in _inputs(step)}
            run.held = {name: rows for name, rows in run.held.items() if name in later | {self.network.output}}
        return run.held[self.network.output].array


def _inputs(step: AnyStep) -> tuple[str, ...]:
    return (step.source,) if isinstance(step, Gram) else step.inputs


def _segments(steps: Sequence[AnyStep], output: str) -> list[_Segment]:
    """Cut a network behind every sum over all positions, and before the first one where one tensor is all there is."""
    cuts = [place + 1 for place, step in enumerate(steps) if isinstance(step, Gram)]
    if cuts:
        narrow = [place for place in range(1, cuts[0]) if len(_live(steps, place, output)) == 1]
        cuts = [*narrow[-1:], *cuts]
    segments = []
    for first, last in zip([0, *cuts], [*cuts, len(steps)], strict=True):
        part = tuple(step for step in steps[first:last] if not isinstance(step, Gram))
        gram = next((step for step in steps[first:last] if isinstance(step, Gram)), None)
        made = {step.output for step in part}
        segments.append(_Segment(part, tuple(sorted(made & _live(steps, last, output))), gram))
    return segments


def _live(steps: Sequence[AnyStep], place: int, output: str) -> set[str]:
    """Return the tensors made before a place that are needed from there on."""
    made = {step.output for step in steps[:place] if not isinstance(step, Gram)}
    return made & {output, *(name for step in steps[place:] for name in _inputs(step))}


def _run_segment(segment: _Segment, run: Run, sums: dict[str, Sums]) -> None:
    steps: list[Step] = [
        step.layer(sums.pop(step.output)) if isinstance(step, Mix) else step for step in segment.steps
    ]
    targets = [*segment.kept, *([segment.gram.source] if segment.gram else [])]
    if segment.gram is not None:
        gram = segment.gram
        sums[gram.output] = Sums(gram.heads, gram.channels // gram.heads)
    attentive = segment.gram is not None or any(isinstance(step, Mix) for step in segment.steps)
    count = _bands(steps, run) if attentive else 1
    run.pool = [] if count > 1 else None
    kept: dict[str, Fixed] = {}
    before = set(run.held)
    for band in range(count):
        wanted = {
            name: (run.sizes[name][0] * band // count, run.sizes[name][0] * (band + 1) // count) for name in targets
        }
        _run_band(steps, wanted, run)
        if segment.gram is not None:
            segment.gram.add(wanted[segment.gram.source], run, sums[segment.gram.output])
        for name in segment.kept:
            rows, (first, last) = run.held[name], wanted[name]
            part = rows.array[:, first - rows.top : last - rows.top]
            if count == 1:
                kept[name] = part
            else:
                if name not in kept:
                    kept[name] = np.empty((part.shape[0], *run.sizes[name]), np.int32)
                kept[name][:, first:last] = part
        run.held = {name: rows for name, rows in run.held.items() if name in before}
    run.held |= {name: Rows(np.ascontiguousarray(array), 0) for name, array in kept.items()}


def _needs(steps: Sequence[Step], wanted: Mapping[str, Span], run: Run) -> dict[str, Span]:
    """Return the rows of every tensor that the rows wanted need."""
    needs = dict(wanted)
    for step in reversed(steps):
        if step.output in needs:
            for name, (first, last) in step.reads(needs[step.output], run):
                height = run.sizes[name][0]
                first, last = max(0, min(first, height)), max(0, min(last, height))
                old = needs.get(name, (first, last))
                needs[name] = min(first, old[0]), max(last, old[1])
    return needs


def _run_band(steps: Sequence[Step], wanted: Mapping[str, Span], run: Run) -> None:
    needs = _needs(steps, wanted, run)
    last_use = {name: place for place, step in enumerate(steps) for name in step.inputs}
    fixed = set(run.held) | set(wanted)
    for place, step in enumerate(steps):
        if step.output in needs and step.output not in run.held:
            rows = needs[step.output]
            run.held[step.output] = Rows(step.make(rows, run), rows[0])
        for name in step.inputs:
            if last_use[name] == place and name not in fixed:
                run.held.pop(name, None)


def _bands(steps: Sequence[Step], run: Run) -> int:
    """Return the number of bands that keeps the tensors of a band small."""
    last_use = {name: place for place, step in enumerate(steps) for name in step.inputs}
    alive: dict[str, int] = {}
    peak, rows = 0, 1
    for place, step in enumerate(steps):
        height, width = run.sizes[step.output]
        rows = max(rows, height)
        alive[step.output] = 4 * height * width * _channels(step, alive, run)
        peak = max(peak, sum(alive.values()))
        alive = {name: count for name, count in alive.items() if last_use.get(name, place) > place}
    return max(1, min(ceil_div(peak, _BAND_BYTES), rows // _BAND_ROWS))


def _channels(step: Step, alive: Mapping[str, int], run: Run) -> int:
    known = getattr(step, "channels", None)
    if isinstance(known, int):
        return known
    if isinstance(known, tuple):
        return int(known[1] - known[0])
    total = 0
    for name in step.inputs:
        height, width = run.sizes[name]
        total += alive[name] // (4 * height * width) if name in alive else run.held[name].array.shape[0]
    return total if isinstance(step, Concat) else total // len(step.inputs)


class ExactEngine:
    """Loads the float networks of a model store as integers.

    Args:
        store: where weights come from.
        workers: threads of the loops.
        allow_unproved: load networks whose sums are not proved, too; `ExactNetwork.unproved` says which.
    """

    dtype: type[np.float32 | np.int32] = np.int32

    def __init__(self, store: ModelStore, workers: Workers, *, allow_unproved: bool = False) -> None:
        self._store, self._workers, self._allow_unproved = store, workers, allow_unproved
        self._loaded = Loaded(self._load)

    def network(self, name: str, index: int, bank: str | None = None) -> ExactNetwork:
        """Return a network of a model, made on its first use; arguments as `Engine.network`.

        Raises:
            ModelError: weights are missing or wrong, or a sum is not proved.
            UnsupportedError: the BLAS library does not multiply exactly (`require_exact_products`).
        """
        return self._loaded.get(name, index, bank)

    def _load(self, network: Network, file: str) -> ExactNetwork:
        require_exact_products(self._workers.threads)
        # tensors of checkpoints are read where they are; those of built-in models are formulas
        if self._store.built_in:
            tensors = cached_tensors(self._store, file, list(network.tensors()))
        else:
            tensors = self._store.tensors(file)
        try:
            return ExactNetwork(network, tensors, self._workers, allow_unproved=self._allow_unproved)
        except ModelError as error:
            raise error.locate(file=self._store.place(file)) from None

    def prepare(self, network: Network, tensors: Mapping[str, NDArray[np.float32]]) -> ExactNetwork:
        """Return a network that is no part of the models; tensors that the table does not list have a wide range."""
        return ExactNetwork(network, tensors, self._workers)

    def loaded(self, networks: Iterable[tuple[str, int, str | None]]) -> bool:
        """Return whether all these networks are loaded; each is given as to `network`."""
        return self._loaded.has(networks)

    def integers(self, values: NDArray[np.int8]) -> Fixed:
        """Return integers in fixed point."""
        return values.astype(np.int32) << FRACTION

    def latents(self, values: NDArray[np.float32], saturations: Saturations, workers: Workers) -> Fixed:
        """Return the dequantised residual in fixed point, rounded half to even."""
        return to_latents(values, saturations, workers)
