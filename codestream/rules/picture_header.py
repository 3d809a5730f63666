"""Rules over several elements of the picture header (12.6.2). Legal values of single elements stand in the schema."""

from __future__ import annotations

from jpegai.codestream.rules.conditions import Condition
from jpegai.codestream.rules.levels import MODELS, PROFILES, SIZES
from jpegai.codestream.schema.pih import CHANNELS

# fmt: off: one rule, one entry

__all__ = ["CLAIM_CONDITIONS", "DEFAULT_TRANSFORM_IN_PROFILE", "EDITION_CONDITIONS", "PICTURE_HEADER_CONDITIONS"]

_rule = Condition.of
_KNOWN_PROFILE = f"decoder_profile_id < {len(PROFILES)}", "the profile is not defined (R-02)"
_KNOWN_SIZE = f"1 <= level_idc // 10 < {len(SIZES)}", "the level is not defined (R-07)"
_KNOWN_MODELS = "level_idc % 10 <= 2", "the level is not defined (R-07)"
_LIMIT = f"{SIZES}[level_idc // 10]"
_ALLOWED = "({}[level_idc % 10] if edition == 'is' else {}[level_idc % 10])".format(*MODELS.values())
_PROFILE = f"{PROFILES}[decoder_profile_id]"

#: Step 3 of the detection of editions: entry 0 of the list must be allowed by the profile (12.1).
DEFAULT_TRANSFORM_IN_PROFILE = _rule(
    "R-05", "synthesis_transform_id", "synthesis_transform_id[0] <= decoder_profile_id", index="0",
    expected=f"at most {{decoder_profile_id}} in the {{{_PROFILE}}} profile", judged=_KNOWN_PROFILE,
)

#: What a claim of profile and level promises (severity C, but for R-98).
CLAIM_CONDITIONS = (
    DEFAULT_TRANSFORM_IN_PROFILE,
    _rule("R-08", "level_idc", f"img_width * img_height <= {_LIMIT}",
          found="{img_width} x {img_height} = {img_width * img_height} samples",
          expected=f"at most {{{_LIMIT}}} at level {{level_idc}}", judged=_KNOWN_SIZE),
    _rule("R-09", "model_id", f"model_id in {_ALLOWED}",
          expected=f"one of {{{_ALLOWED}}} at level {{level_idc}} of the edition {{edition}}", judged=_KNOWN_MODELS),
)

#: Region side of an axis (07.3).
_SIDE_V = "128 * (ceil_div(img_height, 128) // numVerRegions)"
_SIDE_H = "128 * (ceil_div(img_width, 128) // numHorRegions)"

#: What a header of the right edition keeps (step 1), besides the legal values of single elements.
EDITION_CONDITIONS = (
    _rule("R-04", "num_synthesis_transforms_minus1",
          "len({*synthesis_transform_id.values()}) == len(synthesis_transform_id)",
          found="the list {(*synthesis_transform_id.values(),)}", expected="distinct transforms"),
    _rule("R-20", "num_ver_splits_minus1", "edition != 'is' or numVerRegions <= ceil_div(img_height, 256)",
          found="{numVerRegions} rows of regions", expected="at most {ceil_div(img_height, 256)}"),
    _rule("R-21", "num_hor_splits_minus1", "edition != 'is' or numHorRegions <= ceil_div(img_width, 512)",
          found="{numHorRegions} columns of regions", expected="at most {ceil_div(img_width, 512)}"),
    _rule("R-22", "num_ver_splits_minus1", "numVerRegions <= ceil_div(img_height, 128)",
          found="{numVerRegions} rows of regions", expected="at most {ceil_div(img_height, 128)}"),
    _rule("R-22", "num_hor_splits_minus1", "numHorRegions <= ceil_div(img_width, 128)",
          found="{numHorRegions} columns of regions", expected="at most {ceil_div(img_width, 128)}"),
)

_MATRIX = "colour_transform_matrix"
_DETERMINANT = " + ".join(
    f"{_MATRIX}[0][{i}] * ({_MATRIX}[1][{j}] * {_MATRIX}[2][{k}] - {_MATRIX}[1][{k}] * {_MATRIX}[2][{j}])"
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1))
)

_TRANSFORMS = (
    _rule("R-06", "synthesis_transform_id", "synthesis_transform_id[i] <= decoder_profile_id", index="i",
          each="i len(synthesis_transform_id)", judged=_KNOWN_PROFILE,
          expected=f"at most {{decoder_profile_id}} in the {{{_PROFILE}}} profile"),
    _rule("R-11", "bit_depth_idc", "bit_depth_idc <= 4", expected="0 or 1 (2 to 4 are reserved)"),
    _rule("R-13", "s_ver_minus1", "(s_ver, s_hor) != (2, 1)",
          found="output subsampled vertically alone", expected="4:4:4, 4:2:2 or 4:2:0"),
    _rule("R-14", "c_ver_minus1", "(c_ver, c_hor) != (2, 1)",
          found="chroma coded subsampled vertically alone", expected="4:4:4, 4:2:2 or 4:2:0"),
    _rule("R-16", _MATRIX, f"colour_transform_idx != 2 or {_DETERMINANT} != 0", index="0, 0",
          found="a matrix of determinant 0", expected="one that can be inverted"),
)

_DISPLACEMENT = (
    _rule("R-18", "beta_displacement_log_plus_2048", "-1069 <= betaDisplacementLog[c] <= 702", index="c",
          each="c 1 + independent_beta_uv", found="{betaDisplacementLog[c]}", expected="-1069..702"),
    _rule("R-19", "independent_beta_uv", "not independent_beta_uv or betaDisplacementLog[0] != betaDisplacementLog[1]",
          found="{betaDisplacementLog[0]} twice", expected="different displacements, or the flag 0"),
)

_DEPENDENT = "num_regions == 1 or region_residual_in_its_own_substream_flag"
_REGIONS = (
    _rule("R-23", "region_partitioning_flag", "not region_partitioning_flag or num_regions > 1",
          found="one region", expected="several regions, or the flag 0"),
    *(_rule("R-24", element, f"{_DEPENDENT} or {count} == 1 or {overlap} <= {side} // {unit}",
            found=f"windows that begin {{{overlap}}} {what} before the region",
            expected=f"at most {{{side} // {unit}}}")
      for count, side in (("numVerRegions", _SIDE_V), ("numHorRegions", _SIDE_H))
      for element, overlap, unit, what in (
          ("hyper_decoder_overlap_in_latent_samples", "2 * hyper_decoder_overlap_in_latent_samples", 64,
           "hyper latents"),
          ("mcm_overlap_in_latent_samples", "2 * mcm_overlap_in_latent_samples", 16, "latents"))),
    _rule("S-36", "num_ver_splits_minus1", "not region_residual_in_its_own_substream_flag or num_regions <= 256",
          found="{num_regions} independent regions", expected="at most 256"),
)

_CHANNELS = (
    _rule("R-26", "num_chs", f"numCh[c] == {CHANNELS}[c] or num_chs[c] % 16 == 0", index="c", each="c 2",
          expected=f"a multiple of 16, or {{{CHANNELS}[c]}}"),
    _rule("R-27", "use_cube_flags", "not use_cube_flags[c] or 0 in cube_flag[c].values()", index="c", each="c 2",
          found="cube flags that are all 1", expected="a flag of 0, or no flags"),
    _rule("R-28", "cube_group_flag",
          "not use_cube_flags[c] or not cube_group_flag[c][g]"
          " or 0 in map(cube_flag[c].__getitem__, range(8 * g, min(8 * g + 8, cube_flag_num)))",
          index="c, g", each="c 2, g group_num if use_cube_flags[c] else 0",
          found="a group whose flags are all 1", expected="a flag of 0 in the group, or the group flag 0"),
    _rule("R-29", "grfs_enable_flag",
          "not grfs_enable_flag[c] or (numCh[c] > 1 and len({*grfs_channel_flag[c].values()}) > 1)",
          index="c", each="c 2", found="channel flags that are all equal", expected="flags of 0 and of 1"),
)

_TILED = "synthesis_tile_enable[c]"
_TILE = "16 * synthesis_tile_size[c]"
_ONE_TILE = f"({_TILE} >= img_width and {_TILE} >= img_height)"


def _single(c: int) -> str:
    """Whether the grid of a component is one tile."""
    return f"(not {_TILED} or {_ONE_TILE})".replace("[c]", f"[{c}]")


def _on_borders(size: str, side: str, count: str) -> str:
    """Whether all tiles of an axis end at borders of regions, or of the picture."""
    tile, region = f"max(1, {_TILE})", f"max(1, {side})"
    return f"{{*range({tile}, {size}, {tile})}} <= {{*range({region}, {count} * {region}, {region})}}"


_SAME = " and ".join(f"{name}[0] == {name}[1]" for name in
                     ("synthesis_tile_enable", "synthesis_tile_size", "synthesis_tile_overlap"))
_INDEPENDENT = f"(region_residual_in_its_own_substream_flag and {_TILED})"
_TILES = (
    _rule("R-31", "synthesis_tile_overlap",
          f"not {_TILED} or synthesis_tile_overlap[c] < synthesis_tile_size[c] or {_ONE_TILE}", index="c", each="c 2",
          expected="less than {synthesis_tile_size[c]}, the tile size"),
    _rule("R-32", "synthesis_tile_overlap",
          f"not {_TILED} or 16 * synthesis_tile_overlap[c] < min(img_width, img_height)", index="c", each="c 2",
          found="an overlap of {16 * synthesis_tile_overlap[c]} samples",
          expected="less than {min(img_width, img_height)}, a side of the picture"),
    _rule("R-33", "synthesis_tile_enable", f"({_SAME}) or ({_single(0)} and {_single(1)})", index="1",
          found="another tile grid than that of the primary component", expected="the same"),
    *(_rule("R-34", "synthesis_tile_size",
            f"not {_INDEPENDENT} or {count} == 1 or ({side}) % max(1, {_TILE}) == 0", index="c", each="c 2",
            found=f"tiles of {{{_TILE}}} samples in regions of {{{side}}} {what}",
            expected="regions that are multiples of the tiles")
      for count, side, what in (("numVerRegions", _SIDE_V, "rows"), ("numHorRegions", _SIDE_H, "columns"))),
    _rule("R-36", "synthesis_tile_enable", f"img_width * img_height <= 1 << 24 or {_TILED}", index="c", each="c 2",
          found="{img_width * img_height} samples without tiles", expected="tiles above {1 << 24}"),
    _rule("R-38", "synthesis_tile_size", f"not {_TILED} or {_ONE_TILE} or synthesis_tile_size[c] % 4 == 0",
          index="c", each="c 2", expected="a multiple of 4"),
    _rule("R-39", "synthesis_tile_overlap",
          f"not {_INDEPENDENT} or synthesis_tile_overlap[c] % 8 == 0"
          f" or ({_on_borders('img_height', _SIDE_V, 'numVerRegions')}"
          f" and {_on_borders('img_width', _SIDE_H, 'numHorRegions')})", index="c", each="c 2",
          expected="a multiple of 8 where tiles end inside a region"),
)

_QUALITY_MAP = (
    _rule("R-35", "gain_3D_enable_flag", "not gain_3D_enable_flag", found="a quality map", expected="none"),
)

PICTURE_HEADER_CONDITIONS = (
    *EDITION_CONDITIONS, *_TRANSFORMS, *_DISPLACEMENT, *_REGIONS, *_CHANNELS, *_TILES, *_QUALITY_MAP,
)
