"""Independent regions whose segments are absent: every subset of the segments of one stream (05.9.3, 06.11, 07.6)."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from jpegai.codestream import Codestream
from jpegai.decoder import Decoder
from jpegai.decoder.components import COMPONENTS
from jpegai.decoder.engines.float32 import Float32Engine
from jpegai.decoder.geometry import Area, Tile
from jpegai.decoder.geometry.tiles import tiles_in_regions
from jpegai.decoder.plan import make_plan
from tests.figures import TOLERANCES
from tests.streams import described_streams, without
from tests.vectors import needs_vectors

NAME = "reg_ind_2x2"
SEGMENTS = [(component.residual_segment, region) for component in COMPONENTS for region in range(4)]
Subset = frozenset[tuple[str, int]]

pytestmark = needs_vectors


class LatentsOnly(Float32Engine):
    """Runs as far as the latents of the last tile, and keeps those of both components; planes are zeros."""

    kept: NDArray[np.float32]

    def network(self, name: str, index: int, bank: str | None = None) -> Any:
        return Zeros(self, name) if name.endswith(("_prim", "_sec")) else super().network(name, index, bank)


class Zeros:
    """Stands for a synthesis network; that of chroma is given the latents of both components."""

    exact, warning = False, None

    def __init__(self, engine: LatentsOnly, name: str) -> None:
        self.engine, self.name = engine, name

    def __call__(self, latents: NDArray[np.float32], size: tuple[int, int], saturations: object) -> Any:
        if self.name.endswith("_prim"):
            return np.zeros((1, *size), np.float32)
        self.engine.kept = latents
        return np.zeros((2, *size), np.float32)


def stream_bytes() -> bytes:
    return next(stream for stream in described_streams() if stream.name == NAME).path.read_bytes()


@functools.cache
def cores(data: bytes) -> list[Area]:
    return [region.core for region in make_plan(Codestream.parse(data), "BOP").regions]


def check_findings(decoder: Decoder, data: bytes, dropped: Subset) -> None:
    texts = [str(finding) for finding in decoder.decode(data).findings if finding.rule == "S-34"]
    assert len(texts) == len(dropped)
    for component in COMPONENTS:
        for segment, region in dropped:
            if segment == component.residual_segment:
                assert any(f"region {region}" in text and component.name in text for text in texts), texts


def test_every_subset_of_absent_segments() -> None:
    """Latents of every region are those of the whole stream, or those of the stream without any segment."""
    data, _ = untiled(stream_bytes())
    decoder = Decoder("test", engine="float32", threads=1)
    decoder.engine = engine = LatentsOnly(decoder.store, threads=1)
    chosen = [frozenset(each) for n in range(len(SEGMENTS) + 1) for each in itertools.combinations(SEGMENTS, n)]
    assert len(chosen) == 256
    known = {}
    for there, dropped in ((True, chosen[0]), (False, chosen[-1])):
        check_findings(decoder, without(data, set(dropped)), dropped)
        known[there] = engine.kept
    assert all(np.abs(known[True][core.index] - known[False][core.index]).max() > 1 for core in cores(data))
    split = COMPONENTS[0].channels
    for dropped in chosen:
        check_findings(decoder, without(data, set(dropped)), dropped)
        for component, channels in zip(COMPONENTS, (slice(0, split), slice(split, None)), strict=True):
            for region, core in enumerate(cores(data)):
                expected = known[(component.residual_segment, region) not in dropped][channels][core.index]
                distance = np.abs(engine.kept[channels][core.index] - expected).max()
                assert distance <= TOLERANCES["latents_scaled"], (sorted(dropped), component.name, region)


# -- samples out of reach ---------------------------------------------------------------------------------------


def latents_of(transform: str, component: int, sample: int) -> range:
    """The latents that a sample is made of along an axis, before limits of picture and tile (06.11)."""
    cell, place = divmod(sample, 16)
    late = {"sop": (4, 8)[component]}.get(transform, 16)  # where the window moves on by one
    return range(cell - 3, cell + 4) if place < late else range(cell - 2, cell + 5)


def reached(transform: str, component: int, grid: list[Tile], shape: tuple[int, int], core: Area) -> NDArray[np.bool_]:
    """Which samples of the picture depend on latents of a region, by tiles and receptive fields."""
    result = np.zeros(shape, bool)
    for tile in grid:
        touched = tile.latents.intersect(core)
        if touched.empty:
            continue
        axes = [
            [
                any(latent in span for latent in latents_of(transform, component, sample - window.start))
                for sample in range(*kept)
            ]
            for kept, window, span in (
                (tile.core.rows, tile.window.rows, range(*touched.within(tile.latents).rows)),
                (tile.core.columns, tile.window.columns, range(*touched.within(tile.latents).columns)),
            )
        ]
        result[tile.core.index[1:]] = np.logical_and.outer(*axes)
    return result


def tiled(data: bytes) -> tuple[bytes, list[Tile]]:
    stream = Codestream.parse(data)
    pih = stream.pih
    size, overlap = 16 * pih.synthesis_tile_size[0], 16 * pih.synthesis_tile_overlap[0]
    regions = [region.samples for region in make_plan(stream, "BOP").regions]
    return data, tiles_in_regions(pih.img_height, pih.img_width, size, overlap, regions)


def untiled(data: bytes) -> tuple[bytes, list[Tile]]:
    stream = Codestream.parse(data)
    for component in range(len(COMPONENTS)):
        stream.pih.set("synthesis_tile_enable", (component,), 0)
    whole = Area.whole(stream.pih.img_height, stream.pih.img_width)
    return stream.build(), [Tile(whole, whole)]


@pytest.mark.parametrize("transform", ["sop", "bop"])
@pytest.mark.parametrize("cut", [tiled, untiled])
def test_samples_out_of_reach_are_unchanged(
    transform: str, cut: Callable[[bytes], tuple[bytes, list[Tile]]]
) -> None:
    data, grid = cut(stream_bytes())
    decoder = Decoder("test", engine="float32")
    whole = decoder.dump(data, transform=transform)
    for dropped in (
        frozenset({("sorp", 0)}),
        frozenset({("sors", 3)}),
        frozenset({("sorp", 1), ("sorp", 2), ("sors", 1)}),
    ):
        found = decoder.dump(without(data, set(dropped)), transform=transform)
        for component in COMPONENTS:
            expected = whole[f"{component.name}.residual"].copy()
            for segment, region in dropped:
                if segment == component.residual_segment:
                    expected[cores(data)[region].index] = 0
            assert np.array_equal(found[f"{component.name}.residual"], expected)
        changes = [np.abs(found[f"{c.name}.planes"] - whole[f"{c.name}.planes"]).max(axis=0) for c in COMPONENTS]
        for index, change in enumerate(changes):
            # the secondary synthesis reads the latents of both components (06.8)
            removed = [region for segment, region in dropped if segment == "sorp" or index == 1]
            reach = np.zeros(change.shape, bool)
            for region in removed:
                reach |= reached(transform, index, grid, change.shape, cores(data)[region])
            assert not reach.all()
            assert change[~reach].max(initial=0) <= 1e-3
            assert reach.any() == bool((change > 1).any())
            for rows, within in ((change, reach), (change.T, reach.T)):  # the reach is no larger than it must be
                touched = within.any(axis=1)
                for edge in np.flatnonzero(touched[:-1] != touched[1:]):
                    beside = slice(max(0, edge - 15), edge + 17)
                    assert rows[beside][within[beside]].any()
