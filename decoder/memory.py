"""How much memory there is."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

__all__ = ["physical_memory"]


def physical_memory() -> int:
    """Return the bytes of memory the process may use: the machine's, or its container's where that is less."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        memory = 8 << 30
    with contextlib.suppress(OSError, ValueError):  # no container, or one without a limit
        memory = min(memory, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return int(memory)
