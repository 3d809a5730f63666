"""Lists of windows: each is what it is alone, and together they take no more work."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from jpegai.codestream import Codestream
from jpegai.decoder import Decoder
from jpegai.decoder.engines.float32 import Float32Network
from jpegai.decoder.engines.integer import IntegerNetwork
from jpegai.decoder.geometry import Area, Span
from jpegai.decoder.windows import roi_window
from tests.streams import described_streams

Roi = tuple[int, int, int, int]
by_name = {stream.name: stream for stream in described_streams()}
pytestmark = pytest.mark.skipif(not by_name, reason="no test vectors")


@functools.cache
def decoder(models: str) -> Decoder:
    return Decoder(models, engine="float32", threads=1)


#: Name, windows, format, and how many decodes they take.
LISTS: list[tuple[str, list[Roi], str | None, int]] = [
    # side by side, odd places of subsampled chroma
    ("reg_ind_2x2", [(20, 20, 63, 64), (83, 20, 64, 64), (20, 84, 64, 65), (84, 84, 64, 64)], None, 1),
    ("fmt_b_10", [(5, 5, 13, 12), (19, 8, 11, 9), (7, 6, 2, 2)], None, 1),
    ("fmt_b_10", [(5, 5, 13, 12), (18, 5, 7, 9)], "yuv420:12", 1),
    ("fmt_c_10", [(5, 5, 13, 12), (19, 8, 11, 9)], "rgb444", 1),
    # far apart: not together; what is inside of another window or the same is
    ("size_1400x64", [(0, 0, 64, 64), (1300, 0, 64, 64), (10, 10, 4, 4), (1300, 0, 64, 64)], None, 2),
    ("size_1100x1100_reg", [(1000, 1000, 40, 40), (0, 0, 40, 40)], None, 2),
    # attention over the whole tile: far apart, and together
    ("reg_dep_hop", [(0, 0, 9, 9), (40, 110, 20, 10)], None, 1),
    # with filters, and all of the picture
    ("flt_all_a", [(60, 40, 31, 33), (90, 40, 10, 20)], None, 1),
    ("size_97x131", [(0, 0, 97, 131), (3, 5, 7, 9)], None, 1),
]  # fmt: skip


@pytest.mark.parametrize(("name", "rois", "format", "decodes"), LISTS)
def test_a_list_gives_each_window(
    name: str, rois: list[Roi], format: str | None, decodes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream, made = Codestream.open(by_name[name].path), decoder(by_name[name].models)
    alone = [made.decode(stream, roi=roi, format=format) for roi in rois]
    apart = [made.plan(stream, roi=roi, format=format) for roi in rois]
    plans = made.plan(stream, roi=rois, format=format)
    assert len(plans) == decodes
    assert Counter(each for plan in plans for each in plan.windows) == Counter(roi_window(stream, roi) for roi in rois)
    assert all(plan.plan.window.contains(each) for plan in plans for each in plan.windows)
    named = sum(sum(plan.macs.values()) for plan in plans)
    assert named <= sum(sum(plan.macs.values()) for plan in apart)

    runs = []

    def counting(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(self: Any, *inputs: Any, **more: Any) -> Any:
            runs.append(self.network.name)
            return call(self, *inputs, **more)

        return wrapped

    for kind in (Float32Network, IntegerNetwork):
        monkeypatch.setattr(kind, "__call__", counting(kind.__call__))
    pictures = made.decode(stream, roi=rois, format=format)
    assert runs.count("hyper_scale_decoder_Y") == decodes
    assert len(pictures) == len(rois)
    for roi, ours, theirs in zip(rois, pictures, alone, strict=True):
        assert (ours.width, ours.height) == roi[2:]
        assert (ours.window, ours.format) == (theirs.window, theirs.format)
        for plane, expected in zip(ours.planes, theirs.planes, strict=True):
            assert plane.shape == expected.shape
            assert np.abs(plane.astype(int) - expected).max() <= 1


def test_windows_that_do_not_fit_together_are_decoded_apart() -> None:
    stream, models = Codestream.open(by_name["size_1400x64"].path), by_name["size_1400x64"].models
    rois = [(100 * k, 0, 100, 64) for k in range(8)]
    (together,) = decoder(models).plan(stream, roi=rois)
    least = max(decoder(models).plan(stream, roi=roi).plan.memory for roi in rois)
    assert least < together.plan.memory
    thin = Decoder(decoder(models).store, engine="float32", threads=1, max_memory=least)
    plans = thin.plan(stream, roi=rois)
    assert len(plans) > 1
    assert all(plan.plan.memory <= least for plan in plans)
    pictures = thin.decode(stream, roi=rois)
    for ours, theirs in zip(pictures, decoder(models).decode(stream, roi=rois), strict=True):
        assert np.abs(np.asarray(ours.planes).astype(int) - np.asarray(theirs.planes)).max() <= 1


def test_no_region_is_read_that_no_window_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """However little it costs: a damaged region between windows must not keep them from being seen."""
    monkeypatch.setattr("jpegai.decoder.together.plan_macs", lambda plan: {"all": 1})
    stream, made = Codestream.open(by_name["reg_ind_2x2"].path), decoder(by_name["reg_ind_2x2"].models)
    upper, left, inside = (210, 150, 190, 30), (100, 170, 90, 130), (110, 100, 80, 80)
    assert len(made.plan(stream, roi=[upper, left])) == 2
    assert len(made.plan(stream, roi=[upper, inside])) == len(made.plan(stream, roi=[left, inside])) == 1


def test_part_of_a_picture() -> None:
    picture = decoder(by_name["fmt_b_10"].models).decode(by_name["fmt_b_10"].path, roi=(5, 5, 13, 12))
    inner = picture.part(Area(Span(6, 9), Span(7, 12)))
    assert np.array_equal(inner.planes[0], picture.planes[0][1:4, 2:7])
    assert picture.part(Area(Span(5, 17), Span(5, 18))) is picture
    for wrong in (Area(Span(4, 9), Span(7, 12)), Area(Span(6, 6), Span(7, 12)), Area(Span(6, 9), Span(7, 19))):
        with pytest.raises(ValueError, match="inside"):
            picture.part(wrong)


def test_on_the_exact_engine_windows_decoded_together_have_the_very_samples_of_the_whole() -> None:
    stream = Codestream.open(by_name["size_64x64"].path)
    exact = Decoder(decoder(by_name["size_64x64"].models).store, engine="exact", threads=1)
    whole = exact.decode(stream)
    rois = [(3, 5, 20, 30), (23, 9, 31, 40), (60, 50, 4, 11)]
    assert len(exact.plan(stream, roi=rois)) == 1
    for (x, y, width, height), picture in zip(rois, exact.decode(stream, roi=rois), strict=True):
        for plane, expected in zip(picture.planes, whole.planes, strict=True):
            assert np.array_equal(plane, expected[y : y + height, x : x + width])
