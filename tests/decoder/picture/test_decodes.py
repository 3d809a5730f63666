"""Streams of other formats from the file to the picture, against the reference's results (sections 10.4, 12.6.6)."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jpegai.codestream import Codestream, ConformanceError, JpegAIError, UnsupportedError
from jpegai.decoder import Decoder
from jpegai.decoder.picture.signalling import choose_rendering
from jpegai.decoder.plan import make_plan
from tests.figures import compare, decodes
from tests.streams import VectorStream, described_streams
from tests.vectors import needs_vectors
from tests.writer import write_stream

_NAMES = {
    "fmt_a_8", "fmt_a_10", "fmt_b_8", "fmt_b_10", "fmt_c_8", "fmt_c_10", "fmt_odd_a", "fmt_png_coded_12",
    "fmt_png_coded_22",
}  # fmt: skip
STREAMS = [stream for stream in described_streams() if stream.name in _NAMES]


@functools.cache
def decoder() -> Decoder:
    return Decoder("test", engine="float32")


@needs_vectors
def test_how_many_streams_run() -> None:
    assert {stream.name for stream in STREAMS} == _NAMES


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_decode_is_that_of_the_reference(stream: VectorStream, tmp_path: Path) -> None:
    (entry,) = decodes(stream)
    results = decoder().dump(stream.path, transform=entry["transform"])
    figures = compare(stream, entry, results)
    assert figures.good, figures
    picture = decoder().decode(stream.path, transform=entry["transform"])
    output = entry["output"]
    assert (picture.format.space, picture.format.chroma) == (output["space"], output["format"])
    assert picture.format.depth == output["bit_depth"]
    found = picture.rgb if output["space"] == "rgb" else picture.flat()
    assert np.abs(found.astype(int) - results["picture"]).max() <= 1
    if output["space"] == "yuv":
        picture.save(tmp_path / "x.yuv")
        assert (tmp_path / "x.yuv").stat().st_size == entry["tensors"]["picture"]["shape"][0]


@pytest.mark.parametrize("format", ["rgb444:8", "yuv444:10", "yuv422:8", "yuv420:16"])
@pytest.mark.parametrize("stream", STREAMS[:4], ids=lambda stream: stream.name)
def test_conversion_before_rounding(stream: VectorStream, format: str) -> None:
    asked = decoder().decode(stream.path, format=format)
    assert str(asked.format) == format
    afterwards = decoder().decode(stream.path).convert(format)
    step = asked.format.peak / 255
    for a, b in zip(asked.planes, afterwards.planes, strict=True):
        assert a.shape == b.shape
        assert np.abs(a.astype(int) - b).max() <= 0.5 + 2 * step  # rounded once more, chroma stretched by the matrix


def written(height: int = 66, **values: Any) -> bytes:
    """A stream 80 wide, cut to 77 and to 5 rows less for display, with a picture of some structure."""
    rng = np.random.default_rng(3)
    z = [rng.integers(-3, 4, (channels, -(-height // 64), 2)).astype(np.int8) for channels in (160, 96)]
    crop = {"diff_display_img_width": 3, "diff_display_img_height": 5}
    return write_stream(height, 80, z, models="test", **(crop | values))


@pytest.mark.parametrize("idc", range(5))
def test_every_depth(idc: int) -> None:
    depth = 8 + 2 * idc
    picture = decoder().decode(Codestream.parse(written(bit_depth_idc=idc), edition="is"))
    assert str(picture.format) == f"rgb444:{depth}"
    assert [finding.rule for finding in picture.findings] == (["R-12"] if idc > 1 else [])
    assert picture.rgb.shape == (61, 77, 3)
    assert len(np.unique(picture.rgb)) > 100
    coarse = decoder().decode(Codestream.parse(written(), edition="is"))
    assert np.abs(picture.rgb / picture.format.peak * 255 - coarse.rgb).max() <= 0.501 + 0.5 * 255 / picture.format.peak


@pytest.mark.parametrize(
    ("values", "selector"),
    [
        ({"bit_depth_idc": 5}, "pih.bit_depth_idc"),
        ({"bit_depth_idc": 6}, "pih.bit_depth_idc"),
        ({"bit_depth_idc": 7}, "pih.bit_depth_idc"),
        ({"colour_transform_idx": 3}, "pih.colour_transform_idx"),
        ({"s_ver_minus1": 1, "c_ver_minus1": None}, "pih.s_ver_minus1"),
        ({"c_ver_minus1": 1}, "pih.c_ver_minus1"),
    ],
)
def test_refused_by_name(values: dict[str, Any], selector: str) -> None:
    data = written(**values)
    with pytest.raises(JpegAIError) as caught:
        decoder().decode(Codestream.parse(data, name="x.jai", edition="is"))
    error = caught.value
    assert isinstance(error, (ConformanceError, UnsupportedError))
    assert (error.file, error.selector) == ("x.jai", selector)
    assert error.bit_offset is not None


@pytest.mark.parametrize(("s_hor", "s_ver", "chroma"), [(0, 0, "444"), (1, 0, "422"), (1, 1, "420")])
def test_display_crop_of_odd_sizes(s_hor: int, s_ver: int, chroma: str) -> None:
    """Chroma is decimated over the cropped extent, so its last sample exists (10.15 P12)."""
    header = {"s_hor_minus1": s_hor, "s_ver_minus1": s_ver, "colour_transform_idx": 0}
    coded = {"c_hor_minus1": None if s_hor else 0, "c_ver_minus1": None if s_ver else 0}
    stream = Codestream.parse(written(**(header | coded)), edition="is")
    picture = decoder().decode(stream)
    full = decoder().decode(Codestream.parse(written(colour_transform_idx=0), edition="is"))
    assert str(picture.format) == f"yuv{chroma}:8"
    for index, (found, whole) in enumerate(zip(picture.planes, full.planes, strict=True)):
        steps = (1 + s_ver, 1 + s_hor) if index else (1, 1)
        assert np.array_equal(found, whole[:: steps[0], :: steps[1]])


def test_user_defined_transform() -> None:
    user = {
        "colour_transform_idx": 2,
        "colour_transform_matrix": [[0, 255, 0], [0, 0, 255], [128, 0, 0]],
        "colour_transform_offset": [0, 0, 51],
    }
    stream = Codestream.parse(written(**user), edition="is")
    plain = decoder().decode(stream)
    assert str(plain.format) == "yuv444:8"
    intended = decoder().decode(stream, colour="intended")
    assert str(intended.format) == "rgb444:8"
    assert [(finding.rule, finding.section) for finding in intended.findings][-1] == (None, "10.7")
    y, u, v = (plane.astype(float) for plane in plain.planes)
    expected = np.stack([u, v, np.minimum(128 / 255 * y + 51, 255)], -1)
    assert np.abs(intended.rgb - expected).max() <= 1


@pytest.mark.parametrize("format", [None, "rgb444", "yuv422"])
@pytest.mark.parametrize("coded", [{"s_hor_minus1": 1, "s_ver_minus1": 1}, {"c_hor_minus1": 1, "c_ver_minus1": 1}, {}])
def test_bands_give_the_same_picture(coded: dict[str, int], format: str | None) -> None:
    absent = dict.fromkeys(("c_hor_minus1", "c_ver_minus1")) if "s_ver_minus1" in coded else {}
    stream = Codestream.parse(written(1000, colour_transform_idx=0, **(coded | absent)))
    rendering = choose_rendering(stream, format)
    memory = make_plan(stream, "SOP", rendering=rendering).memory - 1
    assert len(make_plan(stream, "SOP", rendering=rendering, max_memory=memory).synthesis[0]) > 1
    whole = decoder().decode(stream, format=format)
    found = Decoder(decoder().store, engine="float32", max_memory=memory).decode(stream, format=format)
    assert found.format == whole.format
    for a, b in zip(found.planes, whole.planes, strict=True):
        distance = np.abs(a.astype(int) - b)
        assert distance.max() <= 1
        assert np.count_nonzero(distance) <= max(8, a.size // 5000)
