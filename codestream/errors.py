"""The errors every layer raises, and the findings that do not stop the work.

An error prints as one line that says what is wrong and where: file, segment, selector, byte and bit.
No other exception leaves the library for any input bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = [
    "ConformanceError",
    "EditError",
    "Finding",
    "JpegAIError",
    "LimitError",
    "ModelError",
    "SelectorError",
    "StreamSyntaxError",
    "TruncatedError",
    "UnsupportedError",
    "position",
]


def position(bit_offset: int) -> str:
    """Return a bit offset in the file as text: ``byte 17`` or ``byte 17 bit 3``."""
    byte, bit = divmod(bit_offset, 8)
    return f"byte {byte} bit {bit}" if bit else f"byte {byte}"


class JpegAIError(Exception):
    """Base of all errors of the library.

    Attributes:
        message: what is wrong, without the place.
        file: name of the file, where one is known.
        segment: lower-case name of the segment (``pih``, ``sorp``, ...).
        selector: path of the element, as views print it (``pih.model_id``).
        bit_offset: position in the file in bits; `byte` and `bit` are its two parts.
        expected: what would have been right.
        found: what was there.
        rule: id of the conformance rule (section 12.6) that this breaks, where there is one.
    """

    exit_code = 3

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        segment: str | None = None,
        selector: str | None = None,
        bit_offset: int | None = None,
        expected: Any = None,
        found: Any = None,
        rule: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.file = file
        self.segment = segment
        self.selector = selector
        self.bit_offset = bit_offset
        self.expected = expected
        self.found = found
        self.rule = rule

    @property
    def byte(self) -> int | None:
        """Byte part of the position, or None."""
        return None if self.bit_offset is None else self.bit_offset // 8

    @property
    def bit(self) -> int | None:
        """Bit within the byte, 0 the most significant, or None."""
        return None if self.bit_offset is None else self.bit_offset % 8

    def locate(self, **where: Any) -> JpegAIError:
        """Fill the attributes that are still None, and return the error itself."""
        for name, value in where.items():
            if getattr(self, name) is None:
                setattr(self, name, value)
        return self

    def __str__(self) -> str:
        place = [text for text in (self.file, self.selector or self.segment) if text]
        if self.bit_offset is not None:
            place.append(position(self.bit_offset))
        detail = ""
        if self.expected is not None:
            detail += f" (expected {self.expected}"
            detail += f", found {self.found})" if self.found is not None else ")"
        elif self.found is not None:
            detail += f" (found {self.found})"
        return f"{', '.join(place)}: {self.message}{detail}" if place else f"{self.message}{detail}"


class TruncatedError(JpegAIError):
    """The bytes end before the syntax does."""


class StreamSyntaxError(JpegAIError):
    """The bytes are not a JPEG AI codestream, or break its syntax."""


class ConformanceError(JpegAIError):
    """The stream parses but breaks a rule that decoding needs."""


class UnsupportedError(JpegAIError):
    """The stream is legal (or may be) and uses something that is not built."""

    exit_code = 4


class ModelError(JpegAIError):
    """Weights are missing, malformed or of the wrong shape."""

    exit_code = 5


class LimitError(JpegAIError):
    """A limit that the user or the library set would be exceeded."""

    exit_code = 6


class SelectorError(JpegAIError, ValueError):
    """A selector does not parse, or selects nothing."""

    exit_code = 2


class EditError(JpegAIError):
    """An edit is refused: its result would not be valid, or not what was asked for."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Finding:
    """Something worth reporting that does not stop the work.

    `rule` is the id of the conformance rule (section 12.6 of the specification), `severity` its ``E``, ``C``
    or ``W``; `bit_offset` and `bits` are the place in the file, where there is one. What a decoder reports although
    no rule speaks of it has None as its rule, and `section` says which section of the specification does, if any.
    """

    rule: str | None
    severity: str
    message: str
    selector: str | None = None
    bit_offset: int | None = None
    bits: int = 0
    section: str | None = None

    def __str__(self) -> str:
        source = self.rule or (f"section {self.section}" if self.section else "")
        place = f"{self.selector}: " if self.selector else ""
        at = "" if self.bit_offset is None else f" at {position(self.bit_offset)}"
        return f"{source} {place}{self.message}{at}".lstrip()
