"""What a failure says, and the exit code it ends with."""

from __future__ import annotations

from jpegai.codestream.errors import JpegAIError

__all__ = ["FAILURES", "describe"]

#: What a decode of bad input, or on a machine that cannot bear it, ends in.
FAILURES = (JpegAIError, MemoryError, OSError)


def describe(error: Exception) -> tuple[str, int]:
    """Return the line that tells of one of `FAILURES`, and its exit code."""
    if isinstance(error, JpegAIError):
        return str(error), error.exit_code
    if isinstance(error, MemoryError):
        return "out of memory; --max-memory bounds what a decode takes", 6
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror or error}", 3
    raise TypeError(f"{type(error).__name__} is no failure of input or machine")
