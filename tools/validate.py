"""`jpegai validate`: streams against the rules of conformance, one by one, with the place of every breach."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jpegai.codestream import Codestream
from jpegai.codestream.rules.catalogue import catalogue
from jpegai.codestream.rules.levels import LEVELS, PROFILES, Claim
from jpegai.codestream.rules.report import Report
from jpegai.codestream.rules.report import validate as judge
from jpegai.tools.options import edition_option
from jpegai.tools.terminal import console

if TYPE_CHECKING:
    from jpegai.codestream.rules.report import Decoding

__all__ = ["Result", "Run", "validate"]

#: What a codestream in a directory is known by, where its name does not tell.
_START = b"\xff\x80\xff\x82"
_SUFFIX = ".jai"
_DECLARED = "declared"


@dataclass(frozen=True, slots=True)
class Result:
    """One file: what it is, and what the rules say of it, or why it could not be read at all."""

    name: str
    size: int = 0
    sha256: str | None = None
    report: Report | None = None
    error: str | None = None

    def exit_code(self, strict: bool) -> int:
        """3 for a file that cannot be parsed to its end; 1 for one that is not valid, or odd where `strict`; else 0."""
        if self.report is None or not self.report.parsed:
            return 3
        return int(not self.report.valid or (strict and bool(self.report.findings)))


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the command: what was asked for, and what came out; every format shows this."""

    results: tuple[Result, ...]
    claim: Claim | None
    claimed: bool
    strict: bool
    edition: str | None
    models: str | None

    @property
    def exit_code(self) -> int:
        """The worst of all files."""
        return max((result.exit_code(self.strict) for result in self.results), default=0)

    @property
    def asked(self) -> str | None:
        """Profile and level that the streams are held to, in words."""
        if not self.claimed:
            return None
        return str(self.claim) if self.claim is not None else "the profile and level of the header"


@click.command()
@click.argument("files", nargs=-1, metavar="FILE...|DIR", type=click.Path(allow_dash=True))
@click.option("-r", "--recursive", is_flag=True, help="Validate all codestreams in directories and below.")
@click.option(
    "--profile",
    type=click.Choice([*PROFILES, _DECLARED]),
    help="Ask for conformance to a profile, with --level; 'declared': to those of each header.",
)
@click.option(
    "--level",
    type=click.Choice([str(level) for level in LEVELS]),
    metavar="LEVEL",
    help="Level to ask for: 10 times the size class 1..5, plus the model class 0..2.",
)
@click.option("--strict", is_flag=True, help="Exit with 1 for warnings too.")
@edition_option
@click.option("--models", help="Decode too, with these models: a directory, a packed file, 'analytic' or 'test'.")
@click.option(
    "--expect", "expected", multiple=True, metavar="STAGE=SHA256",
    help="Expected hash of what a decode makes: 'picture', or an integer stage such as primary.sigma_index.",
)  # fmt: skip
@click.option("--json", "form", flag_value="json", help="JSON, by validate.schema.json.")
@click.option("--junit", "form", flag_value="junit", help="JUnit XML: a test case for each rule and file.")
@click.option("--sarif", "form", flag_value="sarif", help="SARIF 2.1.0.")
@click.option("--rules", "list_rules", is_flag=True, help="List all rules, as text or JSON.")
def validate(
    files: tuple[str, ...],
    recursive: bool,
    profile: str | None,
    level: str | None,
    strict: bool,
    edition: str | None,
    models: str | None,
    expected: tuple[str, ...],
    form: str | None,
    list_rules: bool,
) -> None:
    """Hold codestreams to the rules of conformance ('-' is the standard input).

    Every rule is kept, broken, or not checked, with the reason. Rules on symbols and pictures take a decode: --models.

    Exit codes: 0 nothing, or what does not make a stream invalid; 1 a stream is not valid, or not for the profile and
    level asked for (with --strict: anything found); 2 usage; 3 a stream cannot be parsed to its end. Over several
    files the worst.
    """
    if list_rules:
        _print_rules(form)
        return
    if not files:
        raise click.UsageError("no file is given")
    claim, claimed = _claim(profile, level)
    decode = _decoding(models, expected)
    found = [*_files(files, recursive)]
    results = tuple(_validate(file, edition, claim, claimed, decode) for file in found)
    _print(Run(results, claim, claimed, strict, edition, models), form)


def _claim(profile: str | None, level: str | None) -> tuple[Claim | None, bool]:
    """What --profile and --level ask for."""
    if profile is None or profile == _DECLARED:
        if level is not None:
            raise click.UsageError("--level goes with --profile simple, base or high")
        return None, profile is not None
    if level is None:
        raise click.UsageError(f"--profile {profile} takes a --level")
    return Claim(PROFILES.index(profile), int(level)), True


def _decoding(models: str | None, expected: Sequence[str]) -> Callable[[Codestream], Decoding] | None:
    """What decodes streams for the rules that need it; nothing heavy is imported where none is asked for."""
    if models is None:
        if expected:
            raise click.UsageError("--expect takes a decode: --models")
        return None
    from jpegai.decoder import Decoder
    from jpegai.decoder.conformance import HASHED_STAGES, decode_for_rules

    hashes = {}
    for text in expected:
        stage, _, value = text.partition("=")
        if stage not in HASHED_STAGES:
            raise click.UsageError(f"--expect: no stage {stage!r}; there are {', '.join(HASHED_STAGES)}")
        if len(value) != 64 or not {*value.lower()} <= {*"0123456789abcdef"}:
            raise click.UsageError(f"--expect {stage}: a sha256 has 64 hexadecimal digits")
        hashes[stage] = value.lower()
    decoder = Decoder(models, engine="float32")
    return lambda stream: decode_for_rules(decoder, stream, hashes)


def _files(names: Sequence[str], recursive: bool) -> Iterator[str]:
    """Yield the files that are named, and the codestreams of directories in their order."""
    for name in names:
        if name == "-" or not Path(name).is_dir():
            yield name
        elif not recursive:
            raise click.UsageError(f"{name} is a directory: -r validates what is in it")
        else:
            found = [path for path in sorted(Path(name).rglob("*")) if path.is_file() and _is_codestream(path)]
            if not found:
                raise click.UsageError(f"{name} holds no codestream")
            yield from map(os.fspath, found)


def _is_codestream(path: Path) -> bool:
    if path.suffix.lower() == _SUFFIX:
        return True
    try:
        with path.open("rb") as file:
            return file.read(len(_START)) == _START
    except OSError:
        return False


def _validate(
    name: str,
    edition: str | None,
    claim: Claim | None,
    claimed: bool,
    decode: Callable[[Codestream], Decoding] | None,
) -> Result:
    """Judge one file; whatever is wrong with it stays its own."""
    try:
        stream = Codestream.open(name, edition=edition, recover=True)
    except OSError as error:
        return Result(name, error=error.strerror or str(error))
    decoding = decode(stream) if decode is not None else None
    report = judge(stream, claim=claim, claimed=claimed, edition_given=edition is not None, decoding=decoding)
    return Result(stream.name or name, len(stream.data), hashlib.sha256(stream.data).hexdigest(), report)


def _print(run: Run, form: str | None) -> None:
    """Print a run in a format, and exit with its code."""
    if form is None:
        from jpegai.tools.validate_text import print_run

        print_run(console(), run)
    else:
        from jpegai.tools.validate_formats import json_text, junit_text, sarif_text

        click.echo({"json": json_text, "junit": junit_text, "sarif": sarif_text}[form](run))
    if run.exit_code:
        raise click.exceptions.Exit(run.exit_code)


def _print_rules(form: str | None) -> None:
    if form == "json":
        from jpegai.tools.validate_formats import rules_document

        click.echo(json.dumps(rules_document(), indent=1))
    elif form is None:
        from jpegai.tools.validate_text import print_rules

        print_rules(console(), catalogue().values())
    else:
        raise click.UsageError("--rules is text or, with --json, JSON")
