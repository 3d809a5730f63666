"""The command line as a process of its own."""

from __future__ import annotations

import sys

COMMAND = [sys.executable, "-c", "from jpegai.tools.cli import main; main()"]
