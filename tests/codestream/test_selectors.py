"""Selectors: the grammar, what is selected, and that every path that is printed is one."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jpegai.codestream import Codestream, Field, SelectorError, select
from jpegai.codestream.building import build_stream
from jpegai.codestream.fields import Entry, FieldRun
from jpegai.codestream.schema.base import ByteString
from jpegai.codestream.selectors import Selector, declared_as
from jpegai.conformance_streams import STREAMS
from tests.streams import VectorStream, described_streams
from tests.vectors import spec_data, spec_list
from tests.writer import PLAIN

THREADS = [bytes([k, 0, 1]) for k in range(8)]
SMALL = PLAIN | {"img_width_minus64": 36, "img_height_minus64": 0}
REGIONS = SMALL | {
    "img_width_minus64": 1000, "img_height_minus64": 500, "region_partitioning_flag": 1, "num_ver_splits_minus1": 1,
    "num_hor_splits_minus1": 1,
}  # fmt: skip


def rich() -> Codestream:
    """A stream with threads, user data, metadata and arrays."""
    ton = {
        "lsbs_enable_flag": [0, 1], "EFE_linear_filter_enabled_flag": 0, "icci_enable_flag": 0,
        "EFE_nonlinear_filter_enabled_flag": 1, "nl_maxSymbol": 255, "nonLinear_enabled_U_flag": 1,
        "nonlinearW": 128, "nonlinearH": 64, "minLuma": [1], "maxLuma": [2], "A1": [[10, 11, 12, 13, 14, 15, 16, 17]],
        "LEF_enabled_flag": 0,
    }  # fmt: skip
    rdi = {"dm_present_flag": 1, "dm_type": 7, "dm_data_byte": bytes(range(100, 106))}
    return Codestream.parse(
        build_stream(SMALL, soz=THREADS, sorp=THREADS[:1], sors=THREADS[:1], ton=ton, rdi=rdi, udi=b"user data")
    )


def independent() -> Codestream:
    header = REGIONS | {"region_residual_in_its_own_substream_flag": 1}
    regions = {k: [bytes([k, 0, 1])] * 2 for k in range(4)}
    return Codestream.parse(build_stream(header, soz=THREADS[:1], sorp=regions, sors=regions))


def dependent() -> Codestream:
    header = REGIONS | {
        "region_residual_in_its_own_substream_flag": 0, "hyper_decoder_overlap_in_latent_samples": 2,
        "mcm_overlap_in_latent_samples": 8,
    }  # fmt: skip
    regions = {k: [bytes([k, 0, 1])] * 2 for k in range(4)}
    return Codestream.parse(build_stream(header, soz=THREADS[:1], sorp=regions, sors=regions))


def paths(stream: Codestream, text: str) -> list[str]:
    return [entry.path for entry in select(stream.fields, text)]


def same(found: Entry, entry: Entry) -> bool:
    place = found.path, found.offset, found.bits, found.section, found.kind
    if place != (entry.path, entry.offset, entry.bits, entry.section, entry.kind):
        return False
    if isinstance(found, Field) and isinstance(entry, Field):
        return bool(found.value == entry.value and found.meaning == entry.meaning)
    return isinstance(found, FieldRun) and isinstance(entry, FieldRun) and list(found.values) == list(entry.values)


@pytest.mark.parametrize("vector", described_streams(), ids=lambda vector: vector.name)
def test_a_path_that_is_printed_selects_what_it_stands_for(vector: VectorStream) -> None:
    fields = Codestream.open(vector.path).fields
    draw = random.Random(vector.name)
    runs = [entry for entry in fields.entries if isinstance(entry, FieldRun)]
    single = list(fields.expanded())
    for entry in [*draw.sample(runs, min(len(runs), 8)), *draw.sample(single, min(len(single), 24))]:
        (found,) = select(fields, entry.path)
        assert same(found, entry)


@pytest.mark.parametrize("entry", spec_list("header_vectors", "files"), ids=lambda entry: entry["id"])
def test_every_path_of_the_worked_files(entry: dict[str, Any]) -> None:
    fields = Codestream.parse(bytes.fromhex(entry["hex"])).fields
    for each in fields.entries:
        (found,) = select(fields, each.path)
        assert same(found, each)


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_a_segment_alone_is_all_of_it_and_a_star_is_everything(data: st.DataObject) -> None:
    stream = data.draw(st.sampled_from(STREAMS))
    fields = Codestream.parse(stream.read()).fields
    assert select(fields, "*") == list(fields.entries)
    group = data.draw(st.sampled_from([segment.group for segment in Codestream.parse(stream.read()).segments]))
    spelled = "".join(data.draw(st.sampled_from([letter, letter.upper()])) for letter in group)
    assert select(fields, spelled) == fields.of(group)


def test_elements_are_named_as_the_specification_names_them() -> None:
    def walk(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
        found = [node for node in nodes if node["t"] == "e"]
        return found + [each for node in nodes for each in walk(node.get("body", []))]

    count = 0
    for segment in spec_data("headers")["segments"]:
        for node in walk(segment.get("body", [])) if segment["kind"] == "header" else ():
            declared = declared_as(Selector(f"{segment['name']}.{node['name']}"))
            assert declared, node["name"]
            # a byte string is one element here, and each of its bytes has an index
            depths = {len(each.member.index) + isinstance(each.member, ByteString) for each in declared}
            assert depths == {len(node.get("index", []))}, node["name"]
            count += 1
    assert count > 100


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PIH.num_chs[1]", ["pih.num_chs[1]"]),
        ("pih.num_chs", ["pih.num_chs[0]", "pih.num_chs[1]"]),
        ("pih.num_chs[*]", ["pih.num_chs[0]", "pih.num_chs[1]"]),
        ("pih.num_chs[0..1]", ["pih.num_chs[0]", "pih.num_chs[1]"]),
        ("pih.num_chs[1..9]", ["pih.num_chs[1]"]),
        ("pih[0].num_chs[0]", ["pih.num_chs[0]"]),
        ("toh.lsbs_enable_flag[1]", ["ton.lsbs_enable_flag[1]"]),
        ("TOH.lsbs_enable_flag", ["ton.lsbs_enable_flag[0..1]"]),
        ("ton.A1[0]", ["ton.A1[0][0..7]"]),
        ("ton.A1[0][0..7]", ["ton.A1[0][0..7]"]),
        ("ton.A1[0][2..4]", ["ton.A1[0][2..4]"]),
        ("ton.A1[*][3]", ["ton.A1[0][3]"]),
        ("pih.img_width", ["pih.img_width"]),
        ("pih.display_*", ["pih.display_width", "pih.display_height"]),
        ("udi.UDI_data", ["udi.UDI_data"]),
        ("udi.UDI_data[5]", ["udi.UDI_data[5]"]),
        ("rdi.dm_data_byte[0..3]", ["rdi.dm_data_byte[0..3]"]),
        ("udi.UDI_data[*]", ["udi.UDI_data[0..8]"]),
        ("soz.threads[5]", ["soz.threads[5]"]),
        ("soz.threads[6..7]", ["soz.threads[6]", "soz.threads[7]"]),
        ("*.threads[0]", ["sorp.threads[0]", "sors.threads[0]", "soz.threads[0]"]),
        ("so*.marker", ["soc.marker", "sorp.marker", "sors.marker", "soz.marker"]),
        ("soc", ["soc.marker"]),
    ],
)  # fmt: skip
def test_what_is_selected(text: str, expected: list[str]) -> None:
    assert paths(rich(), text) == expected


def test_segments_that_are_repeated() -> None:
    stream = independent()
    assert paths(stream, "sorp[2].threads[1]") == ["sorp[2].threads[1]"]
    assert paths(stream, "sorp.region_idx") == [f"sorp[{k}].region_idx" for k in range(4)]
    assert paths(stream, "sors[1..2].region_idx") == ["sors[1].region_idx", "sors[2].region_idx"]
    assert select(stream.fields, "sorp[3]") == stream.fields.of("sorp[3]")


def test_regions_of_one_segment() -> None:
    stream = dependent()
    assert paths(stream, "sorp.regions[1].threads[0]") == ["sorp.regions[1].threads[0]"]
    assert paths(stream, "sorp.regions[2]") == [
        "sorp.regions[2].thread_size_delta[0]", "sorp.regions[2].padding", "sorp.regions[2].threads[0]",
        "sorp.regions[2].threads[1]",
    ]  # fmt: skip
    assert paths(stream, "sorp.regions.threads[1]") == [f"sorp.regions[{k}].threads[1]" for k in range(4)]


def test_values_and_places_of_parts() -> None:
    fields = rich().fields
    (byte,) = select(fields, "udi.UDI_data[5]")
    whole = fields["udi.UDI_data"]
    assert isinstance(byte, Field)
    assert (byte.value, byte.offset, byte.bits) == (b"user data"[5], whole.offset + 40, 8)
    (some,) = select(fields, "rdi.dm_data_byte[1..3]")
    assert isinstance(some, FieldRun)
    assert list(some.values) == [101, 102, 103]
    assert some.offset == fields["rdi.dm_data_byte"].offset + 8
    assert [field.path for field in some] == [f"rdi.dm_data_byte[{k}]" for k in (1, 2, 3)]
    (run,) = select(fields, "ton.A1[0][2..4]")
    assert isinstance(run, FieldRun)
    assert list(run.values) == [12, 13, 14]
    assert run.offset == fields["ton.A1[0][2]"].offset


def test_runs_are_cut_and_not_expanded() -> None:
    class Counted(list[int]):
        read = 0

        def __getitem__(self, index: Any) -> Any:
            Counted.read += 1 if isinstance(index, int) else len(range(*index.indices(len(self))))
            return super().__getitem__(index)

    run = FieldRun("ton.A1[0]", "A1", 0, 0, 8, Counted(range(100_000)), str, "03.4")
    assert next(iter(Selector("ton.A1").find([run]))) is run
    (part,) = Selector("ton.A1[*][5..9]").find([run])
    assert (part.path, Counted.read) == ("ton.A1[0][5..9]", 5)


def test_bytes_that_nothing_claims() -> None:
    stream = Codestream.parse(STREAMS[0].read() + b"behind")
    assert paths(stream, "trailing") == ["trailing.bytes"]
    damaged = Codestream.parse(b"xyz" + STREAMS[0].read(), recover=True)
    assert paths(damaged, "gap[0]") == paths(damaged, "gap") == ["gap[0]"]
    assert paths(damaged, "gap[0][1..2]") == ["gap[0][1..2]"]


@pytest.mark.parametrize(
    "text", ["", ".", "pih.", ".pih", "pih..num_chs", "pih.num_chs[", "pih.num_chs[]", "pih.num_chs[a]", "pih num_chs",
             "pih.num_chs[1", "pih.num_chs[1..]", "pih.num_chs[-1]", "[0]", "pih.num_chs[1]x", "pih\n"]
)  # fmt: skip
def test_text_that_is_no_selector(text: str) -> None:
    if text == "pih\n":  # space around it does not count
        assert paths(rich(), text)
        return
    with pytest.raises(SelectorError, match="no selector") as caught:
        select(rich().fields, text)
    assert isinstance(caught.value, ValueError)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pih.num_chs[3..1]", "a range ends before it begins"),
        ("pix.num_chs", "there is no such segment; did you mean pih?"),
        ("thon", "there is no such segment; did you mean ton"),
        ("pih.num_chz", "did you mean pih.num_chs"),
        ("pih.IMG_WIDTH", "did you mean pih.img_width"),
        ("toh.lsbs_enabel_flag", "did you mean ton.lsbs_enable_flag"),
        ("soz.thread[0]", "did you mean soz.threads"),
        ("pih.num_chs[2]", "there is no such entry; there are pih.num_chs[0], pih.num_chs[1]"),
        ("pih.num_chs[0][0]", "there is no such entry; there are"),
        ("soq", "the stream has no soq segment"),
        ("soq.threads[0]", "the stream has no soq segment"),
        ("pih.colour_transform_matrix[0][0]", "absent in this stream: it is present when colour_transform_idx == 2"),
        ("ton.W5_U", "absent in this stream: it is present when EFE_nonlinear_filter_enabled_flag and mask1_enabled"),
        ("udi.UDI_data[9]", "the byte string is shorter (expected 0..8)"),
        ("udi.UDI_data[3..9]", "the byte string is shorter (expected 0..8)"),
        ("*.nothing", "there is nothing of this name"),
    ],
)
def test_nothing_selected_says_what_there_is(text: str, message: str) -> None:
    with pytest.raises(SelectorError) as caught:
        select(rich().fields, text)
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@settings(max_examples=500, deadline=None)
@given(st.text(alphabet="pihtonszqu.*[]0123_ \x00é", max_size=20))
def test_any_text_selects_or_is_refused_in_one_line(text: str) -> None:
    found: Any
    try:
        found = select(FIELDS, text)
    except SelectorError as error:
        found = str(error).splitlines()
    assert found


FIELDS = rich().fields
