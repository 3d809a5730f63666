"""Whole streams against the reference's results (section 12.6.6), and refusals of what is not built."""

from __future__ import annotations

import functools

import pytest

from jpegai.codestream import Codestream, UnsupportedError
from jpegai.decoder import Decoder
from jpegai.decoder.support import check
from tests.figures import compare, decodes
from tests.streams import VectorStream, described_streams, perf_streams
from tests.vectors import needs_vectors

STREAMS = described_streams()
CORE = [stream for stream in STREAMS if stream.core]
CASES = [(stream, entry["transform"]) for stream in CORE for entry in decodes(stream)]

#: What the element that stops a stream has to do with its tags.
_REASONS = {
    "pih.bit_depth_idc": "bit10",
    "pih.s_ver_minus1": "source_420",
    "pih.s_hor_minus1": "source_422",
    "pih.c_ver_minus1": "coded_420",
    "pih.c_hor_minus1": "coded_422",
    "pih.colour_transform_idx": "yuv",
    "pih.region_partitioning_flag": "regions_",
    "pih.rvs_enable_flag": "rvs",
    "pih.grfs_enable_flag": "grfs",
    "pih.synthesis_tile_enable": "tiles",
    "pih.gain_3D_enable_flag": "quality_map",
    "ton.lsbs_enable_flag": "lsbs",
    "ton.EFE_linear_filter_enabled_flag": "filter_efe_linear",
    "ton.icci_enable_flag": "filter_eicci",
    "ton.EFE_nonlinear_filter_enabled_flag": "filter_efe_nonlinear",
    "ton.LEF_enabled_flag": "filter_lef",
}
#: Tags of streams that decode although they are not "core": HOP, what changes no sample, or the decode in question
#: is one of the reference's special ones beside the plain one.
_HARMLESS = {"transform_hop", "rendering_info", "user_data", "several_decodes"}


@functools.cache
def decoder(models: str) -> Decoder:
    return Decoder(models)


@needs_vectors
def test_how_many_streams_run() -> None:
    assert len([stream for stream in CORE if stream.models == "test"]) == 33
    assert len([stream for stream in CORE if stream.models == "analytic"]) == 3
    assert len(CASES) == 36


@pytest.mark.parametrize(("stream", "transform"), CASES, ids=lambda value: getattr(value, "name", value))
def test_decode_is_that_of_the_reference(stream: VectorStream, transform: str) -> None:
    entry = next(entry for entry in decodes(stream) if entry["transform"] == transform)
    results = decoder(stream.models).dump(stream.path, transform=transform)
    figures = compare(stream, entry, results)
    assert figures.good, figures


def path_is_straight(stream: VectorStream) -> bool:
    return not (set(stream.tags) - _HARMLESS) & {
        tag for tag in stream.tags for reason in _REASONS.values() if tag.startswith(reason)
    }


OTHERS = [stream for stream in STREAMS if not stream.core]
REFUSED = [stream for stream in OTHERS if not path_is_straight(stream)]
ACCEPTED = [stream for stream in OTHERS if path_is_straight(stream)]


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


@pytest.mark.parametrize("stream", ACCEPTED, ids=lambda stream: stream.name)
def test_streams_with_harmless_extras_decode(stream: VectorStream) -> None:
    for entry in decodes(stream):
        results = decoder(stream.models).dump(stream.path, transform=entry["transform"])
        figures = compare(stream, entry, results)
        assert figures.good, figures


@needs_vectors
def test_every_other_stream_was_asked() -> None:
    hop = {f"hop_m{model}" for model in range(4)} | {"beta_extreme_split", "dis_hop", "size_104x72", "size_97x131"}
    hop |= {"size_crop_97x131", "an_hop_256x192", "an_hop_odd_65x127"}
    several = {f"an_photo_rate{rate}" for rate in range(4)} | {"transform_hop_as_all"}
    several |= {f"demo_{name}" for name in ("astronaut", "chelsea", "coffee")}
    extras = {"chs_progressive", "dis_rdi", "rdi_all", "rdi_cicp", "udi", "udi_rdi"}
    assert {stream.name for stream in ACCEPTED} == hop | several | extras
    assert len(REFUSED) == len(STREAMS) - len(CORE) - len(ACCEPTED)


@pytest.mark.parametrize("stream", perf_streams(), ids=lambda stream: stream.name)
def test_timing_streams(stream: VectorStream) -> None:
    parsed = Codestream.open(stream.path)
    if "mosaic" in stream.name:
        with pytest.raises(UnsupportedError, match="synthesis tiles"):
            check(parsed)
        return
    picture = decoder("test").decode(parsed)
    assert picture.rgb.shape == (384, 512, 3)
    assert not picture.findings
    assert picture.transform == {"simple": "SOP", "base": "BOP", "high": "HOP"}[stream.name.split("_")[0]]


def test_a_transform_that_is_not_listed_is_refused() -> None:
    stream = next((stream for stream in CORE if stream.name == "an_sop_64x64"), None)
    if stream is None:
        pytest.skip("no test vectors")
    with pytest.raises(UnsupportedError, match=r"does not list the transform BOP.*SOP"):
        decoder("analytic").decode(stream.path, transform="bop")
