"""Streams of other formats from the file to the picture, against the reference's results (sections 10.4, 12.6.6)."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

from jpegai.codestream import Codestream
from jpegai.decoder import Decoder, support
from tests.figures import compare, decodes
from tests.streams import VectorStream, described_streams
from tests.vectors import needs_vectors

#: Elements of formats and colour: `support` may still refuse them, which is not what is tested here.
_FORMATS = {"bit_depth_idc", "s_ver_minus1", "s_hor_minus1", "c_ver_minus1", "c_hor_minus1", "colour_transform_idx"}
_NAMES = {
    "fmt_a_8", "fmt_a_10", "fmt_b_8", "fmt_b_10", "fmt_c_8", "fmt_c_10", "fmt_odd_a", "fmt_png_coded_12",
    "fmt_png_coded_22",
}  # fmt: skip
STREAMS = [stream for stream in described_streams() if stream.name in _NAMES]


@functools.cache
def decoder() -> Decoder:
    return Decoder("test")


@pytest.fixture(autouse=True)
def formats_are_built(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = tuple(row for row in support._PICTURE_HEADER if row.selector.removeprefix("pih.") not in _FORMATS)
    monkeypatch.setattr(support, "_PICTURE_HEADER", rows)


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


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_bands_give_the_same_picture(stream: VectorStream) -> None:
    parsed = Codestream.open(stream.path)
    thin = Decoder("test", max_memory=14 << 20)
    found, whole = thin.decode(parsed), decoder().decode(parsed)
    assert found.format == whole.format
    for a, b in zip(found.planes, whole.planes, strict=True):
        distance = np.abs(a.astype(int) - b)
        assert distance.max() <= 1
        assert np.count_nonzero(distance) <= max(8, a.size // 5000)


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
