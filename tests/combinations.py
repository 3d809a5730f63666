"""The 42 combinations of sizes, transforms and models: random symbols, decoded, against the slow decoder.

As a script prints a line for each combination, all or those of which every given word is part:

    python -m tests.combinations [WORD ...]
"""

from __future__ import annotations

import itertools
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream import Codestream
from jpegai.decoder import Decoder
from jpegai.decoder.picture.compare import allowed, differences
from tests.decoder.reference_decoder import NAMES, reference_latents, reference_planes
from tests.figures import TOLERANCES
from tests.vectors import spec_data
from tests.writer import TRANSFORMS, Written, random_stream

SIZES = ((64, 64), (65, 127), (201, 301), (512, 384), (640, 448), (1100, 1100), (1400, 64))
MODELS = ("analytic", "test")
#: Largest latents of photographs (20.5): the magnitude that the limits of 12.6.6 are made for.
_USUAL = 64.0

Results = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Combination:
    height: int
    width: int
    transform: str
    models: str

    def __str__(self) -> str:
        return f"{self.height}x{self.width} {self.transform} {self.models}"


@dataclass
class Outcome:
    """What was found out about one combination; `faults` says what is wrong."""

    combination: Combination
    symbols: int = 0
    escapes: int = 0
    largest: dict[str, float] = field(default_factory=dict)
    relative: float = 0.0
    equal: float = 1.0
    seconds: dict[str, float] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def row(self) -> str:
        figures = " ".join(f"{self.largest[kind]:8.1e}" for kind in ("psi", "latents", "latents_scaled", "planes"))
        times = " ".join(f"{name} {value:.1f}" for name, value in self.seconds.items())
        return (
            f"{self.combination!s:24} {self.symbols:8d} {self.escapes:7d}  {figures} {self.relative:8.1e} "
            f"{self.equal:7.2%}  {'good' if not self.faults else 'BAD ' + '; '.join(self.faults)}  ({times} s)"
        )


TITLE = (
    "combination               symbols escapes  psi      latents  scaled   planes   extreme  equal bytes with 1 and 2 "
    "threads"
)


def combinations() -> list[Combination]:
    return [Combination(*size, *rest) for size, *rest in itertools.product(SIZES, TRANSFORMS, MODELS)]


def examine(combination: Combination, seed: int = 1) -> Outcome:
    """Write, decode and compare two streams of a combination, one usual and one extreme."""
    outcome = Outcome(combination)
    place = combination.height, combination.width, combination.transform, combination.models
    clock = time.perf_counter()

    def lap(name: str) -> None:
        nonlocal clock
        now = time.perf_counter()
        outcome.seconds[name] = now - clock
        clock = now

    usual, extreme = (random_stream(*place, seed, extreme=extreme) for extreme in (False, True))
    for written in (usual, extreme):
        _count(outcome, written)
    lap("written")
    one, two = (Decoder(combination.models, engine="float32", threads=threads) for threads in (1, 2))
    first, second, again = one.dump(usual.data), two.dump(usual.data), two.dump(usual.data)
    beyond = two.dump(extreme.data)
    lap("decoded")
    _compare_runs(outcome, first, second, again)
    for written, results in ((usual, first), (usual, second), (extreme, beyond)):
        _compare_symbols(outcome, written, results)
    expected = _expected(combination, usual)
    for results in (first, second):
        _compare_floats(outcome, expected, results)
    _compare_extreme(outcome, extreme, beyond)
    lap("compared")
    return outcome


def _count(outcome: Outcome, written: Written) -> None:
    for each, residual in zip(written.components, written.residuals, strict=True):
        coded = each.coding_map != 255
        bounds = np.array(spec_data("metans_tables")["bound"])[each.coding_map[coded]]
        outcome.symbols += len(bounds)
        outcome.escapes += int(np.count_nonzero(np.abs(residual[: len(coded)][coded].astype(int)) >= bounds))


def _expected(combination: Combination, written: Written) -> Results:
    size = combination.height, combination.width
    dequantised = _dequantised(written)
    expected = reference_latents(written.components, dequantised)
    scaled = [expected[f"{name}.latents_scaled"] for name in NAMES]
    model_id = written.components[0].tools.model_id
    return expected | reference_planes(combination.transform, combination.models, model_id, size, scaled)


def _dequantised(written: Written) -> list[NDArray[Any]]:
    pairs = zip(written.components, written.residuals, strict=True)
    return [each.dequantised(residual) for each, residual in pairs]


def _compare_symbols(outcome: Outcome, written: Written, results: Results) -> None:
    """The integers and the dequantised residual: equal, or it is a fault."""
    findings = [each for each in Codestream.parse(written.data).findings if each.severity == "E"]
    outcome.faults += [str(each) for each in findings]
    for index, name in enumerate(NAMES):
        each, residual = written.components[index], written.residuals[index]
        coded, channels = each.coding_map != 255, each.tools.num_chs
        pairs = {
            "z": written.z[index],
            "scale0": each.scale0,
            "residual": residual,
            "residual_dequantised": each.dequantised(residual),
        }
        for kind, expected in pairs.items():
            if not np.array_equal(results[f"{name}.{kind}"], expected):
                outcome.faults.append(f"{name}.{kind} differs")
        if not np.array_equal(results[f"{name}.coded_mask"][:channels] != 0, coded):
            outcome.faults.append(f"{name}.coded_mask differs")
        if not np.array_equal(results[f"{name}.sigma_index"][:channels][coded], each.coding_map[coded]):
            outcome.faults.append(f"{name}.sigma_index differs")


def _compare_floats(outcome: Outcome, expected: Results, results: Results) -> None:
    for name, array in expected.items():
        kind = name.rpartition(".")[2]
        distance = float(np.abs(results[name] - array).max()) if results[name].shape == array.shape else np.inf
        outcome.largest[kind] = max(outcome.largest.get(kind, 0.0), distance)
        if not distance <= TOLERANCES[kind]:
            outcome.faults.append(f"{name} differs by {distance:.2g}")


def _compare_extreme(outcome: Outcome, written: Written, results: Results) -> None:
    """Latents of any magnitude: the same limit, relative to how much larger than usual they are."""
    expected = reference_latents(written.components, _dequantised(written))
    for name, array in expected.items():
        size = max(1.0, float(np.abs(array).max()) / _USUAL)
        distance = float(np.abs(results[name] - array).max()) / size
        outcome.relative = max(outcome.relative, distance)
        if not distance <= TOLERANCES[name.rpartition(".")[2]]:
            outcome.faults.append(f"extreme {name} differs by {distance:.2g} times {size:.2g}")
    for name in NAMES:
        planes = results[f"{name}.planes"]
        if not (np.isfinite(planes).all() and planes.min() >= 0 and planes.max() <= 255):
            outcome.faults.append(f"extreme {name}.planes leave 0..255")


def _compare_runs(outcome: Outcome, one: Results, two: Results, again: Results) -> None:
    """Equal bytes of two runs with as many threads; the limits between one thread and two."""
    outcome.faults += [f"{name} of two runs differs" for name in two if two[name].tobytes() != again[name].tobytes()]
    same = total = 0
    for name in two:
        kind = name.rpartition(".")[2] if "." in name else name
        if kind in ("psi", "prediction", "latents", "latents_scaled", "planes"):
            distance = float(np.abs(one[name] - two[name]).max())
            if not distance <= TOLERANCES[kind]:
                outcome.faults.append(f"{name} with 1 and 2 threads differs by {distance:.2g}")
            same += int(np.count_nonzero(one[name].view(np.uint8) == two[name].view(np.uint8)))
            total += one[name].nbytes
    outcome.equal = same / total
    step, differing = differences(one["picture"], two["picture"])
    if step > 1 or differing > allowed(one["picture"].size):
        outcome.faults.append(f"pictures with 1 and 2 threads differ in {differing} samples by {step}")


def main(words: list[str]) -> int:
    """Print the table; return 1 when a combination is not good."""
    print(TITLE)
    bad = 0
    for combination in combinations():
        if all(word in str(combination).split() for word in words):
            outcome = examine(combination)
            bad += bool(outcome.faults)
            print(outcome.row(), flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
