"""A parsed codestream: segments, header values, the field trace, and the way back to bytes."""

from __future__ import annotations

import copy
import functools
import mmap
import os
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from jpegai.codestream.editions import EDITIONS, PictureHeader, read_picture_header
from jpegai.codestream.errors import Finding, JpegAIError, StreamSyntaxError
from jpegai.codestream.fields import Entry, Field, Fields, bytes_field, without_gaps
from jpegai.codestream.framing import Framing, Segment, frame, join_codestream, segment_parts, start_fields
from jpegai.codestream.headers import HeaderReading, absent_header, build_header, read_header
from jpegai.codestream.payloads import Payload, ThreadPayload, build_payload, read_payload
from jpegai.codestream.schema.segments import MARKERS, SegmentKind, kind_named
from jpegai.codestream.schema.values import Expression, Header

__all__ = ["Codestream"]


class Codestream:
    """One JPEG AI codestream.

    Attributes:
        name: name of the file, for messages; None for bytes.
        data: the whole file.
        edition: ``is`` or ``dis``.
        pih: values of the picture header (section 02), derived variables included.
        ton: values of the tools header (sections 03.1 to 03.4); those of a stream without one say that all is off.
        rdi: values of the rendering information (03.5); absent elements hold their inferred values.
        udi: the user data, ``udi.UDI_data``, a view (03.6).
        segments: all segments in file order.
        trailing: bytes behind the end of codestream.
        errors: what could not be parsed; empty unless the stream was parsed with `recover`.
    """

    def __init__(
        self, data: memoryview, name: str | None, framing: Framing, edition: str | None, recover: bool
    ) -> None:
        self.data = data
        self.name = name
        self.segments = framing.segments
        self.trailing = framing.trailing
        self.eoc_offset = framing.eoc_offset
        self._framing = framing
        self._readings: dict[str, HeaderReading] = {}
        self._payloads: dict[str, Payload] = {}
        self._wanted: Mapping[str, Collection[int]] = {}
        self.errors: tuple[JpegAIError, ...] = framing.errors
        self._picture_header = self._read_picture_header(edition, recover)
        self.edition = self._picture_header.edition
        self.pih = self._picture_header.header
        if self._picture_header.error is not None:
            self.errors += (self._picture_header.error,)
        for segment in self.segments:
            if segment.kind.schema is not None and segment.name != "pih" and self.complete:
                reading = self._read_header(segment)
                self._readings[segment.group] = reading
                if reading.error is not None:
                    self.errors += (reading.error,)
        if self.errors and not recover:
            raise self.errors[0]
        self.ton, self.rdi, self.udi = (self._header(name) for name in ("ton", "rdi", "udi"))

    @classmethod
    def open(
        cls, path: str | os.PathLike[str], *, edition: str | None = None, recover: bool = False
    ) -> Codestream:
        """Map a file into memory and parse it; ``-`` is the standard input.

        Raises:
            OSError: the file cannot be read.
            JpegAIError: as `parse`.
        """
        if path == "-":
            data: bytes | mmap.mmap = sys.stdin.buffer.read()
            return cls.parse(data, name="(standard input)", edition=edition, recover=recover)
        with Path(path).open("rb") as file:
            try:
                data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except (ValueError, OSError):  # empty, or no regular file
                data = file.read()
        return cls.parse(data, name=os.fspath(path), edition=edition, recover=recover)

    @classmethod
    def parse(
        cls,
        data: bytes | bytearray | memoryview | mmap.mmap,
        *,
        name: str | None = None,
        edition: str | None = None,
        recover: bool = False,
    ) -> Codestream:
        """Parse a codestream; the data are kept, not copied.

        Args:
            data: the whole file.
            name: file name for messages.
            edition: ``is`` or ``dis``; detected when None (section 02.7).
            recover: give what can be known of a damaged stream; `errors` says what is not.

        Raises:
            TruncatedError: the data end too early.
            StreamSyntaxError: the framing or a header breaks the syntax.
        """
        if edition is not None and edition not in EDITIONS:
            raise ValueError(f"edition {edition!r} is none of {EDITIONS}")
        view = memoryview(data).toreadonly().cast("B")
        try:
            stream = cls(view, name, frame(view, recover=recover), edition, recover)
        except JpegAIError as error:
            raise error.locate(file=name) from None
        for damage in stream.errors:
            damage.locate(file=name)
        return stream

    # -- headers ----------------------------------------------------------------------------------------------

    def _read_picture_header(self, edition: str | None, recover: bool, trace: bool = False) -> PictureHeader:
        segment = self.segment("pih")
        if segment is None:
            return PictureHeader(edition or EDITIONS[0], Header("pih"), [], None, [])
        return read_picture_header(segment.payload, segment.payload_offset, edition, trace=trace, recover=recover)

    @property
    def complete(self) -> bool:
        """Whether there is a complete picture header: without it other segments cannot be told apart."""
        return bool(self.pih) and self._picture_header.error is None

    @property
    def names(self) -> Mapping[str, Any]:
        """Elements and variables of the picture header, and ``edition``: what other declarations speak of."""
        return self._picture_header.names

    def _read_header(self, segment: Segment, trace: bool = False) -> HeaderReading:
        kind, names = segment.kind, self.names
        return read_header(kind, segment.group, segment.payload, segment.payload_offset, names, trace=trace)

    def _header(self, name: str) -> Header:
        segment = self.segment(name)
        if segment is not None and segment.group in self._readings:
            return self._readings[segment.group].header
        return absent_header(kind_named(name), self.names) if self.complete else Header(name)

    # -- segments ---------------------------------------------------------------------------------------------

    def segment(self, name: str) -> Segment | None:
        """Return the first segment of a kind, or None."""
        return next((segment for segment in self.segments if segment.name == name), None)

    def only(self, regions: Mapping[str, Collection[int]]) -> Codestream:
        """Return the same stream as one reads it that needs some regions only.

        Of other regions no byte is read: they have no threads, and nothing is found in them.

        Args:
            regions: kind of segment to the regions wanted of it.
        """
        part = copy.copy(self)
        part._wanted, part._payloads = regions, {}
        for name in ("findings", "fields"):
            part.__dict__.pop(name, None)
        return part

    def independent(self, kind: SegmentKind) -> bool:
        """Whether every payload of a kind is that of a single independent region (01.6.2)."""
        return kind.regions and bool(self.pih.region_residual_in_its_own_substream_flag)

    def payload(self, segment: Segment) -> Payload:
        """Return an entropy-coded segment cut in regions and threads; damage is among what it holds."""
        if segment.group not in self._payloads:
            self._payloads[segment.group] = self._read_payload(segment)
        return self._payloads[segment.group]

    def _read_payload(self, segment: Segment, trace: bool = False) -> Payload:
        assert segment.kind.threads is not None
        regions = self.pih.num_regions if segment.kind.regions else 1
        return read_payload(
            segment.payload,
            segment.payload_offset,
            segment.group,
            threads=Expression(segment.kind.threads).evaluate(self.pih),
            regions=regions,
            independent=self.independent(segment.kind),
            trace=trace,
            wanted=self._wanted.get(segment.name),
        )

    def regions(self, name: str) -> dict[int, tuple[ThreadPayload, ...]]:
        """Return the threads of the regions of an entropy-coded kind (``soz``, ``sorp``, ``sors``, ``soq``).

        What is not cut in regions has one, of index 0. Independent regions may be missing (01.6.2); of repeated ones
        the first counts.

        Raises:
            StreamSyntaxError: the segment is missing where it may not be, or cannot be cut.
        """
        if not self.complete:
            raise StreamSyntaxError("there is no picture header that can be read", segment="pih", file=self.name)
        segments = [segment for segment in self.segments if segment.name == name]
        independent = self.independent(kind_named(name))
        if not segments and not independent:
            raise StreamSyntaxError(f"the stream has no {name} segment", segment=name, file=self.name)
        result: dict[int, tuple[ThreadPayload, ...]] = {}
        for segment in segments if independent else segments[:1]:
            payload = self.payload(segment)
            for error in payload.errors:
                raise error.locate(file=self.name)
            for region in payload.regions:
                result.setdefault(region.index, region.threads)
        return result

    def threads(self, name: str) -> tuple[ThreadPayload, ...]:
        """Return the threads of an entropy-coded kind that is not cut in regions.

        Raises:
            StreamSyntaxError: the segment is missing, or its threads cannot be told apart.
        """
        return self.regions(name)[0]

    # -- trace and findings -----------------------------------------------------------------------------------

    @functools.cached_property
    def fields(self) -> Fields:
        """The field trace: everything in the file has a name and a place, in file order."""
        framing = self._framing
        pieces: list[tuple[int, list[Entry]]] = [(gap.offset, [
            bytes_field(f"gap[{k}]", "gap", gap.offset, gap.data, gap.meaning, "01.9", "gap")
        ]) for k, gap in enumerate(framing.gaps)]  # fmt: skip
        if framing.soc_offset is not None:
            pieces.append((framing.soc_offset, [_marker("soc", framing.soc_offset)]))
        pieces += [(each.offset, start_fields(each, self.data) + self._payload_fields(each)) for each in self.segments]
        if framing.eoc_offset is not None:
            pieces.append((framing.eoc_offset, [_marker("eoc", framing.eoc_offset)]))
            start = framing.eoc_offset + 2
            if self.trailing:
                text = "not part of the codestream"
                pieces.append((start, [bytes_field("trailing.bytes", "bytes", start, self.trailing, text, "01.8")]))
        pieces.sort(key=lambda piece: piece[0])
        return Fields([entry for _, entries in pieces for entry in entries])

    def _payload_fields(self, segment: Segment) -> list[Entry]:
        if segment is self.segment("pih"):
            return self._read_picture_header(self.edition, True, trace=True).fields
        if not self.complete:
            meaning = "not understood without the picture header"
            return without_gaps((), segment.group, segment.payload_offset, segment.payload, meaning)
        if segment.kind.schema is not None:
            return self._read_header(segment, trace=True).fields
        return self._read_payload(segment, trace=True).fields

    @functools.cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What a decode must know: rules of syntax that are broken (12.6), and warnings about bits passed over.

        `jpegai.codestream.rules.check.check` gives every breach with its place.
        """
        from jpegai.codestream.rules.check import decoding_findings

        return decoding_findings(self)

    @property
    def reading_findings(self) -> tuple[Finding, ...]:
        """What framing and headers met on their way."""
        readings = (finding for reading in self._readings.values() for finding in reading.findings)
        return (*self._framing.findings, *self._picture_header.findings, *readings)

    @property
    def entropy_segments(self) -> tuple[Segment, ...]:
        """The segments whose payloads can be cut in regions and threads."""
        return tuple(segment for segment in self.segments if segment.kind.threads is not None and self.complete)

    # -- building ---------------------------------------------------------------------------------------------

    def build(self) -> bytes:
        """Return the codestream as bytes, every segment from its values; what could not be parsed stays as it is.

        Counts, sizes and lengths are recomputed, padding is 0.

        Raises:
            StreamSyntaxError: a value does not fit its element.
        """
        segments = (segment_parts(segment.kind, self._build_payload(segment)) for segment in self.segments)
        return join_codestream((part for parts in segments for part in parts), self.trailing)

    def _build_payload(self, segment: Segment) -> bytes | memoryview:
        kind = segment.kind
        if segment is self.segment("pih"):
            return build_header(kind, self.pih, {"edition": self.edition}) if self.complete else segment.payload
        if kind.schema is not None:
            reading = self._readings.get(segment.group)
            sound = reading is not None and reading.error is None
            return build_header(kind, reading.header, self.names) if reading and sound else segment.payload
        payload = self.payload(segment) if self.complete else None
        if payload is None or payload.errors:
            return segment.payload
        threads = {region.index: [thread.data for thread in region.threads] for region in payload.regions}
        independent = self.independent(kind)
        return build_payload(threads, independent=independent, total=len(threads))[0]


def _marker(group: str, offset: int) -> Field:
    value, meaning = MARKERS[group]
    return Field(f"{group}.marker", "marker", 8 * offset, 16, value, value, meaning, "01.2")
