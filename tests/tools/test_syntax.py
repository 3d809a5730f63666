"""`jpegai syntax`: the tables against the declarations of the specification and the shipped documentation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner, Result

from jpegai.codestream.schema.base import U
from jpegai.codestream.schema.describe import Loop, tables
from jpegai.codestream.schema.ranges import interval_text, legal_values
from jpegai.codestream.schema.segments import MARKERS, SEGMENTS
from jpegai.codestream.schema.values import Header, Scope
from jpegai.tools.syntax import syntax
from tests.tools.test_schemas import validator
from tests.vectors import spec_data

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(syntax, list(arguments))


def walk(body: list[dict[str, Any]], loops: tuple[str, ...] = (), conditions: int = 0) -> Any:
    """Elements and variables of headers.json with the loops and the number of conditions around them."""
    for node in body:
        if node["t"] in ("e", "let"):
            yield node, loops, conditions + ("edition" in node)
        elif node["t"] == "for":
            yield from walk(node["body"], (*loops, node["var"]), conditions)
        else:
            yield from walk(node["body"], loops, conditions + 1)


def test_every_segment_has_its_table() -> None:
    assert {table.name: table.marker for table in tables()} == {
        **{kind.name: marker for marker, kind in SEGMENTS.items()},
        **{name: marker for name, (marker, _) in MARKERS.items()},
    }


@pytest.mark.parametrize("name", ["pih", "ton", "rdi", "udi"])
def test_loops_and_conditions_are_those_of_the_specification(name: str) -> None:
    (entry,) = (entry for entry in spec_data("headers")["segments"] if entry["name"] == name.upper())
    expected = [each for each in walk(entry["body"]) if each[0]["t"] == "e"]
    (table,) = (table for table in tables() if table.name == name)
    rows = [row for row in table.rows if row.kind == "element" and row.name not in ("marker", "length")]
    assert [row.name for row in rows] == [node["name"] for node, _, _ in expected]
    for row, (_, loops, conditions) in zip(rows, expected, strict=True):
        if not row.descriptor.startswith("u(8) x"):  # a byte string is one element with us
            assert tuple(loop.variable for loop in row.loops) == loops, row.path
        assert bool(row.conditions) == bool(conditions), row.path


@pytest.mark.parametrize(
    ("segment", "path", "expected"),
    [
        ("pih", "level_idc", "10..12, 20..22, 30..32, 40..42, 50..52"),
        ("pih", "num_chs[c]", "0..160 (c = 0); 0..96 (c = 1)"),
        ("pih", "beta_displacement_log_plus_2048[1]", "0..4095"),
        ("pih", "img_width", "= img_width_minus64 + 64"),
        ("ton", "A1[0][i]", "v <= nl_maxSymbol"),
        ("ton", "nonlinearW", "1..65535"),
        ("rdi", "ri_reserved_zero_4bits[1]", "0"),
        ("sorp", "region_size[r]", "0.."),
        ("soz", "marker", "FF88"),
    ],
)
def test_ranges(segment: str, path: str, expected: str) -> None:
    (row,) = (row for table in tables() if table.name == segment for row in table.rows if row.path == path)
    assert row.range == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [("2", "1"), ("n", "n - 1"), ("n + 1", "n"), ("n - 1", "n - 2"), ("n + 3", "n + 2"), ("a * b", "a * b - 1")],
)
def test_loops(count: str, expected: str) -> None:
    assert str(Loop("i", count)) == f"i = 0..{expected}"


def test_legal_values_of_wide_elements_are_intervals() -> None:
    """Elements of more than eight bits are not tried one by one."""
    names = {"nl_maxSymbol": 1000, "abits": 10, "maxSymbol": {0: 300}, "wbits": {0: 9}, "s": 0}
    wide = 0
    for row in (row for table in tables() for row in table.rows if isinstance(row.declaration, U)):
        element = row.declaration
        assert isinstance(element, U)
        if element.legal is None:
            continue
        try:
            width = element.width(Scope(Header(""), names))
        except KeyError:
            continue
        if width > 8:
            wide += 1
            scope = Scope(Header(""), names)
            listed = [value for value in range(1 << width) if not element.broken(value, scope)]
            assert list(legal_values(element, names)) == listed, row.path
    assert wide == 6
    assert interval_text((1, 2, 3, 7, 9, 10)) == "1..3, 7, 9..10"


def test_text() -> None:
    text = run("PIH", "toh").output
    assert "PIH (FF82): picture header" in text
    assert "TON (FF83): tools header" in text
    for word in ("synthesis_transform_id[i]", "u(4)", "cube_group_flag[c][g]", "0..2", "02.1"):
        assert word in text
    assert run("nonsense").exit_code == 2


def test_documentation_is_the_output() -> None:
    """`make docs/syntax.md` writes it."""
    assert (ROOT / "docs" / "syntax.md").read_text() == run("--format", "markdown").output


def test_json() -> None:
    document = json.loads(run("--format", "json").output)
    check = validator("syntax")
    check.validate(document)
    elements = [row for segment in document["segments"] for row in segment["rows"] if row["kind"] == "element"]
    assert {row["name"] for row in elements} >= {"marker", "length", "region_idx", "region_size", "thread_size_delta"}
    for wrong in ({"kind": "variable"}, {"descriptor": "i(4)"}, {"unknown": 1}):
        altered = json.loads(json.dumps(document))
        altered["segments"][1]["rows"][0] |= wrong
        with pytest.raises(jsonschema.ValidationError):
            check.validate(altered)
