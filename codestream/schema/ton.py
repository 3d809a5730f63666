"""Tools header, FF83 (sections 03.1 to 03.4): latent space bias scaling and the four post-filters."""

from __future__ import annotations

from construct import Struct

from jpegai.codestream.schema.base import Derived, U
from jpegai.codestream.schema.flow import For, Require, When

# fmt: off: one element, one line (or two)

__all__ = ["SPLITS", "TOOLS_HEADER"]

#: Splits of the EFE linear pattern by best_cand_idx - 1 (03.2).
SPLITS = (1, 2, 2, 3, 3, 4, 6, 6)
#: eICCI tiles a parser takes; a picture of 65535 x 65535 with the smallest legal tiles has 139 129.
_MOST_TILES = 1 << 18
_FLAG = {0: "off", 1: "on"}

_EFE_LINEAR = (
    For("k", 2, U("B1", 15, "mean of U (0) or V (1) times 100", section="03.2", index=("k",), inferred=0)),
    Derived("nf", "1 if c_ver == s_ver and c_hor == s_hor else 4", "chroma filters of a split", section="03.2",
            inferred=0),
    For(
        "s", 2,
        For("k", 2, U("best_cand_idx", 4, "filter of plane k in set s: 0 none, else split pattern + 1", section="03.2",
                      index=("s", "k"), legal="v <= 8", rule="R-50", fatal=True, inferred=0)),
        For("k", 2, When("best_cand_idx[s][k] > 0",
            U("fL", 4, "filter length", section="03.2", index=("s", "k"), legal="1 <= v <= 4", rule="R-51",
              most=9, inferred=0))),
        U("minSymbol", 16, "added to every weight symbol of the set", section="03.2", index=("s",), inferred=0),
        U("maxSymbol", 16, "largest weight symbol of the set", section="03.2", index=("s",), inferred=0),
        Derived("wbits", "ceil_log2(maxSymbol[s] + 1)", "bits of a weight", section="03.2", index=("s",)),
        For("k", 2, When(
            "best_cand_idx[s][k] > 0",
            For("n", f"{SPLITS}[best_cand_idx[s][k] - 1]", For("p", "nf", For("y", "fL[s][k]", For("x", "fL[s][k]",
                U("weightsC", "wbits[s]", "weight symbol on the chroma plane", section="03.2",
                  index=("s", "k", "n", "p", "y", "x"), legal="v <= maxSymbol[s]", rule="R-53",
                  most="maxSymbol[s]", inferred=0))))),
            For("n", f"{SPLITS}[best_cand_idx[s][k] - 1]", For("y", "fL[s][k]", For("x", "fL[s][k]",
                U("weightsY", "wbits[s]", "weight symbol on the luma plane", section="03.2",
                  index=("s", "k", "n", "y", "x"), legal="v <= maxSymbol[s]", rule="R-53",
                  most="maxSymbol[s]", inferred=0)))),
        )),
    ),
)


def _tiles(extent: str) -> str:
    """Tiles along an axis (03.3)."""
    tile = f"min(16 * icci_tile_size, {extent}) - 16 * icci_tile_overlap"
    return f"ceil_div({extent} - 16 * icci_tile_overlap, {tile}) if icci_tile_enable_flag else 1"


_EICCI = (
    U("icci_tile_enable_flag", 1, "eICCI works in tiles", section="03.3", meanings=_FLAG, inferred=0),
    When(
        "icci_tile_enable_flag",
        U("icci_tile_size", 8, "tile side: 16 v samples", section="03.3", legal="v >= 1", rule="R-57", fatal=True,
          inferred=0),
        U("icci_tile_overlap", 5, "tile overlap: 16 v samples", section="03.3", inferred=0),
        Require("R-57", "icci_tile_overlap", "16 * icci_tile_overlap < min(16 * icci_tile_size, img_width, img_height)",
                "the overlap leaves no tile"),
    ),
    Derived("icci_tile_rows", _tiles("img_height"), "rows of eICCI tiles", section="03.3", inferred=0),
    Derived("icci_tile_cols", _tiles("img_width"), "columns of eICCI tiles", section="03.3", inferred=0),
    Derived("icci_num_tiles", "icci_tile_rows * icci_tile_cols", "eICCI tiles", section="03.3", inferred=0),
    For(
        "t", "icci_num_tiles",
        For("k", 3, U("icci_use", 1, "plane k (Y, U, V) of the tile is filtered", section="03.3", index=("t", "k"),
                      meanings=_FLAG, inferred=0)),
        When("icci_use[t][0] or icci_use[t][1] or icci_use[t][2]",
             U("icci_use_shortList", 1, "which list of models the indices speak of", section="03.3", index=("t",),
               meanings={0: "long list: ten models", 1: "short list: two models"}, inferred=0)),
        Derived("ibits", "2 if icci_use_shortList[t] else 4", "bits of a model index", section="03.3", index=("t",)),
        When("icci_use[t][0]",
             U("icci_model_signalled_idx_Y", "ibits[t]", "model of Y", section="03.3", index=("t",),
               legal="v <= (1 if icci_use_shortList[t] else 9)", rule="R-59",
               most="2 if icci_use_shortList[t] else 10", inferred=0)),
        When("icci_use[t][1] or icci_use[t][2]",
             U("icci_model_signalled_idx_UV", "ibits[t]", "model of U and V", section="03.3", index=("t",),
               legal="v <= (1 if icci_use_shortList[t] else 9)", rule="R-59",
               most="2 if icci_use_shortList[t] else 10", inferred=0)),
        limit=_MOST_TILES,
    ),
)


def _mask(plane: str, flag: str) -> When:
    """Blend weights of a plane, row by row (03.4)."""
    name = f"W5_{plane}"
    return When(flag, For("i", "len_mask_y", For("j", "len_mask_x",
        U(name, 2, f"blend weight of {plane} in a block", section="03.4", index=("i", "j"), legal="v <= 2", rule="R-61",
          most=2, inferred=0))))


def _weights(k: int, plane: str) -> When:
    """Weight symbols of a plane (03.4)."""
    return When(
        f"nonLinear_enabled_{plane}_flag",
        U("candNum", 16, f"weights of {plane}", section="03.4", index=(str(k),), counts=f"len(A1[{k}])", inferred=0),
        For("i", f"candNum[{k}]",
            U("A1", "abits", f"weight symbol of {plane}", section="03.4", index=(str(k), "i"),
              legal="v <= nl_maxSymbol", rule="R-53", most="nl_maxSymbol", inferred=0)),
    )


_EFE_NONLINEAR = (
    U("nl_minSymbol", 16, "added to every A1 symbol", section="03.4", inferred=0),
    U("nl_maxSymbol", 16, "largest A1 symbol", section="03.4", inferred=0),
    Derived("abits", "ceil_log2(nl_maxSymbol + 1)", "bits of an A1 symbol", section="03.4", inferred=0),
    U("mask1_enabled_flag", 1, "mask of U", section="03.4", meanings=_FLAG, inferred=0),
    U("mask2_enabled_flag", 1, "mask of V", section="03.4", meanings=_FLAG, inferred=0),
    When(
        "mask1_enabled_flag or mask2_enabled_flag",
        U("bS", 10, "block side in chroma samples of the output format", section="03.4", inferred=0),
        # a mask without rows or columns has nothing to count
        U("len_mask_y", 10, "mask rows", section="03.4", inferred=0,
          counts="len(W5_U if mask1_enabled_flag else W5_V) or len_mask_y"),
        U("len_mask_x", 10, "mask columns", section="03.4", inferred=0,
          counts="len((W5_U if mask1_enabled_flag else W5_V)[0]) or len_mask_x"),
    ),
    _mask("U", "mask1_enabled_flag"),
    _mask("V", "mask2_enabled_flag"),
    U("nonLinear_enabled_U_flag", 1, "non-linear filter of U", section="03.4", meanings=_FLAG, inferred=0),
    U("nonLinear_enabled_V_flag", 1, "non-linear filter of V", section="03.4", meanings=_FLAG, inferred=0),
    When(
        "nonLinear_enabled_U_flag or nonLinear_enabled_V_flag",
        U("nonlinearW", 16, "tile width in chroma samples", section="03.4", legal="v >= 1", rule="R-65", inferred=0),
        U("nonlinearH", 16, "tile height in chroma samples", section="03.4", legal="v >= 1", rule="R-65", inferred=0),
        U("numTiles", 16, "tiles", section="03.4", inferred=0, counts="len(minLuma)"),
        For("i", "numTiles",
            U("minLuma", 16, "minimum luma of the tile times 100", section="03.4", index=("i",), inferred=0)),
        For("i", "numTiles",
            U("maxLuma", 16, "maximum luma of the tile times 100", section="03.4", index=("i",), inferred=0)),
    ),
    _weights(0, "U"),
    _weights(1, "V"),
)

TOOLS_HEADER = Struct(
    For("c", 2, U("lsbs_enable_flag", 1, "latent space bias scaling of component c", section="03.1", index=("c",),
                  meanings=_FLAG, inferred=0)),
    U("EFE_linear_filter_enabled_flag", 1, "EFE linear filter", section="03.1", meanings=_FLAG, inferred=0),
    When("EFE_linear_filter_enabled_flag", *_EFE_LINEAR),
    When("not (s_ver == 2 and s_hor == 2)",
         U("icci_enable_flag", 1, "eICCI filter", section="03.1", meanings=_FLAG, inferred=0)),
    When("icci_enable_flag", *_EICCI),
    U("EFE_nonlinear_filter_enabled_flag", 1, "EFE non-linear filter", section="03.1", meanings=_FLAG, inferred=0),
    When("EFE_nonlinear_filter_enabled_flag", *_EFE_NONLINEAR),
    U("LEF_enabled_flag", 1, "LEF filter", section="03.1", meanings=_FLAG, inferred=0),
    When("LEF_enabled_flag",
         U("LEF_chIdx", 8, "primary latent channel whose scale drives the filter", section="03.1", legal="v <= 159",
           rule="R-69", inferred=0)),
)
