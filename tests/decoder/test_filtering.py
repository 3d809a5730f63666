"""Post-filters within a decode: refused early, nothing left behind, memory as planned, both selections of eICCI."""

from __future__ import annotations

import functools
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jpegai.codestream import Codestream, ConformanceError, LimitError
from jpegai.codestream.rules.report import validate
from jpegai.decoder import Decoder
from jpegai.decoder.components import COMPONENTS
from jpegai.decoder.filters import FilterChain, Supplies, WindowPlanes
from jpegai.decoder.models import eicci_file_name
from jpegai.decoder.picture.resample import resample
from jpegai.decoder.plan import make_plan
from jpegai.decoder.recorder import STAGES, Recorder, stage_of
from jpegai.decoder.workers import Workers
from tests.decoder.filters.material import eicci_network
from tests.figures import INTEGERS, TOLERANCES
from tests.pictures import close
from tests.streams import VectorStream, described_streams
from tests.vectors import needs_spec
from tests.writer import write_stream

STREAMS = {stream.name: stream for stream in described_streams()}

Results = dict[str, Any]


def stream_named(name: str) -> VectorStream:
    if name not in STREAMS:
        pytest.skip("no test vectors")
    return STREAMS[name]


@functools.cache
def decoder(models: str = "test") -> Decoder:
    return Decoder(models, engine="float32")


def same(found: Results, expected: Results) -> None:
    """Integers are equal, floats within the limits of 12.6.6."""
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        if stage_of(name) in INTEGERS or stage_of(name) == "sigma_index":
            assert np.array_equal(found[name], array), name
        elif name == "picture":
            assert close(found[name], array)
        else:
            assert np.abs(found[name] - array).max(initial=0) <= TOLERANCES[stage_of(name)], name


def with_value(path: Path, selector: str, value: int) -> bytes:
    """The bytes of a stream with another value of one element, of the same length."""
    data = path.read_bytes()
    field = Codestream.parse(data).fields[selector]
    number = int.from_bytes(data)
    shift = 8 * len(data) - field.offset - field.bits
    number &= ~(((1 << field.bits) - 1) << shift)
    return (number | value << shift).to_bytes(len(data))


@pytest.mark.parametrize("checked", [True, False], ids=["rules", "filters"])
@pytest.mark.parametrize(
    ("name", "selector", "value", "rule", "element"),
    [
        ("flt_efen_bop", "ton.nonlinearW", 1, "R-66", "ton.numTiles"),
        ("flt_efe_both_bop", "ton.bS", 1, "R-62", "ton.len_mask_y"),
        ("flt_efe_both_bop", "ton.minSymbol[1]", 65535, "R-52", ("ton.maxSymbol[1]", "ton.weightsC[1][0]")),
        ("flt_lef_bop", "ton.LEF_chIdx", 160, "R-69", "ton.LEF_chIdx"),
    ],
)
def test_filters_that_cannot_be_are_refused_before_any_work(
    name: str,
    selector: str,
    value: int,
    rule: str,
    element: str | tuple[str, str],
    checked: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the rules of conformance, and by the filters themselves, with the place in the file."""
    stream = stream_named(name)
    named = element if isinstance(element, str) else element[not checked]
    if not checked:
        monkeypatch.setattr("jpegai.decoder.decoder.check", lambda _: None)
    monkeypatch.setattr("jpegai.decoder.walk.Walk.run", lambda _: pytest.fail("there was work"))
    damaged = Codestream.parse(with_value(stream.path, selector, value), name="x.jai")
    with pytest.raises(ConformanceError, match=rule) as caught:
        decoder().decode(damaged)
    error = caught.value
    assert (error.file, error.selector, error.exit_code) == ("x.jai", named, 3)
    assert error.bit_offset is not None
    first = next(entry for entry in damaged.fields.entries if entry.path.startswith(named))
    assert error.bit_offset == first.offset


def test_nothing_is_left_for_the_next_picture() -> None:
    """A filter, selection or region of one stream is not applied to another, in any order (08.8 D11)."""
    names = ["sink_bop", "size_65x127", "flt_eicci_v_only", "reg_ind_2x2", "flt_lef_bop", "flt_eicci_bop"]
    streams = [stream for name, stream in STREAMS.items() if name in names]
    if not streams:
        pytest.skip("no test vectors")
    assert len(streams) == len(names)
    alone = {stream.name: Decoder(decoder().store, engine="float32").dump(stream.path) for stream in streams}
    used = Decoder(decoder().store, engine="float32")
    for stream in [*streams, *reversed(streams)]:
        same(used.dump(stream.path), alone[stream.name])


def test_threads_share_a_decoder() -> None:
    """Streams with filters, regions and attention at once: as each alone."""
    streams = [stream_named(name) for name in ("sink_hop", "flt_eicci_bop", "reg_ind_2x2", "flt_efe_odd")]
    used = Decoder(decoder().store, engine="float32")
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda stream: used.dump(stream.path), streams))
    for stream, results in zip(streams, found, strict=True):
        same(results, decoder().dump(stream.path))


@pytest.mark.parametrize("selection", ["reference", "per-tile"])
@pytest.mark.parametrize("name", ["flt_eicci_tiles", "flt_eicci_bop"])
def test_selections(name: str, selection: str) -> None:
    """The filter by itself, with its network in float64, gives the same from the planes that enter it."""
    stream = stream_named(name)
    results = decoder().dump(stream.path, eicci_selection=selection)
    parsed = Codestream.open(stream.path)
    chain = FilterChain.from_header(parsed.ton, parsed.pih, eicci_selection=selection)
    (eicci,) = chain.filters
    assert chain.eicci is not None
    bank, store = chain.eicci.bank, decoder().store

    def networks(kind: str, index: int) -> Any:
        return eicci_network(store.tensors(eicci_file_name(bank, index)), kind)

    whole = chain.picture.whole
    planes = WindowPlanes(*(results[f"filter_input.{i}"][0] for i in range(3)), whole)
    expected = chain.apply(planes, whole, Supplies(Workers(1), networks), Recorder())
    for index, plane in enumerate(expected):
        assert np.abs(results[f"{eicci.name}.{index}"][0] - plane).max() <= 5e-3
    other = decoder().dump(stream.path, eicci_selection={"reference": "per-tile"}.get(selection, "reference"))
    # where tiles overlap the second one reads filtered samples, or not
    assert (np.abs(other["eicci.0"] - results["eicci.0"]).max() > 5e-3) == (name == "flt_eicci_tiles")


@pytest.mark.parametrize("name", ["flt_all_bop", "flt_all_a", "flt_efe_coded_22", "flt_eicci_tiles", "flt_eicci_bop"])
def test_memory_of_arrays_is_bounded_by_the_estimate(name: str) -> None:
    parsed = Codestream.open(stream_named(name).path)
    chain = make_plan(parsed, "BOP").filters
    whole = chain.picture.whole
    rng = np.random.default_rng(1)
    sizes = whole.shape, chain.picture.chroma_size, chain.picture.chroma_size
    planes = WindowPlanes(*(rng.uniform(0, 255, size).astype(np.float32) for size in sizes), whole)
    results = {"eicci_Y": np.zeros(0), "eicci_UV": np.zeros(0)}

    def networks(kind: str, _: int) -> Any:
        bands = {"eicci_Y": 16, "eicci_UV": 32}[kind]
        return lambda z: results.setdefault(f"{kind}{z.shape}", np.zeros((bands, *z.shape[1:]), np.float32))

    scale = np.zeros((-(-parsed.pih.img_height // 16), -(-parsed.pih.img_width // 16)), np.int16)
    supplies = Supplies(Workers(1), networks, scale, resample)
    chain.apply(planes, whole, supplies, Recorder())  # compiles the loops
    tracemalloc.start()
    chain.apply(planes, whole, supplies, Recorder())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    runs = chain.eicci.runs(whole) if chain.eicci else {}
    copies = max((4 * 48 * rows * columns for rows, columns in runs.values()), default=0)  # counted with the networks
    assert peak <= chain.memory(whole) + copies + (1 << 18)
    assert peak >= chain.memory(whole) // 3


def test_work_of_overlapping_tiles_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Codestream.open(stream_named("flt_eicci_tiles").path)
    make_plan(stream, "BOP", max_pixels=528 * 272)
    work = 272 * (320 + 256)  # of two tiles, which overlap by 48 columns
    monkeypatch.setattr("jpegai.decoder.plan.MOST_WORK", 1)
    make_plan(stream, "BOP", max_pixels=work)
    with pytest.raises(LimitError, match=rf"overlap of eICCI.*found {work}") as caught:
        make_plan(stream, "BOP", max_pixels=work - 1)
    assert caught.value.selector == "ton.icci_tile_overlap"


def test_filters_count_in_the_plan() -> None:
    stream = Codestream.open(stream_named("flt_eicci_tiles").path)
    plan = make_plan(stream, "BOP")
    height, width = plan.display
    assert plan.memory > 12 * height * width + plan.filters.memory(plan.filters.picture.whole)
    memory = plan.filters.memory(plan.filters.picture.whole)
    with pytest.raises(LimitError, match="--max-memory"):
        Decoder(decoder().store, engine="float32", max_memory=memory).decode(stream)


@pytest.mark.parametrize("name", ["sink_bop", "flt_all_a", "flt_efe_both_bop"])
def test_stages_are_those_of_a_whole_dump(name: str) -> None:
    stream = stream_named(name)
    whole = decoder().dump(stream.path)
    assert {stage_of(entry) for entry in whole} <= set(STAGES)
    order = [STAGES.index(stage_of(entry)) for entry in whole if "." not in entry or entry.startswith("primary")]
    assert order == sorted(order)
    for stage in ("z", "scale1", "residual", "psi", "latents", "planes", "filter_input", "efe_linear", "lef", "output"):
        some = decoder().dump(stream.path, stop_after=stage)
        last = STAGES.index(stage)
        same(some, {entry: whole[entry] for entry in whole if STAGES.index(stage_of(entry)) <= last})
    same(decoder().dump(stream.path, stages=["latents"]), {e: whole[e] for e in whole if stage_of(e) == "latents"})
    same(decoder().dump(stream.path, stages=["secondary.z"]), {"secondary.z": whole["secondary.z"]})
    assert not decoder().dump(stream.path, stages=["picture"], stop_after="planes")


def test_what_is_not_asked_for_is_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = stream_named("flt_all_bop")
    monkeypatch.setattr("jpegai.decoder.walk.Walk._synthesis", lambda *_: pytest.fail("not asked for"))
    monkeypatch.setattr("jpegai.decoder.walk.Walk._context", lambda *_: pytest.fail("not asked for"))
    assert set(decoder().dump(stream.path, stages=["psi"])) == {"primary.psi", "secondary.psi"}


@pytest.mark.parametrize("name", ["magic", "tertiary.z", "x.z", "z.0.1"])
def test_stages_that_are_not_there(name: str) -> None:
    with pytest.raises(ValueError, match="is no stage"):
        decoder().dump(b"", stages=[name])


def test_a_transform_that_is_not_listed() -> None:
    """Only by force, with a warning; what differs is the synthesis alone (12.1)."""
    stream = stream_named("an_sop_64x64")
    listed = decoder("analytic").dump(stream.path)
    forced = decoder("analytic").dump(stream.path, transform="bop", force=True)
    for name in listed:
        if STAGES.index(stage_of(name)) < STAGES.index("planes"):
            same({name: forced[name]}, {name: listed[name]})
    parsed = Codestream.open(stream.path)
    latents = np.concatenate([forced[f"{component.name}.latents_scaled"] for component in COMPONENTS])
    network = decoder("analytic").network("bop_prim", parsed.pih.model_id)
    luma = network(np.ascontiguousarray(latents[: COMPONENTS[0].channels]), size=(64, 64))
    assert np.abs(luma - forced["primary.planes"]).max() <= 3e-3
    assert np.abs(listed["primary.planes"] - forced["primary.planes"]).max() > 3e-3
    picture = decoder("analytic").decode(stream.path, transform="bop", force=True)
    (warning,) = picture.findings
    assert (warning.rule, warning.section, warning.severity) == (None, "12.2", "W")
    assert warning.selector == "pih.synthesis_transform_id[0]"
    assert "decoded with BOP, which the stream does not list: it lists SOP" in warning.message


def test_eicci_follows_the_transform_used() -> None:
    """A forced HOP takes the HOP bank, and says which files (08.8 D10)."""
    stream = stream_named("flt_eicci_bop")
    picture = decoder().decode(stream.path, transform="hop", force=True)
    texts = [finding.message for finding in picture.findings if finding.section == "08.4.2"]
    assert len(texts) == 1
    assert "eicci_hop_" in texts[0]
    assert "eicci_bop_" not in texts[0]


@needs_spec
def test_a_tile_below_176_that_is_the_picture() -> None:
    """eICCI with one tile of 112 on 96 x 104 is eICCI without tiles (8.8 D5); R-58 only warns of it."""
    rng = np.random.default_rng(4)
    z = [rng.integers(-31, 31, (component.channels, 2, 2)).astype(np.int8) for component in COMPONENTS]
    tools = {
        "lsbs_enable_flag": [0, 0], "EFE_linear_filter_enabled_flag": 0, "icci_enable_flag": 1,
        "icci_use": [[1, 1, 1]], "icci_use_shortList": [1], "icci_model_signalled_idx_Y": [0],
        "icci_model_signalled_idx_UV": [1], "EFE_nonlinear_filter_enabled_flag": 0, "LEF_enabled_flag": 0,
    }  # fmt: skip
    one = {"icci_tile_enable_flag": 1, "icci_tile_size": 7, "icci_tile_overlap": 3}
    plain, tiled = (
        write_stream(96, 104, z, models="test", tools=tools | more) for more in ({"icci_tile_enable_flag": 0}, one)
    )
    found, expected = (decoder().dump(data, stages=("filter_input", "eicci", "picture")) for data in (tiled, plain))
    assert np.abs(expected["eicci.0"] - expected["filter_input.0"]).max() > 1
    same(found, expected)
    assert {each.rule for each in validate(Codestream.parse(tiled)).findings} >= {"R-58"}


@pytest.mark.parametrize("name", ["flt_all_bop", "flt_efe_odd"])
def test_bands_make_no_difference(name: str) -> None:
    stream = stream_named(name)
    parsed = Codestream.open(stream.path)
    memory = make_plan(parsed, "BOP").memory - 1
    assert len(make_plan(parsed, "BOP", max_memory=memory).synthesis[0]) > 1
    same(Decoder(decoder().store, engine="float32", max_memory=memory).dump(stream.path), decoder().dump(stream.path))
