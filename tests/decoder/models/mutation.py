"""Random damage to files."""

from __future__ import annotations

import os

from hypothesis import strategies as st

#: Cases of a test; more by ``JPEGAI_FUZZ_EXAMPLES``.
MANY = int(os.environ.get("JPEGAI_FUZZ_EXAMPLES", "400"))


def mutated(data: st.DataObject, good: bytes) -> bytes:
    """Return the bytes with one to four places of up to four bytes replaced, lengthened or shortened."""
    content = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    return bytes(content)
