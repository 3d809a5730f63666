"""A parsed codestream: segments, header values, the field trace, and the way back to bytes."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from jpegai.codestream.cursor import BitReader, BitWriter
from jpegai.codestream.editions import EDITIONS, PictureHeader, read_picture_header, trace_picture_header
from jpegai.codestream.errors import Finding, JpegAIError, StreamSyntaxError
from jpegai.codestream.fields import Field, Fields, bytes_field, padding_field
from jpegai.codestream.framing import Framing, Segment, frame, length_field
from jpegai.codestream.schema.pih import PICTURE_HEADER
from jpegai.codestream.schema.segments import EOC, SOC
from jpegai.codestream.schema.ton import TOOLS_HEADER_FLAGS
from jpegai.codestream.schema.values import Expression, Header, Scope
from jpegai.codestream.threads import ThreadPayload, split_threads

__all__ = ["Codestream"]


class Codestream:
    """One JPEG AI codestream.

    Attributes:
        name: name of the file, for messages; None for bytes.
        data: the whole file.
        edition: ``is`` or ``dis``.
        pih: values of the picture header (section 02), derived variables included.
        ton: enable flags of the tools header (section 03.1) up to the first one that is set; all 0 without one.
        segments: all segments in file order.
        trailing: bytes behind the end of codestream.
    """

    def __init__(self, data: memoryview, name: str | None, framing: Framing, picture_header: PictureHeader) -> None:
        self.data = data
        self.name = name
        self.segments = framing.segments
        self.trailing = framing.trailing
        self.eoc_offset = framing.eoc_offset
        self.edition = picture_header.edition
        self.pih = picture_header.header
        self.ton = Header("ton")
        self._framing = framing
        self._picture_header = picture_header
        self._tools_fields: list[Field] = []
        self._read_tools_header()

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, edition: str | None = None) -> Codestream:
        """Read and parse a file; ``-`` is the standard input.

        Raises:
            OSError: the file cannot be read.
            JpegAIError: as `parse`.
        """
        if path == "-":
            return cls.parse(sys.stdin.buffer.read(), name="(standard input)", edition=edition)
        return cls.parse(Path(path).read_bytes(), name=os.fspath(path), edition=edition)

    @classmethod
    def parse(
        cls, data: bytes | bytearray | memoryview, *, name: str | None = None, edition: str | None = None
    ) -> Codestream:
        """Parse a codestream; the data are kept, not copied.

        Args:
            data: the whole file.
            name: file name for messages.
            edition: ``is`` or ``dis``; detected when None (section 02.7).

        Raises:
            TruncatedError: the data end too early.
            StreamSyntaxError: the framing or a header breaks the syntax.
        """
        if edition is not None and edition not in EDITIONS:
            raise ValueError(f"edition {edition!r} is none of {EDITIONS}")
        view = memoryview(data).toreadonly().cast("B")
        try:
            framing = frame(view)
            first = framing.segments[0]
            picture_header = read_picture_header(first.payload, first.payload_offset, edition)
            return cls(view, name, framing, picture_header)
        except JpegAIError as error:
            raise error.locate(file=name) from None

    def _read_tools_header(self) -> None:
        segment = self.segment("ton")
        if segment is None:
            # a missing tools header means that every tool is off (01.9): the same as one of zero bits
            TOOLS_HEADER_FLAGS.parse_stream(BitReader(bytes(1)), scope=Scope(self.ton, self.pih))
            return
        reader = BitReader(segment.payload, segment.payload_offset)
        TOOLS_HEADER_FLAGS.parse_stream(reader, scope=Scope(self.ton, self.pih, self._tools_fields))
        rest = reader.remaining
        if rest:
            start = reader.position
            if rest >= 8 or 1 in (field.value for field in self._tools_fields):
                view = segment.payload[start // 8 - segment.payload_offset :]
                # what is left begins within a byte
                field = Field(
                    f"{segment.group}.payload", "payload", start, rest, None, view, "not parsed further", "03", "bytes"
                )
            else:
                field = padding_field(f"{segment.group}.padding", start, rest, reader.u(rest), "01.5.5")
            self._tools_fields.append(field)

    # -- segments ---------------------------------------------------------------------------------------------

    def segment(self, name: str) -> Segment | None:
        """Return the first segment of a kind, or None."""
        return next((segment for segment in self.segments if segment.name == name), None)

    def threads(self, name: str) -> tuple[ThreadPayload, ...]:
        """Return the threads of an entropy-coded segment (``soz``, ``sorp``, ``sors``, ``soq``) without regions.

        Raises:
            StreamSyntaxError: the segment is missing, or its threads cannot be told apart.
        """
        segment = self.segment(name)
        if segment is None:
            raise StreamSyntaxError(f"the stream has no {name} segment", segment=name, file=self.name)
        try:
            return self._split(segment)
        except JpegAIError as error:
            raise error.locate(file=self.name) from None

    def _split(
        self, segment: Segment, fields: list[Field] | None = None, findings: list[Finding] | None = None
    ) -> tuple[ThreadPayload, ...]:
        assert segment.kind.threads is not None
        threads = Expression(segment.kind.threads).evaluate(self.pih)
        return split_threads(segment.payload, segment.payload_offset, threads, segment.group, fields, findings)

    # -- trace and findings -----------------------------------------------------------------------------------

    @functools.cached_property
    def fields(self) -> Fields:
        """The field trace: everything in the file that has a name, in file order."""
        fields = [Field("soc.marker", "marker", 0, 16, SOC, SOC, "start of codestream", "01.2")]
        for segment, frame_fields in zip(self.segments, self._framing.fields, strict=True):
            fields += [replace(field, path=f"{segment.group}.{field.path}") for field in frame_fields]
            fields += self._payload_fields(segment)
        fields.append(Field("eoc.marker", "marker", 8 * self.eoc_offset, 16, EOC, EOC, "end of codestream", "01.2"))
        if self.trailing:
            start = self.eoc_offset + 2
            fields.append(
                bytes_field("trailing.bytes", "bytes", start, self.trailing, "not part of the codestream", "01.8")
            )
        return Fields(fields)

    def _payload_fields(self, segment: Segment) -> list[Field]:
        if segment is self.segments[0]:
            return trace_picture_header(segment.payload, segment.payload_offset, self.edition)
        if segment is self.segment("ton"):
            return self._tools_fields
        if self._has_threads(segment):
            fields: list[Field] = []
            with contextlib.suppress(JpegAIError):  # which is among the findings
                self._split(segment, fields)
                return fields
        if not segment.payload:
            return []
        path, start = f"{segment.group}.payload", segment.payload_offset
        return [bytes_field(path, "payload", start, segment.payload, "not parsed further", segment.kind.section)]

    def _has_threads(self, segment: Segment) -> bool:
        """Whether the payload is cut in threads only: not in regions, which are not parsed yet."""
        return segment.kind.threads is not None and not (segment.kind.regions and self.pih.region_partitioning_flag)

    @functools.cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What breaks a rule or looks wrong but could be parsed. A decode needs them, but no trace."""
        findings = [*self._framing.findings, *self._picture_header.findings, *self._structure()]
        for segment in filter(self._has_threads, self.segments):
            try:
                self._split(segment, findings=findings)
            except JpegAIError as error:
                findings.append(Finding("S-43", "E", error.message, error.selector or segment.group, error.bit_offset))
        return tuple(findings)

    def _structure(self) -> Iterator[Finding]:
        count = Counter(segment.name for segment in self.segments)
        independent = bool(self.pih.region_residual_in_its_own_substream_flag)
        end = 8 * self.eoc_offset
        if count["pih"] > 1 or count["soz"] != 1:
            yield Finding(
                "S-11", "E", f"exactly one PIH and one SOZ: {count['pih']} and {count['soz']} found", None, end
            )
        for name in ("ton", "rdi", "udi", "soq"):
            if count[name] > 1:
                yield Finding("S-12", "E", f"{count[name]} segments {name}, at most one is allowed", name, end)
        if self.pih.gain_3D_enable_flag and not count["soq"]:
            yield Finding("S-27", "E", "a quality map is announced, but there is no soq segment", "soq", end)
        if count["soq"] and not self.pih.gain_3D_enable_flag:
            yield Finding("S-28", "W", "a soq segment is there, but no quality map is announced: ignored", "soq", end)
        for name in ("sorp", "sors"):
            if not independent and count[name] != 1:
                yield Finding("S-30", "E", f"exactly one {name} segment: {count[name]} found", name, end)

    # -- building ---------------------------------------------------------------------------------------------

    @staticmethod
    def build_picture_header(header: Header, edition: str = "is") -> bytes:
        """Return the payload of a picture header built from values; derived variables are recomputed.

        Raises:
            StreamSyntaxError: a value is missing or does not fit its element.
        """
        writer = BitWriter()
        PICTURE_HEADER.build_stream(None, writer, scope=Scope(header, {"edition": edition}))
        return writer.bytes()

    def build(self) -> bytes:
        """Return the codestream as bytes: the picture header from its values, other payloads as they are."""
        parts: list[bytes | memoryview] = [SOC.to_bytes(2)]
        for segment in self.segments:
            payload: bytes | memoryview = segment.payload
            if segment is self.segments[0]:
                payload = self.build_picture_header(self.pih, self.edition)
            parts += [segment.kind.marker.to_bytes(2), length_field(len(payload)), payload]
        parts += [EOC.to_bytes(2), self.trailing]
        return b"".join(parts)
