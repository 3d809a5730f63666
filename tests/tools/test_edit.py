"""`jpegai edit` as a user sees it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from jpegai.codestream import Codestream
from jpegai.codestream.building import build_stream
from jpegai.codestream.edits import set_elements, set_user_data
from jpegai.conformance_streams import STREAMS
from tests.tools.inprocess import run
from tests.writer import PLAIN

STREAM = next(entry for entry in STREAMS if entry.file == "an_sop_64x64.jai")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.jai"


def regions() -> bytes:
    header = PLAIN | {
        "img_width_minus64": 1000, "img_height_minus64": 500, "region_partitioning_flag": 1,
        "num_ver_splits_minus1": 1, "num_hor_splits_minus1": 1, "region_residual_in_its_own_substream_flag": 1,
    }  # fmt: skip
    parts = {region: [bytes([region, 0, 1])] for region in range(4)}
    return build_stream(header, soz=[b"\x00\x00\x01"], sorp=parts, sors=parts)


def test_what_changed_is_told(out: Path) -> None:
    result = run("edit", STREAM.path, out, "--set", "pih.level_idc=42", "--set", "pih.display_width=60")
    assert (result.code, result.stderr) == (0, "")
    assert result.stdout.decode().splitlines() == [
        "pih.level_idc: 52 -> 42", "pih.diff_display_img_width: 0 -> 4", "pih.display_width: 64 -> 60 (derived)",
    ]  # fmt: skip
    assert (Codestream.open(out).pih.level_idc, Codestream.open(out).pih.display_width) == (42, 60)
    assert run("edit", STREAM.path, out, "-q", "--set", "pih.level_idc=42").stdout == b""
    assert run("edit", STREAM.path, out).stdout == b"nothing changed\n"
    assert out.read_bytes() == STREAM.read()


def test_standard_streams() -> None:
    result = run("edit", "-", "-", "--set", "pih.level_idc=42", data=STREAM.read())
    assert result.code == 0
    assert result.stdout == bytes(set_elements(Codestream.parse(STREAM.read()), [("pih.level_idc", 42)]).data)
    assert result.stderr == "pih.level_idc: 52 -> 42\n"


def test_a_file_can_be_edited_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "stream.jai"
    path.write_bytes(STREAM.read())
    assert run("edit", path, path, "--set", "pih.level_idc=42").code == 0
    assert Codestream.open(path).pih.level_idc == 42
    assert [each.name for each in tmp_path.iterdir()] == ["stream.jai"]


def test_options_are_applied_in_the_order_given(tmp_path: Path, out: Path) -> None:
    data = tmp_path / "data"
    data.write_bytes(b"user data")
    given = ["--user-data", data, "--no-user-data"]
    assert run("edit", STREAM.path, out, *given).code == 0
    assert out.read_bytes() == STREAM.read()
    assert run("edit", STREAM.path, out, *reversed(given[:2]), "--no-user-data").code == 2
    result = run("edit", STREAM.path, out, "--no-user-data", "--user-data", data)
    assert result.stdout == b"udi: added, 9 bytes\n"
    # settings between other options are steps of their own, neighbours are one step
    assert run("edit", STREAM.path, out, "--set", "pih.s_ver=2", "--set", "pih.s_hor=2").code == 0
    both = ["--set", "pih.level_idc=42", "--drop", "udi", "--set", "pih.level_idc=41"]
    assert run("edit", out, out, "--user-data", data, *both).code == 0
    assert Codestream.open(out).pih.level_idc == 41


def test_every_option(tmp_path: Path, out: Path) -> None:
    source, payload, values = tmp_path / "in.jai", tmp_path / "payload", tmp_path / "values.json"
    source.write_bytes(regions() + b"behind")
    payload.write_bytes(b"other data")
    values.write_text(json.dumps({"colour_primaries": 9, "dm_type": 1, "dm_data_byte": "00ff"}))
    result = run(
        "edit", source, out, "--drop-trailing", "--keep-regions", "0,3", "--user-data", payload, "--replace",
        f"udi={payload}", "--rendering", values, "--set", "toh.LEF_enabled_flag=on", "--strip-filters", "--display",
        "1060x560", "--order", "streaming", "--to-edition", "dis", "--drop", "ton",
    )  # fmt: skip
    assert result.code == 0, result.stderr
    stream = Codestream.open(out, edition="dis")
    assert [each.group for each in stream.segments] == [
        "pih", "udi", "rdi", "soz", "sorp[0]", "sorp[1]", "sors[0]", "sors[1]"
    ]  # fmt: skip
    assert {*stream.regions("sorp")} == {0, 3}
    assert not stream.trailing
    assert (bytes(stream.udi.UDI_data), bytes(stream.rdi.dm_data_byte)) == (b"other data", b"\x00\xff")
    assert (stream.pih.display_width, stream.pih.display_height) == (1060, 560)
    less = ("--no-rendering", "--no-user-data", "--order", "pih,soz,sorp,sors")
    assert run("edit", "--edition", "dis", out, out, *less).code == 0
    assert [each.name for each in Codestream.open(out).segments][:3] == ["pih", "soz", "sorp"]


def test_filters_need_no_names(out: Path, tmp_path: Path) -> None:
    tools = set_elements(
        set_user_data(Codestream.parse(STREAM.read()), b"x"), [("ton.LEF_enabled_flag", 1), ("ton.LEF_chIdx", 3)]
    )
    source = tmp_path / "in.jai"
    source.write_bytes(tools.data)
    for arguments in (
        ["--strip-filters", source, out], [source, out, "--strip-filters"], [source, out, "--strip-filters", "lef"],
        [source, "--strip-filters", out, "-q"], [source, out, "--strip-filters=eicci,lef"],
    ):  # fmt: skip
        assert run("edit", *arguments).code == 0
        assert not Codestream.open(out).ton.LEF_enabled_flag
    assert run("edit", source, out, "--strip-filters=none").code == 2


def test_arrays_of_which_much_changes_take_one_line(out: Path) -> None:
    result = run("edit", STREAM.path, out, "--set", "pih.colour_transform_matrix[0..2][0..2]=1", "--set",
                 "pih.colour_transform_matrix[0][0]=255", "--set", "pih.colour_transform_matrix[1][1]=100", "--set",
                 "pih.colour_transform_idx=user matrix", "--set", "pih.colour_transform_matrix[2][2]=50")  # fmt: skip
    assert result.code == 0
    assert result.stdout.decode().splitlines()[:2] == [
        "pih.colour_transform_idx: 1 -> 2",
        "pih.colour_transform_matrix[0][0] ... pih.colour_transform_matrix[2][2]: 9 entries added",
    ]


def test_new_warnings_are_told(out: Path) -> None:
    result = run("edit", STREAM.path, out, "-q", "--drop", "rdi", "--user-data", "/dev/null")
    assert result.code == 0
    assert all(line.startswith("jpegai: warning: ") for line in result.stderr.splitlines())


def test_an_edition_that_readers_do_not_see_is_told(tmp_path: Path, out: Path) -> None:
    # the pair of section 02.7 (a): simple [0, 1] in the Draft is base [1] in the Standard
    source = tmp_path / "in.jai"
    threads = [b"\x00\x00\x01"]
    header = PLAIN | {"synthesis_transform_id": [0, 1], "num_synthesis_transforms_minus1": 1,
                      "img_width_minus64": 0, "img_height_minus64": 0}  # fmt: skip
    source.write_bytes(build_stream(header, soz=threads, sorp=threads, sors=threads))
    result = run("edit", source, out, "--to-edition", "dis")
    assert result.code == 0
    assert "warning: readers need --edition dis" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--set", "pih.level_idc=13"], 1, "pih.level_idc: the result would break R-07"),
        (["--set", "pih.model_id=2"], 1, "class C of 11.19"),
        (["--drop", "soz"], 1, "would break S-11"),
        (["--drop", "udi"], 2, "the stream has no udi segment"),
        (["--set", "pih.lvel_idc=13"], 2, "did you mean pih.level_idc"),
        (["--set", "pih.level_idc"], 2, "'=' and what to set are missing"),
        (["--keep-regions", "0"], 1, "the regions are not independent"),
        (["--keep-regions", "a"], 2, "not numbers"),
        (["--display", "10"], 2, "expected WIDTHxHEIGHT"),
        (["--display", "64x0"], 1, "at most 63"),
        (["--to-edition", "fdis"], 2, "is not one of"),
        (["--order", "pih"], 1, "has no place in the order"),
        (["--user-data", "/does/not/exist"], 3, "/does/not/exist: No such file or directory"),
        (["--rendering", "/dev/null"], 2, "--rendering /dev/null"),
        (["--replace", "soz"], 2, "'=' and what to set"),
    ],
)  # fmt: skip
def test_refusals_are_one_line_and_leave_nothing(arguments: list[str], code: int, message: str, out: Path) -> None:
    out.write_bytes(b"as it was")
    result = run("edit", STREAM.path, out, *arguments)
    assert result.code == code
    assert message in result.stderr.replace("\n", " ")
    assert not result.stdout
    assert out.read_bytes() == b"as it was"
    assert [each.name for each in out.parent.iterdir()] == ["out.jai"]
    if "Usage" not in result.stderr:
        assert len(result.stderr.splitlines()) == 1


def test_neither_numpy_nor_numba_is_imported(out: Path) -> None:
    code = (
        "import sys, jpegai.tools.cli as cli\n"
        "for arguments in (['edit', sys.argv[1], sys.argv[2], '--set', 'pih.level_idc=42'], ['stats', sys.argv[1]],\n"
        "                  ['extract', sys.argv[1], 'pih', '-o', sys.argv[2]]):\n"
        "    try: cli.main(arguments)\n"
        "    except SystemExit as stop: assert not stop.code\n"
        "print(sorted({'numpy', 'numba', 'onnxruntime', 'onnx', 'PIL'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, str(STREAM.path), str(out)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1] == "[]"


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    result = run("edit", STREAM.path, tmp_path / "none" / "out.jai")
    assert (result.code, result.stdout) == (3, b"")
    assert "No such directory" in result.stderr
