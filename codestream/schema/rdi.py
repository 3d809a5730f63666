"""Rendering information, FF84 (section 03.5): what a display needs to know. It never changes decoded samples."""

from __future__ import annotations

from construct import Struct

from jpegai.codestream.schema.base import ByteString, U
from jpegai.codestream.schema.flow import For, When

# fmt: off: one element, one line (or two)

__all__ = ["RENDERING_INFORMATION"]

_S = "03.5"
_FLAG = {0: "absent", 1: "present"}


def _reserved(place: int) -> U:
    return U("ri_reserved_zero_4bits", 4, "reserved", section=_S, index=(str(place),), legal="v == 0", rule="S-22",
             inferred=0)


RENDERING_INFORMATION = Struct(
    U("cicp_info_present_flag", 1, "colour description (ITU-T H.273)", section=_S, meanings=_FLAG, inferred=0),
    U("mdcv_info_present_flag", 1, "mastering display", section=_S, meanings=_FLAG, inferred=0),
    U("clli_info_present_flag", 1, "content light level", section=_S, meanings=_FLAG, inferred=0),
    U("dm_present_flag", 1, "dynamic metadata", section=_S, meanings=_FLAG, inferred=0),
    _reserved(0),
    When(
        "cicp_info_present_flag",
        U("colour_primaries", 8, "colour primaries", section=_S, inferred=2, meanings={
            1: "BT.709", 2: "unspecified", 4: "BT.470 M", 5: "BT.470 B/G", 6: "BT.601 525", 7: "SMPTE ST 240",
            8: "generic film", 9: "BT.2020", 10: "SMPTE ST 428", 11: "SMPTE RP 431", 12: "SMPTE EG 432 (P3)",
            22: "EBU 3213"}),
        U("transfer_characteristics", 8, "transfer characteristics", section=_S, inferred=2, meanings={
            1: "BT.709", 2: "unspecified", 4: "gamma 2.2", 5: "gamma 2.8", 6: "BT.601", 7: "SMPTE ST 240", 8: "linear",
            9: "logarithmic 100:1", 10: "logarithmic 316:1", 11: "IEC 61966-2-4", 12: "BT.1361", 13: "sRGB",
            14: "BT.2020 10 bit", 15: "BT.2020 12 bit", 16: "PQ", 17: "SMPTE ST 428", 18: "HLG"}),
        U("matrix_coefficients", 8, "matrix coefficients", section=_S, inferred=2, meanings={
            0: "identity", 1: "BT.709", 2: "unspecified", 4: "FCC", 5: "BT.470 B/G", 6: "BT.601", 7: "SMPTE ST 240",
            8: "YCgCo", 9: "BT.2020 non-constant luminance", 10: "BT.2020 constant luminance", 11: "SMPTE ST 2085",
            12: "chromaticity-derived non-constant", 13: "chromaticity-derived constant", 14: "ICtCp", 15: "IPT-PQ-C2",
            16: "YCgCo-Re", 17: "YCgCo-Ro"}),
        U("image_full_range_flag", 1, "range of the samples", section=_S, inferred=0,
          meanings={0: "limited", 1: "full"}),
        U("chroma420_sample_loc_type", 3, "location of 4:2:0 chroma samples", section=_S, legal="v <= 5", rule="R-81",
          inferred=0, meanings={0: "left", 1: "centre", 2: "top left", 3: "top", 4: "bottom left", 5: "bottom"}),
        _reserved(1),
    ),
    When(
        "mdcv_info_present_flag",
        For("i", 3,
            U("mastering_display_colour_primaries_x", 16, "x of a primary", section=_S, index=("i",), inferred=0),
            U("mastering_display_colour_primaries_y", 16, "y of a primary", section=_S, index=("i",), inferred=0)),
        U("mastering_display_white_point_chromaticity_x", 16, "x of the white point", section=_S, inferred=0),
        U("mastering_display_white_point_chromaticity_y", 16, "y of the white point", section=_S, inferred=0),
        U("mastering_display_maximum_luminance", 32, "largest luminance", section=_S, inferred=0),
        U("mastering_display_minimum_luminance", 32, "smallest luminance", section=_S, inferred=0),
    ),
    When(
        "clli_info_present_flag",
        U("maximum_content_light_level", 16, "MaxCLL", section=_S, inferred=0),
        U("maximum_frame_average_light_level", 16, "MaxFALL", section=_S, inferred=0),
    ),
    When(
        "dm_present_flag",
        U("dm_type", 8, "type of the dynamic metadata", section=_S, inferred=0),
        U("dm_size", 16, "bytes of dynamic metadata", section=_S, counts="len(dm_data_byte)", inferred=0),
        ByteString("dm_data_byte", "dm_size", "dynamic metadata", section=_S, rule="S-25", inferred="b''"),
    ),
)
