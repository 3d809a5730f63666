"""Small streams for the transcripts: sound ones of every kind, and damaged ones."""

from __future__ import annotations

from typing import Any

from jpegai.codestream.building import build_stream
from jpegai.conformance_streams import STREAMS
from tests.tools.dumps import DUMPS

SMALL = next(entry for entry in STREAMS if entry.file == "an_sop_64x64.jai").read()
_EMPTY = [b"\x00\x00\x01"]
_PICTURE: dict[str, Any] = {
    "decoder_profile_id": 1, "synthesis_transform_id": [1, 0], "level_idc": 52, "img_width_minus64": 960,
    "img_height_minus64": 448, "diff_display_img_width": 4, "diff_display_img_height": 2, "bit_depth_idc": 1,
    "s_ver_minus1": 0, "s_hor_minus1": 0, "c_ver_minus1": 0, "c_hor_minus1": 0, "colour_transform_idx": 1,
    "model_id": 3, "beta_displacement_log_plus_2048": [2048], "region_partitioning_flag": 1,
    "num_ver_splits_minus1": 1, "num_hor_splits_minus1": 1, "independent_beta_uv": 0, "num_chs": [160, 96],
    "use_cube_flags": [0, 0], "rvs_enable_flag": [0, 0], "grfs_enable_flag": [0, 0],
    "synthesis_tile_enable": [0, 0], "gain_3D_enable_flag": 0,
}  # fmt: skip
_REGIONS = {region: [b"\x00\x01", b"\x00\x05\x01"] for region in range(4)}
_TOOLS = {
    "lsbs_enable_flag": [1, 0], "EFE_linear_filter_enabled_flag": 1, "B1": [12751, 13007],
    "best_cand_idx": [[0, 0], [1, 1]], "fL": {1: [2, 1]}, "minSymbol": [0, 30000], "maxSymbol": [65535, 4000],
    "weightsC": {1: [[[[[1, 2], [3, 4]]]], [[[[5]]]]]}, "weightsY": {1: [[[[6, 7], [8, 9]]], [[[10]]]]},
    "icci_enable_flag": 0, "EFE_nonlinear_filter_enabled_flag": 0, "LEF_enabled_flag": 1, "LEF_chIdx": 17,
}  # fmt: skip
_RENDERING = {
    "cicp_info_present_flag": 1, "mdcv_info_present_flag": 0, "clli_info_present_flag": 1, "dm_present_flag": 1,
    "ri_reserved_zero_4bits": [0, 0], "colour_primaries": 9, "transfer_characteristics": 16, "matrix_coefficients": 9,
    "image_full_range_flag": 1, "chroma420_sample_loc_type": 0, "maximum_content_light_level": 1000,
    "maximum_frame_average_light_level": 400, "dm_type": 1, "dm_data_byte": b"\x01\x02\x03\x04",
}  # fmt: skip

INDEPENDENT = build_stream(
    _PICTURE | {"region_residual_in_its_own_substream_flag": 1},
    soz=_EMPTY, sorp=_REGIONS, sors=dict.fromkeys((0, 1, 2, 3), _EMPTY),
    ton=_TOOLS, rdi=_RENDERING, udi=b"made by hand, \xff\x81 and all",
)  # fmt: skip
DEPENDENT = build_stream(
    _PICTURE | {"hyper_decoder_overlap_in_latent_samples": 2, "mcm_overlap_in_latent_samples": 8},
    soz=[b"\x00\x01"] * 4, sorp=_REGIONS, sors=dict.fromkeys(range(4), _EMPTY), ton=_TOOLS,
)  # fmt: skip

SAMPLES = {
    "small.jai": SMALL,
    "independent.jai": INDEPENDENT,
    "dependent.jai": DEPENDENT,
    "trailing.jai": SMALL + b"appended",
    "cut.jai": SMALL[:100],
    "no_end.jai": SMALL[:-2],
    "junk.jai": b"junk" + SMALL,
    "undefined.jai": SMALL.replace(b"\xff\x83\x40\x00", b"\xff\x90\x40\x00\xff\x83\x40\x00"),
    "damaged_ton.jai": SMALL.replace(b"\xff\x83\x40\x00", b"\xff\x83\x40\x20"),
    "two_ton.jai": SMALL.replace(b"\xff\x83\x40\x00", b"\xff\x83\x40\x00" * 2),
    "picture.png": b"\x89PNG\r\n\x1a\n",
    "empty.jai": b"",
    **DUMPS,
}
