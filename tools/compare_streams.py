"""A codestream as one side of a comparison: decoded as far as that needs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from jpegai.codestream import Codestream
from jpegai.decoder import Decoder
from jpegai.decoder.canonical import canonical
from jpegai.decoder.recorder import STAGES, Dump
from jpegai.decoder.support import choose_transform
from jpegai.tools.compare_sources import Source
from jpegai.tools.dump_index import Entry, Geometry, Index
from jpegai.tools.dump_recorder import facts

__all__ = ["decoded"]


def decoded(
    decoder: Decoder, stream: Codestream, options: Mapping[str, Any], wanted: Collection[str] | None
) -> Source:
    """Decode a stream and keep the results that are compared.

    Args:
        decoder: what decodes.
        stream: the stream.
        options: as `Decoder.decode` takes them.
        wanted: stages and results; None for all.

    Raises:
        JpegAIError: as `Decoder.decode`.
    """
    recorder = Dump(wanted)
    picture = decoder.record(stream, recorder, **options)
    bits = recorder.fraction_bits
    results = {name: canonical(name, array, bits.get(name)) for name, array in recorder.results.items()}
    entries = {name: Entry(name, array.shape, array.dtype.name, bits.get(name)) for name, array in results.items()}
    geometry = None if picture is None else Geometry(picture.format, picture.height, picture.width)
    transform = choose_transform(stream, options["transform"], force=options["force"])
    stages = tuple(STAGES if wanted is None else wanted)
    index = Index(entries, facts(decoder, stream, transform, recorder), stages, geometry)
    return Source(
        stream.name or "",
        "stream",
        index,
        results.__getitem__,
        complete=True,
        findings=tuple(recorder.findings),
    )
