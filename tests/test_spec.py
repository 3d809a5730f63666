"""Sections are those of our own specification, whose chapters are shipped in `docs/spec` as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from jpegai.codestream import Codestream
from jpegai.codestream.rules.catalogue import catalogue
from jpegai.codestream.schema.describe import tables
from jpegai.conformance_streams import STREAMS
from tests.vectors import SHARED

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = sorted((ROOT / "docs" / "spec").glob("*.md"))
SOURCES = sorted((ROOT / "codestream").rglob("*.py"))


def headings() -> Iterator[str]:
    """The sections that the chapters have: chapter 2 is ``02``, its first section ``02.1``."""
    for chapter in CHAPTERS:
        for number in re.findall(r"^#+ (\d+(?:\.\d+)*) ", chapter.read_text(), re.MULTILINE):
            first, *rest = number.split(".")
            yield ".".join([first.zfill(2), *rest])


SECTIONS = set(headings())


def test_chapters_are_those_of_the_specification() -> None:
    source = SHARED / "spec"
    if not source.is_dir():
        pytest.skip(f"no specification at {source}")
    assert {path.name for path in CHAPTERS} == {path.name for path in source.glob("*.md")}
    for path in CHAPTERS:
        assert path.read_bytes() == (source / path.name).read_bytes(), path.name


def test_headings_are_found() -> None:
    assert {"00", "01.5.3", "02", "02.1", "12.6.2", "21"} <= SECTIONS
    assert len(CHAPTERS) == 15
    assert "02.99" not in SECTIONS


def test_sections_of_declarations() -> None:
    for table in tables():
        assert table.section in SECTIONS, table.name
        for row in table.rows:
            assert row.section in SECTIONS, f"{table.name}.{row.path}: {row.section}"


def test_sections_of_rules() -> None:
    for rule in catalogue().values():
        assert rule.section in SECTIONS, rule.id


def test_sections_of_fields() -> None:
    """Every kind of field, padding and gaps too."""
    kinds = set()
    whole = STREAMS[0].read()
    for data in [*(entry.read() for entry in STREAMS), whole + b"behind", b"before" + whole, whole[:-9]]:
        for entry in Codestream.parse(data, recover=True).fields.entries:
            assert entry.section in SECTIONS, f"{entry.path}: {entry.section}"
            kinds.add(entry.kind)
    assert kinds == {"coded", "inferred", "derived", "padding", "bytes", "gap"}


def test_sections_of_what_decoders_report() -> None:
    """Findings that no rule speaks of name their section; no other code stands in the place of a rule."""
    sources = "".join(path.read_text() for path in (ROOT / "decoder").rglob("*.py"))
    named = re.findall(r'section="([^"]*)"', sources)
    assert len(named) == 3
    assert set(named) <= SECTIONS
    assert set(re.findall(r'Finding\(\s*(None|"[^"]*")', sources)) == {"None", '"S-46"'}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sections_that_the_source_speaks_of(path: Path) -> None:
    for section in re.findall(r"(?<![\w.])\d\d\.\d{1,2}(?:\.\d{1,2})*(?![\w.]*\w)", path.read_text()):
        assert section in SECTIONS
