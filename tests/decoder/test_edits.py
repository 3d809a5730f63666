"""Edits of class A (11.19) leave every symbol as it is: what the table says, seen by the decoder."""

from __future__ import annotations

import numpy as np
import pytest

from jpegai.codestream import Codestream
from jpegai.codestream.edits import change_edition, crop_display, reorder, set_elements, set_user_data
from jpegai.conformance_streams import STREAMS
from jpegai.decoder import Decoder

INTEGERS = ("z", "hyper_scale", "scale0", "scale1", "sigma_index", "coded_mask", "residual", "residual_dequantised")


@pytest.mark.parametrize("name", ["an_sop_64x64.jai", "an_bop_odd_97x131.jai"])
def test_symbols_stay_under_edits_of_class_a(name: str) -> None:
    entry = next(entry for entry in STREAMS if entry.file == name)
    stream = Codestream.parse(entry.read())
    height, width = stream.pih.img_height, stream.pih.img_width
    edited = set_elements(stream, [
        ("pih.level_idc", 32), ("pih.decoder_profile_id", 2), ("pih.synthesis_transform_id", [0, 2]),
        ("pih.img_width", -(-width // 16) * 16), ("pih.img_height", -(-height // 16) * 16),
    ])  # fmt: skip
    edited = crop_display(edited, edited.pih.img_width - 5, edited.pih.img_height - 9)
    edited = reorder(set_user_data(change_edition(edited, "dis"), b"data"), "streaming")
    assert bytes(edited.data) != entry.read()
    decoder = Decoder(entry.models, engine="float32", threads=1)
    before, after = (decoder.dump(each, transform="sop") for each in (stream, edited))
    for component in ("primary", "secondary"):
        for stage in INTEGERS:
            key = f"{component}.{stage}"
            assert before[key].size
            np.testing.assert_array_equal(before[key], after[key], err_msg=key)
    assert before["picture"].shape != after["picture"].shape
