"""Edits of segments, metadata, filters and editions: what changes, what stays to the byte, what is refused."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jpegai.codestream import Codestream, EditError, SelectorError
from jpegai.codestream.changes import changes
from jpegai.codestream.edits import (
    FILTERS,
    ORDERS,
    change_edition,
    crop_display,
    drop,
    drop_trailing,
    keep_regions,
    remove_rendering_information,
    remove_user_data,
    reorder,
    replace,
    set_element,
    set_elements,
    set_rendering_information,
    set_user_data,
    strip_filters,
)
from jpegai.codestream.framing import length_field
from jpegai.codestream.rules.check import check
from jpegai.codestream.schema.base import Element
from jpegai.codestream.schema.declared import declarations
from jpegai.codestream.schema.segments import kind_named
from jpegai.conformance_streams import STREAMS
from tests.codestream.editing import (
    FILES,
    FLAGS,
    attempt,
    differences,
    diverse,
    errors,
    others,
    segments,
    small,
    vector,
)
from tests.streams import VectorStream, described_streams

# -- every stream of the vectors -------------------------------------------------------------------------------


@pytest.mark.parametrize("each", described_streams(), ids=lambda each: each.name)
def test_streams_of_the_reference(each: VectorStream) -> None:
    """Each edit on each stream: the result parses, only what is meant differs, and the way back is exact."""
    stream = Codestream.open(each.path)
    data = bytes(stream.data)

    other = change_edition(stream, "dis" if stream.edition == "is" else "is")
    assert other.edition != stream.edition
    assert others(other, "pih") == others(stream, "pih")
    assert {*differences(stream, other)} == {"pih.stream_profile_idc"}
    assert bytes(change_edition(other, stream.edition).data) == data

    streaming = reorder(stream, "streaming")
    assert Counter(segments(streaming)) == Counter(segments(stream))
    names = [segment.name for segment in streaming.segments]
    assert names == sorted(names, key=ORDERS["streaming"].index)
    assert bytes(reorder(streaming, "reference").data) == data

    stripped = strip_filters(stream)
    assert others(stripped, "ton") == others(stream, "ton")
    assert not any(stripped.ton[flag] for flag in FLAGS.values())
    on = [path for path in (f"ton.{flag}" for flag in FLAGS.values()) if stream.fields[path].value]
    assert {path for path, (_, new) in differences(stream, stripped).items() if new is not None} == {*on}
    assert all(new is None or new == 0 for _, new in differences(stream, stripped).values())

    informed = set_user_data(stream, b"\xff\x81 any bytes")
    assert bytes(informed.udi.UDI_data) == b"\xff\x81 any bytes"
    assert others(informed, "udi") == others(stream, "udi")
    assert others(remove_user_data(informed), "udi") == others(stream, "udi")

    rendered = set_rendering_information(stream, {"transfer_characteristics": 16, "colour_primaries": 9})
    assert (rendered.rdi.transfer_characteristics, rendered.rdi.matrix_coefficients) == (16, 2)
    assert others(rendered, "rdi") == others(stream, "rdi")
    assert others(remove_rendering_information(rendered)) == others(stream, "rdi")

    for result in (other, streaming, stripped, informed, rendered):
        assert not errors(result) - errors(stream)




@pytest.mark.parametrize("data", FILES, ids=[entry.file for entry in STREAMS])
def test_embedded_streams(data: bytes) -> None:
    stream = Codestream.parse(data)
    for result in (
        set_elements(stream, []), drop_trailing(stream), remove_user_data(stream), strip_filters(stream),
        change_edition(change_edition(stream, "dis"), "is"), reorder(reorder(stream, "streaming"), "reference"),
    ):  # fmt: skip
        assert bytes(result.data) == data
        assert changes(stream, result) == []


# -- segments --------------------------------------------------------------------------------------------------


def test_drop() -> None:
    stream = vector("udi_rdi")
    assert others(drop(stream, "UDI")) == others(stream, "udi")
    assert others(drop(stream, "rdi")) == others(stream, "rdi")
    without = drop(stream, "ton")
    assert without.segment("ton") is None
    assert [str(change) for change in changes(stream, without)] == ["ton: 1 bytes -> removed"]
    # what a segment said beyond the defaults is named
    on = set_elements(without, [("ton.LEF_enabled_flag", 1), ("ton.LEF_chIdx", 9)])
    assert [str(change) for change in changes(without, on)] == [
        "ton: added, 2 bytes", "ton.LEF_enabled_flag: 0 -> 1", "ton.LEF_chIdx: 0 -> 9"
    ]  # fmt: skip
    assert [str(change) for change in changes(on, without)] == [
        "ton: 2 bytes -> removed", "ton.LEF_enabled_flag: 1 -> 0 (absent: default)",
        "ton.LEF_chIdx: 9 -> 0 (absent: default)",
    ]  # fmt: skip


def test_segments_that_are_not_touched_keep_irregular_padding() -> None:
    data = small().data.tobytes().replace(b"\xff\x8a\x20", b"\xff\x8a\x27")  # padding of a length field
    assert data != small().data.tobytes()
    stream = Codestream.parse(data)
    edited = set_element(stream, "pih.level_idc", 51)
    assert others(edited, "pih") == others(stream, "pih")
    assert b"\xff\x8a\x27" in edited.data.tobytes()


def test_irregular_padding_of_a_header_that_is_written_anew_is_named() -> None:
    stream = small()
    payload = bytearray(stream.segments[0].payload)
    bits = stream.fields["pih.padding"].bits
    payload[-1] |= (1 << bits) - 1
    data = stream.data.tobytes().replace(bytes(stream.segments[0].payload), bytes(payload))
    odd = Codestream.parse(data, edition="is")
    found = {str(change) for change in changes(odd, set_element(odd, "pih.level_idc", 51))}
    assert found == {"pih.level_idc: 52 -> 51", f"pih.padding: {(1 << bits) - 1} -> 0"}


def test_trailing_bytes() -> None:
    stream = Codestream.parse(FILES[0] + b"behind")
    assert bytes(set_element(stream, "pih.level_idc", 51).trailing) == b"behind"
    assert bytes(drop_trailing(stream).data) == FILES[0]
    assert [str(change) for change in changes(stream, drop_trailing(stream))] == ["trailing: 6 bytes -> removed"]


def test_regions_are_kept() -> None:
    stream = vector("reg_ind_2x2")
    extract = keep_regions(stream, [3, 0])
    assert {*extract.regions("sorp")} == {*extract.regions("sors")} == {0, 3}
    for name in ("sorp", "sors"):
        for region, threads in extract.regions(name).items():
            assert [each.data for each in threads] == [each.data for each in stream.regions(name)[region]]
    assert others(extract, "sorp", "sors") == others(stream, "sorp", "sors")
    gone = {change.path for change in changes(stream, extract)}
    assert gone == {f"{name}[{k}] (region {k})" for name in ("sorp", "sors") for k in (1, 2)}
    assert {found.rule for found in check(extract)} - {found.rule for found in check(stream)} <= {"S-34"}


def test_replace() -> None:
    stream = vector("threads_8_4")
    threads = [bytes(each.data) for each in stream.threads("soz")]
    assert bytes(replace(stream, "soz", threads).data) == bytes(stream.data)
    assert bytes(replace(stream, "soz", bytes(stream.segment("soz").payload)).data) == bytes(stream.data)  # type: ignore[union-attr]
    longer = [b"\x00" + threads[0], *threads[1:]]
    assert [bytes(each.data) for each in replace(stream, "soz", longer).threads("soz")] == longer
    off = ("EFE_linear_filter_enabled_flag", "icci_enable_flag", "EFE_nonlinear_filter_enabled_flag")
    other = replace(stream, "toh", {"lsbs_enable_flag": [1, 0], **dict.fromkeys(off, 0), "LEF_chIdx": 3})
    assert differences(stream, other) == {
        "ton.lsbs_enable_flag[0]": (0, 1), "ton.LEF_enabled_flag": (0, 1), "ton.LEF_chIdx": (None, 3)
    }  # fmt: skip
    regions = vector("reg_ind_2x2")
    again = replace(regions, "sorp[2]", [bytes(each.data) for each in regions.regions("sorp")[2]])
    assert bytes(again.data) == bytes(regions.data)


def test_a_picture_header_that_is_replaced_takes_the_tools_header_along() -> None:
    stream = set_elements(vector("bop_m0"), [("ton.LEF_enabled_flag", 1), ("ton.LEF_chIdx", 77)])
    four_two_zero = set_elements(stream, FOUR_TWO_ZERO)
    result = replace(stream, "pih", bytes(four_two_zero.segments[0].payload))
    assert bytes(result.data) == bytes(four_two_zero.data)
    assert result.ton.LEF_chIdx == 77
    assert result.fields["ton.icci_enable_flag"].inferred


def test_an_order_that_changes_is_told() -> None:
    stream = small()
    found = [str(change) for change in changes(stream, reorder(stream, "streaming"))]
    assert found == ["order: pih, sorp, sors, soz -> pih, soz, sorp, sors"]
    regions = vector("reg_ind_2x2")
    (change,) = changes(regions, reorder(regions, ["pih", "ton", "rdi", "sorp[1]", "sorp", "sors", "soz"]))
    assert change.new.startswith("pih, ton, rdi, sorp of region 1, sorp of region 0, sorp of region 2")


def test_order_of_names() -> None:
    stream = vector("reg_ind_2x2")
    order = ["pih", "soz", "sorp[3]", "sorp", "sors", "ton", "rdi"]
    result = reorder(stream, order)
    assert [segment.name for segment in result.segments[:3]] == ["pih", "soz", "sorp"]
    assert [*result.regions("sorp")] == [3, 0, 1, 2]
    assert Counter(segments(result)) == Counter(segments(stream))
    back = reorder(result, ["pih", "ton", "rdi", "sorp[1..3]", "sorp", "sors", "soz"])
    assert bytes(back.data) == bytes(stream.data)


# -- metadata --------------------------------------------------------------------------------------------------


def test_rendering_information() -> None:
    stream = small()
    assert stream.segment("rdi") is None
    full = {
        "colour_primaries": 9, "transfer_characteristics": 16, "matrix_coefficients": 9, "image_full_range_flag": 1,
        "mastering_display_colour_primaries_x": [1, 2, 3], "mastering_display_colour_primaries_y": [4, 5, 6],
        "mastering_display_white_point_chromaticity_x": 7, "mastering_display_white_point_chromaticity_y": 8,
        "mastering_display_maximum_luminance": 1 << 31, "mastering_display_minimum_luminance": 1,
        "maximum_content_light_level": 1000, "maximum_frame_average_light_level": 100,
        "dm_type": 4, "dm_data_byte": b"\x80\x00",
    }  # fmt: skip
    result = set_rendering_information(stream, full)
    assert [each.name for each in result.segments] == ["pih", "rdi", "sorp", "sors", "soz"]
    assert len(result.segment("rdi").payload) == 1 + 4 + 24 + 4 + 3 + 2  # type: ignore[union-attr]
    for name, value in full.items():
        found = result.rdi[name]
        assert ([*found.values()] if isinstance(value, list) else found) == value
    assert bytes(remove_rendering_information(result).data) == bytes(stream.data)
    with pytest.raises(EditError, match="no value to build from"):
        set_rendering_information(stream, {"mastering_display_maximum_luminance": 5})
    with pytest.raises(SelectorError, match="did you mean colour_primaries"):
        set_rendering_information(stream, {"color_primaries": 5})
    with pytest.raises(EditError, match="element is absent"):
        set_rendering_information(stream, {"cicp_info_present_flag": 0, "colour_primaries": 5})


def test_bytes_of_byte_strings() -> None:
    stream = set_rendering_information(set_user_data(small(), b"0123456789"), {"dm_type": 1, "dm_data_byte": b"abc"})
    assert bytes(set_element(stream, "udi.UDI_data[3..4]", 0x41).udi.UDI_data) == b"012AA56789"
    assert bytes(set_element(stream, "udi.UDI_data", "00ff").udi.UDI_data) == b"\x00\xff"
    longer = set_element(stream, "rdi.dm_data_byte", b"abcdef")
    assert (longer.rdi.dm_size, bytes(longer.rdi.dm_data_byte)) == (6, b"abcdef")
    assert str(changes(stream, set_element(stream, "udi.UDI_data[3]", 0))[0]) == (
        "udi.UDI_data: 10 bytes -> 10 bytes, 1 of them differ"
    )
    with pytest.raises(EditError, match="no such byte, or none that is"):
        set_element(stream, "udi.UDI_data[3]", 256)
    with pytest.raises(EditError, match="no byte string"):
        set_element(stream, "udi.UDI_data", "0g")


def test_crop() -> None:
    stream = small()
    result = crop_display(stream, 90, 64)
    assert (result.pih.display_width, result.pih.display_height) == (90, 64)
    assert differences(stream, result) == {"pih.diff_display_img_width": (0, 10)}
    for width, height in ((36, 64), (101, 64), (100, 0)):
        with pytest.raises(EditError, match="at most 63 samples"):
            crop_display(stream, width, height)


FOUR_TWO_ZERO = [("pih.s_ver", 2), ("pih.s_hor", 2)]


def refusals() -> list[tuple[str, str, Any, str]]:
    return [
        ("bop_m0", "pih", lambda s: drop(s, "pih"), "no codestream|not be a codestream: the first segment"),
        ("bop_m0", "soz", lambda s: drop(s, "soz"), "would break S-11"),
        ("bop_m0", "sorp", lambda s: drop(s, "sorp"), "would break S-30"),
        ("qmap_flat", "soq", lambda s: drop(s, "soq"), "would break S-27"),
        ("bop_m0", "threads", lambda s: drop(s, "soz.threads[0]"), "only whole segments"),
        ("bop_m0", "udi", lambda s: drop(s, "udi"), "has no udi segment"),
        ("reg_dep_2x2", "region", lambda s: drop(s, "sorp.regions[1]"), "only whole segments"),
        ("reg_dep_2x2", "keep", lambda s: keep_regions(s, [0]), "not independent"),
        ("reg_ind_2x2", "none", lambda s: keep_regions(s, []), "no region would be left"),
        ("reg_ind_2x2", "missing", lambda s: keep_regions(s, [0, 4]), "there is no such region"),
        ("bop_m0", "filter", lambda s: strip_filters(s, ["deblocking"]), "there is no such filter"),
        ("bop_m0", "edition", lambda s: change_edition(s, "fdis"), "there is no such edition"),
        ("bop_m0", "order", lambda s: reorder(s, "random"), "there is no such order"),
        ("bop_m0", "order", lambda s: reorder(s, ["pih", "soz"]), "ton: a segment has no place in the order"),
        ("bop_m0", "order", lambda s: reorder(s, ["soz", "pih", "ton", "rdi", "sorp", "sors"]), "first segment"),
        ("bop_m0", "replace", lambda s: replace(s, "soz", b"\x00"), "would break S-43"),
        ("bop_m0", "replace", lambda s: replace(s, "ton", b"\xff"), "would not be a codestream"),
        ("bop_m0", "replace", lambda s: replace(s, "soz", {"a": 1}), "the segment is no header"),
        ("bop_m0", "replace", lambda s: replace(s, "ton", [b"a"]), "the segment has no threads"),
        ("threads_8_4", "replace", lambda s: replace(s, "soz", [b"abc"]), "threads of one region replace as many"),
        ("reg_ind_2x2", "replace", lambda s: replace(s, "sorp", b"abc"), "one segment can be replaced at a time"),
        ("rvs", "replace", lambda s: replace(s, "pih", {**values_of(s), "rvs_enable_flag": [0, 0]}), r"class C"),
        ("flt_efel_bop", "format", lambda s: set_element(s, "pih.c_ver_minus1", 1), "EFE linear filter would"),
        ("flt_eicci_bop", "format", lambda s: set_elements(s, FOUR_TWO_ZERO), "eICCI filter cannot"),
        ("flt_eicci_bop", "default", lambda s: set_element(s, "pih.synthesis_transform_id[0]", 2), "eICCI filter"),
        ("flt_efel_bop", "pattern", lambda s: set_element(s, "ton.best_cand_idx[0][0]", 9), "the value 9 is not legal"),
        ("flt_efel_bop", "patterns", lambda s: set_element(s, "ton.best_cand_idx", 15), "the value 15 is not legal"),
        ("flt_efen_bop", "format", lambda s: set_element(s, "pih.s_hor", 2), "EFE non-linear filter would"),
    ]  # fmt: skip


def values_of(stream: Codestream) -> dict[str, Any]:
    elements = {each.name for each in declarations(kind_named("pih").schema) if isinstance(each.member, Element)}
    return {name: value for name, value in stream.pih.items() if name in elements}


@pytest.mark.parametrize(("name", "what", "edit", "message"), refusals(), ids=[f"{r[0]}-{r[1]}" for r in refusals()])
def test_edits_that_are_refused(name: str, what: str, edit: Any, message: str) -> None:
    stream = vector(name)
    with pytest.raises((EditError, SelectorError), match=message) as caught:
        edit(stream)
    assert len(str(caught.value).splitlines()) == 1


def test_a_damaged_stream_is_not_edited() -> None:
    stream = Codestream.parse(FILES[0][:-2], recover=True)
    with pytest.raises(EditError, match="a damaged stream cannot be edited"):
        set_user_data(stream, b"")


def test_several_segments_of_a_kind() -> None:
    one = length_field(1) + b"a"
    data = small().data.tobytes().replace(b"\xff\x81", b"\xff\x8c" + one + b"\xff\x8c" + one + b"\xff\x81")
    stream = Codestream.parse(data)
    with pytest.raises(EditError, match="several segments of this kind"):
        set_user_data(stream, b"b")
    assert bytes(drop(stream, "udi[1]").udi.UDI_data) == b"a"


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(diverse()), st.sampled_from(FILTERS))
def test_a_filter_that_is_stripped_leaves_the_others(stream: Codestream, name: str) -> None:
    result = attempt(strip_filters, stream, [name])
    if isinstance(result, EditError):
        assert name == "efe_linear"  # masks of EFE non-linear need it
        return
    for other, flag in FLAGS.items():
        assert result.ton[flag] == (0 if other == name else stream.ton[flag])
    assert all(None in pair or path == f"ton.{FLAGS[name]}" for path, pair in differences(stream, result).items())
    assert others(result, "ton") == others(stream, "ton")
