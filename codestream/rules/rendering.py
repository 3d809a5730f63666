"""Rules over several elements of the rendering information (12.6.4)."""

from __future__ import annotations

from jpegai.codestream.rules.conditions import Condition
from jpegai.codestream.schema.flow import elements
from jpegai.codestream.schema.rdi import RENDERING_INFORMATION

# fmt: off: one rule, one entry

__all__ = ["RENDERING_CONDITIONS"]

_rule = Condition.of
#: Defined codes (ITU-T H.273): those whose meaning the schema tells.
_CODES = {element.name: tuple(sorted(element.meanings)) for element in elements(RENDERING_INFORMATION)}

RENDERING_CONDITIONS = (
    *(_rule("R-80", name, f"not cicp_info_present_flag or {name} in {_CODES[name]}", expected="a code of ITU-T H.273")
      for name in ("colour_primaries", "transfer_characteristics", "matrix_coefficients")),
    _rule("R-82", "matrix_coefficients",
          "not cicp_info_present_flag or matrix_coefficients != 0 or colour_transform_idx != 0",
          found="0 (identity)", expected="the matrix of YCbCr, which colour_transform_idx = 0 gives"),
    _rule("R-83", "mastering_display_minimum_luminance",
          "not mdcv_info_present_flag or mastering_display_minimum_luminance < mastering_display_maximum_luminance",
          expected="less than {mastering_display_maximum_luminance}, the maximum"),
    _rule("R-84", "maximum_frame_average_light_level",
          "not (maximum_content_light_level and maximum_frame_average_light_level)"
          " or maximum_frame_average_light_level <= maximum_content_light_level",
          expected="at most {maximum_content_light_level}, the maximum of the content"),
    _rule("R-85", "dm_size", "not dm_present_flag or dm_size >= 1", expected="at least 1"),
    _rule("R-86", "dm_present_flag",
          "cicp_info_present_flag or mdcv_info_present_flag or clli_info_present_flag or dm_present_flag",
          found="no flag", expected="one of the four, or no segment"),
    _rule("R-87", "dm_data_byte", "dm_size < 4 or (dm_size == 4 and dm_data_byte[0] < 128)",
          found="{dm_size} bytes, the first of them {dm_data_byte[0]}",
          expected="at most 4 bytes, of 4 the first less than 128"),
)
