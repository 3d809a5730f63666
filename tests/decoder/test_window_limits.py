"""Limits judge what a window needs: of a picture larger than they allow, parts can be seen."""

from __future__ import annotations

import functools
import time
from typing import Any

import numpy as np
import pytest

from jpegai.codestream import Codestream, LimitError
from jpegai.decoder import Decoder
from jpegai.decoder.geometry import Area, Span
from jpegai.decoder.models import ModelStore
from jpegai.decoder.plan import make_plan
from jpegai.decoder.windows import tile_window, tile_windows
from tests.streams import described_streams
from tests.writer import write_stream

Roi = tuple[int, int, int, int]
by_name = {stream.name: stream for stream in described_streams()}
pytestmark = pytest.mark.skipif(not by_name, reason="no test vectors")


@functools.cache
def store(models: str) -> ModelStore:
    return ModelStore.open(models)


def limited(name: str, **limits: int) -> Decoder:
    return Decoder(store(by_name[name].models), engine="float32", threads=1, **limits)


#: Name, window, samples of what it needs.
SMALL: list[tuple[str, Roi, int]] = [
    ("reg_ind_2x2", (20, 20, 64, 64), 256 * 256),  # its region
    ("reg_ind_2x2", (540, 20, 60, 60), 256 * (600 - 256)),
    ("size_1100x1100_reg", (1000, 1000, 40, 40), 588 * 332),
    ("reg_ind_hop_tools", (530, 330, 20, 20), 344 * 144),
]


@pytest.mark.parametrize(("name", "roi", "most"), SMALL)
def test_a_window_of_a_picture_that_is_too_large(name: str, roi: Roi, most: int) -> None:
    stream = Codestream.open(by_name[name].path)
    made = limited(name, max_pixels=most)
    with pytest.raises(LimitError, match=rf"larger than the limit.*--roi.*at most {most} samples"):
        made.decode(stream)
    picture, expected = made.decode(stream, roi=roi), limited(name).decode(stream, roi=roi)
    for ours, theirs in zip(picture.planes, expected.planes, strict=True):
        assert np.abs(ours.astype(int) - theirs).max() <= 1
    outline = made.plan(stream, roi=roi)
    assert outline.share == limited(name).plan(stream, roi=roi).share
    with pytest.raises(LimitError, match=rf"regions that the window needs are larger.*at most {most - 1}.*= {most}\)$"):
        limited(name, max_pixels=most - 1).decode(stream, roi=roi)


def test_samples_of_a_window_count() -> None:
    stream = Codestream.open(by_name["size_1100x1100_reg"].path)
    with pytest.raises(LimitError, match=r"synthesised for the window is larger.*1000 x 900 = 900000\)$"):
        limited("size_1100x1100_reg", max_pixels=899999).plan(stream, roi=(50, 50, 1000, 900))


@pytest.mark.parametrize(("name", "roi"), [("reg_ind_2x2", (20, 20, 64, 64)), ("reg_dep_hop", (3, 3, 9, 9))])
def test_memory_is_that_of_the_window(name: str, roi: Roi) -> None:
    stream = Codestream.open(by_name[name].path)
    thin = {"max_memory": limited(name).plan(stream, roi=roi).plan.memory}
    with pytest.raises(LimitError, match="--max-memory"):
        limited(name, **thin).decode(stream)
    assert limited(name, **thin).decode(stream, roi=roi).width == roi[2]


@functools.cache
def huge() -> Codestream:
    """Headers of the largest picture there can be, in the smallest tiles and many regions, of which one is there."""
    z = [np.zeros((channels, 1, 1), np.int8) for channels in (160, 96)]
    values: dict[str, Any] = {
        "synthesis_tile_enable": [1, 1], "synthesis_tile_size": [1, 1], "synthesis_tile_overlap": [0, 0],
        "region_partitioning_flag": 1, "num_ver_splits_minus1": 15, "num_hor_splits_minus1": 15,
        "region_residual_in_its_own_substream_flag": 1,
    }  # fmt: skip
    one = {0: [b"\x00\x00\x01"]}
    return Codestream.parse(write_stream(65535, 65535, z, models="test", residuals=[one, one], **values))


def test_the_largest_picture_is_planned_at_once() -> None:
    begin = time.process_time()
    stream = huge()
    made = Decoder(store("test"), engine="float32", threads=1)
    with pytest.raises(LimitError, match="65535 x 65535"):
        made.layout(stream, None)
    _, plan, _ = made.layout(stream, Area(Span(900, 1000), Span(40, 80)))
    assert len(plan.synthesis[0]) == 7 * 3
    assert tile_window(stream, (4000, 2)) == Area(Span(64000, 64016), Span(32, 48))
    with pytest.raises(LimitError, match="more synthesis tiles than the limit"):
        tile_windows(stream)
    with pytest.raises(LimitError, match="more synthesis tiles than the limit"):
        make_plan(stream, "SOP", max_pixels=1 << 40)
    assert time.process_time() - begin < 10
