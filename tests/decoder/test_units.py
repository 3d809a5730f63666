"""Regions that are absent, tiles of any grid, bands inside tiles, and grids that are impossible."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from jpegai.codestream import Codestream, ConformanceError, JpegAIError, UnsupportedError
from jpegai.codestream.framing import length_field
from jpegai.decoder import Decoder
from jpegai.decoder.components import COMPONENTS
from jpegai.decoder.plan import make_plan
from jpegai.decoder.support import check
from tests.pictures import close
from tests.streams import VectorStream, described_streams
from tests.vectors import needs_spec
from tests.writer import write_stream

STREAMS = {stream.name: stream for stream in described_streams()}


def stream_named(name: str) -> VectorStream:
    if name not in STREAMS:
        pytest.skip("no test vectors")
    return STREAMS[name]


def without(data: bytes, dropped: set[tuple[str, int]]) -> bytes:
    """A stream of independent regions without the segments of these components and regions."""
    stream = Codestream.parse(data)
    parts = [data[:2]]
    for segment in stream.segments:
        payload = bytes(segment.payload)
        if not payload or (segment.name, payload[0]) not in dropped:
            parts.append(segment.kind.marker.to_bytes(2) + length_field(len(payload)) + payload)
    return b"".join([*parts, data[stream.eoc_offset :]])


@pytest.mark.parametrize("name", ["reg_ind_2x2", "reg_ind_sop_thr"])
def test_absent_regions_decode_as_zeros(name: str) -> None:
    stream = stream_named(name)
    data, decoder = stream.path.read_bytes(), Decoder(stream.models)
    assert without(data, set()) == data
    whole = decoder.dump(data)
    dropped = {("sorp", 1), ("sors", 0), ("sors", 1)}
    extract = without(data, dropped)
    found = decoder.dump(extract)
    parsed = Codestream.parse(data)
    plan = make_plan(parsed, parsed_transform(parsed))
    for component in COMPONENTS:
        expected = whole[f"{component.name}.residual"].copy()
        assert expected.any()
        for segment, region in dropped:
            if segment == component.residual_segment:
                expected[plan.regions[region].core.index] = 0
        assert np.array_equal(found[f"{component.name}.residual"], expected)
    # samples of the other regions do not depend on it: the tiles end at the regions (07.6.2)
    kept = plan.regions[3].samples.index
    for plane in ("primary.planes", "secondary.planes"):
        assert np.abs(found[plane][kept] - whole[plane][kept]).max() <= 3e-3
        assert np.abs(found[plane] - whole[plane]).max() > 1
    findings = decoder.decode(extract).findings
    absent = [str(finding) for finding in findings if finding.rule == "S-34"]
    assert len(absent) == 3
    for segment, region in dropped:
        assert any(segment in text and f"region {region}" in text for text in absent), absent


def parsed_transform(stream: Codestream) -> str:
    return "SOP" if stream.pih.synthesis_transform_id[0] == 0 else "BOP"


def hyper_latents(height: int, width: int) -> list[np.ndarray]:
    rng = np.random.default_rng(height * width)
    shape = -(-height // 64), -(-width // 64)
    return [rng.integers(-12, 12, (component.channels, *shape)).astype(np.int8) for component in COMPONENTS]


def tiled(height: int, width: int, luma: tuple[int, int] | None, chroma: tuple[int, int] | None, **more: Any) -> bytes:
    """A stream with these tile sizes and overlaps, in units of 16 samples."""
    pairs = [pair or (0, 0) for pair in (luma, chroma)]
    values = {
        "synthesis_tile_enable": [int(luma is not None), int(chroma is not None)],
        "synthesis_tile_size": [size for size, _ in pairs],
        "synthesis_tile_overlap": [overlap for _, overlap in pairs],
    }
    return write_stream(height, width, hyper_latents(height, width), models="test", **values, **more)


def plain_tiles(length: int, pair: tuple[int, int] | None) -> list[tuple[int, int, int, int]]:
    """Window and core of the tiles of an axis, step by step as in 07.6.1."""
    size, overlap = (16 * pair[0], 16 * pair[1]) if pair else (length, 0)
    if length <= size:
        return [(0, length, 0, length)]
    result, start = [], 0
    while start < length - overlap:
        end = min(start + size, length)
        result.append((start, end, start + (overlap // 2 if start else 0), end - (overlap // 2 if end < length else 0)))
        start += size - overlap
    return result


@needs_spec
@pytest.mark.parametrize(
    ("height", "width", "luma", "chroma"),
    [
        (200, 150, (5, 1), (5, 1)),
        (200, 150, (6, 3), (5, 0)),
        (150, 200, None, (7, 2)),
        (150, 200, (4, 1), None),
        (65, 127, (7, 6), (4, 3)),
        (64, 64, (4, 4), (255, 31)),
    ],
)
def test_any_grids(
    height: int, width: int, luma: tuple[int, int] | None, chroma: tuple[int, int] | None
) -> None:
    """Every tile run by itself on the latents of its own window, whatever the other component's grid (07.6.3)."""
    data, decoder = tiled(height, width, luma, chroma), Decoder("test")
    found = decoder.dump(data)
    own = found["primary.latents_scaled"]
    both = np.concatenate([own, found["secondary.latents_scaled"]])
    for name, latents, pair, planes in (("sop_prim", own, luma, 1), ("sop_sec", both, chroma, 2)):
        expected = np.full((planes, height, width), np.nan, np.float32)
        network = decoder.network(name, 0)
        for (top, bottom, y0, y1), (left, right, x0, x1) in itertools.product(
            plain_tiles(height, pair), plain_tiles(width, pair)
        ):
            window = latents[:, top // 16 : -(-bottom // 16), left // 16 : -(-right // 16)]
            made = network(np.ascontiguousarray(window), size=(bottom - top, right - left))
            expected[:, y0:y1, x0:x1] = made[:, y0 - top : y1 - top, x0 - left : x1 - left]
        stage = "primary.planes" if planes == 1 else "secondary.planes"
        assert np.abs(found[stage] - expected).max() <= 3e-3
    stream = Codestream.parse(data)
    assert make_plan(stream, "SOP").together == (plain_pair(height, width, luma) == plain_pair(height, width, chroma))


def plain_pair(height: int, width: int, pair: tuple[int, int] | None) -> list[list[tuple[int, int, int, int]]]:
    return [plain_tiles(length, pair) for length in (height, width)]


@needs_spec
@pytest.mark.parametrize(("luma", "chroma"), [((24, 3), (24, 3)), ((24, 3), (26, 2))])
def test_bands_inside_tiles(luma: tuple[int, int], chroma: tuple[int, int]) -> None:
    data = tiled(400, 280, luma, chroma)
    stream = Codestream.parse(data)
    full = make_plan(stream, "SOP")
    plan = make_plan(stream, "SOP", max_memory=full.memory - 1)
    assert plan.memory < full.memory
    for whole, cut in zip(full.synthesis, plan.synthesis, strict=True):
        assert len(cut) > len(whole)
        count = np.zeros((1, 400, 280), int)
        for piece in cut:
            count[piece.core.index] += 1
        assert (count == 1).all()
    expected = Decoder("test").dump(data)
    found = Decoder("test", max_memory=plan.memory).dump(data)
    assert close(found["picture"], expected["picture"])
    for stage in ("primary.planes", "secondary.planes"):
        assert np.abs(found[stage] - expected[stage]).max() <= 3e-3


IN_REGIONS = {
    "region_partitioning_flag": 1,
    "num_ver_splits_minus1": 0,
    "num_hor_splits_minus1": 0,
    "region_residual_in_its_own_substream_flag": 1,
}


@needs_spec
@pytest.mark.parametrize(
    ("luma", "chroma", "more", "error", "selector"),
    [
        ((0, 0), (4, 1), {}, ConformanceError, "pih.synthesis_tile_size[0]"),
        ((4, 4), (4, 1), {}, ConformanceError, "pih.synthesis_tile_overlap[0]"),
        ((4, 1), (4, 9), {}, ConformanceError, "pih.synthesis_tile_overlap[1]"),
        ((4, 1), (4, 1), IN_REGIONS, UnsupportedError, "pih.synthesis_tile_overlap[0]"),
    ],
)
def test_impossible_tiles_are_named(
    luma: tuple[int, int],
    chroma: tuple[int, int],
    more: dict[str, int],
    error: type[JpegAIError],
    selector: str,
) -> None:
    stream = Codestream.parse(tiled(100, 100, luma, chroma, **more), edition="is")
    with pytest.raises(error) as caught:
        refuse(stream)
    assert caught.value.selector == selector
    assert caught.value.bit_offset == stream.fields[selector].offset


@needs_spec
def test_regions_that_cover_nothing_are_named() -> None:
    more = IN_REGIONS | {"num_ver_splits_minus1": 1}
    stream = Codestream.parse(tiled(100, 100, None, None, **more), edition="is")
    with pytest.raises(ConformanceError, match="R-2") as caught:
        refuse(stream)
    assert "num_ver_splits_minus1" in str(caught.value.selector)
    with pytest.raises(ConformanceError, match="covers nothing"):
        make_plan(stream, "SOP")


def refuse(stream: Codestream) -> None:
    check(stream)
    make_plan(stream, "SOP")
