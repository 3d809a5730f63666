"""Windows in another format than the stream's: chroma is resampled by its place in the whole picture (10.5.2)."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from jpegai.codestream import Codestream
from jpegai.decoder import Decoder
from jpegai.decoder.picture.compare import allowed
from jpegai.decoder.picture.formats import Frame
from jpegai.decoder.windows import roi_window
from tests.decoder.test_windows import windows
from tests.streams import described_streams

by_name = {stream.name: stream for stream in described_streams()}
pytestmark = pytest.mark.skipif(not by_name, reason="no test vectors")

#: Sources and codings of every chroma format, odd sizes, filters, tiles, display crop.
NAMES = (
    "fmt_a_8", "fmt_b_10", "fmt_c_10", "fmt_png_coded_12", "fmt_png_coded_22", "fmt_odd_a", "flt_all_a", "flt_all_c",
    "tile_sop", "size_crop_97x131",
)  # fmt: skip
FORMATS = ("rgb444:12", "yuv444", "yuv422:10", "yuv420")
WINDOWS = 3


@functools.cache
def decoder(models: str) -> Decoder:
    return Decoder(models, engine="float32", threads=1)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_a_window_in_another_format_is_that_part_of_the_picture(name: str, format: str) -> None:
    stream, made = Codestream.open(by_name[name].path), decoder(by_name[name].models)
    whole = made.decode(stream, format=format)

    @settings(max_examples=WINDOWS, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(windows(whole.width, whole.height))
    def check(roi: tuple[int, int, int, int]) -> None:
        picture = made.decode(stream, roi=roi, format=format)
        assert picture.format == whole.format
        part = Frame((whole.height, whole.width), roi_window(stream, roi)).part(picture.format.chroma)
        different = 0
        for k, (ours, theirs) in enumerate(zip(picture.planes, whole.planes, strict=True)):
            expected = theirs[(part if k else roi_window(stream, roi)).index[1:]]
            assert ours.shape == expected.shape
            distance = np.abs(ours.astype(int) - expected)
            assert distance.max() <= 1
            different += int(np.count_nonzero(distance))
        assert different <= allowed(sum(plane.size for plane in picture.planes))

    check()
