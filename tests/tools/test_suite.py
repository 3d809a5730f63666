"""`jpegai suite coverage`: against what the reference's streams are known to have, and streams made for it."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner, Result

from jpegai.codestream import Codestream
from jpegai.codestream.building import build_stream
from jpegai.codestream.schema.describe import tables
from jpegai.conformance_streams import STREAMS
from jpegai.tools.coverage import Coverage, Item
from jpegai.tools.coverage_classes import value_classes
from jpegai.tools.suite import coverage_report, suite
from tests.codestream.mutations import damaged
from tests.streams import described_streams
from tests.tools.test_schemas import validator
from tests.vectors import needs_vectors
from tests.writer import PLAIN


def run(*arguments: object) -> Result:
    return CliRunner().invoke(suite, ["coverage", *map(str, arguments)])


@functools.cache
def of_vectors() -> Coverage:
    found = Coverage()
    for stream in described_streams():
        found.add(Codestream.open(stream.path), stream.name)
    return found


def item(items: list[Item], name: str, segment: str = "") -> Item:
    (each,) = (each for each in items if each.name == name and each.segment == segment)
    return each


def of(*names: str, case: str) -> Callable[[Coverage], set[int]]:
    """Streams in which any of some elements of the header has a value."""

    def streams(found: Coverage) -> set[int]:
        chosen = [each for each in found.values if each.name in names]
        assert len(chosen) == len(names)
        return {number for each in chosen for number in each.cases[case]}

    return streams


def facet(title: str, *cases: str) -> Callable[[Coverage], set[int]]:
    return lambda found: {number for case in cases for number in item(found.facets, title).cases[case]}


@needs_vectors
@pytest.mark.parametrize(
    ("tag", "streams"),
    [
        ("dis", facet("edition", "Draft International Standard")),
        ("transform_hop", facet("default transform", "HOP")),
        ("model_3", of("model_id", case="3: training point 0.5")),
        ("rvs", of("rvs_enable_flag[0]", "rvs_enable_flag[1]", case="1: yes")),
        ("grfs", of("grfs_enable_flag[0]", "grfs_enable_flag[1]", case="1: yes")),
        ("lsbs", of("lsbs_enable_flag[0]", "lsbs_enable_flag[1]", case="1: on")),
        ("cube_flags", of("use_cube_flags[0]", "use_cube_flags[1]", case="1: yes")),
        ("quality_map", of("gain_3D_enable_flag", case="1: yes")),
        ("bit10", of("bit_depth_idc", case="1: 10 bits")),
        ("tiles", of("synthesis_tile_enable[0]", "synthesis_tile_enable[1]", case="1: yes")),
        ("filter_efe_linear", of("EFE_linear_filter_enabled_flag", case="1: on")),
        ("filter_eicci", of("icci_enable_flag", case="1: on")),
        ("filter_efe_nonlinear", of("EFE_nonlinear_filter_enabled_flag", case="1: on")),
        ("filter_lef", of("LEF_enabled_flag", case="1: on")),
        ("user_data", facet("segment", "udi")),
        ("regions_dependent", facet("regions", "one, dependent", "several, dependent")),
        ("regions_independent", facet("regions", "one, independent", "several, independent")),
        ("display_crop", facet("display crop of columns, rows", "the first", "the second", "both")),
        ("coded_420", facet("chroma format as coded", "4:2:0")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_cases_are_those_of_the_tags(tag: str, streams: Callable[[Coverage], set[int]]) -> None:
    found = of_vectors()
    tagged = {stream.name for stream in described_streams() if tag in stream.tags}
    assert tagged
    assert {found.names[number] for number in streams(found)} == tagged


@needs_vectors
def test_elements_are_those_of_the_traces() -> None:
    found = of_vectors()
    names = {
        (segment.name, entry.name)
        for stream in described_streams()
        for parsed in [Codestream.open(stream.path)]
        for segment in parsed.segments
        for entry in parsed.fields.of(segment.group)
        if entry.kind in ("coded", "bytes")
    }
    for each in found.elements:
        occurs = (each.segment, each.name.partition("[")[0]) in names
        assert bool(each.cases["present"]) == occurs, each.name


def made(**values: Any) -> Codestream:
    header = PLAIN | {"img_width_minus64": 0, "img_height_minus64": 0} | values
    thread = [b"\x00\x00\x01"]
    return Codestream.parse(build_stream(header, soz=thread, sorp=thread, sors=thread), edition="is")


def test_both_sides_of_a_condition() -> None:
    found = Coverage()
    found.add(made(), "off")
    assert item(found.conditions, "use_cube_flags[0]", "pih").cases == {"true": [], "false": [0]}
    assert item(found.conditions, "cube_group_flag[0][g]", "pih").cases == {"true": [], "false": []}
    found.add(made(use_cube_flags=[1, 0], cube_group_flag=[[0]]), "on")
    assert item(found.conditions, "use_cube_flags[0]", "pih").cases == {"true": [1], "false": [0]}
    assert item(found.conditions, "use_cube_flags[1]", "pih").cases == {"true": [], "false": [0, 1]}
    assert item(found.conditions, "cube_group_flag[0][g]", "pih").cases == {"true": [], "false": [1]}
    assert item(found.elements, "cube_group_flag[0][g]", "pih").cases == {"present": [1]}
    assert item(found.elements, "cube_flag[0][8 * g + k]", "pih").cases == {"present": []}


def test_classes_of_values() -> None:
    found = Coverage()
    for width in (0, 1, 2, 3, 6, 65535):
        found.add(made(img_width_minus64=width), str(width))
    assert item(found.values, "img_width_minus64", "pih").cases == {
        "smallest": [0], "1": [1], "power of two": [2], "power of two minus 1": [3, 5], "other": [4], "largest": [5],
    }  # fmt: skip
    assert item(found.values, "num_chs[0]", "pih").cases["smallest"] == [0, 1, 2, 3, 4, 5]
    assert list(item(found.values, "synthesis_transform_id[i]", "pih").cases) == ["0: SOP", "1: BOP", "2: HOP"]
    assert item(found.values, "length", "soz").cases["0..14"] == [0, 1, 2, 3, 4, 5]
    assert item(found.values, "threads[t]", "soz").cases["3 bytes"] == [0, 1, 2, 3, 4, 5]


def test_entries_that_are_declared_apart_count_apart() -> None:
    found = Coverage()
    found.add(made(), "one")
    found.add(made(independent_beta_uv=1, beta_displacement_log_plus_2048=[2048, 1]), "two")
    assert item(found.elements, "beta_displacement_log_plus_2048[1]", "pih").cases == {"present": [1]}
    assert item(found.values, "beta_displacement_log_plus_2048[1]", "pih").cases["1"] == [1]
    assert item(found.values, "beta_displacement_log_plus_2048[0]", "pih").cases["power of two"] == [0, 1]
    assert item(found.values, "beta_displacement_log_plus_2048[0]", "pih").cases["1"] == []


def test_facets() -> None:
    found = Coverage()
    for columns, rows in ((0, 0), (1, 0), (0, 1), (63, 63)):
        found.add(made(diff_display_img_width=columns, diff_display_img_height=rows), f"{columns}, {rows}")
    for width in (1, 16, 64):
        found.add(made(img_width_minus64=width), str(width))
    crop = item(found.facets, "display crop of columns, rows")
    assert crop.cases == {"neither": [0, 4, 5, 6], "the first": [1], "the second": [2], "both": [3]}
    assert item(found.facets, "width").cases == {
        "other": [4], "multiple of 16": [5], "multiple of 64": [0, 1, 2, 3, 6],
    }  # fmt: skip
    assert item(found.facets, "segment left out").cases["ton"] == list(range(7))
    assert item(found.facets, "order of segments").cases["that of the reference"] == list(range(7))
    assert item(found.facets, "regions").cases["not partitioned"] == list(range(7))


def test_every_element_has_classes() -> None:
    for row in (row for table in tables() for row in table.rows if row.kind == "element" and row.code is None):
        for turn in (0, 1) if "c" in row.index else (None,):
            classes = value_classes(row, turn)
            assert classes, row.path
            values = range(300)
            if str(row.range) != "0":  # the reserved bits have one value
                assert len({tuple(holds(value) for holds in classes.values()) for value in values}) > 1, row.path


def test_rules_have_passing_and_failing_examples() -> None:
    found = Coverage()
    sound = made()
    found.add(sound, "sound")
    found.add(Codestream.parse(sound.build() + b"behind", edition="is"), "S-04")
    found.add(Codestream.parse(sound.build()[:-2], edition="is", recover=True), "S-02")
    rules = {each.name: each.cases for each in found.rules}
    assert rules["S-04"] == {"passing": [0], "failing": [1]}
    assert rules["S-02"] == {"passing": [0, 1], "failing": [2]}
    assert rules["R-07"]["passing"] == [0, 1]
    # a stream without what a rule speaks of is no example
    assert rules["R-50"] == {"passing": [], "failing": []}
    assert rules["R-80"] == {"passing": [], "failing": []}
    assert "R-90" not in rules
    assert item(found.facets, "parses").cases == {"to its end": [0, 1], "damaged": [2]}
    assert item(found.facets, "behind the end").cases == {"nothing": [0, 2], "bytes": [1]}


def test_damaged_streams_count_with_what_can_be_read() -> None:
    found = Coverage()
    for number in range(150):
        found.add(Codestream.parse(damaged(number), recover=True), str(number))
    assert len(found.names) == 150
    assert not item(found.conditions, "edition == 'is'", "pih").missing
    assert sum(bool(each.cases["failing"]) for each in found.rules) > 15


def test_text_and_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    shutil.copy(STREAMS[0].path, tmp_path)
    shutil.copy(STREAMS[1].path, tmp_path / "inner")
    assert run(tmp_path).output.startswith("1 streams\n")
    text = run("-r", tmp_path).output
    assert text.startswith("2 streams\n")
    assert "classes of values" in text
    assert "pih" in text
    missing = run("-r", "--missing", tmp_path).output
    assert "missing: sides of conditions" in missing
    assert "pih: colour_transform_idx == 2: true" in missing
    assert "pih.model_id: " in missing
    assert "S-09 (E) failing: every payload has as many bytes as its length says" in missing
    assert run(tmp_path / "nothing.jai").exit_code == 2
    (tmp_path / "empty").mkdir()
    assert run(tmp_path / "empty").exit_code == 2


def test_json() -> None:
    document = json.loads(run("--json", *(entry.path for entry in STREAMS)).output)
    check = validator("suite")
    check.validate(document)
    assert len(document["streams"]) == len(STREAMS)
    counted = sum(len(each["cases"]) for each in document["values"])
    assert document["summary"]["values"]["of"] == counted
    found = Coverage()
    found.add(made(), "made")
    check.validate(coverage_report(found))
    for wrong in ({"segment": "PIH"}, {"cases": []}, {"more": 1}):
        altered = json.loads(json.dumps(document))
        altered["elements"][0] |= wrong
        with pytest.raises(jsonschema.ValidationError):
            check.validate(altered)
