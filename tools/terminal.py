"""The console that views print on."""

from __future__ import annotations

import sys

from rich.console import Console

__all__ = ["console"]

#: Columns where the output is no terminal: wide enough for every table.
_WIDTH = 160


def console() -> Console:
    """Return a console on the standard output, as wide as the terminal where it is one."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)
