"""Regions that are absent, tiles of any grid, bands inside tiles, and grids that are impossible."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from jpegai.codestream import Codestream, ConformanceError, JpegAIError, LimitError, UnsupportedError
from jpegai.decoder import Decoder
from jpegai.decoder.components import COMPONENTS
from jpegai.decoder.plan import make_plan
from jpegai.decoder.support import check
from tests.pictures import close
from tests.streams import VectorStream, described_streams, without
from tests.vectors import needs_spec
from tests.writer import write_stream

STREAMS = {stream.name: stream for stream in described_streams()}


def stream_named(name: str) -> VectorStream:
    if name not in STREAMS:
        pytest.skip("no test vectors")
    return STREAMS[name]


@pytest.mark.parametrize("name", ["reg_ind_2x2", "reg_ind_sop_thr"])
def test_absent_regions_decode_as_zeros(name: str) -> None:
    stream = stream_named(name)
    data, decoder = stream.path.read_bytes(), Decoder(stream.models, engine="float32")
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
    data, decoder = tiled(height, width, luma, chroma), Decoder("test", engine="float32")
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
    expected = Decoder("test", engine="float32").dump(data)
    found = Decoder("test", engine="float32", max_memory=plan.memory).dump(data)
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
def test_overlaps_that_multiply_the_work_are_limited() -> None:
    stream = Codestream.parse(tiled(1000, 1000, (20, 19), None))
    assert len(make_plan(stream, "SOP").synthesis[0]) == 44**2
    with pytest.raises(LimitError, match=r"--max-pixels.*at most 8000000 samples together, found 198021184"):
        make_plan(stream, "SOP", max_pixels=2_000_000)


@needs_spec
def test_regions_that_cover_nothing_are_named() -> None:
    more = IN_REGIONS | {"num_ver_splits_minus1": 1}
    stream = Codestream.parse(tiled(100, 100, None, None, **more), edition="is")
    with pytest.raises(ConformanceError, match="R-2") as caught:
        refuse(stream)
    assert "num_ver_splits_minus1" in str(caught.value.selector)
    with pytest.raises(ConformanceError, match="covers nothing"):
        make_plan(stream, "SOP")


@needs_spec
@pytest.mark.parametrize(
    ("height", "hyper", "context", "expected"),
    [
        (512, 2, 8, []),
        (512, 1, 4, []),
        (512, 1, 8, ["displaced by -4 cells"]),
        (512, 2, 0, ["displaced by 8 cells", "at inner borders"]),
        (512, 0, 0, ["at inner borders"]),
        (300, 2, 8, ["beyond the picture"]),
    ],
)
def test_odd_overlaps_of_regions_are_said(height: int, hyper: int, context: int, expected: list[str]) -> None:
    more = IN_REGIONS | {
        "num_ver_splits_minus1": 1,
        "region_residual_in_its_own_substream_flag": 0,
        "hyper_decoder_overlap_in_latent_samples": hyper,
        "mcm_overlap_in_latent_samples": context,
    }
    picture = Decoder("test", engine="float32").decode(tiled(height, 64, None, None, **more))
    assert picture.rgb.shape == (height, 64, 3)
    found = picture.findings
    assert len(found) == len(expected)
    for finding, text in zip(found, expected, strict=True):
        assert (finding.rule, finding.severity) == ("R-24", "W")
        assert text in finding.message


@needs_spec
@pytest.mark.parametrize(
    ("height", "rows", "hyper", "context", "independent"),
    [(700, 2, 2, 8, 0), (700, 2, 1, 8, 0), (700, 2, 3, 4, 0), (700, 2, 2, 0, 0), (800, 3, 2, 8, 0), (700, 2, 0, 0, 1)],
)
def test_regions_step_by_step(height: int, rows: int, hyper: int, context: int, independent: int) -> None:
    """psi and latents by 07.4 and 07.5 to the letter: whole windows, every paste, in order."""
    more = IN_REGIONS | {
        "num_ver_splits_minus1": rows - 1,
        "region_residual_in_its_own_substream_flag": independent,
    }
    if not independent:
        more |= {"hyper_decoder_overlap_in_latent_samples": hyper, "mcm_overlap_in_latent_samples": context}
    decoder = Decoder("test", engine="float32")
    found = decoder.dump(tiled(height, 100, None, None, **more))
    z = found["primary.z"].astype(np.float32)
    psi, latents = np.zeros_like(found["primary.psi"]), np.zeros_like(found["primary.latents"])
    side = (height + 127) // 128 // rows * 128
    windows = []
    for k in range(rows):
        last = k == rows - 1
        i0 = 0 if k == 0 else max(0, k * side - 128 * hyper)
        i1 = height if last else (k + 1) * side + 128 * hyper
        part = z[:, i0 // 64 : z.shape[1] if last else min(z.shape[1], i1 // 64)]
        made = decoder.network("hyper_decoder_Y", 0)(np.ascontiguousarray(part), size=(i1 - i0, 100))
        p0 = 0 if k == 0 else max(0, k * side // 32 - context)
        p1 = psi.shape[1] if last else min(psi.shape[1], (k + 1) * side // 32 + context)
        length = min(p1 - p0, made.shape[1])
        psi[:, p0 : p0 + length] = made[:, :length]
        windows.append((p0, p1, 0 if i0 == 0 or independent else 1, 0 if i1 >= height or independent else 1))
    assert np.abs(psi - found["primary.psi"]).max() <= 5e-4
    for p0, p1, t0, t1 in windows:
        y0, y1 = 2 * p0, min(latents.shape[1], 2 * p1)
        done: list[np.ndarray] = []
        for phase in range(4):
            own = np.ascontiguousarray(psi[160 * phase : 160 * phase + 160, p0:p1])
            known = [np.concatenate(done)] if done else []
            done.append(decoder.network(f"mcm_phase{phase}", 0)(*known, own))
        whole = np.empty((160, 2 * (p1 - p0), 2 * psi.shape[2]), np.float32)
        for (dr, dc), part in zip(((0, 0), (1, 1), (0, 1), (1, 0)), done, strict=True):
            whole[:, dr::2, dc::2] = part
        latents[:, y0 + t0 : y1 - t1] = whole[:, t0 : y1 - y0 - t1, : latents.shape[2]]
    assert np.abs(latents - found["primary.latents"]).max() <= 5e-4
    assert (latents == 0).all(axis=(0, 2)).sum() == (2 if context == 0 and not independent else 0)


def refuse(stream: Codestream) -> None:
    check(stream)
    make_plan(stream, "SOP")
