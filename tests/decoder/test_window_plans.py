"""Plans of windows: rectangles of the specification, nothing read outside them, bytes and multiply-adds as named."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from jpegai.codestream import Codestream, JpegAIError
from jpegai.decoder import Decoder
from jpegai.decoder.engines.float32 import Float32Network
from jpegai.decoder.engines.integer import IntegerNetwork
from jpegai.decoder.engines.stages import multiply_adds
from jpegai.decoder.geometry import Area, Overlap, Span, needs, regions
from jpegai.decoder.networks import NETWORKS
from jpegai.decoder.outline import network_runs
from jpegai.decoder.plan import Plan, make_plan
from jpegai.decoder.walk import Walk
from tests.streams import described_streams, perf_streams
from tests.writer import write_stream

Roi = tuple[int, int, int, int]
by_name = {stream.name: stream for stream in (*described_streams(), *perf_streams())}
pytestmark = pytest.mark.skipif(not by_name, reason="no test vectors")


@functools.cache
def decoder(models: str) -> Decoder:
    return Decoder(models, threads=1)


def parsed(name: str) -> Codestream:
    return Codestream.open(by_name[name].path)


def made_for(name: str) -> Decoder:
    return decoder(by_name[name].models)


def area(top: int, bottom: int, left: int, right: int) -> Area:
    """Rows top..bottom and columns left..right, as the tables have them."""
    return Area(Span(top, bottom + 1), Span(left, right + 1))


#: Worked windows of 7.8: transform, tiles; latents, psi cells, residual latents and z for psi of rows 1000..1255 and
#: columns 600..855 in 2048 rows of 1344, each first and last row, first and last column.
WORKED = [
    ("BOP", False, (59, 81, 34, 56), (26, 43, 14, 31), (52, 87, 28, 63), (11, 23, 5, 17)),
    ("SOP", False, (60, 82, 35, 57), (27, 44, 14, 31), (54, 89, 28, 63), (12, 23, 5, 17)),
    ("BOP", True, (60, 81, 34, 56), (27, 43, 14, 31), (54, 87, 28, 63), (12, 23, 5, 17)),
    ("HOP", False, (0, 127, 0, 83), (0, 63, 0, 41), (0, 127, 0, 83), (0, 31, 0, 20)),
    ("HOP", True, (60, 123, 0, 63), (27, 63, 0, 34), (54, 127, 0, 69), (12, 31, 0, 18)),
]


@functools.cache
def large(tiled: bool) -> Codestream:
    """Headers of a picture of 2048 rows of 1344; what is coded has no meaning."""
    z = [np.zeros((channels, 1, 1), np.int8) for channels in (160, 96)]
    tiles = {"synthesis_tile_enable": [1, 1], "synthesis_tile_size": [64, 64], "synthesis_tile_overlap": [4, 4]}
    return Codestream.parse(write_stream(2048, 1344, z, models="test", **(tiles if tiled else {})))


@pytest.mark.parametrize(("transform", "tiled", "latents", "psi", "residual", "hyper"), WORKED)
def test_worked_windows(transform: str, tiled: bool, latents: Any, psi: Any, residual: Any, hyper: Any) -> None:
    window = area(1000, 1255, 600, 855)
    plan = make_plan(large(tiled), transform, window=window, max_memory=1 << 40)
    (region,) = plan.needs[0].regions
    assert plan.used == area(*latents)
    assert region.psi == area(*psi)
    assert region.latents == plan.needs[0].residual == area(*residual)
    assert region.hyper == area(*hyper)
    assert plan.needs[1].residual == plan.used
    assert plan.samples == window
    whole = make_plan(large(tiled), transform, max_memory=1 << 40)
    assert whole.used == whole.held == whole.needs[0].residual == Area.whole(128, 84)


def test_worked_window_of_independent_regions() -> None:
    grid = regions(2048, 1344, 2, 2, Overlap())
    upper, _, lower, _ = needs(grid, area(59, 81, 34, 56), context=True).regions
    spans = [each.rows for region in (upper, lower) for each in (region.paste, region.psi, region.latents, region.hyper)]
    assert [(span.start, span.stop - 1) for span in spans] == [
        (59, 63), (26, 31), (52, 63), (11, 15), (64, 81), (32, 43), (64, 87), (16, 23),
    ]  # fmt: skip
