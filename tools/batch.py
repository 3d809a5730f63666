"""Many files in one run: what is read, where the results go, and what is said at the end."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import click

from jpegai.codestream.errors import Finding
from jpegai.tools.failures import FAILURES, describe
from jpegai.tools.options import print_findings

__all__ = ["EXTENSION", "Job", "plan_jobs", "run_jobs"]

_Done = Future[Sequence[Finding]]

#: Files that are taken from a directory.
EXTENSION = ".jai"
#: What a failed file was, by exit code.
_KINDS = {3: "damaged or unreadable", 4: "unsupported", 5: "without models", 6: "over a limit"}


@dataclass(frozen=True, slots=True)
class Job:
    """One file and the one it becomes."""

    source: str
    target: Path


def plan_jobs(arguments: Sequence[str], folder: Path, pattern: str, *, recursive: bool) -> list[Job]:
    """Return what is to be done with files and directories, in order.

    Args:
        arguments: files, and directories whose ``.jai`` files are meant.
        folder: where the results go; those of a directory keep their place below it.
        pattern: name of a result; ``{name}`` stands for the name of the file without its extension.
        recursive: take the directories below, too.

    Raises:
        click.UsageError: a directory has no such files, or two files would become the same one.
    """
    jobs: dict[Path, str] = {}
    for argument in arguments:
        for source, place in _sources(argument, recursive):
            target = folder / place.parent / pattern.replace("{name}", place.stem)
            if target in jobs and jobs[target] != source:
                raise click.UsageError(f"{jobs[target]} and {source} would both become {target}")
            jobs[target] = source
    return [Job(source, target) for target, source in jobs.items()]


def _sources(argument: str, recursive: bool) -> Iterator[tuple[str, Path]]:
    """Yield the files that an argument stands for, with their place below the folder of results."""
    if argument == "-":
        raise click.UsageError("the standard input has no name: give it alone, with OUT")
    path = Path(argument)
    if not path.is_dir():
        yield argument, Path(path.name)
        return
    files = path.rglob("*") if recursive else path.iterdir()
    found = sorted(file for file in files if file.suffix.lower() == EXTENSION and file.is_file())
    if not found:
        hint = "" if recursive else " (-r looks into the directories below)"
        raise click.UsageError(f"no {EXTENSION} files in {argument}{hint}")
    yield from ((str(file), file.relative_to(path)) for file in found)


def run_jobs(
    jobs: Sequence[Job], work: Callable[[Job], Sequence[Finding]], *, at_once: int, quiet: bool, done: str
) -> int:
    """Do all jobs, whatever becomes of some, and return the worst exit code.

    Failures and findings are told as they come, and how many there were at the end; on a terminal there is a bar.

    Args:
        jobs: what is to be done.
        work: does one job and returns what was odd; may be called from several threads.
        at_once: so many threads.
        quiet: tell of failures only.
        done: what was done to the files that are no failure, for the summary (``decoded``).
    """
    start, codes, odd = time.perf_counter(), Counter[int](), 0
    pool = ThreadPoolExecutor(at_once, "jpegai-job")
    try:
        running = {pool.submit(work, job): job for job in jobs}
        for future in _shown(as_completed(running), len(jobs), quiet):
            source = running[future].source
            try:
                findings = future.result()
            except FAILURES as error:
                message, code = describe(error)
                codes[code] += 1
                click.echo(f"jpegai: {message if message.startswith(source) else f'{source}: {message}'}", err=True)
                continue
            codes[0] += 1
            odd += bool(findings)
            if not quiet:
                print_findings(source, findings)
    finally:
        pool.shutdown(cancel_futures=True)
    if not quiet:
        parts = [f"{codes[0]} of {len(jobs)} {done} in {time.perf_counter() - start:.1f} s"]
        parts += [f"{count} {_KINDS[code]}" for code, count in sorted(codes.items()) if code]
        parts += [f"{odd} with warnings"] if odd else []
        click.echo(f"jpegai: {', '.join(parts)}", err=True)
    return max(codes)


def _shown(items: Iterator[_Done], count: int, quiet: bool) -> Iterator[_Done]:
    """Yield the items; on a terminal, show how far it is."""
    if quiet or not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield from progress.track(items, total=count)
