"""`jpegai decode`, `dump` and `demo` as a user sees them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from jpegai.conformance_streams import STREAMS
from jpegai.decoder.picture.compare import read_png
from tests.command import COMMAND
from tests.pictures import near
from tests.streams import VectorStream, described_streams

SMALL = next(entry for entry in STREAMS if entry.file == "an_sop_64x64.jai")
SEVERAL = next(entry for entry in STREAMS if entry.file == "demo_coffee.jai")


def run(*arguments: object, data: bytes | None = None, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        input=data,
        check=False,
        env={**os.environ, **environment},
    )


def test_decode(tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    result = run("decode", SMALL.path, out)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")
    assert near(read_png(out.read_bytes()), read_png(SMALL.reference("sop")))
    assert out.stat().st_mode & 0o777 == 0o666 & ~current_umask()


def current_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_standard_streams() -> None:
    result = run("decode", "-", "-", data=SMALL.read())
    assert result.returncode == 0
    assert near(read_png(result.stdout), read_png(SMALL.reference("sop")))


@pytest.mark.parametrize("transform", ["sop", "bop"])
def test_one_stream_several_decoders(transform: str, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    result = run("decode", SEVERAL.path, out, "--transform", transform, "--threads", 1, "--max-memory", 400, "--times")
    assert result.returncode == 0
    assert b"synthesis" in result.stderr
    assert near(read_png(out.read_bytes()), read_png(SEVERAL.reference(transform)))


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["decode", SEVERAL.path, "out.jpg"], 2, "must end in one of .png, .tif"),
        (["decode", SMALL.path, "out.png", "--transform", "bop"], 4, "BOP, which only --force applies"),
        (["decode", SEVERAL.path, "out.png", "--max-memory", "1"], 6, "in the thinnest bands that HOP allows"),
        (["decode", SMALL.path, "out.png", "--models", "nowhere"], 5, "nowhere"),
        (["decode", SMALL.path, "out.png", "--max-pixels", "100"], 6, "larger than the limit"),
        (
            ["decode", SEVERAL.path, "out.png", "--transform", "bop", "--max-memory", "1"],
            6,
            "does not fit in the memory allowed",
        ),
        (["decode", SMALL.path, "out.png", "--threads", "0"], 2, "0 is not in the range"),
        (["decode", SMALL.path, "out.png", "--engine", "magic"], 2, "magic"),
        (["decode", SMALL.path, "missing/out.png"], 3, "missing"),
        (["decode", SMALL.path, "out.yuv"], 4, "cannot hold RGB 4:4:4, 8 bits: write .png"),
        (["decode", SMALL.path, "out.png", "--format", "yuv420"], 4, "cannot hold YCbCr 4:2:0, 8 bits: write .pgm"),
        (["decode", SMALL.path, "out.png", "--format", "grey"], 2, "'grey' is no format"),
        (["decode", SMALL.path, "out.png", "--colour", "pink"], 2, "pink"),
        (["decode", SMALL.path, "out.tif", "--reference-output"], 4, "the reference writes .png, .yuv and .pgx"),
        (["decode", SMALL.path, "-", "--reference-output"], 2, "needs the name of a file"),
        (["decode", SMALL.path, "out.yuv", "--reference-output", "--format", "yuv444"], 2, "leave --format out"),
        (["decode", "nothing.jai", "out.png"], 3, "No such file"),
        (["dump", SMALL.path, "out.png"], 2, "must end in .npz"),
        (["dump", SMALL.path, "out.npz", "--stage", "z,magic"], 2, "'magic' is no stage"),
        (["dump", SMALL.path, "out.npz", "--stop-after", "magic"], 2, "'magic' is no stage"),
        (["decode", SMALL.path], 2, "give FILE and OUT"),
        (["decode", SMALL.path, SEVERAL.path, "out.png"], 2, "give FILE and OUT"),
        (["decode", SMALL.path, "out.png", "--jobs", "2"], 2, "go with --output"),
        (["decode", SMALL.path, "-o", "out", "--name", "x.png"], 2, "with {name} in it"),
        (["decode", SMALL.path, "-o", "out", "--name", "{name}.jpg"], 2, "must end in one of"),
        (["decode", SMALL.path, "-o", "out", "--format", "grey"], 2, "'grey' is no format"),
        (["decode", SMALL.path, "-o", "out", "--times"], 2, "--times goes with one FILE"),
        (["decode", SMALL.path, "-", "-o", "out"], 2, "standard input has no name"),
        (["decode", ".", "-o", "out"], 2, "no .jai files in . (-r looks"),
        (["decode", ".", "-r", "-o", "out"], 2, "no .jai files in ."),
    ],
)
def test_refusals(arguments: list[str], code: int, text: str, tmp_path: Path) -> None:
    result = subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, check=False, cwd=tmp_path, text=True)
    assert result.returncode == code, result.stderr
    assert text in result.stderr
    assert "Traceback" not in result.stderr
    if code != 2:
        assert len(result.stderr.splitlines()) == 1
        assert result.stderr.startswith("jpegai: ")
    assert not list(tmp_path.iterdir()), "nothing partial is left"


def test_forced_transform(tmp_path: Path) -> None:
    result = run("decode", SMALL.path, tmp_path / "out.png", "--transform", "bop", "--force")
    assert result.returncode == 0
    (line,) = result.stderr.decode().splitlines()
    place = "section 12.2 pih.synthesis_transform_id[0]"
    assert line.startswith(f"jpegai: warning: {SMALL.path}: {place}: decoded with BOP")
    assert not near(read_png((tmp_path / "out.png").read_bytes()), read_png(SMALL.reference("sop")))
    result = run("dump", SMALL.path, tmp_path / "out.npz", "--transform", "bop", "--force", "--stage", "latents,psi")
    assert result.returncode == 0
    assert b"section 12.2 " in result.stderr
    expected = {"primary.psi", "primary.latents", "secondary.psi", "secondary.latents", "index.json"}
    assert set(np.load(tmp_path / "out.npz")) == expected


@pytest.mark.parametrize("stream", [s for s in described_streams() if s.name == "flt_eicci_tiles"], ids=str)
def test_selections_of_eicci(stream: VectorStream, tmp_path: Path) -> None:
    planes = []
    for selection in ("reference", "per-tile"):
        out = tmp_path / f"{selection}.npz"
        options = ["--models", "test", "--stop-after", "eicci", "--stage", "eicci", "--eicci-selection", selection]
        assert run("dump", stream.path, out, *options).returncode == 0
        planes.append(np.load(out))
    assert set(planes[0]) == {"eicci.0", "eicci.1", "eicci.2", "index.json"}
    assert not np.array_equal(planes[0]["eicci.0"], planes[1]["eicci.0"])


PLANE = 64 * 64


@pytest.mark.parametrize(
    ("name", "options", "sizes"),
    [
        ("o.yuv", ["--format", "yuv420:10"], {"o.yuv": 3 * PLANE}),
        ("o_{geometry}.yuv", ["--format", "yuv444"], {"o_64x64_8bit_444.yuv": 3 * PLANE}),
        ("o_10bit.yuv", ["--reference-output"], {"o_10bit.yuv": 6 * PLANE}),
        ("o.pgx", [], {f"o_{component}.pgx": PLANE + 15 for component in range(3)}),
        ("o.pgx", ["--reference-output"], {"o.pgx": 24} | {f"o_{component}.raw": 4 * PLANE for component in range(3)}),
        ("o.ppm", [], {"o.ppm": 3 * PLANE + 13}),
        ("o.tif", ["--format", "rgb444:10"], {}),
        ("o.npz", ["--colour", "intended"], {}),
    ],
)
def test_output_by_extension(name: str, options: list[str], sizes: dict[str, int], tmp_path: Path) -> None:
    result = run("decode", SMALL.path, tmp_path / name, *options)
    assert result.returncode == 0, result.stderr
    for file, size in sizes.items():
        assert (tmp_path / file).stat().st_size == size
    beside = {".yuv": 0 if "--reference-output" in options else 1, ".pgx": 3 if options else 0}
    assert len(list(tmp_path.iterdir())) == max(1, len(sizes)) + beside.get(Path(name).suffix, 0)


def test_dump(tmp_path: Path) -> None:
    result = run("dump", SMALL.path, tmp_path / "out.npz")
    assert result.returncode == 0, result.stderr
    assert b"primary.residual_dequantised    float32  160x4x4" in result.stdout
    results = np.load(tmp_path / "out.npz")
    assert near(results["picture"], read_png(SMALL.reference("sop")))
    assert results["primary.sigma_index"].max() <= 31


def test_models_from_the_environment(tmp_path: Path) -> None:
    result = run("decode", SMALL.path, tmp_path / "out.png", JPEGAI_MODELS="nowhere")
    assert result.returncode == 5


def test_findings_are_warnings(tmp_path: Path) -> None:
    path = tmp_path / "longer.jai"
    path.write_bytes(SMALL.read() + b"more")
    result = run("decode", path, tmp_path / "out.png")
    assert result.returncode == 0
    assert result.stderr.decode().startswith(f"jpegai: warning: {path}: S-04 ")


def test_demo(tmp_path: Path) -> None:
    result = run("demo", "-o", tmp_path / "pictures")
    assert result.returncode == 0, result.stderr
    assert len(list((tmp_path / "pictures").iterdir())) == sum(len(entry.references) for entry in STREAMS)
    assert result.stdout.count(b"JPEG AI, edition IS") == len(STREAMS)
