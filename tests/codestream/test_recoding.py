"""The table of what can change without coding payloads again (section 11.19)."""

from __future__ import annotations

import pytest

from jpegai.codestream import Codestream
from jpegai.codestream.schema.base import Element
from jpegai.codestream.schema.declared import declarations
from jpegai.codestream.schema.recoding import ELEMENT_CLASSES, TOOL_FILTERS, class_of
from jpegai.codestream.schema.segments import SEGMENTS
from tests.streams import VectorStream, described_streams
from tests.vectors import SHARED

#: First words of a row of the table in the specification, to the elements it speaks of and their class.
ROWS = {
    "stream_profile_idc, decoder_profile_id":
        ("A", "stream_profile_idc decoder_profile_id level_idc synthesis_transform_id"),
    "diff_display_img_width/height": ("A", "diff_display_img_width diff_display_img_height"),
    "bit_depth_idc": ("A", "bit_depth_idc"),
    "s_ver, s_hor": ("A", "s_ver_minus1 s_hor_minus1"),
    "c_ver, c_hor": ("A", "c_ver_minus1 c_hor_minus1"),
    "colour_transform_idx": ("A", "colour_transform_idx colour_transform_matrix colour_transform_offset"),
    "img_width, img_height": ("A only if", "img_width_minus64 img_height_minus64"),
    "model_id": ("C", "model_id"),
    "beta_displacement_log": ("C", "beta_displacement_log_plus_2048 independent_beta_uv"),
    "gain_3D_enable_flag": ("C", "gain_3D_enable_flag"),
    "rvs_enable_flag": ("C", "rvs_enable_flag grfs_enable_flag grfs_channel_flag"),
    "use_cube_flags": ("B/C", "use_cube_flags cube_group_flag cube_flag"),
    "num_chs": ("C", "num_chs"),
    "multi_threading_*":
        ("B", "multi_threading_z log2_num_threads_z_minus1 multi_threading_r log2_num_threads_r_minus1"),
    "region_partitioning_flag": ("B", "region_partitioning_flag num_ver_splits_minus1 num_hor_splits_minus1"),
    "region_residual_in_its_own_substream_flag": ("B", "region_residual_in_its_own_substream_flag"),
    "hyper_decoder_/mcm_overlap": ("A", "hyper_decoder_overlap_in_latent_samples mcm_overlap_in_latent_samples"),
    "synthesis_tile_enable": ("A", "synthesis_tile_enable synthesis_tile_size synthesis_tile_overlap"),
    "quality_map_entropy_index": ("B", "quality_map_entropy_index multi_threading_q log2_num_threads_q_minus1"),
}  # fmt: skip


def test_classes_are_those_of_the_specification() -> None:
    chapter = SHARED / "spec" / "11-encoder.md"
    if not chapter.is_file():
        pytest.skip(f"no specification at {chapter}")
    section = chapter.read_text().partition("## 11.19")[2].partition("\n## ")[0]
    lines = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")][2:]
    rows = {line[0]: line[1] for line in lines}
    for words, (level, names) in ROWS.items():
        found = [text for name, text in rows.items() if name.startswith(words)]
        assert [text.startswith(level) for text in found] == [True], words
        for name in names.split():
            assert class_of("pih", name).level == ("C" if level == "A only if" else level), name
    assert rows["lsbs_enable_flag, all post-filter data"] == rows["RDI, UDI"] == "A"
    assert len(rows) == len(ROWS) + 2


def test_every_element_has_a_class_and_nothing_else_has() -> None:
    for kind in SEGMENTS.values():
        if kind.schema is not None:
            names = {each.name for each in declarations(kind.schema) if isinstance(each.member, Element)}
            for name in names:
                class_of(kind.name, name)
            listed = [name for row in ELEMENT_CLASSES if row.segment == kind.name for name in row.elements]
            assert len(listed) == len({*listed})
            assert {*listed} <= names
    with pytest.raises(KeyError):
        class_of("pih", "no_such_element")


def test_class_a_depends_on_nothing() -> None:
    assert all(bool(row.depends) == (row.level != "A") for row in ELEMENT_CLASSES)


@pytest.mark.parametrize("vector", described_streams()[::9], ids=lambda vector: vector.name)
def test_what_is_depended_on_has_a_value_in_every_stream(vector: VectorStream) -> None:
    stream = Codestream.open(vector.path)
    for row in ELEMENT_CLASSES:
        for expression in row.depends:
            expression.evaluate(stream.names)
    for each in TOOL_FILTERS:
        for expression in each.stated_for:
            expression.evaluate({**stream.names, **stream.ton})
