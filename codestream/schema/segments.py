"""The markers and what stands behind them (section 01.2)."""

from __future__ import annotations

from dataclasses import dataclass

import construct

from jpegai.codestream.schema.pih import PICTURE_HEADER
from jpegai.codestream.schema.rdi import RENDERING_INFORMATION
from jpegai.codestream.schema.ton import TOOLS_HEADER
from jpegai.codestream.schema.udi import USER_DEFINED_INFORMATION

__all__ = ["ALIASES", "EOC", "MARKERS", "REFERENCE_ORDER", "SEGMENTS", "SOC", "SegmentKind", "kind_named"]

SOC = 0xFF80
EOC = 0xFF81
#: The markers that stand alone: code and what they are, by name.
MARKERS = {"soc": (SOC, "start of codestream"), "eoc": (EOC, "end of codestream")}


@dataclass(frozen=True, slots=True)
class SegmentKind:
    """One kind of segment.

    Attributes:
        marker: its code.
        name: lower-case name in selectors.
        title: what it is.
        section: section of the specification.
        schema: declaration of a header, None for entropy-coded payloads.
        incomplete: rule that a header breaks that ends too early (12.6.1).
        aligned: the header is always whole bytes: no padding behind the last element.
        threads: expression of the number of threads of an entropy-coded payload.
        regions: the payload is cut in regions.
        component: latent component it belongs to.
    """

    marker: int
    name: str
    title: str
    section: str
    schema: construct.Struct | None = None
    incomplete: str | None = None
    aligned: bool = False
    threads: str | None = None
    regions: bool = False
    component: int | None = None


SEGMENTS = {
    kind.marker: kind
    for kind in (
        SegmentKind(0xFF82, "pih", "picture header", "02", PICTURE_HEADER, "S-16"),
        SegmentKind(0xFF83, "ton", "tools header", "03.1", TOOLS_HEADER, "S-17"),
        SegmentKind(0xFF84, "rdi", "rendering information", "03.5", RENDERING_INFORMATION, "S-18", aligned=True),
        SegmentKind(0xFF88, "soz", "hyper latent z, both components", "03.7", threads="num_threads_z"),
        SegmentKind(0xFF89, "sorp", "residual, primary component", "03.7", threads="num_threads_r[0]", regions=True,
                    component=0),
        SegmentKind(0xFF8A, "sors", "residual, secondary component", "03.7", threads="num_threads_r[1]", regions=True,
                    component=1),
        SegmentKind(0xFF8B, "soq", "quality map", "03.7", threads="num_threads_q"),
        SegmentKind(0xFF8C, "udi", "user defined information", "03.6", USER_DEFINED_INFORMATION, aligned=True),
    )
}  # fmt: skip

#: Order in which the reference encoder writes segments (01.4).
REFERENCE_ORDER = ("pih", "ton", "udi", "rdi", "sorp", "sors", "soz", "soq")
#: Other names of segments (00.5).
ALIASES = {"toh": "ton"}
_BY_NAME = {kind.name: kind for kind in SEGMENTS.values()}


def kind_named(name: str) -> SegmentKind:
    """Return the kind of segment with a name or an alias, in any case.

    Raises:
        KeyError: there is none.
    """
    return _BY_NAME[ALIASES.get(name.lower(), name.lower())]
