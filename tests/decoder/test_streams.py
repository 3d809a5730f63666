"""Whole streams against the reference's results (section 12.6.6), and refusals of what is not built."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from jpegai.codestream import Codestream, UnsupportedError
from jpegai.decoder import Decoder
from jpegai.decoder.support import check
from tests.figures import compare, decodes, options
from tests.streams import VectorStream, described_streams, perf_streams
from tests.vectors import needs_vectors

STREAMS = described_streams()
CASES = [(stream, entry) for stream in STREAMS for entry in decodes(stream)]

#: What the element that stops a stream has to do with its tags.
_REASONS = {
    "ton.EFE_linear_filter_enabled_flag": "filter_efe_linear",
    "ton.icci_enable_flag": "filter_eicci",
    "ton.EFE_nonlinear_filter_enabled_flag": "filter_efe_nonlinear",
    "ton.LEF_enabled_flag": "filter_lef",
}


@functools.cache
def decoder(models: str) -> Decoder:
    return Decoder(models)


def label(value: VectorStream | dict[str, Any]) -> str:
    return value.name if isinstance(value, VectorStream) else f"{value['transform']}{value['label']}"


@needs_vectors
def test_how_many_streams_run() -> None:
    built = {stream.name: stream for stream, _ in CASES}
    assert len([stream for stream in built.values() if stream.models == "test"]) == 101
    assert len([stream for stream in built.values() if stream.models == "analytic"]) == 15
    assert len(CASES) == 134
    for tag, count in {
        "rvs": 11, "grfs": 12, "lsbs": 10, "quality_map": 7, "regions_dependent": 16, "regions_independent": 3,
        "tiles": 14, "core": 36, "yuv": 8, "bit10": 3, "transform_hop": 28,
    }.items():  # fmt: skip
        assert len([stream for stream in built.values() if tag in stream.tags]) == count, tag


@pytest.mark.parametrize(("stream", "entry"), CASES, ids=label)
def test_decode_is_that_of_the_reference(stream: VectorStream, entry: dict[str, Any]) -> None:
    results = decoder(stream.models).dump(stream.path, **options(entry))
    figures = compare(stream, entry, results)
    assert figures.good, figures


#: Streams that ask for something that is not built.
REFUSED = [stream for stream in STREAMS if not decodes(stream)]


@pytest.mark.parametrize("stream", REFUSED, ids=lambda stream: stream.name)
def test_streams_off_the_path_are_refused_by_name(stream: VectorStream) -> None:
    with pytest.raises(UnsupportedError) as caught:
        decoder(stream.models).decode(stream.path)
    error = caught.value
    assert error.exit_code == 4
    assert error.selector is not None
    reason = _REASONS[error.selector.split("[")[0]]
    assert any(tag.startswith(reason) for tag in stream.tags), (error.selector, stream.tags)
    assert error.bit_offset is not None


@needs_vectors
def test_every_stream_is_decoded_or_refused() -> None:
    decoded = {stream.name for stream, _ in CASES}
    assert len(STREAMS) == len(decoded) + len(REFUSED)


@pytest.mark.parametrize("stream", perf_streams(), ids=lambda stream: stream.name)
def test_timing_streams(stream: VectorStream) -> None:
    parsed = Codestream.open(stream.path)
    check(parsed)
    if "mosaic" not in stream.name:
        picture = decoder("test").decode(parsed)
        assert picture.rgb.shape == (384, 512, 3)
        assert not picture.findings
        assert picture.transform == {"simple": "SOP", "base": "BOP", "high": "HOP"}[stream.name.split("_")[0]]


def test_a_transform_that_is_not_listed_is_refused() -> None:
    stream = next((stream for stream in STREAMS if stream.name == "an_sop_64x64"), None)
    if stream is None:
        pytest.skip("no test vectors")
    with pytest.raises(UnsupportedError, match=r"does not list the transform BOP.*SOP"):
        decoder("analytic").decode(stream.path, transform="bop")
