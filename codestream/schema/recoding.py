"""What can change in a stream without coding its payloads again (section 11.19), as data.

Class A: only the reconstruction or metadata change. Class B: the set, the order or the probabilities of coded symbols
change. Class C: new symbols are needed too. Whatever the class, a payload stays valid while everything that the entropy
decoding depends on stays as it is: `depends` names it, row by row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jpegai.codestream.schema.values import Expression, Indexed

__all__ = ["ELEMENT_CLASSES", "TOOL_FILTERS", "ElementClass", "ToolFilter", "changed", "class_of"]


@dataclass(frozen=True, slots=True)
class ElementClass:
    """One row of the table.

    Attributes:
        segment: lower-case name.
        elements: names of elements; empty for all of the segment that no other row has.
        level: ``A``, ``B``, ``C`` or ``B/C``.
        note: what a change does, or what bounds it.
        depends: what the entropy decoding depends on, as expressions over the picture header: the change is free while
            they keep their values.
    """

    segment: str
    elements: tuple[str, ...]
    level: str
    note: str
    depends: tuple[Expression, ...] = ()


def _row(segment: str, elements: str, level: str, note: str, *depends: str) -> ElementClass:
    return ElementClass(segment, tuple(elements.split()), level, note, tuple(map(Expression, depends)))


# fmt: off: one row, one line (or two)
#: The table, in its order; img_width and img_height stand with C, which they are outside their latent grid.
ELEMENT_CLASSES = (
    _row("pih",
         "stream_profile_idc decoder_profile_id num_synthesis_transforms_minus1 synthesis_transform_id level_idc", "A",
         "profiles and levels: chapter 12; the list is not empty"),
    _row("pih", "diff_display_img_width diff_display_img_height", "A", "display only"),
    _row("pih", "bit_depth_idc", "A", "0 or 1 for a decoder"),
    _row("pih", "s_ver_minus1 s_hor_minus1", "A",
         "presence of c_ver_minus1 and c_hor_minus1 and the filters of the tools header depend on it"),
    _row("pih", "c_ver_minus1 c_hor_minus1", "A", "the chroma network was fed for one format: quality only"),
    _row("pih", "colour_transform_idx colour_transform_matrix colour_transform_offset", "A", "output colour only"),
    _row("pih", "img_width_minus64 img_height_minus64", "C", "the sizes of latents and hyper latents follow from it",
         "ceil_div(img_height, 16)", "ceil_div(img_width, 16)"),
    _row("pih", "model_id", "C", "selects z tables, sigma network, context model and gain", "model_id"),
    _row("pih", "beta_displacement_log_plus_2048 independent_beta_uv", "C",
         "shifts skip and coding sigma, and the dequantiser", "betaDisplacementLog"),
    _row("pih", "gain_3D_enable_flag", "C", "the map shifts skip and coding sigma, and the dequantiser",
         "gain_3D_enable_flag"),
    _row("pih", "rvs_enable_flag grfs_enable_flag grfs_channel_flag", "C", "coding sigma and dequantiser",
         "rvs_enable_flag", "grfs_enable_flag", "grfs_channel_flag"),
    _row("pih", "use_cube_flags cube_group_flag cube_flag", "B/C", "the set of coded positions follows from it",
         "cube_flag"),
    _row("pih", "num_chs", "C", "symbols of channels from num_chs on are absent", "numCh"),
    _row("pih", "multi_threading_z log2_num_threads_z_minus1 multi_threading_r log2_num_threads_r_minus1", "B",
         "the same symbols in another interleaving", "num_threads_z", "num_threads_r"),
    _row("pih", "region_partitioning_flag num_ver_splits_minus1 num_hor_splits_minus1", "B",
         "cuts the residual in other regions; the prediction at borders changes too", "numVerRegions", "numHorRegions"),
    _row("pih", "region_residual_in_its_own_substream_flag", "B", "cuts the residual in other segments",
         "region_residual_in_its_own_substream_flag"),
    _row("pih", "hyper_decoder_overlap_in_latent_samples mcm_overlap_in_latent_samples", "A",
         "the prediction changes at region borders: a drift unless the encoder used the same value"),
    _row("pih", "synthesis_tile_enable synthesis_tile_size synthesis_tile_overlap", "A",
         "must not straddle independent regions"),
    _row("pih", "quality_map_entropy_index multi_threading_q log2_num_threads_q_minus1", "B", "of the quality map",
         "quality_map_entropy_index", "num_threads_q"),
    _row("ton", "", "A", "chapter 08"),
    _row("rdi", "", "A", "never changes decoded samples"),
    _row("udi", "", "A", "no meaning for a decoder"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ToolFilter:
    """A post-filter of the tools header, and what its data are stated for: with other values they mean something else.

    Attributes:
        name: name of the filter (the stage names of dumps).
        flag: element that turns it on.
        title: its name in text.
        stated_for: expressions over both headers.
        why: what the data are bound to.
    """

    name: str
    flag: str
    title: str
    stated_for: tuple[Expression, ...]
    why: str


def _filter(name: str, flag: str, title: str, why: str, *stated_for: str) -> ToolFilter:
    return ToolFilter(name, flag, title, tuple(map(Expression, stated_for)), why)


def _blocks(extent: str, subsampling: str, block: str) -> str:
    """Blocks along an axis of the chroma plane that enters the filters (08.1)."""
    return f"ceil_div(ceil_div({extent}, {subsampling}), max(1, {block}))"


#: The post-filters in the order of the tools header (08.1).
TOOL_FILTERS = (
    _filter("efe_linear", "EFE_linear_filter_enabled_flag", "EFE linear", "its kernels are for one chroma format",
            "s_ver", "s_hor", "c_ver", "c_hor"),
    _filter("eicci", "icci_enable_flag", "eICCI", "its models are chosen for an output format, a model and a transform",
            "s_ver", "s_hor", "model_id", "synthesis_transform_id[0]", "icci_num_tiles"),
    _filter("efe_nonlinear", "EFE_nonlinear_filter_enabled_flag", "EFE non-linear",
            "its masks and tiles are blocks of the chroma plane", "s_ver", "s_hor",
            _blocks("display_height", "s_ver", "bS"), _blocks("display_width", "s_hor", "bS"),
            _blocks("display_height", "s_ver", "nonlinearH"), _blocks("display_width", "s_hor", "nonlinearW")),
    _filter("lef", "LEF_enabled_flag", "LEF", ""),
)  # fmt: skip


def class_of(segment: str, element: str) -> ElementClass:
    """Return the row of an element.

    Raises:
        KeyError: there is none.
    """
    for row in ELEMENT_CLASSES:
        if row.segment == segment and (element in row.elements or not row.elements):
            return row
    raise KeyError(f"{segment}.{element}")


def changed(expressions: tuple[Expression, ...], old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Return whether any of the expressions has another value with other names."""
    return not all(_same(_value(each, old), _value(each, new)) for each in expressions)


def _value(expression: Expression, names: Mapping[str, Any]) -> Any:
    """Return the value of an expression; None where an array has no entries, hence no name."""
    try:
        return expression.evaluate(names)
    except (KeyError, NameError):
        return None


def _same(a: Any, b: Any) -> bool:
    """Compare values; entries of arrays that are absent count with their inferred value."""
    if isinstance(a, Indexed) and isinstance(b, Indexed):
        return all(key in each or each.inferred is not None for key in {*a, *b} for each in (a, b)) and all(
            _same(a[key], b[key]) for key in {*a, *b}
        )
    return bool(a == b)
