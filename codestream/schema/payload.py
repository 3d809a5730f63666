"""What stands in front of entropy-coded bytes: region index, region sizes, thread sizes (sections 01.6 and 01.7).

Names of the scope: ``R`` regions of the segment, ``T`` threads of a payload.
"""

from __future__ import annotations

from construct import Struct

from jpegai.codestream.schema.base import For, Se, U, Ue

__all__ = ["REGION_INDEX", "REGION_SIZES", "THREAD_SIZES"]

#: In front of an independent region (01.6.2).
REGION_INDEX = Struct(U("region_idx", 8, "region of the segment", section="01.6.2"))
#: In front of several dependent regions; the last one takes the rest (01.6.1).
REGION_SIZES = Struct(For("r", "R - 1", Ue("region_size", "bytes of region r", section="01.6.1", index=("r",))))
#: In front of several threads; the last one takes the rest (01.7).
THREAD_SIZES = Struct(
    For("t", "T - 1", Se("thread_size_delta", "mean thread size minus the size", section="01.7", index=("t",)))
)
