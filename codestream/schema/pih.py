"""Picture header, FF82 (section 02). The two editions differ in the first element only."""

from __future__ import annotations

from construct import Struct

from jpegai.codestream.schema.base import Derived, For, U, When

# fmt: off: one element, one line (or two)

__all__ = ["CHANNELS", "PICTURE_HEADER", "TRANSFORMS"]

#: Latent channels of the primary and the secondary component (02.4).
CHANNELS = (160, 96)
#: Names of the synthesis transforms (12.1).
TRANSFORMS = {0: "SOP", 1: "BOP", 2: "HOP"}

_SECTION = "02.1"
_FLAG = {0: "no", 1: "yes"}
_LEVELS = {10 * a + b: f"size class {a}, model class {b}" for a in range(1, 6) for b in range(3)}


def _threads(
    of: str, condition: str, name: str, flag: str, log: str, index: tuple[str, ...] = (), section: str = _SECTION
) -> tuple[object, ...]:
    """The three lines by which a payload says how many threads it has."""
    place = "".join(f"[{i}]" for i in index)
    return (
        U(flag, 1, f"{of} is cut in several threads", section=section, index=index, meanings=_FLAG),
        When(condition, U(log, 2, f"threads of {of}: 2^(v+1)", section=section, index=index)),
        Derived(name, f"2 << {log}{place} if {flag}{place} else 1", f"threads of {of}", section=section, index=index),
    )


_COMPONENT = For(
    "c",
    2,
    *_threads(
        "the residual of component c",
        "multi_threading_r[c]",
        "num_threads_r",
        "multi_threading_r",
        "log2_num_threads_r_minus1",
        ("c",),
        "02.2",
    ),
    U("num_chs", 8, "coded latent channels", section="02.2", index=("c",), legal=f"v <= {CHANNELS}[c]", rule="R-25"),
    Derived("numCh", f"min(num_chs[c], {CHANNELS}[c])", "coded latent channels, bounded", section="02.2", index=("c",)),
    U("use_cube_flags", 1, "cube flags are present", section="02.2", index=("c",), meanings=_FLAG),
    When(
        "use_cube_flags[c]",
        For(
            "g",
            "ceil_div(cube_flag_num, 8)",
            U(
                "cube_group_flag",
                1,
                "the flags of the group follow",
                section="02.2",
                index=("c", "g"),
                inferred=0,
                meanings={0: "all flags of the group are 1", 1: "the flags of the group follow"},
            ),
            When(
                "cube_group_flag[c][g]",
                For(
                    "k",
                    "min(8, cube_flag_num - 8 * g)",
                    U(
                        "cube_flag",
                        1,
                        "flag of one cube",
                        section="02.2",
                        index=("c", "8 * g + k"),
                        inferred=1,
                        meanings={0: "every residual of the cube is coded", 1: "the scale decides"},
                    ),
                ),
            ),
        ),
    ),
    U("rvs_enable_flag", 1, "residual variance scaling", section="02.2", index=("c",), meanings=_FLAG),
    U("grfs_enable_flag", 1, "group residual flexible scaling", section="02.2", index=("c",), meanings=_FLAG),
    When(
        "grfs_enable_flag[c]",
        For(
            "ch",
            "numCh[c]",
            U("grfs_channel_flag", 1, "group of channel ch", section="02.2", index=("c", "ch"), inferred=0),
        ),
    ),
    U("synthesis_tile_enable", 1, "synthesis in tiles", section="02.2", index=("c",), meanings=_FLAG),
    When(
        "synthesis_tile_enable[c]",
        U(
            "synthesis_tile_size",
            8,
            "tile side: 16 v luma samples",
            section="02.2",
            index=("c",),
            legal="v >= 1",
            rule="R-30",
        ),
        U("synthesis_tile_overlap", 5, "tile overlap: 16 v luma samples", section="02.2", index=("c",)),
    ),
)

PICTURE_HEADER = Struct(
    When(
        "edition == 'is'",
        U("stream_profile_idc", 4, "stream profile", section=_SECTION, legal="v == 0", rule="R-01", inferred=0),
    ),
    U(
        "decoder_profile_id",
        4,
        "decoder profile",
        section=_SECTION,
        legal="v <= 2",
        rule="R-02",
        meanings={0: "simple", 1: "base (DIS: main)", 2: "high"},
    ),
    U(
        "num_synthesis_transforms_minus1",
        4,
        "number of listed transforms minus 1",
        section=_SECTION,
        legal="v <= 2",
        rule="R-04",
    ),
    For(
        "i",
        "num_synthesis_transforms_minus1 + 1",
        U(
            "synthesis_transform_id",
            4,
            "listed transform; entry 0 is the default",
            section=_SECTION,
            index=("i",),
            legal="v <= 2",
            rule="R-03",
            meanings=TRANSFORMS,
        ),
    ),
    U(
        "level_idc",
        8,
        "level",
        section=_SECTION,
        legal="v // 10 in range(1, 6) and v % 10 <= 2",
        rule="R-07",
        meanings=_LEVELS,
    ),
    U("img_width_minus64", 16, "coded width minus 64", section=_SECTION),
    U("img_height_minus64", 16, "coded height minus 64", section=_SECTION),
    Derived("img_width", "img_width_minus64 + 64", "coded width", section="02.4"),
    Derived("img_height", "img_height_minus64 + 64", "coded height", section="02.4"),
    U("diff_display_img_width", 6, "columns at the right that are not displayed", section=_SECTION),
    U("diff_display_img_height", 6, "rows at the bottom that are not displayed", section=_SECTION),
    Derived("display_width", "img_width - diff_display_img_width", "display width", section="02.4"),
    Derived("display_height", "img_height - diff_display_img_height", "display height", section="02.4"),
    U(
        "bit_depth_idc",
        3,
        "bit depth",
        section=_SECTION,
        legal="v <= 1",
        rule="R-12",
        meanings={idc: f"{8 + 2 * idc} bits" for idc in range(5)},
    ),
    Derived("bit_depth", "8 + 2 * bit_depth_idc", "bits per sample", section="02.4"),
    U("s_ver_minus1", 1, "vertical chroma subsampling of the output minus 1", section=_SECTION),
    U("s_hor_minus1", 1, "horizontal chroma subsampling of the output minus 1", section=_SECTION),
    When(
        "s_ver_minus1 == 0",
        U("c_ver_minus1", 1, "vertical chroma subsampling as coded minus 1", section=_SECTION, inferred=1),
    ),
    When(
        "s_hor_minus1 == 0",
        U("c_hor_minus1", 1, "horizontal chroma subsampling as coded minus 1", section=_SECTION, inferred=1),
    ),
    Derived("s_ver", "s_ver_minus1 + 1", "vertical chroma subsampling of the output", section="02.4"),
    Derived("s_hor", "s_hor_minus1 + 1", "horizontal chroma subsampling of the output", section="02.4"),
    Derived("c_ver", "c_ver_minus1 + 1", "vertical chroma subsampling as coded", section="02.4"),
    Derived("c_hor", "c_hor_minus1 + 1", "horizontal chroma subsampling as coded", section="02.4"),
    U(
        "colour_transform_idx",
        2,
        "output colour transform",
        section=_SECTION,
        legal="v <= 2",
        rule="R-15",
        meanings={0: "none: YCbCr", 1: "BT.709 to RGB", 2: "user matrix"},
    ),
    When(
        "colour_transform_idx == 2",
        For(
            "i",
            3,
            For("j", 3, U("colour_transform_matrix", 8, "user matrix element", section=_SECTION, index=("i", "j"))),
        ),
        For("i", 3, U("colour_transform_offset", 8, "user offset", section=_SECTION, index=("i",))),
    ),
    U(
        "model_id",
        4,
        "learned model",
        section=_SECTION,
        legal="v <= 3",
        rule="R-10",
        meanings={
            0: "training point 0.002",
            1: "training point 0.012",
            2: "training point 0.075",
            3: "training point 0.5",
        },
    ),
    *_threads("z", "multi_threading_z", "num_threads_z", "multi_threading_z", "log2_num_threads_z_minus1"),
    U(
        "beta_displacement_log_plus_2048",
        12,
        "gain displacement of the primary component plus 2048",
        section=_SECTION,
        index=("0",),
    ),
    U("region_partitioning_flag", 1, "the latents are cut in regions", section=_SECTION, meanings=_FLAG),
    When(
        "region_partitioning_flag",
        U("num_ver_splits_minus1", 7, "rows of regions minus 1", section=_SECTION, inferred=0),
        U("num_hor_splits_minus1", 7, "columns of regions minus 1", section=_SECTION, inferred=0),
        U(
            "region_residual_in_its_own_substream_flag",
            1,
            "regions are independent",
            section=_SECTION,
            inferred=0,
            meanings={0: "dependent: one segment with a size table", 1: "independent: a segment each"},
        ),
        When(
            "region_residual_in_its_own_substream_flag == 0",
            U("hyper_decoder_overlap_in_latent_samples", 2, "z overlap: 2 v positions", section=_SECTION, inferred=0),
            U("mcm_overlap_in_latent_samples", 4, "psi overlap: v cells", section=_SECTION, inferred=0),
        ),
    ),
    Derived("num_regions", "(num_ver_splits_minus1 + 1) * (num_hor_splits_minus1 + 1)", "regions", section="02.4"),
    U("independent_beta_uv", 1, "the secondary component has its own displacement", section=_SECTION, meanings=_FLAG),
    When(
        "independent_beta_uv",
        U(
            "beta_displacement_log_plus_2048",
            12,
            "gain displacement of the secondary component plus 2048",
            section=_SECTION,
            index=("1",),
            inferred="beta_displacement_log_plus_2048[0]",
        ),
    ),
    Derived(
        "cube_flag_num",
        "4 * ceil_div(img_height, 256) * ceil_div(img_width, 256)",
        "cube flags of a component",
        section="02.2",
    ),
    _COMPONENT,
    U("gain_3D_enable_flag", 1, "a quality map is present", section=_SECTION, meanings=_FLAG),
    When(
        "gain_3D_enable_flag",
        U(
            "multi_threading_q",
            1,
            "the quality map is cut in several threads",
            section=_SECTION,
            inferred=0,
            meanings=_FLAG,
        ),
        When(
            "multi_threading_q",
            U("log2_num_threads_q_minus1", 2, "threads of the quality map: 2^(v+1)", section=_SECTION),
        ),
        U("quality_map_entropy_index", 3, "index of the map's scale", section=_SECTION, inferred=0),
    ),
    Derived(
        "num_threads_q",
        "2 << log2_num_threads_q_minus1 if multi_threading_q else 1",
        "threads of the quality map",
        section="02.1",
    ),
)
