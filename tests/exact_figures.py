"""Compare the exact engine with the float32 one on whole tensors, and with what the reference stored.

As a script, print the figures of every stream:

python -m tests.exact_figures [NAME ...]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder import Decoder
from jpegai.decoder.recorder import Dump, stage_of
from tests import figures as stored
from tests.figures import decodes, options
from tests.streams import VectorStream, described_streams

#: Stages of latents and of planes after filters; those that the networks make come between.
LATENTS = ("psi", "prediction", "latents", "latents_scaled")
FILTERED = ("efe_linear", "filter_EFElinear_alt", "eicci", "efe_nonlinear", "lef")
#: Largest differences: of latents; of planes on 0..255, where HOP's are twice as large.
LATENT_LIMIT, PLANE_LIMIT, HOP_PLANE_LIMIT = 2.0**-9, 2.0**-5, 2.0**-4
#: Largest step of a picture, and the share of the samples that may differ, of 8 bits and of more.
STEP, SHARES = 1, (0.02, 0.08)
#: Filters choose among corrections by thresholds of the samples, so a difference may become one of them: 2 steps.
FILTERED_STEP = 2


@dataclass
class Difference:
    """Differences of a stage, of all its components or planes: largest, root mean square, share of the samples."""

    samples: int = 0
    differing: int = 0
    largest: float = 0.0
    squares: float = 0.0

    @property
    def rms(self) -> float:
        return float(np.sqrt(self.squares / max(1, self.samples)))

    @property
    def rate(self) -> float:
        return self.differing / max(1, self.samples)

    def add(self, distance: NDArray[np.float64]) -> None:
        self.samples += distance.size
        self.differing += int(np.count_nonzero(distance))
        self.largest = max(self.largest, float(np.abs(distance).max(initial=0)))
        self.squares += float(np.square(distance).sum())

    def __str__(self) -> str:
        return f"{self.largest:8.1e} {self.rms:8.1e}" if self.samples else f"{'-':>8} {'-':>8}"


@dataclass
class ExactFigures:
    """What the comparison of a decode by both engines found; `faults` says what is outside the limits."""

    stream: str
    transform: str
    bits: int
    filtered: bool
    cut: Mapping[str, int]
    reference: stored.Figures
    stages: dict[str, Difference] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def judge(self) -> None:
        """Fill `faults`."""
        plane_limit = HOP_PLANE_LIMIT if self.transform.lower() == "hop" else PLANE_LIMIT
        limits = dict.fromkeys(LATENTS, LATENT_LIMIT) | {"planes": plane_limit}
        for stage, limit in limits.items():
            found = self.stages.get(stage, Difference())
            if not found.largest <= limit:
                self.faults.append(f"{stage} by {found.largest:.2g}")
            if not self.reference.largest.get(stage, 0.0) <= limit:
                self.faults.append(f"stored {stage} by {self.reference.largest[stage]:.2g}")
        self._judge_picture("picture", self.stages["picture"].largest, self.stages["picture"].rate)
        if not self.reference.sampled:  # a few samples say nothing of a share
            self._judge_picture(
                "stored picture", self.reference.step, self.reference.differing / self.reference.samples
            )
        if not self.reference.integers or not self.reference.samples:
            self.faults.append("nothing is stored")
        self.faults += [f"stored {name}" for name in self.reference.unequal + self.reference.missing]
        if self.cut:
            self.faults.append(f"cut {dict(self.cut)}")

    def _judge_picture(self, name: str, step: float, rate: float) -> None:
        if step > (FILTERED_STEP if self.filtered else STEP) or rate > SHARES[self.bits > 8]:
            self.faults.append(f"{name} by {step:.0f}, {rate:.2%}")

    def row(self) -> str:
        """One line of the table."""
        latents = self.stages.get("latents_scaled", Difference())
        filtered = next((self.stages[stage] for stage in reversed(FILTERED) if stage in self.stages), Difference())
        picture = self.stages["picture"]
        return (
            f"{self.stream:22}{self.transform:4} {latents} {self.stages['planes']} {filtered} "
            f"{picture.largest:2.0f} {picture.rms:8.1e} {picture.rate:7.3%} of {self.bits:2d} bits "
            f"{self.reference.step:2d} {self.reference.differing / max(1, self.reference.samples):7.3%}  "
            f"{'good' if not self.faults else 'BAD ' + '; '.join(self.faults)}"
        )


TITLE = (
    "stream                tr    latents_scaled    planes            filtered          picture                        "
    "stored\n"
    "                            largest      rms  largest      rms  largest      rms  step rms    rate               "
    "step   rate"
)


def compare(stream: VectorStream, entry: Mapping[str, Any], exact: Decoder, floats: Decoder) -> ExactFigures:
    """Decode a stream as one decode of the vectors by both engines and compare them."""
    asked = options(dict(entry))
    dump, expected = Dump(), floats.dump(stream.path, **asked)
    picture = exact.record(stream.path, dump, **asked)
    assert picture is not None
    values = {
        name: np.ldexp(array.astype(np.float64), -dump.fraction_bits[name]) if name in dump.fraction_bits else array
        for name, array in dump.results.items()
    }
    figures = ExactFigures(
        stream.name, entry["transform"], picture.format.depth, any(stage_of(name) in FILTERED for name in expected),
        dict(dump.saturations.counts), stored.compare(stream, dict(entry), values),
    )  # fmt: skip
    if dump.results.keys() != expected.keys():
        figures.faults.append(f"other results: {sorted(dump.results.keys() ^ expected.keys())}")
    for name, theirs in expected.items():
        ours = values.get(name)
        if ours is None:
            continue
        if ours.shape != theirs.shape:
            figures.faults.append(f"{name} is {ours.shape}, not {theirs.shape}")
        elif name in dump.fraction_bits or name == "picture":
            figures.stages.setdefault(stage_of(name), Difference()).add(ours.astype(np.float64) - theirs)
        elif not np.array_equal(ours, theirs):
            figures.faults.append(f"{name} differs")
    figures.judge()
    return figures


def cases() -> Iterator[tuple[VectorStream, dict[str, Any]]]:
    """All streams with the decodes that the reference made of them."""
    for stream in described_streams():
        for entry in decodes(stream):
            yield stream, entry


def main(names: list[str]) -> int:
    """Print the table; return 1 when a decode is outside the limits."""
    engines = {
        models: (Decoder(models, engine="exact"), Decoder(models, engine="float32")) for models in ("test", "analytic")
    }
    print(TITLE)
    bad = 0
    for stream, entry in cases():
        if not names or stream.name in names:
            figures = compare(stream, entry, *engines[stream.models])
            bad += bool(figures.faults)
            print(figures.row(), flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
