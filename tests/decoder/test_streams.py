"""Whole streams against the reference's results (section 12.6.6)."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from jpegai.codestream import Codestream
from jpegai.decoder import Decoder
from jpegai.decoder.support import check
from tests.figures import compare, decodes, options
from tests.streams import VectorStream, described_streams, perf_streams
from tests.vectors import needs_vectors

STREAMS = described_streams()
CASES = [(stream, entry) for stream in STREAMS for entry in decodes(stream)]

@functools.cache
def decoder(models: str) -> Decoder:
    return Decoder(models, engine="float32")


def label(value: VectorStream | dict[str, Any]) -> str:
    return value.name if isinstance(value, VectorStream) else f"{value['transform']}{value['label']}"


@needs_vectors
def test_how_many_streams_run() -> None:
    built = {stream.name: stream for stream, _ in CASES}
    assert len([stream for stream in built.values() if stream.models == "test"]) == 124
    assert len([stream for stream in built.values() if stream.models == "analytic"]) == 17
    assert len(CASES) == 159
    for tag, count in {
        "rvs": 16, "grfs": 17, "lsbs": 15, "quality_map": 9, "regions_dependent": 16, "regions_independent": 3,
        "tiles": 15, "core": 36, "yuv": 11, "bit10": 5, "transform_hop": 37,
        "filter_efe_linear": 15, "filter_eicci": 13, "filter_efe_nonlinear": 16, "filter_lef": 13,
    }.items():  # fmt: skip
        assert len([stream for stream in built.values() if tag in stream.tags]) == count, tag


@pytest.mark.parametrize(("stream", "entry"), CASES, ids=label)
def test_decode_is_that_of_the_reference(stream: VectorStream, entry: dict[str, Any]) -> None:
    results = decoder(stream.models).dump(stream.path, **options(entry))
    figures = compare(stream, entry, results)
    assert figures.good, figures


@pytest.mark.parametrize("stream", perf_streams(), ids=lambda stream: stream.name)
def test_timing_streams(stream: VectorStream) -> None:
    parsed = Codestream.open(stream.path)
    check(parsed)
    if "mosaic" not in stream.name:
        picture = decoder("test").decode(parsed)
        assert picture.rgb.shape == (384, 512, 3)
        assert not picture.findings
        assert picture.transform == {"simple": "SOP", "base": "BOP", "high": "HOP"}[stream.name.split("_")[0]]
