"""Rules over several elements of the picture header, as far as telling the editions apart needs them (02.7).

Legal values of single elements stand in the schema.
"""

from __future__ import annotations

from jpegai.codestream.rules import Rule
from jpegai.codestream.schema.values import Expression

__all__ = ["DEFAULT_TRANSFORM_IN_PROFILE", "PICTURE_HEADER_RULES"]

#: Step 3 of the detection: entry 0 of the list must be allowed by the profile (12.1).
DEFAULT_TRANSFORM_IN_PROFILE = Rule(
    "R-05",
    "C",
    "entry 0 is allowed by the profile",
    "synthesis_transform_id[0]",
    Expression("synthesis_transform_id[0] <= decoder_profile_id"),
)

PICTURE_HEADER_RULES = (
    Rule(
        "R-04",
        "E",
        "transform ids are distinct",
        "num_synthesis_transforms_minus1",
        Expression("len({*synthesis_transform_id.values()}) == len(synthesis_transform_id)"),
    ),
    Rule(
        "R-20",
        "E",
        "numVerRegions <= ceil(H/256)",
        "num_ver_splits_minus1",
        Expression("edition != 'is' or num_ver_splits_minus1 < ceil_div(img_height, 256)"),
    ),
    Rule(
        "R-21",
        "E",
        "numHorRegions <= ceil(W/512)",
        "num_hor_splits_minus1",
        Expression("edition != 'is' or num_hor_splits_minus1 < ceil_div(img_width, 512)"),
    ),
    Rule(
        "R-22",
        "E",
        "numVerRegions <= ceil(H/128)",
        "num_ver_splits_minus1",
        Expression("num_ver_splits_minus1 < ceil_div(img_height, 128)"),
    ),
    Rule(
        "R-22",
        "E",
        "numHorRegions <= ceil(W/128)",
        "num_hor_splits_minus1",
        Expression("num_hor_splits_minus1 < ceil_div(img_width, 128)"),
    ),
)
