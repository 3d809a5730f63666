"""Reading the picture header in the right edition (section 02.7).

The International Standard and the Draft differ in one element at the very start, and no field says which one it is.
"""

from __future__ import annotations

from dataclasses import dataclass

from jpegai.codestream.cursor import BitReader
from jpegai.codestream.errors import Finding, JpegAIError, StreamSyntaxError
from jpegai.codestream.fields import Field, padding_field
from jpegai.codestream.rules import broken
from jpegai.codestream.rules.picture_header import DEFAULT_TRANSFORM_IN_PROFILE, PICTURE_HEADER_RULES
from jpegai.codestream.schema.pih import PICTURE_HEADER
from jpegai.codestream.schema.values import Header, Scope

__all__ = ["EDITIONS", "PictureHeader", "read_picture_header", "trace_picture_header"]

#: ``is``: International Standard; ``dis``: Draft International Standard.
EDITIONS = ("is", "dis")


@dataclass(slots=True)
class PictureHeader:
    """A picture header read in one edition: values and what it breaks."""

    edition: str
    header: Header
    findings: list[Finding]
    error: JpegAIError | None = None

    @property
    def first_violation(self) -> str | None:
        """The first thing that speaks against this edition."""
        if self.error is not None:
            return str(self.error)
        return next((str(finding) for finding in self.findings if finding.severity == "E"), None)

    @property
    def profile_allows_default(self) -> bool:
        """Whether the default decoder belongs to the profile (step 3)."""
        return bool(DEFAULT_TRANSFORM_IN_PROFILE.holds.evaluate(self.header))


def _read(payload: memoryview, offset: int, edition: str, fields: list[Field] | None = None) -> PictureHeader:
    header = Header("pih")
    scope = Scope(header, {"edition": edition}, fields)
    reader = BitReader(payload, offset)
    result = PictureHeader(edition, header, scope.findings)
    try:
        PICTURE_HEADER.parse_stream(reader, scope=scope)
    except JpegAIError as error:
        result.error = error.locate(segment="pih")
        return result
    result.findings += broken(PICTURE_HEADER_RULES, "pih", {**header, "edition": edition})
    start, left = reader.position, reader.remaining
    padding = reader.u(left)
    if left >= 8:
        result.findings.append(Finding("S-20", "E", f"{left} bits are left over", "pih.padding", start))
    if padding:
        result.findings.append(Finding("S-21", "E", "the bits after the last element are not 0", "pih.padding", start))
    if left and fields is not None:
        fields.append(padding_field("pih.padding", start, left, padding, "01.5.5"))
    return result


def trace_picture_header(payload: memoryview, offset: int, edition: str) -> list[Field]:
    """Return the trace of a picture header that parses in this edition; a decode has no need of it."""
    fields: list[Field] = []
    _read(payload, offset, edition, fields)
    return fields


def read_picture_header(payload: memoryview, offset: int, edition: str | None = None) -> PictureHeader:
    """Read the picture header whose payload starts at byte `offset` of the file.

    With `edition` given that edition is read, and what it breaks is left among the findings; else the edition is
    detected.

    Raises:
        JpegAIError: the header does not parse in the edition asked for.
        StreamSyntaxError: no edition fits; the message names the first violation of each.
    """
    if edition is not None:
        result = _read(payload, offset, edition)
        if result.error is not None:
            raise result.error
        return result
    readings = [_read(payload, offset, each) for each in EDITIONS]
    fitting = [reading for reading in readings if reading.first_violation is None]
    if not fitting:
        reasons = "; ".join(f"as {reading.edition}: {reading.first_violation}" for reading in readings)
        errors = [reading.error for reading in readings if reading.error is not None]
        kind = type(errors[0]) if len(errors) == len(readings) else StreamSyntaxError
        raise kind(f"the picture header fits no edition ({reasons})", segment="pih", bit_offset=8 * offset)
    if len(fitting) > 1:
        fitting = [reading for reading in fitting if reading.profile_allows_default] or fitting
    chosen = fitting[0]
    if len(fitting) > 1:
        chosen.findings.append(
            Finding("S-19", "W", "edition ambiguous: taken as 'is'; --edition decides", "pih", 8 * offset)
        )
    return chosen
