"""Tests keep their caches in the checkout, not in the user's cache directory."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("JPEGAI_CACHE", str(Path(__file__).resolve().parents[1] / "build" / "test-cache"))
