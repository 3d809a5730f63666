"""What picture headers ask for, and what is refused (sections 10.2, 10.7)."""

from __future__ import annotations

from typing import Any

import pytest

from jpegai.codestream import Codestream, UnsupportedError
from jpegai.codestream.building import build_stream
from jpegai.decoder.picture.formats import Cicp, ContentLight, PictureFormat, parse_format
from jpegai.decoder.picture.signalling import choose_rendering
from tests.streams import described_streams
from tests.vectors import spec_data
from tests.writer import PLAIN

#: Source and coded subsampling less 1, as the header has them: the formats of 10.2.
S444, S422, S420 = {"s_ver_minus1": 0, "s_hor_minus1": 0}, {"s_hor_minus1": 1}, {"s_ver_minus1": 1, "s_hor_minus1": 1}
USER = {
    "colour_transform_idx": 2,
    "colour_transform_matrix": [[255, 0, 51], [0, 255, 0], [102, 0, 255]],
    "colour_transform_offset": [0, 51, 255],
}


def stream(**values: Any) -> Codestream:
    header = PLAIN | {"img_width_minus64": 0, "img_height_minus64": 0} | values
    for direction in ("ver", "hor"):
        if header[f"s_{direction}_minus1"]:
            del header[f"c_{direction}_minus1"]  # not sent, always 1
    nothing = [b"\x00\x00\x01"]
    data = build_stream(header, soz=nothing, sorp=nothing, sors=nothing)
    return Codestream.parse(data, name="x.jai", edition="is")


@pytest.mark.parametrize(
    ("values", "coded", "source", "target"),
    [
        ({}, "444", "444", "rgb444:8"),
        ({"c_hor_minus1": 1}, "422", "444", "rgb444:8"),
        ({"c_hor_minus1": 1, "c_ver_minus1": 1, "bit_depth_idc": 1}, "420", "444", "rgb444:10"),
        (S422 | {"colour_transform_idx": 0}, "422", "422", "yuv422:8"),
        (S420 | {"colour_transform_idx": 0, "bit_depth_idc": 2}, "420", "420", "yuv420:12"),
        (S420 | {"bit_depth_idc": 3}, "420", "420", "rgb444:14"),
        ({"colour_transform_idx": 0, "bit_depth_idc": 4}, "444", "444", "yuv444:16"),
        (USER, "444", "444", "yuv444:8"),
    ],
)
def test_formats(values: dict[str, Any], coded: str, source: str, target: str) -> None:
    rendering = choose_rendering(stream(**values))
    assert (rendering.coded, rendering.source, str(rendering.target)) == (coded, source, target)
    assert (rendering.user, rendering.cicp, rendering.findings) == (None, None, ())


def test_depths_and_formats_are_those_of_the_specification() -> None:
    table = spec_data("colour")
    for idc, depth in table["bit_depth_idc"].items():
        assert choose_rendering(stream(bit_depth_idc=int(idc))).target.depth == depth
    for name, steps in table["formats"].items():
        values = {"s_ver_minus1": steps["s_ver"] - 1, "s_hor_minus1": steps["s_hor"] - 1, "colour_transform_idx": 0}
        assert choose_rendering(stream(**values)).target.chroma == name


@pytest.mark.parametrize(
    ("values", "options", "selector", "message"),
    [
        ({"s_ver_minus1": 1}, {}, "s_ver_minus1", r"no chroma format.*expected 1x1, 1x2, 2x2, found 2x1"),
        ({"s_ver_minus1": 1}, {"format": "rgb444"}, "s_ver_minus1", r"no chroma format"),
        ({"c_ver_minus1": 1}, {}, "c_ver_minus1", r"no chroma format.*found 2x1"),
        ({"bit_depth_idc": 5}, {}, "bit_depth_idc", r"bit depth.*expected 0..4, found 5"),
        ({"bit_depth_idc": 7}, {"format": "rgb444:8"}, "bit_depth_idc", r"found 7"),
        ({"colour_transform_idx": 3}, {}, "colour_transform_idx", r"expected 0..2, found 3"),
        (S422 | {"c_ver_minus1": 1}, {}, "s_ver_minus1", r"4:2:2 coded as 4:2:0.*--format"),
        (USER, {"format": "rgb444"}, "colour_transform_idx", r"user-defined.*--colour intended"),
        (S420 | USER, {"colour": "intended"}, "colour_transform_idx", r"4:4:4 only"),
    ],
)
def test_refusals(values: dict[str, Any], options: dict[str, str], selector: str, message: str) -> None:
    with pytest.raises(UnsupportedError, match=message) as caught:
        choose_rendering(stream(**values), **options)
    error = caught.value
    assert (error.file, error.selector, error.exit_code) == ("x.jai", f"pih.{selector}", 4)
    assert error.bit_offset is not None
    assert len(str(error).splitlines()) == 1


def test_conversions_asked_for() -> None:
    by_way = choose_rendering(stream(**S422, c_ver_minus1=1, colour_transform_idx=0), "yuv422")
    assert (by_way.coded, by_way.source, str(by_way.target)) == ("420", "422", "yuv422:8")
    assert str(choose_rendering(stream(bit_depth_idc=1), "yuv420").target) == "yuv420:10"
    assert choose_rendering(stream(), PictureFormat("rgb", "444", 16)).target.peak == 65535
    assert str(choose_rendering(stream(**USER), "yuv422:10").target) == "yuv422:10"


def test_user_transform_by_its_intent() -> None:
    rendering = choose_rendering(stream(**USER), colour="intended")
    assert (rendering.transform, rendering.decoded, str(rendering.target)) == ("user", ("rgb", "444"), "rgb444:8")
    assert rendering.user is not None
    assert rendering.user.tolist() == [[255, 0, 51, 0], [0, 255, 0, 51], [102, 0, 255, 255]]
    (finding,) = rendering.findings
    assert (finding.severity, finding.selector) == ("W", "pih.colour_transform_idx")
    assert "no decoder is bound" in str(finding)
    assert choose_rendering(stream(), colour="intended") == choose_rendering(stream())


@pytest.mark.parametrize("text", ["rgb", "rgb420", "yuv411", "yuv420:7", "yuv420:17", "yuv420p10", ""])
def test_names_of_formats(text: str) -> None:
    with pytest.raises(ValueError, match="no format"):
        choose_rendering(stream(), text)
    assert str(parse_format("YUV420:10", 8)) == "yuv420:10"


def test_names_of_colours() -> None:
    with pytest.raises(ValueError, match="none of"):
        choose_rendering(stream(), colour="pink")


def test_rendering_information() -> None:
    (body,) = (part["body"] for part in spec_data("headers")["segments"] if part["name"] == "RDI")
    (block,) = (part["body"] for part in body if part.get("cond") == "cicp_info_present_flag")
    names = [element["name"] for element in block]
    assert names[: len(Cicp.__slots__)] == list(Cicp.__slots__)
    streams = [stream for stream in described_streams() if "rendering_info" in stream.tags]
    carried, lit, shown = [], [], []
    for stream in streams:
        written = {entry[1]: entry[3][0] for entry in stream.description()["fields"] if entry[0] == "rdi" and entry[3]}
        rendering = choose_rendering(Codestream.open(stream.path))
        if written.get("cicp_info_present_flag"):
            assert rendering.cicp == Cicp(*(written[name] for name in Cicp.__slots__))
            carried.append(stream.name)
        else:
            assert rendering.cicp is None
        light, display = rendering.content_light, rendering.mastering_display
        if written.get("clli_info_present_flag"):
            names = "maximum_content_light_level", "maximum_frame_average_light_level"
            assert light == ContentLight(*(written[name] for name in names))
            lit.append(stream.name)
        else:
            assert light is None
        if written.get("mdcv_info_present_flag"):
            assert display is not None
            x, y = (
                [written[f"mastering_display_colour_primaries_{axis}_{i}"] for i in range(3)] for axis in ("x", "y")
            )
            assert display.primaries == tuple(zip(x, y, strict=True))
            white = (written[f"mastering_display_white_point_chromaticity_{axis}"] for axis in ("x", "y"))
            assert display.white_point == tuple(white)
            assert display.maximum_luminance == written["mastering_display_maximum_luminance"]
            assert display.minimum_luminance == written["mastering_display_minimum_luminance"]
            shown.append(stream.name)
        else:
            assert display is None
    assert not streams or {"rdi_all", "rdi_cicp"} <= set(carried)
    assert not streams or ("rdi_all" in lit and "rdi_all" in shown)
