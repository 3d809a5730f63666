"""What every JSON document of the tools begins with."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

__all__ = ["head"]


def head(schema_version: int) -> dict[str, Any]:
    """Return the first members of a JSON document: the version of its form, and what made it."""
    return {"schema_version": schema_version, "tool": f"jpegai {version('jpegai')}"}
