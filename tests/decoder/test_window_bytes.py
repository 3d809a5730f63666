"""Bytes of the file: a decode looks at those that its plan names, all of them and no other (01.6, 07.8 item 7)."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from jpegai.decoder import Decoder
from tests.counting import count_bytes
from tests.streams import described_streams, perf_streams

Roi = tuple[int, int, int, int]
by_name = {stream.name: stream for stream in (*described_streams(), *perf_streams())}
pytestmark = pytest.mark.skipif(not by_name, reason="no test vectors")

#: Dependent and independent regions, one and several threads, synthesis tiles, quality maps, headers of every kind.
CASES: list[tuple[str, Roi | None]] = [
    ("size_1100x1100_reg", (1000, 1000, 40, 40)), ("size_1100x1100_reg", None),
    ("reg_dep_tall", (10, 350, 20, 20)), ("reg_dep_tall", (3, 3, 1, 1)), ("reg_dep_tall", None),
    ("reg_dep_hop", (20, 20, 9, 9)), ("reg_dep_qmap", (30, 200, 33, 31)), ("reg_dep_qmap", None),
    ("an_regions_dep", (250, 250, 20, 20)),
    ("reg_ind_2x2", (20, 20, 64, 64)), ("reg_ind_2x2", (250, 330, 1, 1)), ("reg_ind_2x2", None),
    ("reg_ind_hop_tools", (530, 330, 20, 20)), ("reg_ind_hop_tools", None),
    ("tile_sop", (60, 70, 64, 64)), ("tile_hop", (33, 20, 64, 10)), ("tile_64_48", None), ("an_tiles", (9, 9, 9, 9)),
    ("threads_16", (40, 40, 8, 8)), ("threads_16", None), ("flt_all_a", (60, 40, 31, 33)), ("flt_all_a", None),
    ("fmt_png_coded_22", (71, 41, 20, 10)), ("cube_mixed", None), ("rvs_grfs_lsbs", (40, 70, 20, 20)),
]  # fmt: skip


@functools.cache
def decoder(models: str) -> Decoder:
    return Decoder(models, engine="float32", threads=1)


@pytest.mark.parametrize(("name", "roi"), CASES)
def test_the_bytes_named_are_those_looked_at(name: str, roi: Roi | None, monkeypatch: pytest.MonkeyPatch) -> None:
    path, made = by_name[name].path, decoder(by_name[name].models)
    views = count_bytes(monkeypatch)
    outline = made.plan(path, roi=roi)
    named = np.zeros(outline.file_bytes, bool)
    for first, last in outline.bytes:
        named[first:last] = True
    made.decode(path, roi=roi)
    planned, decoded = (view.touched for view in views)
    assert np.flatnonzero(decoded != named).tolist() == []
    assert np.count_nonzero(decoded) == outline.bytes_read
    # the plan itself looks at headers and tables alone
    assert not np.any(planned & ~named)
    assert np.count_nonzero(planned) < np.count_nonzero(decoded)
