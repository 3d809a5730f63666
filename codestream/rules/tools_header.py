"""Rules over several elements of the tools header (12.6.3). Legal values of single elements stand in the schema."""

from __future__ import annotations

from jpegai.codestream.rules.conditions import Condition

# fmt: off: one rule, one entry

__all__ = ["TOOLS_HEADER_CONDITIONS"]

_rule = Condition.of
_EFE = "EFE_linear_filter_enabled_flag"
#: Chroma plane that the filters work on: of the display size (08.1), whose masks and tiles 03.4 counts.
_ROWS = "ceil_div(display_height, s_ver)"
_COLUMNS = "ceil_div(display_width, s_hor)"
_ANY_MASK = "(mask1_enabled_flag or mask2_enabled_flag)"
_ANY_PLANE = "(nonLinear_enabled_U_flag or nonLinear_enabled_V_flag)"

_EFE_LINEAR = (
    _rule("R-52", "maxSymbol",
          "not (best_cand_idx[s][0] or best_cand_idx[s][1]) or minSymbol[s] + maxSymbol[s] <= 65535",
          index="s", each=f"s 2 if {_EFE} else 0",
          found="{minSymbol[s]} + {maxSymbol[s]}", expected="a sum of at most 65535"),
    _rule("R-54", "best_cand_idx", "nf != 1 or best_cand_idx[1][k] > 0", index="1, k", each=f"k 2 if {_EFE} else 0",
          found="no filter", expected="one for both planes where chroma is coded in the output format"),
    _rule("R-55", "B1", "B1[k] <= 25500", index="k", each=f"k 2 if {_EFE} else 0", expected="at most 25500"),
)

_TILED = "icci_tile_enable_flag"
_EICCI = (
    _rule("R-56", "icci_enable_flag", "not icci_enable_flag or (s_ver, s_hor) == (1, 1)",
          found="eICCI for subsampled output", expected="4:4:4 output"),
    _rule("R-71", "icci_tile_overlap", f"not {_TILED} or icci_tile_overlap >= 1", expected="at least 1"),
    _rule("R-58", "icci_tile_size", f"not {_TILED} or 16 * icci_tile_size >= 176",
          expected="at least 11 (176 samples)"),
    _rule("R-58", _TILED, f"not {_TILED} or min(img_width, img_height) >= 176",
          found="tiles in a picture of {img_width} x {img_height}", expected="at least 176 x 176"),
    _rule("R-60", _TILED, "icci_num_tiles <= 1", found="{icci_num_tiles} tiles", expected="one tile"),
)

_MASKS = (
    _rule("R-62", "bS", f"not {_ANY_MASK} or bS >= 1", expected="at least 1"),
    *(_rule("R-62", f"len_mask_{axis}", f"not {_ANY_MASK} or bS == 0 or len_mask_{axis} == ceil_div({size}, bS)",
            expected=f"{{ceil_div({size}, bS)}} blocks") for axis, size in (("y", _ROWS), ("x", _COLUMNS))),
    *(_rule("R-63", flag, f"not {flag} or ({_EFE} and (best_cand_idx[0][0] or best_cand_idx[0][1]))",
            found="a mask", expected="EFE linear with a filter in set 0, or no mask")
      for flag in ("mask1_enabled_flag", "mask2_enabled_flag")),
    _rule("R-64", "mask2_enabled_flag", "not mask2_enabled_flag or mask1_enabled_flag",
          found="a mask of V alone", expected="one of U too"),
)

_EFE_NONLINEAR = (
    _rule("R-52", "nl_maxSymbol", f"not {_ANY_PLANE} or nl_minSymbol + nl_maxSymbol <= 65535",
          found="{nl_minSymbol} + {nl_maxSymbol}", expected="a sum of at most 65535"),
    _rule("R-66", "numTiles",
          f"not {_ANY_PLANE} or not (nonlinearW and nonlinearH)"
          f" or numTiles == ceil_div({_ROWS}, nonlinearH) * ceil_div({_COLUMNS}, nonlinearW)",
          expected=f"{{ceil_div({_ROWS}, nonlinearH) * ceil_div({_COLUMNS}, nonlinearW)}} tiles"),
    *(_rule("R-67", "candNum", f"not nonLinear_enabled_{plane}_flag or candNum[{k}] == 8 * numTiles", index=str(k),
            expected="{8 * numTiles} weights") for k, plane in enumerate("UV")),
    _rule("R-68", "minLuma", "minLuma[i] <= maxLuma[i]", index="i", each=f"i numTiles if {_ANY_PLANE} else 0",
          expected="at most {maxLuma[i]}, the maximum"),
    _rule("R-70", "EFE_nonlinear_filter_enabled_flag",
          f"not EFE_nonlinear_filter_enabled_flag or {_ANY_PLANE} or {_ANY_MASK}",
          found="a filter for no plane and without masks", expected="U, V or a mask"),
)

_LEF = (
    _rule("R-69", "LEF_chIdx", "not LEF_enabled_flag or LEF_chIdx < num_chs[0] or LEF_chIdx > 159", severity="W",
          expected="less than {num_chs[0]}, the coded channels"),
)

TOOLS_HEADER_CONDITIONS = (*_EFE_LINEAR, *_EICCI, *_MASKS, *_EFE_NONLINEAR, *_LEF)
