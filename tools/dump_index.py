"""The index of a dump: what was decoded, by what, and every result with its shape, dtype and hash (docs/dumps.md)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

from jpegai.codestream.errors import StreamSyntaxError
from jpegai.decoder.canonical import dtype_of
from jpegai.decoder.picture.formats import PictureFormat, chroma_shape, parse_format
from jpegai.decoder.recorder import is_result, stage_of
from jpegai.tools.documents import head

__all__ = ["INDEX_NAME", "MAX_INDEX_BYTES", "SCHEMA_VERSION", "Entry", "Geometry", "Index"]

#: Version of the index; changes when a reader would have to change.
SCHEMA_VERSION = 1
#: What the index is called beside or among the results.
INDEX_NAME = "index.json"
#: More than any index has.
MAX_INDEX_BYTES = 4 << 20

_SHA256 = re.compile(r"[0-9a-f]{64}")
_MAX_LENGTH = 1 << 20
_MAX_SAMPLES = 1 << 40


@dataclass(frozen=True, slots=True)
class Entry:
    """One result.

    Attributes:
        name: such as ``primary.z``.
        shape: of the array.
        dtype: name of its dtype.
        fraction_bits: of fixed-point integers; None where the array holds the values themselves.
        sha256: of the canonical form (`jpegai.decoder.canonical`); None where it is not known.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    fraction_bits: int | None = None
    sha256: str | None = None

    @property
    def stage(self) -> str:
        """The stage it belongs to."""
        return stage_of(self.name)

    @property
    def form(self) -> str:
        """Dtype and fraction bits in words."""
        return self.dtype if self.fraction_bits is None else f"{self.dtype} with {self.fraction_bits} fraction bits"


@dataclass(frozen=True, slots=True)
class Geometry:
    """What the samples of the result ``picture`` are: format and size."""

    format: PictureFormat
    height: int
    width: int

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """Rows and columns of the three planes."""
        chroma = chroma_shape(self.format.chroma, self.height, self.width)
        return [(self.height, self.width), chroma, chroma]


@dataclass(frozen=True, slots=True)
class Index:
    """What a dump says of itself.

    Attributes:
        results: by name, in the order in which they were made.
        about: further members of the document: ``stream``, ``models``, ``engine``, ``exact``, ``transform``, ``md5``.
        stages: stages or results that were asked for; None where that is not known.
        geometry: of the picture; None without one.
    """

    results: Mapping[str, Entry]
    about: Mapping[str, Any] = field(default_factory=dict)
    stages: tuple[str, ...] | None = None
    geometry: Geometry | None = None

    def text(self) -> str:
        """Return the index as JSON, by dump.schema.json."""
        picture = None
        if self.geometry is not None:
            format = self.geometry.format
            picture = {"format": str(format), "height": self.geometry.height, "width": self.geometry.width}
        results = [
            {
                "name": entry.name,
                "shape": list(entry.shape),
                "dtype": entry.dtype,
                "fraction_bits": entry.fraction_bits,
                "sha256": entry.sha256,
            }
            for entry in self.results.values()
        ]
        stages = None if self.stages is None else list(self.stages)
        about = {name: self.about.get(name) for name in _ABOUT}
        document = {**head(SCHEMA_VERSION), **about, "picture": picture, "stages": stages, "results": results}
        return json.dumps(document, indent=1) + "\n"

    @classmethod
    def parse(cls, data: bytes, file: str) -> Index:
        """Read an index.

        Raises:
            StreamSyntaxError: it is no index of a dump, or of a version that is not known.
        """
        try:
            document = json.loads(data)
            version = document["schema_version"]
            if version != SCHEMA_VERSION:
                raise StreamSyntaxError(
                    "the index of the dump has an unknown version", file=file, expected=SCHEMA_VERSION, found=version
                )
            entries = [_entry(each) for each in document["results"]]
            stages, picture = document.get("stages"), document.get("picture")
            about = {name: document[name] for name in _ABOUT if document.get(name) is not None}
            if not all(isinstance(about[name], kind) for name, kind in _ABOUT.items() if name in about):
                raise ValueError("a member has the wrong type")
            results = {entry.name: entry for entry in entries}
            if len(results) != len(entries):
                raise ValueError("a result is there twice")
            geometry = None if picture is None else _geometry(picture)
            if geometry is not None and "picture" in results:
                _check_picture(results["picture"], geometry)
            asked = None if stages is None else tuple(_text(stage) for stage in stages)
            return cls(results, about, asked, geometry)
        except (KeyError, TypeError, AttributeError) as error:
            reason = f"{type(error).__name__.removesuffix('Error').lower()}: {error}"
            raise StreamSyntaxError(f"not the index of a dump ({reason})", file=file) from None
        except (ValueError, RecursionError) as error:
            raise StreamSyntaxError(f"not the index of a dump ({error})", file=file) from None


#: Further members and their types.
_ABOUT: Mapping[str, type] = {
    "stream": dict, "models": dict, "engine": str, "exact": bool, "transform": str, "md5": str,
}  # fmt: skip


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("text was expected")
    return value


def _count(value: Any, limit: int) -> int:
    if type(value) is not int or not 0 <= value <= limit:
        raise ValueError(f"a whole number of 0..{limit} was expected")
    return value


def _entry(record: Mapping[str, Any]) -> Entry:
    name, dtype, hash = _text(record["name"]), _text(record["dtype"]), record.get("sha256")
    if not is_result(name):
        raise ValueError(f"{name[:60]!a} is no result")
    if hash is not None and not _SHA256.fullmatch(_text(hash)):
        raise ValueError(f"{name} has no sha256 of 64 hexadecimal digits")
    lengths = record["shape"]
    if not isinstance(lengths, list) or not 1 <= len(lengths) <= 3:
        raise ValueError(f"{name} has no shape of one to three lengths")
    shape = tuple(_count(length, _MAX_SAMPLES if len(lengths) == 1 else _MAX_LENGTH) for length in lengths)
    if prod(shape) > _MAX_SAMPLES:
        raise ValueError(f"{name} has too many samples")
    bits = record.get("fraction_bits")
    bits = None if bits is None else _count(bits, 31)
    if dtype != dtype_of(name, dtype, bits):
        raise ValueError(f"{name} has the dtype {dtype[:20]!a}, expected {dtype_of(name, dtype, bits)}")
    return Entry(name, shape, dtype, bits, hash)


def _geometry(record: Mapping[str, Any]) -> Geometry:
    format = parse_format(_text(record["format"]), 8)
    return Geometry(format, _count(record["height"], _MAX_LENGTH), _count(record["width"], _MAX_LENGTH))


def _check_picture(entry: Entry, geometry: Geometry) -> None:
    """Refuse a picture that has not as many samples as its geometry says."""
    if geometry.format.space == "rgb":
        expected: tuple[int, ...] = (geometry.height, geometry.width, 3)
    else:
        expected = (sum(rows * columns for rows, columns in geometry.shapes),)
    if entry.shape != expected:
        raise ValueError(f"the picture has the shape {entry.shape}, expected {expected}")
