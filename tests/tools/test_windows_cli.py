"""Windows, tiles, regions and plans on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from jpegai.conformance_streams import STREAMS
from jpegai.decoder.picture.compare import read_png
from jpegai.tools.decode import decode
from tests.pictures import close
from tests.streams import described_streams
from tests.tools.test_schemas import validator

ODD = next(entry for entry in STREAMS if entry.file == "an_bop_odd_97x131.jai")  # 97 wide, 131 high
FILE = str(ODD.path)
TILED = {stream.name: stream for stream in described_streams()}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(decode, arguments, catch_exceptions=False)


def test_a_window(tmp_path: Path) -> None:
    assert run(FILE, str(tmp_path / "w.png"), "--roi", "5,70,33,41").exit_code == 0
    found = read_png((tmp_path / "w.png").read_bytes())
    expected = read_png(ODD.reference("bop"))[70:111, 5:38]
    assert close(found, np.ascontiguousarray(expected))
    assert [path.name for path in tmp_path.iterdir()] == ["w.png"]


def test_several_windows(tmp_path: Path) -> None:
    assert run(FILE, str(tmp_path / "w.png"), "--roi", "0,0,1,1", "--roi", "10,20,64,64").exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["w_0_0_1_1.png", "w_10_20_64_64.png"]
    assert read_png((tmp_path / "w_10_20_64_64.png").read_bytes()).shape == (64, 64, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--roi", "90,0,8,8"], "columns 0..96 and rows 0..130"),
        (["--roi", "0,0,0,8"], "columns 0..96 and rows 0..130"),
        (["--roi", "-1,0,8,8"], "columns 0..96 and rows 0..130"),
        (["--roi", "1,2,3"], "4 whole numbers"),
        (["--tile", "0,1"], "rows are 0..0, columns 0..0"),
        (["--region", "1"], "regions are 0..0"),
        (["--region", "0", "--roi", "1,1,1,1"], "only one of"),
        (["--json"], "--json goes with"),
    ],
)
def test_mistakes_of_the_user(arguments: list[str], message: str, tmp_path: Path) -> None:
    result = run(FILE, str(tmp_path / "w.png"), *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.output.replace("\u2502", " ").split())
    assert not list(tmp_path.iterdir())


def test_parts_of_many_files_are_refused(tmp_path: Path) -> None:
    assert run(FILE, "--output", str(tmp_path), "--roi", "1,1,1,1").exit_code == 2
    assert run(FILE, str(tmp_path / "w.png"), "--plan").exit_code == 2


def plans(*arguments: str) -> list[dict[str, Any]]:
    document = json.loads(run(FILE, "--plan", "--json", *arguments).output)
    validator("plan").validate(document)
    assert document["schema_version"] == 1
    return list(document["plans"])


def test_plans() -> None:
    (whole,) = plans()
    assert whole["window"] == [0, 0, 97, 131]
    assert whole["share"] == {"bytes": 1.0, "macs": 1.0, "samples": 1.0}
    (first,), (second,) = plans("--roi", "0,0,1,1"), plans("--roi", "10,20,64,64")
    assert first["macs_total"] < second["macs_total"] <= whole["macs_total"]
    assert first["latents"] == [0, 0, 4, 4]
    assert first["bytes_read"] == whole["bytes_read"]
    # decoded together, which is less work than each alone
    (both,) = plans("--roi", "0,0,1,1", "--roi", "10,20,64,64")
    assert both["window"] == [0, 0, 74, 84]
    assert both["windows"] == [[0, 0, 1, 1], [10, 20, 64, 64]]
    assert second["macs_total"] <= both["macs_total"] <= first["macs_total"] + second["macs_total"]
    assert "cut to       10,20,64,64" in run(FILE, "--plan", "--roi", "0,0,1,1", "--roi", "10,20,64,64").output
    text = run(FILE, "--plan", "--roi", "0,0,1,1").output
    assert "window       0,0,1,1" in text
    assert "one region" in text


def test_tiles_and_regions(tmp_path: Path) -> None:
    if "tile_sop" not in TILED:
        pytest.skip("no test vectors")
    file = str(TILED["tile_sop"].path)
    listed = json.loads(run(file, "--list-tiles", "--json").output)
    validator("plan").validate(listed)
    tiles = listed["tiles"]
    text = run(file, "--list-tiles").output
    assert len(text.splitlines()) == len(tiles) + 1
    width, height = 256, 192
    assert sum(each["samples"][2] * each["samples"][3] for each in tiles) == width * height
    last = tiles[-1]
    place, out = f"{last['row']},{last['column']}", tmp_path / "t.npy"
    assert run(file, str(out), "--models", "test", "--tile", place).exit_code == 0
    assert np.load(out).size == 3 * last["samples"][2] * last["samples"][3]
    regions = str(TILED["reg_ind_2x2"].path)
    assert run(regions, str(out), "--models", "test", "--region", "3").exit_code == 0
    assert np.load(out).size == 3 * 144 * (600 - 256)
