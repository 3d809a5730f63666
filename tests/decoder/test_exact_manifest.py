"""The exact engine makes of every embedded stream what the manifest says, at every stage."""

from __future__ import annotations

import functools

import pytest

from jpegai.conformance_streams import STREAMS, EmbeddedStream
from jpegai.decoder import Decoder
from tests.decoder.exact_manifest import hashes, transforms


@functools.cache
def decoder(models: str) -> Decoder:
    return Decoder(models, engine="exact")


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.file)
def test_hashes_of_all_stages(stream: EmbeddedStream) -> None:
    assert list(stream.stages) == transforms(stream)
    found = hashes(stream, decoder(stream.models))
    for transform, expected in stream.stages.items():
        assert expected.keys() >= {"primary.z", "secondary.latents", "primary.planes", "output.2", "picture"}
        assert found[transform].keys() == expected.keys()
        # the first stage that differs says where to look
        for name, value in expected.items():
            assert found[transform][name] == value, f"{transform}: {name}"
