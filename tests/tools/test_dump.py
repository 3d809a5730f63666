"""`jpegai dump`: every format holds the same results, and says what they are."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jpegai.codestream.errors import UnsupportedError
from jpegai.conformance_streams import STREAMS
from jpegai.decoder.decoder import ENGINES as DECODER_ENGINES
from jpegai.decoder.recorder import POINTS, stage_of
from jpegai.tools.dump_readers import open_dump
from jpegai.tools.dump_recorder import DumpWriter
from jpegai.tools.dump_writers import FORMATS
from jpegai.tools.options import ENGINES
from tests.decoder.picture.readers import read_pgx
from tests.streams import described_streams
from tests.tools.inprocess import run
from tests.tools.test_schemas import validator
from tests.vectors import needs_vectors

SMALL = next(entry for entry in STREAMS if entry.file == "an_sop_64x64.jai")
MEMORY = 1 << 30


def index_of(path: Path) -> dict[str, Any]:
    document = json.loads(path.read_text())
    validator("dump").validate(document)
    return dict(document)


def test_engines_are_those_of_the_decoder() -> None:
    assert ENGINES == DECODER_ENGINES


def test_npz_is_read_by_numpy_alone(tmp_path: Path) -> None:
    assert run("dump", SMALL.path, tmp_path / "o.npz", "--engine", "float32").code == 0
    found = np.load(tmp_path / "o.npz", allow_pickle=False)
    document = json.loads(found["index.json"])
    validator("dump").validate(document)
    assert [*found] == [*(each["name"] for each in document["results"]), "index.json"]
    for each in document["results"]:
        array = found[each["name"]]
        assert (list(array.shape), array.dtype.name) == (each["shape"], each["dtype"])
        assert hashlib.sha256(array.tobytes()).hexdigest() == each["sha256"]
        assert each["fraction_bits"] is None
    assert document["stream"] == {
        "name": str(SMALL.path), "bytes": len(SMALL.read()), "sha256": hashlib.sha256(SMALL.read()).hexdigest()
    }  # fmt: skip
    assert (document["engine"], document["exact"], document["transform"]) == ("float32", False, "SOP")
    assert document["models"]["name"] == "analytic"
    assert len(document["models"]["files"]) == 4
    assert document["picture"] == {"format": "rgb444:8", "height": 64, "width": 64}
    planes = [hashlib.md5(found[f"output.{plane}"].tobytes()).hexdigest() for plane in range(3)]
    assert document["md5"] == f"MD5: ({', '.join(planes)})"


def test_every_format_holds_the_same(tmp_path: Path) -> None:
    options = ["--points", "1", "--stages", "picture"]
    for format in FORMATS:
        result = run("dump", SMALL.path, tmp_path / format, "--format", format, *options)
        assert (result.code, result.stderr) == (0, "")
    (tmp_path / "npz").rename(tmp_path / "o.npz")
    dumps = [open_dump(str(tmp_path / name), MEMORY) for name in ("o.npz", "npy", "pgx", "hashes")]
    assert [dump.has_arrays for dump in dumps] == [True, True, True, False]
    assert {dump.index.text() for dump in dumps} == {dumps[0].index.text()}
    assert {stage_of(name) for name in dumps[0].index.results} <= {*POINTS[1], "picture"}
    for name in dumps[0].index.results:
        arrays = [dump.load(name) for dump in dumps[:3]]
        assert all(np.array_equal(arrays[0], array) for array in arrays[1:])


def test_equal_dumps_are_equal_files(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        assert run("dump", SMALL.path, tmp_path / name, "--points", 1).code == 0
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_pgx_files(tmp_path: Path) -> None:
    assert run("dump", SMALL.path, tmp_path / "o", "--format", "pgx", "--stages", "coded_mask,picture,z").code == 0
    found = np.load(_npz(tmp_path, "--stages", "coded_mask,picture,z"))
    names = {path.name for path in (tmp_path / "o").iterdir()}
    assert len(names) == 2 * (160 + 96) + 3 + 1
    depth, plane = read_pgx(tmp_path / "o" / "picture_1.pgx")
    assert depth == 8
    assert np.array_equal(plane, found["picture"][..., 1])
    depth, mask = read_pgx(tmp_path / "o" / "primary.coded_mask_7.pgx")
    assert depth == 8
    assert np.array_equal(mask, found["primary.coded_mask"][7])
    signed = (tmp_path / "o" / "secondary.z_95.pgx").read_bytes()
    assert signed == b"PG ML -8 1 1\n" + found["secondary.z"][95].tobytes()


def _npz(folder: Path, *options: object) -> Path:
    assert run("dump", SMALL.path, folder / "o.npz", *options).code == 0
    return folder / "o.npz"


@pytest.mark.parametrize(("point", "last"), [("1", "residual"), ("2", "latents_scaled"), ("1,3", "picture")])
def test_points(point: str, last: str, tmp_path: Path) -> None:
    result = run("dump", SMALL.path, tmp_path / "o.json", "--points", point)
    assert result.code == 0
    document = index_of(tmp_path / "o.json")
    asked = [stage for each in point.split(",") for stage in POINTS[int(each)]]
    assert document["stages"] == asked
    assert {stage_of(each["name"]) for each in document["results"]} <= {*asked}
    assert stage_of(document["results"][-1]["name"]) == last
    assert (document["md5"] is None) == (last != "picture")
    assert (document["picture"] is None) == (last != "picture")


def test_hashes_on_the_standard_output(tmp_path: Path) -> None:
    result = run("dump", SMALL.path, "-", "--stages", "z")
    document = json.loads(result.stdout)
    validator("dump").validate(document)
    z = np.load(_npz(tmp_path, "--stages", "z"))
    expected = {name: hashlib.sha256(z[name].tobytes()).hexdigest() for name in ("primary.z", "secondary.z")}
    assert {each["name"]: each["sha256"] for each in document["results"]} == expected


@needs_vectors
def test_ten_bits_and_subsampled_chroma(tmp_path: Path) -> None:
    """A picture of planes of different sizes comes back from PGX."""
    stream = next(each for each in described_streams() if {"bit10", "source_420"} <= {*each.tags})
    for format, name in (("pgx", "o"), ("npz", "o.npz")):
        options = ["--models", stream.models, "--format", format, "--stages", "picture"]
        assert run("dump", stream.path, tmp_path / name, *options).code == 0
    dumps = [open_dump(str(tmp_path / name), MEMORY) for name in ("o", "o.npz")]
    geometry = dumps[0].index.geometry
    assert geometry is not None
    assert str(geometry.format) == "yuv420:10"
    assert (tmp_path / "o" / "picture_2.pgx").read_bytes().startswith(b"PG ML +10 %d " % geometry.shapes[2][1])
    assert np.array_equal(dumps[0].load("picture"), dumps[1].load("picture"))


def test_quantised(tmp_path: Path) -> None:
    options = ["--stages", "latents,z", "--engine", "float32"]
    result = run("dump", SMALL.path, tmp_path / "q", "--format", "pgx", "--quantise", 10, *options)
    assert result.code == 0
    assert b"primary.latents                 int32    160x4x4, 10 fraction bits" in result.stdout
    plain = np.load(_npz(tmp_path, *options))
    made = open_dump(str(tmp_path / "q"), MEMORY)
    assert {name: entry.fraction_bits for name, entry in made.index.results.items()} == {
        "primary.z": None, "secondary.z": None, "primary.latents": 10, "secondary.latents": 10
    }  # fmt: skip
    distance = np.abs(made.load("primary.latents") / 1024 - plain["primary.latents"])
    assert 0 < distance.max() <= 2**-11 + 1e-3  # two decodes in float32 may differ by the tolerance


class Collected:
    """A writer that keeps what it is given."""

    def __init__(self) -> None:
        self.arrays: dict[str, Any] = {}
        self.index: dict[str, Any] = {}

    def write(self, entry: Any, array: Any, geometry: Any) -> None:
        self.arrays[entry.name] = array

    def finish(self, index: str) -> None:
        self.index = json.loads(index)


def test_fixed_point_results_of_an_exact_engine() -> None:
    made = Collected()
    recorder = DumpWriter(None, None, made, quantise=4)
    recorder.add("primary.latents", np.array([[[1 << 12, -5]]], np.int64), 12)
    for plane in range(3):
        recorder.add(f"output.{plane}", np.array([[[plane << 16]]], np.int32), 16)
    recorder.finish(None, {"engine": "exact", "exact": True}, ("latents", "output"))
    validator("dump").validate(made.index)
    assert made.arrays["primary.latents"].tolist() == [[[4096, -5]]]
    facts = {each["name"]: each for each in made.index["results"]}
    assert facts["primary.latents"]["fraction_bits"] == 12
    assert facts["output.2"]["dtype"] == "int32"
    assert facts["primary.latents"]["sha256"] == hashlib.sha256(b"\0\x10\0\0\xfb\xff\xff\xff").hexdigest()
    digests = [hashlib.md5(np.float32(plane).tobytes()).hexdigest() for plane in range(3)]
    assert made.index["md5"] == f"MD5: ({', '.join(digests)})"


def test_what_32_bits_do_not_hold() -> None:
    recorder = DumpWriter(None, None, Collected(), quantise=24)
    recorder.add("primary.psi", np.full((1, 1, 1), 127.0, np.float32))
    with pytest.raises(UnsupportedError, match=r"primary\.psi has values .* choose fewer"):
        recorder.add("primary.psi", np.full((1, 1, 1), 128.0, np.float32))


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["o.png"], 2),
        (["o"], 2),
        (["-", "--format", "npz"], 2),
        (["o.npz", "--points", "0"], 2),
        (["o.npz", "--stages", "magic"], 2),
        (["o.npz", "--stop-after", "magic"], 2),
        (["o", "--format", "pgx"], 4),
        (["o", "--format", "pgx", "--stages", "planes", "--engine", "float32"], 4),
        (["missing/o.npz"], 3),
        (["missing/o", "--format", "npy"], 3),
        (["full", "--format", "npy"], 3),
        (["o", "--format", "npy", "--models", "nowhere"], 5),
    ],
    ids=str,
)
def test_refusals_leave_nothing(
    options: list[str], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    result = run("dump", SMALL.path, *options)
    assert result.code == code, result.stderr
    assert code == 2 or len(result.stderr.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["full", "mine"]
