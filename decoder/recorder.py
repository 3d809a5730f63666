"""What a decode leaves behind besides the picture: times by stage, findings, and the intermediate results asked for."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream import Finding
from jpegai.decoder.components import COMPONENTS
from jpegai.decoder.engines.formats import Saturations

__all__ = ["POINTS", "STAGES", "Dump", "Recorder", "is_result", "stage_of"]

#: The stages in the order in which a decode makes them; a result is called after its stage, with its component before
#: the dot or the number of its plane behind it.
STAGES = (
    "z", "quality_map", "hyper_scale", "scale0", "scale1", "sigma_index", "coded_mask", "cube_flags", "grfs_flags",
    "rvs_block_sigma", "lsbs_block_sigma", "residual", "residual_dequantised", "psi", "prediction", "latents",
    "latents_scaled", "planes", "filter_input", "efe_linear", "filter_EFElinear_alt", "eicci", "efe_nonlinear", "lef",
    "output", "picture",
)  # fmt: skip
_ENTROPY, _LATENTS = STAGES.index("residual") + 1, STAGES.index("latents_scaled") + 1
#: Stages of the conformance points: 1 symbols, 2 residual and latents, 3 planes and picture.
POINTS = {1: STAGES[:_ENTROPY], 2: STAGES[_ENTROPY:_LATENTS], 3: STAGES[_LATENTS:]}
#: What may stand before a stage.
_COMPONENTS = ("", *(f"{component.name}." for component in COMPONENTS))


def stage_of(name: str) -> str:
    """Return the stage of a result: ``latents`` of ``primary.latents``, ``lef`` of ``lef.0``."""
    first, _, last = name.rpartition(".")
    return first if last.isdecimal() else last


def is_result(name: str) -> bool:
    """Whether `name` is a stage, or a result of one."""
    return stage_of(name) in STAGES and name.partition(stage_of(name))[0] in _COMPONENTS


class Recorder:
    """Adds up the seconds of each stage; keeps no results.

    Attributes:
        keeps: whether results are kept; what exists only to be kept is made only then.
        times: seconds by stage.
        findings: what was odd in the stream.
        saturations: values of the exact engine that its formats cut.
        exact: whether every network so far ran in integers that are the same on every machine, all its sums proved.
    """

    keeps = False

    def __init__(self) -> None:
        self.times: dict[str, float] = {}
        self.findings: list[Finding] = []
        self.saturations = Saturations()
        self.exact = True

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time of the block under `name`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.times[name] = self.times.get(name, 0.0) + time.perf_counter() - start

    def add(self, name: str, result: NDArray[Any], fraction_bits: int | None = None) -> None:
        """Offer a result under its name.

        Args:
            name: of the result: its stage, with its component or plane.
            result: the array.
            fraction_bits: of fixed-point integers: the value is ``result / 2 ** fraction_bits``; None where the array
                holds the values themselves.
        """

    def stops_before(self, stage: str) -> bool:
        """Whether the decode is to end before `stage`: neither it nor anything after it is asked for."""
        return False


class Dump(Recorder):
    """Keeps results, as independent arrays.

    Args:
        stages: what is kept: stages (``latents``) or single results (``primary.latents``); by default all.
        stop_after: the last stage that is made; by default the last one that is kept.

    Attributes:
        results: what was kept, by name.
        fraction_bits: by name, of the results that are fixed-point integers.

    Raises:
        ValueError: there is no such stage.
    """

    keeps = True

    def __init__(self, stages: Collection[str] | None = None, stop_after: str | None = None) -> None:
        super().__init__()
        wanted = STAGES if stages is None else stages
        for name in (*wanted, *([] if stop_after is None else [stop_after])):
            if not is_result(name):
                raise ValueError(f"{name!r} is no stage; there are {', '.join(STAGES)}")
        self._wanted = set(wanted)
        last = wanted if stop_after is None else [stop_after]
        self._last = max(STAGES.index(stage_of(name)) for name in last)
        self.results: dict[str, NDArray[Any]] = {}
        self.fraction_bits: dict[str, int] = {}

    def add(self, name: str, result: NDArray[Any], fraction_bits: int | None = None) -> None:
        """Keep a result that is asked for."""
        if self.wants(name):
            self.results[name] = np.array(result)
            if fraction_bits is not None:
                self.fraction_bits[name] = fraction_bits

    def wants(self, name: str) -> bool:
        """Whether a result is asked for."""
        stage = stage_of(name)
        return (stage in self._wanted or name in self._wanted) and not self.stops_before(stage)

    def stops_before(self, stage: str) -> bool:
        """Whether `stage` comes after the last one."""
        return STAGES.index(stage) > self._last
