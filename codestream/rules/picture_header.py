"""Rules over several elements of the picture header (12.6.2). Legal values of single elements stand in the schema."""

from __future__ import annotations

from jpegai.codestream.rules.conditions import Condition

__all__ = ["DEFAULT_TRANSFORM_IN_PROFILE", "EDITION_CONDITIONS", "PICTURE_HEADER_CONDITIONS"]

#: Step 3 of the detection of editions: entry 0 of the list must be allowed by the profile (12.1).
DEFAULT_TRANSFORM_IN_PROFILE = Condition.of(
    "R-05", "synthesis_transform_id", "synthesis_transform_id[0] <= decoder_profile_id", index="0"
)

#: What a header of the right edition keeps (step 1), besides the legal values of single elements.
EDITION_CONDITIONS = (
    Condition.of(
        "R-04",
        "num_synthesis_transforms_minus1",
        "len({*synthesis_transform_id.values()}) == len(synthesis_transform_id)",
    ),
    Condition.of("R-20", "num_ver_splits_minus1", "edition != 'is' or numVerRegions <= ceil_div(img_height, 256)"),
    Condition.of("R-21", "num_hor_splits_minus1", "edition != 'is' or numHorRegions <= ceil_div(img_width, 512)"),
    Condition.of("R-22", "num_ver_splits_minus1", "numVerRegions <= ceil_div(img_height, 128)"),
    Condition.of("R-22", "num_hor_splits_minus1", "numHorRegions <= ceil_div(img_width, 128)"),
)

PICTURE_HEADER_CONDITIONS = (DEFAULT_TRANSFORM_IN_PROFILE, *EDITION_CONDITIONS)
