"""Hashes of every stage of the embedded streams; as a script, write them to the manifest.

    python -m tests.decoder.exact_manifest
"""

from __future__ import annotations

import json
import sys

from jpegai.codestream import Codestream
from jpegai.conformance_streams import STREAMS, EmbeddedStream
from jpegai.decoder import Decoder
from jpegai.decoder.recorder import Dump
from jpegai.decoder.support import listed_transforms
from tests.decoder.exact_hashes import ROOT, stage_hashes

MANIFEST = ROOT / "conformance_streams" / "manifest.json"


def transforms(stream: EmbeddedStream) -> list[str]:
    """Return the transforms that a stream lists."""
    return [name.lower() for name in listed_transforms(Codestream.open(stream.path))]


def hashes(stream: EmbeddedStream, decoder: Decoder) -> dict[str, dict[str, str]]:
    """Return the hashes of all results with every transform."""
    found = {}
    for transform in transforms(stream):
        dump = Dump()
        decoder.record(stream.path, dump, transform=transform)
        found[transform] = stage_hashes(dump)
    return found


def main() -> int:
    """Write the manifest anew."""
    manifest = json.loads(MANIFEST.read_text())
    decoder = Decoder("analytic", engine="exact")
    for entry, stream in zip(manifest["streams"], STREAMS, strict=True):
        entry["stages"] = hashes(stream, decoder)
    MANIFEST.write_text(json.dumps(manifest, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
