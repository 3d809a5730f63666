"""Picture header, FF82 (section 02). The two editions differ in the first element only."""

from __future__ import annotations

from construct import Struct

from jpegai.codestream.schema.base import Derived, U
from jpegai.codestream.schema.flow import For, When

# fmt: off: one element, one line (or two)

__all__ = ["CHANNELS", "CHROMA_FORMATS", "PICTURE_HEADER", "TRANSFORMS"]

#: Latent channels of the primary and the secondary component (02.4).
CHANNELS = (160, 96)
#: Names of the synthesis transforms (12.1).
TRANSFORMS = {0: "SOP", 1: "BOP", 2: "HOP"}
#: Names of the chroma formats by vertical and horizontal subsampling (02.4).
CHROMA_FORMATS = {(1, 1): "4:4:4", (1, 2): "4:2:2", (2, 2): "4:2:0"}

_S = "02.1"
_C = "02.2"
_FLAG = {0: "no", 1: "yes"}
_LEVELS = {10 * a + b: f"size class {a}, model class {b}" for a in range(1, 6) for b in range(3)}
_POINTS = {0: "0.002", 1: "0.012", 2: "0.075", 3: "0.5"}


def _threads(
    payload: str, of: str, section: str, index: tuple[str, ...] = (), inferred: int | None = None
) -> tuple[object, ...]:
    """The lines by which a payload says how many threads it has."""
    flag, log = f"multi_threading_{payload}", f"log2_num_threads_{payload}_minus1"
    place = "".join(f"[{i}]" for i in index)
    return (
        U(flag, 1, f"{of} is cut in several threads", section=section, index=index, inferred=inferred,
          meanings=_FLAG),
        When(f"{flag}{place}",
             U(log, 2, f"threads of {of}: 2^(v+1)", section=section, index=index, inferred=0)),
    )


def _num_threads(payload: str, of: str, section: str, index: tuple[str, ...] = ()) -> Derived:
    flag, log = f"multi_threading_{payload}", f"log2_num_threads_{payload}_minus1"
    place = "".join(f"[{i}]" for i in index)
    return Derived(f"num_threads_{payload}", f"2 << {log}{place} if {flag}{place} else 1", f"threads of {of}",
                   section=section, index=index)


_RESIDUAL = ("r", "the residual of component c", _C, ("c",))
_COMPONENT = For(
    "c", 2,
    *_threads(*_RESIDUAL),
    _num_threads(*_RESIDUAL),
    U("num_chs", 8, "coded latent channels", section=_C, index=("c",), legal=f"v <= {CHANNELS}[c]", rule="R-25"),
    Derived("numCh", f"min(num_chs[c], {CHANNELS}[c])", "coded latent channels, bounded", section=_C, index=("c",),
            sets=("num_chs[c]", "v")),
    U("use_cube_flags", 1, "cube flags are present", section=_C, index=("c",), meanings=_FLAG),
    When(
        "use_cube_flags[c]",
        For(
            "g", "group_num",
            U("cube_group_flag", 1, "the flags of the group follow", section=_C, index=("c", "g"), inferred=0,
              meanings={0: "all flags of the group are 1", 1: "the flags of the group follow"}),
            When("cube_group_flag[c][g]", For("k", "min(8, cube_flag_num - 8 * g)",
                U("cube_flag", 1, "flag of one cube", section=_C, index=("c", "8 * g + k"), inferred=1,
                  meanings={0: "every residual of the cube is coded", 1: "the scale decides"}))),
        ),
    ),
    U("rvs_enable_flag", 1, "residual variance scaling", section=_C, index=("c",), meanings=_FLAG),
    U("grfs_enable_flag", 1, "group residual flexible scaling", section=_C, index=("c",), meanings=_FLAG),
    When("grfs_enable_flag[c]", For("ch", "numCh[c]",
        U("grfs_channel_flag", 1, "group of channel ch", section=_C, index=("c", "ch"), inferred=0))),
    U("synthesis_tile_enable", 1, "synthesis in tiles", section=_C, index=("c",), meanings=_FLAG),
    When(
        "synthesis_tile_enable[c]",
        U("synthesis_tile_size", 8, "tile side: 16 v luma samples", section=_C, index=("c",), legal="v >= 1",
          rule="R-30", inferred=0),
        U("synthesis_tile_overlap", 5, "tile overlap: 16 v luma samples", section=_C, index=("c",), inferred=0),
    ),
)

PICTURE_HEADER = Struct(
    When("edition == 'is'",
         U("stream_profile_idc", 4, "stream profile", section=_S, legal="v == 0", rule="R-01", inferred=0)),
    U("decoder_profile_id", 4, "decoder profile", section=_S, legal="v <= 2", rule="R-02",
      meanings={0: "simple", 1: "base (DIS: main)", 2: "high"}),
    U("num_synthesis_transforms_minus1", 4, "number of listed transforms minus 1", section=_S, legal="v <= 2",
      rule="R-04", counts="len(synthesis_transform_id) - 1"),
    For("i", "num_synthesis_transforms_minus1 + 1",
        U("synthesis_transform_id", 4, "listed transform; entry 0 is the default", section=_S, index=("i",),
          legal="v <= 2", rule="R-03", meanings=TRANSFORMS)),
    U("level_idc", 8, "level", section=_S, legal="v // 10 in range(1, 6) and v % 10 <= 2", rule="R-07",
      meanings=_LEVELS),
    U("img_width_minus64", 16, "coded width minus 64", section=_S),
    U("img_height_minus64", 16, "coded height minus 64", section=_S),
    Derived("img_width", "img_width_minus64 + 64", "coded width", section="02.4", sets=("img_width_minus64", "v - 64")),
    Derived("img_height", "img_height_minus64 + 64", "coded height", section="02.4",
            sets=("img_height_minus64", "v - 64")),
    U("diff_display_img_width", 6, "columns at the right that are not displayed", section=_S),
    U("diff_display_img_height", 6, "rows at the bottom that are not displayed", section=_S),
    Derived("display_width", "img_width - diff_display_img_width", "display width", section="02.4",
            sets=("diff_display_img_width", "img_width - v")),
    Derived("display_height", "img_height - diff_display_img_height", "display height", section="02.4",
            sets=("diff_display_img_height", "img_height - v")),
    U("bit_depth_idc", 3, "bit depth", section=_S, legal="v <= 1", rule="R-12", most=4,
      meanings={idc: f"{8 + 2 * idc} bits" for idc in range(5)}),
    Derived("bit_depth", "8 + 2 * bit_depth_idc", "bits per sample", section="02.4",
            sets=("bit_depth_idc", "(v - 8) / 2")),
    U("s_ver_minus1", 1, "vertical chroma subsampling of the output minus 1", section=_S),
    U("s_hor_minus1", 1, "horizontal chroma subsampling of the output minus 1", section=_S),
    When("s_ver_minus1 == 0",
         U("c_ver_minus1", 1, "vertical chroma subsampling as coded minus 1", section=_S, inferred=1)),
    When("s_hor_minus1 == 0",
         U("c_hor_minus1", 1, "horizontal chroma subsampling as coded minus 1", section=_S, inferred=1)),
    Derived("s_ver", "s_ver_minus1 + 1", "vertical chroma subsampling of the output", section="02.4",
            sets=("s_ver_minus1", "v - 1")),
    Derived("s_hor", "s_hor_minus1 + 1", "horizontal chroma subsampling of the output", section="02.4",
            sets=("s_hor_minus1", "v - 1")),
    Derived("c_ver", "c_ver_minus1 + 1", "vertical chroma subsampling as coded", section="02.4",
            sets=("c_ver_minus1", "v - 1")),
    Derived("c_hor", "c_hor_minus1 + 1", "horizontal chroma subsampling as coded", section="02.4",
            sets=("c_hor_minus1", "v - 1")),
    U("colour_transform_idx", 2, "output colour transform", section=_S, legal="v <= 2", rule="R-15", most=2,
      meanings={0: "none: YCbCr", 1: "BT.709 to RGB", 2: "user matrix"}),
    When(
        "colour_transform_idx == 2",
        For("i", 3, For("j", 3,
            U("colour_transform_matrix", 8, "user matrix element", section=_S, index=("i", "j"), inferred=0))),
        For("i", 3, U("colour_transform_offset", 8, "user offset", section=_S, index=("i",), inferred=0)),
    ),
    U("model_id", 4, "learned model", section=_S, legal="v <= 3", rule="R-10",
      meanings={i: f"training point {point}" for i, point in _POINTS.items()}),
    *_threads("z", "z", _S),
    _num_threads("z", "z", _S),
    U("beta_displacement_log_plus_2048", 12, "gain displacement of the primary component plus 2048", section=_S,
      index=("0",)),
    U("region_partitioning_flag", 1, "the latents are cut in regions", section=_S, meanings=_FLAG),
    When(
        "region_partitioning_flag",
        U("num_ver_splits_minus1", 7, "rows of regions minus 1", section=_S, inferred=0),
        U("num_hor_splits_minus1", 7, "columns of regions minus 1", section=_S, inferred=0),
        U("region_residual_in_its_own_substream_flag", 1, "regions are independent", section=_S, inferred=0,
          meanings={0: "dependent: one segment with a size table", 1: "independent: a segment each"}),
        When(
            "region_residual_in_its_own_substream_flag == 0",
            U("hyper_decoder_overlap_in_latent_samples", 2, "z overlap: 2 v positions", section=_S, inferred=0),
            U("mcm_overlap_in_latent_samples", 4, "psi overlap: v cells", section=_S, inferred=0),
        ),
    ),
    Derived("numVerRegions", "num_ver_splits_minus1 + 1", "rows of regions", section=_S,
            sets=("num_ver_splits_minus1", "v - 1")),
    Derived("numHorRegions", "num_hor_splits_minus1 + 1", "columns of regions", section=_S,
            sets=("num_hor_splits_minus1", "v - 1")),
    Derived("num_regions", "numVerRegions * numHorRegions", "regions", section="02.4"),
    U("independent_beta_uv", 1, "the secondary component has its own displacement", section=_S, meanings=_FLAG),
    When("independent_beta_uv",
         U("beta_displacement_log_plus_2048", 12, "gain displacement of the secondary component plus 2048", section=_S,
           index=("1",), inferred="beta_displacement_log_plus_2048[0]")),
    For("c", 2, Derived("betaDisplacementLog", "beta_displacement_log_plus_2048[c] - 2048",
                        "gain displacement of component c", section="02.4", index=("c",),
                        sets=("beta_displacement_log_plus_2048[c]", "v + 2048"))),
    Derived("cube_flag_num", "4 * ceil_div(img_height, 256) * ceil_div(img_width, 256)", "cube flags of a component",
            section=_C),
    Derived("group_num", "ceil_div(cube_flag_num, 8)", "groups of cube flags of a component", section=_C),
    _COMPONENT,
    U("gain_3D_enable_flag", 1, "a quality map is present", section=_S, meanings=_FLAG),
    When(
        "gain_3D_enable_flag",
        *_threads("q", "the quality map", _S, inferred=0),
        U("quality_map_entropy_index", 3, "index of the map's scale", section=_S, inferred=0),
    ),
    _num_threads("q", "the quality map", _S),
)
