"""The vectors of single steps are exercised completely: every entry of every list is an argument of a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.codestream.test_picture_header import test_cube_flags as cube_flags
from tests.decoder.entropy import test_quality as quality
from tests.decoder.entropy import test_scales as scales
from tests.decoder.filters import test_parts as parts
from tests.decoder.filters import test_vectors as filters
from tests.decoder.picture import test_colour as colour
from tests.decoder.picture import test_output as output
from tests.decoder.picture import test_png_reader as png_reader
from tests.decoder.picture import test_resample as resample
from tests.vectors import spec_data

#: File and list, the number of its entries, and the tests each of which takes them all.
LISTS: list[tuple[str, str, int, list[Callable[..., None]]]] = [
    ("colour_vectors", "rgb_to_yuv", 3, [colour.test_vectors_of_rgb_to_yuv]),
    ("colour_vectors", "yuv_to_rgb", 3, [colour.test_vectors_of_yuv_to_rgb]),
    ("colour_vectors", "resample", 16, [resample.test_vectors]),
    ("colour_vectors", "nearest_index", 6, [parts.test_nearest_index]),
    ("colour_vectors", "output", 5, [
        output.test_decoded_planes, output.test_png_of_the_reference, output.test_yuv_files_of_the_reference,
        output.test_pgx_of_the_reference,
    ]),
    ("colour_vectors", "png_read", 3, [png_reader.test_vectors]),
    ("colour_vectors", "file_name_info", 8, [output.test_file_names]),
    ("filter_vectors", "cases", 21, [filters.test_case_of_the_specification, filters.test_bits_of_the_specification]),
    ("residual_vectors", "cases", 32, [scales.test_every_hash_of_the_vectors]),
    ("residual_vectors", "cube_flag_coding", 5, [cube_flags]),
    ("residual_vectors", "cube_flag_positions_latent_20x18", 16, [scales.test_cube_flag_positions]),
    ("residual_vectors", "quality_map", 3, [quality.test_maps_of_the_vectors, quality.test_maps_in_several_threads]),
]  # fmt: skip
#: What is no list of vectors: sizes and texts, and one vector that `test_rounding_is_half_to_even_and_clipped` takes.
OTHERS = {
    "colour_vectors": {"about", "height", "width", "round_half_even"},
    "filter_vectors": {"about"},
    "residual_vectors": {"about", "generator"},
}


def arguments(test: Callable[..., None]) -> Iterator[Any]:
    """Everything that a test is run with, one by one."""
    for mark in getattr(test, "pytestmark", []):
        if mark.name == "parametrize":
            for values in mark.args[1]:
                yield from values if isinstance(values, tuple) else (values,)


@pytest.mark.parametrize("file", OTHERS)
def test_no_list_is_left_out(file: str) -> None:
    lists = {name for each, name, _, _ in LISTS if each == file}
    assert set(spec_data(file)) == lists | OTHERS[file]


@pytest.mark.parametrize(
    ("file", "name", "count", "tests"), LISTS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_entry_is_exercised(file: str, name: str, count: int, tests: list[Callable[..., None]]) -> None:
    entries = spec_data(file)[name]
    assert len(entries) == count
    for test in tests:
        exercised = list(arguments(test))
        assert [entry for entry in entries if entry not in exercised] == [], test.__name__


def test_eicci_is_tested_with_both_selections() -> None:
    tiled = [entry for entry in spec_data("filter_vectors")["cases"] if "eicci_444_tiled" in entry["name"]]
    assert [bool(entry.get("non_reference")) for entry in tiled] == [False, True]
    assert tiled[0]["syntax_hex"] == tiled[1]["syntax_hex"]
    assert tiled[0]["output"] != tiled[1]["output"]
