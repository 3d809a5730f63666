"""Reading the picture header in the right edition (section 02.7).

The International Standard and the Draft differ in one element at the very start, and no field says which one it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jpegai.codestream.errors import Finding, JpegAIError, StreamSyntaxError
from jpegai.codestream.fields import Entry
from jpegai.codestream.headers import read_header
from jpegai.codestream.rules.catalogue import finding
from jpegai.codestream.rules.conditions import broken
from jpegai.codestream.rules.picture_header import DEFAULT_TRANSFORM_IN_PROFILE, EDITION_CONDITIONS
from jpegai.codestream.schema.segments import kind_named
from jpegai.codestream.schema.values import Header

__all__ = ["EDITIONS", "PictureHeader", "read_picture_header"]

#: ``is``: International Standard; ``dis``: Draft International Standard.
EDITIONS = ("is", "dis")


@dataclass(slots=True)
class PictureHeader:
    """A picture header read in one edition: values, what it breaks, where it ended too early, its trace."""

    edition: str
    header: Header
    findings: list[Finding]
    error: JpegAIError | None
    fields: list[Entry]

    @property
    def names(self) -> Mapping[str, Any]:
        """What conditions and other headers see."""
        return {**self.header, "edition": self.edition}

    def _violations(self) -> Iterator[str]:
        """What speaks against this edition."""
        if self.error is not None:
            yield str(self.error)
        conditions = EDITION_CONDITIONS if self.error is None else ()
        for violation in (*self.findings, *broken(conditions, "pih", self.names)):
            if violation.severity == "E":
                yield str(violation)

    @property
    def first_violation(self) -> str | None:
        """The first thing that speaks against this edition."""
        return next(self._violations(), None)

    @property
    def violations(self) -> int:
        """How many things speak against it."""
        return sum(1 for _ in self._violations())

    @property
    def profile_allows_default(self) -> bool:
        """Whether the default decoder belongs to the profile (step 3)."""
        return not any(broken((DEFAULT_TRANSFORM_IN_PROFILE,), "pih", self.names))


def _read(payload: memoryview, offset: int, edition: str, trace: bool = False) -> PictureHeader:
    reading = read_header(kind_named("pih"), "pih", payload, offset, {"edition": edition}, trace=trace)
    return PictureHeader(edition, reading.header, reading.findings, reading.error, reading.fields)


def read_picture_header(
    payload: memoryview, offset: int, edition: str | None = None, *, trace: bool = False, recover: bool = False
) -> PictureHeader:
    """Read the picture header whose payload starts at byte `offset` of the file.

    With `edition` given that edition is read, and what it breaks is left among the findings; else the edition is
    detected. With `trace` the result has the fields; with `recover` it may hold an error, where else it is raised.

    Raises:
        JpegAIError: the header does not parse in the edition asked for.
        StreamSyntaxError: no edition fits; the message names the first violation of each.
    """
    if edition is not None:
        result = _read(payload, offset, edition, trace)
        if result.error is not None and not recover:
            raise result.error
        return result
    readings = [_read(payload, offset, each, trace) for each in EDITIONS]
    fitting = [reading for reading in readings if reading.first_violation is None]
    if not fitting:
        reasons = "; ".join(f"as {reading.edition}: {reading.first_violation}" for reading in readings)
        message = f"the picture header fits no edition ({reasons})"
        errors = [reading.error for reading in readings if reading.error is not None]
        if not recover:
            kind = type(errors[0]) if len(errors) == len(readings) else StreamSyntaxError
            raise kind(message, segment="pih", bit_offset=8 * offset, rule="S-16")
        best = min(readings, key=lambda each: each.violations)
        if best.error is None:
            best.findings.append(finding("S-19", f"{message}; read as {best.edition}", "pih", 8 * offset))
        return best
    if len(fitting) > 1:
        fitting = [reading for reading in fitting if reading.profile_allows_default] or fitting
    chosen = fitting[0]
    if len(fitting) > 1:
        message = "edition ambiguous: taken as 'is'; --edition decides"
        chosen.findings.append(finding("S-19", message, "pih", 8 * offset, 8 * len(payload)))
    return chosen
