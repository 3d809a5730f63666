"""No false alarm: what the rules say of the reference's own streams, and of any mutation of a stream."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jpegai.codestream import Codestream, JpegAIError
from jpegai.codestream.rules.catalogue import catalogue
from jpegai.codestream.rules.check import check
from jpegai.codestream.rules.report import validate
from tests.codestream.rules import making
from tests.codestream.rules.cases import BASE, CASES
from tests.streams import described_streams, perf_streams
from tests.vectors import needs_spec, needs_vectors, spec_list

#: Reviewed: warnings by stream; `default` is what all others have; `judged` says of each rule what we think of it.
KNOWN = json.loads(Path(__file__).with_name("known_warnings.json").read_text())


def streams() -> list[tuple[str, bytes]]:
    found = [
        (f"{vector.path.parent.name}/{vector.name}", vector.path.read_bytes())
        for vector in described_streams() + perf_streams()
    ]
    return found + [(entry["id"], bytes.fromhex(entry["hex"])) for entry in spec_list("header_vectors", "files")]


@pytest.mark.parametrize(("name", "data"), streams(), ids=lambda value: value if isinstance(value, str) else "")
def test_no_stream_of_the_reference_is_condemned(name: str, data: bytes) -> None:
    report = validate(Codestream.parse(data), claimed=True)
    assert report.valid
    assert not [found for found in report.findings if found.severity != "W"]
    assert sorted(found.rule for found in report.findings) == KNOWN["streams"].get(name, KNOWN["default"])
    assert [verdict.rule for verdict in report.verdicts.values() if verdict.state == "not checked"] == [
        rule.id for rule in catalogue().values() if {*rule.needs} & {"N", "M"}
    ]


@needs_vectors
@needs_spec
def test_all_streams_were_there() -> None:
    assert len(streams()) == 141 + 9 + 12
    assert {*KNOWN["streams"]} <= {name for name, _ in streams()}
    assert {*KNOWN["judged"]} == {rule for rules in (KNOWN["default"], *KNOWN["streams"].values()) for rule in rules}


def test_states_say_what_was_not_looked_at() -> None:
    for case in CASES:
        stream = Codestream.parse(case.make(), edition=case.edition, recover=True)
        report = validate(stream, edition_given=case.edition is not None)
        assert {*report.verdicts} == {*catalogue()}
        assert {rule for rule, verdict in report.verdicts.items() if verdict.state == "broken"} == {*case.rules}
        for verdict in report.verdicts.values():
            assert (verdict.state != "not checked") or verdict.reason
        assert report.parsed == (not stream.errors)


@pytest.mark.parametrize(
    ("name", "kept", "not_checked"),
    [
        ("S-09", ("S-01", "R-10", "R-50", "S-17"), ("S-11", "S-14", "S-44", "R-37", "S-08")),
        ("S-16", ("S-01", "S-05", "S-11"), ("R-01", "S-17", "S-30", "R-86", "S-12")),
        ("S-17", ("R-01", "R-86", "S-30", "S-44"), ("R-50", "R-71", "S-20", "S-23")),
        ("R-50", ("R-01", "S-18"), ("S-17", "R-51", "S-21")),
        ("S-25", ("R-01", "R-50", "S-17"), ("R-80", "R-87", "S-22")),
        ("S-43 of one thread", ("R-01", "S-30"), ("S-44", "R-37", "S-41")),
        ("R-02", ("R-08", "R-09"), ("R-05", "R-06")),
        ("R-07 size class", ("R-05",), ("R-08",)),
        ("R-07 model class", ("R-08",), ("R-09",)),
        ("S-02", ("S-17", "R-10"), ("S-04", "S-15")),
    ],
)
def test_rules_behind_damage_are_not_kept(name: str, kept: tuple[str, ...], not_checked: tuple[str, ...]) -> None:
    case = next(case for case in CASES if case.name == name)
    verdicts = validate(Codestream.parse(case.make(), edition=case.edition, recover=True)).verdicts
    for rule in kept:
        assert verdicts[rule].state == "kept"
    for rule in not_checked:
        assert verdicts[rule].state == "not checked"


def test_a_given_edition_is_not_detected() -> None:
    stream = Codestream.parse(BASE, edition="is")
    assert validate(stream).verdicts["S-19"].state == "kept"
    assert validate(stream, edition_given=True).verdicts["S-19"].state == "not checked"


def test_a_limit_of_the_tool_is_no_breach() -> None:
    many = making.bits(making.stream(making.size(65599, 65599), making.icci_tiles(255, 1, 289)),
                       "ton.icci_tile_size", 2)  # fmt: skip
    report = validate(Codestream.parse(many, edition="is", recover=True))
    assert "too many entries" in report.errors[0]
    assert report.valid is None
    assert {found.severity for found in report.findings} <= {"W", "C"}
    assert report.verdicts["S-17"].state == report.verdicts["R-60"].state == "not checked"


@functools.cache
def mutated() -> list[bytes]:
    return [BASE, *(data for name, data in streams() if len(data) < 2000), *(case.make() for case in CASES[::7])]


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_any_mutation_gives_findings_or_an_error(data: st.DataObject) -> None:
    base = bytearray(data.draw(st.sampled_from(mutated())))
    for _ in range(data.draw(st.integers(1, 5))):
        position = data.draw(st.integers(0, len(base)))
        action = data.draw(st.sampled_from(["set", "flip", "insert", "delete"]))
        if action == "insert" or position == len(base):
            base[position:position] = data.draw(st.binary(max_size=6))
        elif action == "delete":
            del base[position : position + data.draw(st.integers(1, 6))]
        elif action == "flip":
            base[position] ^= 1 << data.draw(st.integers(0, 7))
        else:
            base[position] = data.draw(st.integers(0, 255))
    edition = data.draw(st.sampled_from(["is", "dis", None]))
    stream = Codestream.parse(bytes(base), edition=edition, recover=True)
    report = validate(stream)
    for found in report.findings:
        assert "\n" not in str(found)
        assert found.bit_offset is not None
        assert 0 <= found.bit_offset <= found.bit_offset + found.bits <= 8 * len(base)
    try:
        Codestream.parse(bytes(base), edition=edition)
    except JpegAIError:
        # an error to a reader is a breach to the validator, or a limit of the tool
        assert report.findings or any("too many entries" in error for error in report.errors)
    else:
        assert report.parsed
        assert check(stream) == report.findings
