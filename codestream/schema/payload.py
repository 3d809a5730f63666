"""What stands around payloads and in front of entropy-coded bytes: marker, length, region and thread tables (01).

Names of the scope: ``R`` regions of the segment, ``T`` threads of a payload.
"""

from __future__ import annotations

import construct
from construct import Struct

from jpegai.codestream.schema.base import ByteString, Derived, Se, U, Ue
from jpegai.codestream.schema.flow import For, When

__all__ = ["LENGTH", "MARKER", "REGION_INDEX", "REGION_SIZES", "THREAD", "THREAD_SIZES", "payload_syntax"]

#: In front of every segment (01.2, 01.3).
MARKER = U("marker", 16, "what the segment is", section="01.2")
LENGTH = Ue("length", "bytes of the payload", section="01.3")
#: In front of an independent region (01.6.2).
REGION_INDEX = Struct(U("region_idx", 8, "region of the segment", section="01.6.2"))
#: In front of several dependent regions; the last one takes the rest (01.6.1).
REGION_SIZES = Struct(For("r", "R - 1", Ue("region_size", "bytes of region r", section="01.6.1", index=("r",))))
#: In front of several threads; the last one takes the rest (01.7).
THREAD_SIZES = Struct(
    For("t", "T - 1", Se("thread_size_delta", "mean thread size minus the size", section="01.7", index=("t",)))
)
#: The bytes of one thread; the tables say how many.
THREAD = ByteString("threads", "thread_size", "me-tANS data", section="04.2", index=("t",))


def payload_syntax(threads: str, *, regions: bool) -> construct.Struct:
    """Return the whole syntax of an entropy-coded payload, for those who print it; `payloads` does the cutting.

    Args:
        threads: expression of the number of threads of the payload.
        regions: the payload is cut in regions.
    """
    region = (
        Derived("T", threads, "threads of a region", section="01.7"),
        *THREAD_SIZES.subcons,
        For("t", "T", THREAD),
    )
    if not regions:
        return Struct(*region)
    independent = "region_residual_in_its_own_substream_flag"
    return Struct(
        Derived("R", f"1 if {independent} else num_regions", "regions of the segment", section="01.6"),
        When(independent, *REGION_INDEX.subcons),
        *REGION_SIZES.subcons,
        For("r", "R", *region),
    )
