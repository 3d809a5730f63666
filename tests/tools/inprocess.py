"""The command line within the test's own process: quicker than a process of its own."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass

import pytest

from jpegai.tools.cli import main


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    code: int
    stdout: bytes
    stderr: str


def run(*arguments: object, data: bytes = b"") -> Result:
    """Run a command with bytes on its standard input."""
    streams = [io.TextIOWrapper(io.BytesIO(content), encoding="utf-8") for content in (data, b"", b"")]
    with pytest.MonkeyPatch.context() as patch:
        for name, stream in zip(("stdin", "stdout", "stderr"), streams, strict=True):
            patch.setattr(sys, name, stream)
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        written = []
        for stream in streams[1:]:
            stream.flush()
            written.append(stream.buffer.getvalue())  # type: ignore[attr-defined]
    assert isinstance(stop.value.code, int)
    return Result(stop.value.code, written[0], written[1].decode())
