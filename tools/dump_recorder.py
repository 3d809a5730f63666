"""What takes the results of a decode as they are made, and writes and hashes them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream import Codestream
from jpegai.codestream.errors import UnsupportedError
from jpegai.decoder.canonical import canonical, md5_digest, md5_line, quantised, sha256
from jpegai.decoder.foresight import model_files
from jpegai.decoder.recorder import Dump, Recorder, stage_of
from jpegai.tools.dump_index import Entry, Geometry, Index
from jpegai.tools.dump_writers import Writer

if TYPE_CHECKING:
    from jpegai.decoder import Decoder
    from jpegai.decoder.picture.picture import Picture

__all__ = ["DumpWriter", "facts"]


class DumpWriter(Dump):
    """Writes the results that are asked for one by one; of none of them is a copy kept.

    Args:
        stages: as `Dump`.
        stop_after: as `Dump`.
        writer: takes the results.
        quantise: fraction bits of the integers as which float32 results are written; None writes them as they are.

    Attributes:
        entries: what was written.
    """

    def __init__(
        self, stages: tuple[str, ...] | None, stop_after: str | None, writer: Writer, quantise: int | None = None
    ) -> None:
        super().__init__(stages, stop_after)
        self.entries: dict[str, Entry] = {}
        self._writer = writer
        self._quantise = quantise
        self._picture: NDArray[Any] | None = None
        self._digests: list[str] = []

    def add(self, name: str, result: NDArray[Any], fraction_bits: int | None = None) -> None:
        """Write a result that is asked for; the picture waits for its geometry."""
        stage = stage_of(name)
        if stage == "output" and not self.stops_before(stage):
            self._digests.append(md5_digest(result, fraction_bits))
        if not self.wants(name):
            return
        if stage == "picture":
            self._picture = result
            return
        if self._quantise is not None and result.dtype == np.float32:
            try:
                result, fraction_bits = quantised(name, result, self._quantise), self._quantise
            except ValueError as error:
                raise UnsupportedError(f"{error}: choose fewer (--quantise)") from None
        self._write(name, result, fraction_bits, None)

    def finish(self, picture: Picture | None, about: dict[str, Any], stages: tuple[str, ...]) -> None:
        """Write the picture, if it was made and asked for, and the index.

        Args:
            picture: what the decode returned.
            about: see `Index`.
            stages: what was asked for.
        """
        geometry = None
        if picture is not None:
            geometry = Geometry(picture.format, picture.height, picture.width)
            if self._picture is not None:
                self._write("picture", self._picture, None, geometry)
        self._writer.finish(Index(self.entries, about | {"md5": self.md5}, stages, geometry).text())

    @property
    def md5(self) -> str | None:
        """The line that the reference prints of the picture; None where the decode did not get so far."""
        return md5_line(self._digests) if self._digests else None

    def _write(self, name: str, result: NDArray[Any], fraction_bits: int | None, geometry: Geometry | None) -> None:
        array = canonical(name, result, fraction_bits)
        entry = Entry(name, array.shape, array.dtype.name, fraction_bits, sha256(array))
        self._writer.write(entry, array, geometry)
        self.entries[name] = entry


def facts(decoder: Decoder, stream: Codestream, transform: str, recorder: Recorder) -> dict[str, Any]:
    """Return what an index says of a decode (`Index.about`).

    Args:
        decoder: what decodes.
        stream: what is decoded.
        transform: the synthesis transform.
        recorder: of the decode.
    """
    store = decoder.store
    there = set(store.files())
    # of the tensors, so that the same weights have one digest in a directory and in a packed file
    digests = {
        file: store.digest(file, None if store.built_in else [*store.tensors(file)])
        for file in model_files(stream, transform)
        if file in there
    }
    return {
        "stream": {
            "name": stream.name,
            "bytes": len(stream.data),
            "sha256": hashlib.sha256(stream.data).hexdigest(),
        },
        "models": {"name": store.name, "files": digests},
        "engine": decoder.engine_name,
        "exact": decoder.engine_name == "exact" and recorder.exact,
        "transform": transform,
    }
