"""Windows by the exact engine are that part of the whole picture, bit for bit, with all filters, tiles and regions."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from numpy.typing import NDArray

from jpegai.decoder import Decoder
from jpegai.decoder.picture.formats import Frame
from tests.decoder.test_windows import NAMES, STREAMS, WINDOWS, Roi, parsed, windows
from tests.streams import VectorStream

#: Streams of ``make test``.
QUICK = (
    "size_64x64", "size_crop_7x13", "size_97x131", "an_sop_64x64", "reg_dep_tall", "tile_64_48", "an_tiles",
    "flt_all_a", "flt_lef_hop", "flt_eicci_tiles", "flt_efe_odd", "fmt_c_10",
)  # fmt: skip
pytestmark = pytest.mark.skipif(not STREAMS, reason="no test vectors")


@functools.cache
def decoder(models: str) -> Decoder:
    return Decoder(models, engine="exact", threads=1)


def test_there_are_enough_windows() -> None:
    assert set(QUICK) <= set(NAMES)
    assert len(STREAMS) * (WINDOWS + 1) >= 200


@pytest.mark.parametrize(
    "stream",
    [pytest.param(each, marks=() if each.name in QUICK else pytest.mark.long, id=each.name) for each in STREAMS],
)
def test_a_window_is_that_part_of_the_picture(stream: VectorStream) -> None:
    code, made = parsed(stream.name), decoder(stream.models)
    results = made.dump(code, stages=["output"])
    planes = made.decode(code).planes

    def compare(roi: Roi) -> None:
        plan = made.plan(code, roi=roi).plan
        found = made.dump(code, roi=roi, stages=["output"])
        picture = made.decode(code, roi=roi)
        decoded = "444" if len({results[f"output.{k}"].shape for k in range(3)}) == 1 else picture.format.chroma
        frame = Frame(plan.display, plan.window)
        for k in range(3):
            expected: NDArray[Any] = results[f"output.{k}"][(frame.part(decoded) if k else plan.window).index]
            assert found[f"output.{k}"].dtype == np.int32
            assert np.array_equal(found[f"output.{k}"], expected)
            expected = planes[k][(frame.part(picture.format.chroma) if k else plan.window).index[1:]]
            assert np.array_equal(picture.planes[k], expected)

    @settings(max_examples=WINDOWS, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(windows(code.pih.display_width, code.pih.display_height))
    def check(roi: Roi) -> None:
        compare(roi)

    check()
    compare((code.pih.display_width - 1, code.pih.display_height - 1, 1, 1))
