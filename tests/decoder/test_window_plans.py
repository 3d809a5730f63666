"""Plans of windows: rectangles of the specification, nothing read outside them, bytes and multiply-adds as named."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from jpegai.codestream import Codestream, JpegAIError, UnsupportedError
from jpegai.decoder import Decoder
from jpegai.decoder.engines.float32 import Float32Network
from jpegai.decoder.engines.integer import IntegerNetwork
from jpegai.decoder.engines.stages import multiply_adds
from jpegai.decoder.geometry import Area, Overlap, Span, needs, regions
from jpegai.decoder.networks import NETWORKS
from jpegai.decoder.outline import network_runs
from jpegai.decoder.picture.formats import Frame
from jpegai.decoder.plan import Plan, make_plan
from jpegai.decoder.walk import Walk
from jpegai.decoder.windows import tile_windows
from tests.streams import described_streams, perf_streams
from tests.writer import write_stream

Roi = tuple[int, int, int, int]
by_name = {stream.name: stream for stream in (*described_streams(), *perf_streams())}
pytestmark = pytest.mark.skipif(not by_name, reason="no test vectors")


@functools.cache
def decoder(models: str) -> Decoder:
    return Decoder(models, engine="float32", threads=1)


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
    areas = [each for region in (upper, lower) for each in (region.paste, region.psi, region.latents, region.hyper)]
    assert [(each.rows.start, each.rows.stop - 1) for each in areas] == [
        (59, 63), (26, 31), (52, 63), (11, 15), (64, 81), (32, 43), (64, 87), (16, 23),
    ]  # fmt: skip


# -- margins ------------------------------------------------------------------------------------------------------


def outside(areas: list[Area], array: NDArray[np.float32], value: float) -> None:
    """Overwrite what lies outside of all areas."""
    inside = np.zeros(array.shape[1:], bool)
    for each in areas:
        inside[each.index[1:]] = True
    array[:, ~inside] = value


def poison(monkeypatch: pytest.MonkeyPatch, plan: Plan, value: float = np.nan, less: int = 0) -> None:
    """Make every walk overwrite what `plan` does not use: residual, psi, latents, the planes that filters read.

    `less` takes so many latents from every side of what it uses.
    """
    residuals, psi, scaled, given = Walk._residuals, Walk._psi, Walk._scale_latents, Walk._filtered

    def _residuals(self: Walk, *args: Any) -> Any:
        result = residuals(self, *args)
        for array, part in zip(result, plan.needs, strict=True):
            outside([part.residual.within(self._plan.held)], array, value)
        return result

    def _psi(self: Walk, name: str, *args: Any) -> Any:
        result = psi(self, name, *args).copy()
        held = self._plan.held.covered_by(2)
        outside([each.psi.within(held) for each in plan.needs["_UV" in name].regions], result, value)
        return result

    def _scale_latents(self: Walk, biases: Any, latents: NDArray[np.float32], *args: Any) -> None:
        scaled(self, biases, latents, *args)
        rows, columns = (span.grown(-less, -less) for span in (plan.used.rows, plan.used.columns))
        outside([Area(rows, columns).within(self._plan.held)], latents, value)

    def _filtered(self: Walk, assembly: Any, *args: Any) -> Any:
        luma, chroma = assembly.coded
        frame = assembly._frame
        outside([plan.samples.within(frame.area)], luma, value)
        coded = self._rendering.coded
        outside([Frame(plan.display, plan.samples).part(coded).within(frame.part(coded))], chroma, value)
        return given(self, assembly, *args)

    for function in (_residuals, _psi, _scale_latents, _filtered):
        monkeypatch.setattr(Walk, function.__name__, function)


def shown(results: dict[str, NDArray[Any]], plan: Plan) -> list[NDArray[np.float32]]:
    """The output planes of a decode in the window of a plan; chroma at its size in them."""
    planes = []
    for number in range(3):
        plane = results[f"output.{number}"]
        step = [-(-side // small) for side, small in zip(plan.display, plane.shape[1:], strict=True)]
        planes.append(plane[Area(plan.window.rows.covered_by(step[0]), plan.window.columns.covered_by(step[1])).index])
    return planes


MARGINS: list[tuple[str, Roi]] = [
    ("reg_dep_tall", (20, 170, 30, 60)), ("reg_dep_tall", (3, 260, 1, 1)), ("reg_ind_2x2", (290, 200, 40, 9)),
    ("reg_ind_2x2", (520, 120, 64, 80)), ("an_regions_dep", (250, 250, 20, 20)), ("an_tiles", (100, 100, 60, 60)),
    ("tile_sop", (60, 70, 64, 64)), ("size_1400x64", (700, 5, 17, 30)), ("size_1400x64", (0, 0, 64, 64)),
    ("reg_dep_qmap", (30, 200, 33, 31)), ("flt_eicci_tiles", (60, 60, 33, 47)), ("flt_all_a", (60, 40, 31, 33)),
    ("flt_all_c", (71, 51, 20, 20)), ("fmt_png_coded_22", (71, 41, 20, 10)), ("tile_hop", (33, 20, 64, 10)),
    ("size_1400x64", (1336, 0, 64, 64)), ("fmt_b_10", (51, 33, 11, 21)), ("rvs_grfs_lsbs", (40, 70, 20, 20)),
]  # fmt: skip


@pytest.mark.parametrize("value", [np.nan, 3e3])
@pytest.mark.parametrize(("name", "roi"), MARGINS)
def test_nothing_outside_the_plan_reaches_the_window(
    name: str, roi: Roi, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decode of the whole picture, with everything that the window's plan leaves out overwritten."""
    stream, made = parsed(name), made_for(name)
    plan = made.plan(stream, roi=roi).plan
    expected = shown(made.dump(stream, stages=["output"]), plan)
    poison(monkeypatch, plan, value)
    whole, window = made.dump(stream, stages=["output"]), made.dump(stream, roi=roi, stages=["output"])
    for found in (shown(whole, plan), list(window.values())):
        for ours, theirs in zip(found, expected, strict=True):
            assert ours.shape == theirs.shape
            assert np.isfinite(ours).all()
            assert np.abs(ours - theirs).max() <= 1e-3


def test_a_latent_less_would_be_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    roi = (700, 5, 17, 30)
    stream, made = parsed("size_1400x64"), made_for("size_1400x64")
    plan = made.plan(stream, roi=roi).plan
    assert 0 < plan.used.columns.start < plan.used.columns.stop < plan.latents[1]
    poison(monkeypatch, plan, less=1)
    found = shown(made.dump(stream, stages=["output"]), plan)
    assert not all(np.isfinite(plane).all() for plane in found)


# -- what is spent ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "roi"), [*MARGINS, ("hop_m0", None), ("size_97x131", None), ("flt_all_hop", None)])
def test_the_runs_named_are_those_made(name: str, roi: Roi | None, monkeypatch: pytest.MonkeyPatch) -> None:
    stream, made = parsed(name), made_for(name)
    runs: list[tuple[Any, ...]] = []

    def counting(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(self: Any, *inputs: Any, size: Any = None, **more: Any) -> Any:
            runs.append((self.network.name, *inputs[0].shape[1:], size))
            if not self.network.has_crops:
                return call(self, *inputs, **more)
            return call(self, *inputs, size=size, **more)

        return wrapped

    for kind in (Float32Network, IntegerNetwork):
        monkeypatch.setattr(kind, "__call__", counting(kind.__call__))
    made.decode(stream, roi=roi)
    outline = made.plan(stream, roi=roi)
    named = list(network_runs(outline.plan))
    assert sorted(runs, key=repr) == sorted(named, key=repr)
    spent = sum(multiply_adds(NETWORKS[run[0]], *run[1:]) for run in runs)
    assert spent == sum(outline.macs.values()) > 0
    if roi is None:
        assert outline.share == {"bytes": pytest.approx(1, abs=0.1), "macs": 1.0, "samples": 1.0}
    else:
        assert sum(outline.macs.values()) <= outline.whole_macs


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_multiply_adds_are_those_of_the_table(name: str) -> None:
    """For sizes that divide by everything they are the figures per sample of 06.12 times the samples."""
    network = NETWORKS[name]
    step = network.inputs[0].subsampling
    size = (512, 256) if network.size_argument != "half" else (256, 128)
    found = network.multiply_adds(512 // step, 256 // step, size)
    assert found == network.macs_per_sample() * 512 * 256


# -- bytes --------------------------------------------------------------------------------------------------------

BYTES: list[tuple[str, Roi, list[int], list[int]]] = [
    # dependent regions: the context model reads further than chroma does
    ("size_1100x1100_reg", (1000, 1000, 40, 40), [7], [7]),
    ("reg_dep_tall", (10, 350, 20, 20), [0, 1], [1]),
    ("reg_ind_2x2", (20, 20, 64, 64), [0], [0]),
    ("reg_ind_2x2", (560, 60, 40, 40), [1], [1]),
    ("reg_ind_2x2", (250, 330, 1, 1), [2], [2]),
    ("reg_ind_hop_tools", (530, 330, 20, 20), [3], [3]),
]


@pytest.mark.parametrize(("name", "roi", "primary", "secondary"), BYTES)
def test_only_the_bytes_named_are_read(name: str, roi: Roi, primary: list[int], secondary: list[int]) -> None:
    """All other bytes may be anything: tables of threads and symbols of other regions are never looked at."""
    path, made = by_name[name].path, made_for(name)
    data = path.read_bytes()
    outline = made.plan(data, roi=roi)
    assert [list(outline.plan.coded[kind]) for kind in ("sorp", "sors")] == [primary, secondary]
    expected = made.decode(data, roi=roi)
    rng = np.random.default_rng(5)
    other = rng.integers(0, 256, len(data), np.uint8)
    for first, last in outline.bytes:
        other[first:last] = np.frombuffer(data[first:last], np.uint8)
    different = int(np.count_nonzero(other != np.frombuffer(data, np.uint8)))
    assert 0.9 * (len(data) - outline.bytes_read) < different <= len(data) - outline.bytes_read
    assert outline.bytes_read < 0.8 * len(data)
    found = made.decode(other.tobytes(), roi=roi)
    for ours, theirs in zip(found.planes, expected.planes, strict=True):
        assert np.abs(ours.astype(int) - theirs).max() <= 1
    assert found.findings == expected.findings
    # what is named is needed: the region's own bytes are not like the others
    last = max(outline.bytes, key=lambda part: part[1] - part[0])
    other[last[0] + (last[1] - last[0]) // 2 : last[1]] = 0
    try:
        wrong = made.decode(other.tobytes(), roi=roi)
    except JpegAIError:
        return
    assert any(not np.array_equal(a, b) for a, b in zip(wrong.planes, expected.planes, strict=True))


# -- what may be asked for ----------------------------------------------------------------------------------------


def test_a_list_of_windows_is_that_of_each() -> None:
    stream, made = parsed("reg_ind_2x2"), made_for("reg_ind_2x2")
    rois = [(20, 20, 30, 30), (250, 120, 20, 20), (20, 20, 30, 30)]
    pictures = made.decode(stream, roi=rois)
    assert len(pictures) == 3
    for roi, picture in zip(rois, pictures, strict=True):
        alone = made.decode(stream, roi=roi)
        assert (picture.width, picture.height) == roi[2:]
        assert np.abs(np.asarray(picture.planes).astype(int) - np.asarray(alone.planes)).max() <= 1
        assert picture.window == alone.window == area(roi[1], roi[1] + roi[3] - 1, roi[0], roi[0] + roi[2] - 1)
    assert made.decode(stream, roi=[]) == []


def test_tiles_and_regions_cover_the_picture() -> None:
    for name in ("reg_ind_2x2", "tile_64_48"):
        stream, made = parsed(name), made_for(name)
        whole = made.decode(stream)
        assert whole.window is None
        grid = [made.plan(stream, region=number).plan.window for number in range(stream.pih.num_regions)]
        tiles = [each for row in tile_windows(stream) for each in row]
        for areas in (grid, tiles):
            assert sum(each.rows.size * each.columns.size for each in areas) == whole.height * whole.width
        for part in (made.decode(stream, region=0), made.decode(stream, tile=(0, 0))):
            assert part.window is None or part.window.rows.start == part.window.columns.start == 0
            expected = np.asarray(whole.planes)[:, : part.height, : part.width]
            assert np.abs(np.asarray(part.planes).astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"roi": (0, 0, 0, 1)}, r"columns 0\.\.599 and rows 0\.\.399"),
        ({"roi": (590, 0, 11, 1)}, r"columns 0\.\.599 and rows 0\.\.399"),
        ({"roi": (0, -1, 1, 1)}, r"columns 0\.\.599 and rows 0\.\.399"),
        ({"roi": [(0, 0, 1, 1), (0, 400, 1, 1)]}, r"columns 0\.\.599 and rows 0\.\.399"),
        ({"tile": (9, 0)}, r"no tile 9,0: rows are 0\.\."),
        ({"region": 4}, r"regions are 0\.\.3"),
        ({"region": 0, "tile": (0, 0)}, "only one"),
        ({"region": 0, "roi": [(0, 0, 1, 1)]}, "only one"),
    ],
)
def test_parts_that_do_not_exist(part: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        made_for("reg_ind_2x2").decode(parsed("reg_ind_2x2"), **part)


def test_a_window_of_a_region_that_is_absent_says_so() -> None:
    """An extract: its own regions decode as before, the others with a residual of 0 and a finding."""
    stream, made = parsed("reg_ind_2x2"), made_for("reg_ind_2x2")
    kept, start = [stream.data[:2]], 0
    for segment in stream.segments:
        start = segment.offset
        lost = segment.name in ("sorp", "sors") and segment.payload[0] == 3
        kept += [] if lost else [stream.data[start : start + segment.size]]
    extract = Codestream.parse(b"".join([*kept, b"\xff\x81"]))
    here = made.decode(extract, roi=(20, 20, 40, 40))
    intact = np.asarray(made.decode(stream, roi=(20, 20, 40, 40)).planes)
    assert np.abs(np.asarray(here.planes).astype(int) - intact).max() <= 1
    there = made.decode(extract, roi=(550, 350, 40, 40))
    told = [finding.message for finding in there.findings if finding.rule == "S-34" and "region 3" in finding.message]
    assert len(told) == 2


def test_a_window_cannot_be_resampled_afterwards() -> None:
    picture = made_for("fmt_a_8").decode(parsed("fmt_a_8"), roi=(5, 5, 20, 20))
    assert picture.planes[1].shape == (11, 11)  # samples 2 to 12
    with pytest.raises(UnsupportedError, match="decode it to that format"):
        picture.to_rgb()
    rgb = made_for("fmt_a_8").decode(parsed("fmt_a_8"), roi=(5, 5, 20, 20), format="rgb444")
    assert rgb.rgb.shape == (20, 20, 3)
    whole = made_for("fmt_a_8").decode(parsed("fmt_a_8"), format="rgb444").rgb[5:25, 5:25]
    assert np.abs(rgb.rgb.astype(int) - whole).max() <= 1
