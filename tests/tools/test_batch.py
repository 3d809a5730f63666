"""`jpegai decode --output`: many files, some of them bad."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from jpegai.codestream.errors import Finding, LimitError, UnsupportedError
from jpegai.conformance_streams import STREAMS
from jpegai.decoder.picture.compare import read_png
from jpegai.tools.batch import Job, plan_jobs, run_jobs
from jpegai.tools.failures import describe
from tests.command import COMMAND
from tests.pictures import near

SMALL, ODD = (
    next(entry for entry in STREAMS if entry.file == name) for name in ("an_sop_64x64.jai", "an_bop_odd_97x131.jai")
)


def run(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, check=False, cwd=cwd, text=True, env=dict(os.environ)
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Good files, one with a finding, a truncated one and one that is no codestream, at two levels."""
    below = tmp_path / "in" / "below"
    below.mkdir(parents=True)
    shutil.copy(SMALL.path, below.parent / "a.jai")
    shutil.copy(ODD.path, below / "b.JAI")
    (below.parent / "odd.jai").write_bytes(SMALL.read() + b"more")
    (below.parent / "cut.jai").write_bytes(SMALL.read()[:-200])
    (below / "text.jai").write_text("nothing")
    (below / "readme.txt").write_text("not taken")
    return tmp_path


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_directory(folder: Path, jobs: int) -> None:
    result = run("decode", "in", "-r", "-o", "out", "--jobs", jobs, cwd=folder)
    assert result.returncode == 3
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 4
    assert lines[-1].startswith("jpegai: 3 of 5 decoded in ")
    assert lines[-1].endswith(" s, 2 damaged or unreadable, 1 with warnings")
    assert sum(line.startswith("jpegai: in/cut.jai, ") for line in lines) == 1
    assert sum(line.startswith("jpegai: in/below/text.jai, ") for line in lines) == 1
    assert sum(line.startswith("jpegai: warning: in/odd.jai: S-04 ") for line in lines) == 1
    written = sorted(path.relative_to(folder / "out") for path in (folder / "out").rglob("*") if path.is_file())
    assert written == [Path("a.png"), Path("below/b.png"), Path("odd.png")]
    for name, entry, transform in (("a.png", SMALL, "sop"), ("below/b.png", ODD, "bop")):
        assert near(read_png((folder / "out" / name).read_bytes()), read_png(entry.reference(transform)))


def test_quiet_and_names(folder: Path) -> None:
    result = run("decode", "in", "in/below/b.JAI", "-q", "-o", "out", "--name", "x_{name}_{geometry}.ppm", cwd=folder)
    assert result.returncode == 3
    (line,) = result.stderr.splitlines()
    assert line.startswith("jpegai: in/cut.jai, ")
    assert sorted(path.name for path in (folder / "out").iterdir()) == [
        "x_a_64x64_8bit_sRGB.ppm", "x_b_97x131_8bit_sRGB.ppm", "x_odd_64x64_8bit_sRGB.ppm",
    ]  # fmt: skip


def test_two_files_of_one_name(folder: Path) -> None:
    shutil.copy(SMALL.path, folder / "in" / "below" / "a.jai")
    result = run("decode", "in/a.jai", "in/below/a.jai", "-o", "out", cwd=folder)
    assert result.returncode == 2
    assert "in/a.jai and in/below/a.jai would both become out/a.png" in result.stderr
    assert not (folder / "out").exists()
    # the same file twice is decoded once, and places below a directory are kept apart
    assert [job.source for job in plan_jobs(["x.jai", "x.jai"], Path(), "{name}.png", recursive=False)] == ["x.jai"]
    kept = plan_jobs([str(folder / "in")], Path("o"), "{name}.png", recursive=True)
    assert {Path("o/a.png"), Path("o/below/a.png")} < {job.target for job in kept}


def test_files_that_are_not_there(folder: Path) -> None:
    result = run("decode", "in/nothing.jai", "in/a.jai", "-o", "out", cwd=folder)
    assert result.returncode == 3
    assert "jpegai: in/nothing.jai: No such file or directory" in result.stderr
    assert (folder / "out" / "a.png").is_file()


@pytest.mark.parametrize(
    ("errors", "code"),
    [
        ({}, 0),
        ({1: UnsupportedError("no")}, 4),
        ({0: LimitError("no"), 2: OSError(2, "gone", "2.jai")}, 6),
        ({0: MemoryError()}, 6),
        ({2: FileNotFoundError(2, "gone", "2.jai")}, 3),
    ],
)
def test_the_worst_code_counts(errors: dict[int, Exception], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    jobs = [Job(f"{number}.jai", Path(f"{number}.png")) for number in range(3)]
    seen = []

    def work(job: Job) -> list[Finding]:
        seen.append(job)
        number = jobs.index(job)
        if number in errors:
            raise errors[number]
        return []

    assert run_jobs(jobs, work, at_once=2, quiet=False, done="decoded") == code
    assert sorted(seen, key=jobs.index) == jobs
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(errors) + 1
    assert lines[-1].startswith(f"jpegai: {3 - len(errors)} of 3 decoded")
    for number in errors:
        assert sum(f"{number}.jai" in line for line in lines) == 1


@pytest.mark.parametrize("quiet", [False, True])
def test_a_bar_on_a_terminal_only(quiet: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    jobs = [Job(f"{number}.jai", Path(f"{number}.png")) for number in range(3)]
    monkeypatch.setenv("TERM", "xterm")
    for file, shown in ((Terminal(), not quiet), (io.StringIO(), False)):
        monkeypatch.setattr("sys.stderr", file)
        assert run_jobs(jobs, lambda _: [], at_once=1, quiet=quiet, done="decoded") == 0
        assert ("3/3" in file.getvalue()) == shown
        assert ("3 of 3 decoded" in file.getvalue()) == (not quiet)


def test_mistakes_are_not_taken_for_failures() -> None:
    with pytest.raises(TypeError):
        describe(KeyError("a mistake of ours"))
    jobs = [Job("a.jai", Path("a.png"))]

    def broken(_: Job) -> list[Finding]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_jobs(jobs, broken, at_once=1, quiet=True, done="decoded")
