"""The markers and what stands behind them (section 01.2)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["EOC", "SEGMENTS", "SOC", "SegmentKind"]

SOC = 0xFF80
EOC = 0xFF81


@dataclass(frozen=True, slots=True)
class SegmentKind:
    """One kind of segment.

    `threads` is the expression of the number of threads of its payload, None for headers; `regions` says whether
    the payload is cut in regions; `component` is the latent component an entropy-coded payload belongs to.
    """

    marker: int
    name: str
    title: str
    section: str
    threads: str | None = None
    regions: bool = False
    component: int | None = None


SEGMENTS = {
    kind.marker: kind
    for kind in (
        SegmentKind(0xFF82, "pih", "picture header", "02"),
        SegmentKind(0xFF83, "ton", "tools header", "03.1"),
        SegmentKind(0xFF84, "rdi", "rendering information", "03.5"),
        SegmentKind(0xFF88, "soz", "hyper latent z, both components", "03.7", "num_threads_z"),
        SegmentKind(0xFF89, "sorp", "residual, primary component", "03.7", "num_threads_r[0]", True, 0),
        SegmentKind(0xFF8A, "sors", "residual, secondary component", "03.7", "num_threads_r[1]", True, 1),
        SegmentKind(0xFF8B, "soq", "quality map", "03.7", "num_threads_q"),
        SegmentKind(0xFF8C, "udi", "user defined information", "03.6"),
    )
}
