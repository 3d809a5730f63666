"""Compare a decode with the reference's results; as a script, print the figures of every stream and of every tensor.

python -m tests.figures
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder import Decoder
from jpegai.decoder.components import COMPONENTS
from jpegai.decoder.picture.compare import TOLERANCES, allowed, differences, read_png
from jpegai.decoder.recorder import STAGES, stage_of
from tests.streams import VectorStream, described_streams

INTEGERS = (
    "z", "hyper_scale", "scale0", "scale1", "coded_mask", "cube_flags", "grfs_flags", "quality_map",
    "rvs_block_sigma", "lsbs_block_sigma", "residual", "residual_dequantised",
)  # fmt: skip
#: What the vectors hold of the encoder.
_NOT_OURS = ("encoder_latents", "encoder_hyper_latents")


@dataclass
class Figures:
    """What the comparison of one decode found."""

    stream: str
    transform: str
    integers: int = 0
    unequal: list[str] = field(default_factory=list)
    largest: dict[str, float] = field(default_factory=dict)
    samples: int = 0
    differing: int = 0
    step: int = 0
    sampled: bool = False
    missing: list[str] = field(default_factory=list)
    #: Largest difference of every tensor that was compared, the planes of a filter together; infinite for unequal ones.
    compared: dict[str, float] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether every comparison is within the limits of 12.6.6."""
        return (
            not self.unequal
            and not self.missing
            and self.integers > 0
            and all(value <= TOLERANCES[kind] for kind, value in self.largest.items())
            and self.step <= 1
            and self.differing <= allowed(self.samples)
            and self.samples > 0
        )

    def note(self, tensor: str, difference: float) -> None:
        """Keep the difference of a tensor."""
        first, _, last = tensor.rpartition(".")
        tensor = first if last.isdigit() else tensor
        self.compared[tensor] = max(self.compared.get(tensor, 0.0), difference)

    def row(self) -> str:
        """One line of the table."""
        latents = max(
            (self.largest.get(name, 0.0) for name in ("psi", "prediction", "latents", "latents_scaled")), default=0.0
        )
        picture = f"{self.differing:3d} of {self.samples:7d}{' sampled' if self.sampled else '':8}"
        return (
            f"{self.stream:22}{self.transform:4} {self.integers - len(self.unequal):2d}/{self.integers:2d} "
            f"{latents:9.1e} {self.largest.get('planes', float('nan')):9.1e}  {picture} by {self.step}  "
            f"{'good' if self.good else 'BAD ' + ' '.join(self.unequal + self.missing)}"
        )


TITLE = "stream                tr   equal   latents    planes  samples that differ             within"


def decodes(stream: VectorStream) -> list[dict[str, Any]]:
    """The decodes of a stream that the reference made."""
    return list(stream.description()["decodes"])


def options(entry: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `Decoder.dump` for a decode of the vectors."""
    asked = entry.get("num_decode_chs")
    channels = None if asked is None else tuple(asked.get(c.name, c.channels) for c in COMPONENTS)
    return {"transform": entry["transform"], "channels": channels}


def compare(stream: VectorStream, entry: dict[str, Any], results: dict[str, NDArray[Any]]) -> Figures:
    """Compare the results of a dump with one decode of the vectors."""
    figures = Figures(stream.name, entry["transform"])
    stored = np.load(stream.path.with_suffix(".npz"))
    for name, facts in entry["tensors"].items():
        first, _, last = name.partition(".")
        kind = first if last.isdigit() or not last else last
        if kind in _NOT_OURS:
            continue
        ours = results.get(name)
        if ours is not None and name == "picture" and ours.ndim == 1:
            ours = ours.astype(ours.dtype.newbyteorder("<"), copy=False).view(np.uint8)  # the bytes of a planar file
        if ours is None or list(ours.shape) != facts["shape"]:
            figures.missing.append(name)
            continue
        if name == "picture":
            _picture(figures, stream, entry, facts, stored, ours)
            figures.note(name, figures.step)
        elif kind in INTEGERS:
            figures.integers += 1
            data = np.ascontiguousarray(ours.astype(np.dtype(facts["dtype"]).newbyteorder("<")))
            equal = hashlib.sha256(data).hexdigest() == facts["sha256"]
            figures.note(name, 0 if equal else float("inf"))
            if not equal:
                figures.unequal.append(name)
        else:
            distance = _distance(ours.astype(np.float64), name, entry["tensors"], stored)
            if distance is None:
                continue
            figures.largest[kind] = max(figures.largest.get(kind, 0.0), float(distance))
            figures.note(name, float(distance))
    return figures


def _distance(ours: NDArray[np.float64], name: str, tensors: dict[str, Any], stored: Any) -> float | None:
    """Return the largest difference from a float tensor: stored, sampled, or identical to another one; None if none."""
    facts = tensors.get(name, {})
    if facts.get("stored_as"):
        return float(np.abs(ours - stored[facts["stored_as"]]).max(initial=0))
    if facts.get("samples"):
        index, values = np.array(facts["samples"]).T
        return float(np.abs(ours.ravel()[index.astype(np.int64)] - values).max(initial=0))
    return _distance(ours, facts["same_as"], tensors, stored) if facts.get("same_as") else None


def _picture(
    figures: Figures,
    stream: VectorStream,
    entry: dict[str, Any],
    facts: dict[str, Any],
    stored: Any,
    ours: NDArray[Any],
) -> None:
    png = stream.path.with_name(f"{stream.name}.{entry['transform']}.png")
    if facts.get("stored_as"):
        expected = stored[facts["stored_as"]]
    elif png.is_file():
        expected = read_png(png.read_bytes())
    else:
        index, values = np.array(facts["samples"]).T
        distance = np.abs(ours.ravel()[index.astype(np.int64)].astype(int) - values.astype(int))
        figures.samples, figures.sampled = len(values), True
        figures.step, figures.differing = int(distance.max(initial=0)), int(np.count_nonzero(distance))
        return
    if entry["output"]["bit_depth"] > 8:
        ours, expected = ours.view("<u2"), expected.view("<u2")
    figures.samples = ours.size
    figures.step, figures.differing = differences(ours, expected)


def tensor_table(every: Iterable[Figures]) -> Iterator[str]:
    """Yield a line for every tensor: how many streams and decodes carried it, and the largest difference."""
    rows: dict[str, list[tuple[str, float]]] = {}
    for figures in every:
        for tensor, difference in figures.compared.items():
            rows.setdefault(tensor, []).append((figures.stream, difference))
    yield f"{'tensor':32}{'streams':>8}{'decodes':>8}  largest difference"
    for tensor, found in sorted(rows.items(), key=lambda row: STAGES.index(stage_of(row[0]))):
        worst = max(difference for _, difference in found)
        exact = stage_of(tensor) in INTEGERS
        text = ("all equal" if worst == 0 else "UNEQUAL") if exact else f"{worst:.1e}"
        yield f"{tensor:32}{len({stream for stream, _ in found}):8}{len(found):8}  {text}"


def main() -> int:
    """Print the tables; return 1 when a decode is outside the limits."""
    decoders = {name: Decoder(name, engine="float32") for name in ("test", "analytic")}
    print(TITLE)
    every = []
    for stream in described_streams():
        for entry in decodes(stream):
            results = decoders[stream.models].dump(stream.path, **options(entry))
            figures = compare(stream, entry, results)
            every.append(figures)
            print(figures.row(), flush=True)
    print()
    print("\n".join(tensor_table(every)))
    bad = [figures for figures in every if not figures.good]
    streams = len({figures.stream for figures in every})
    differing = sum(figures.differing for figures in every)
    samples = sum(figures.samples for figures in every)
    good = f"{len(every) - len(bad)} within the limits of 12.6.6, {len(bad)} not"
    print(f"\n{len(every)} decodes of {streams} streams: {good}; {differing} of {samples} samples differ")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
