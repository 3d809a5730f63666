"""`jpegai validate` as a user and as a machine sees it."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
from click.testing import CliRunner, Result

from jpegai.codestream.rules.catalogue import catalogue
from jpegai.conformance_streams import STREAMS
from jpegai.tools.validate import validate
from tests.codestream.rules.cases import BASE, CASES
from tests.command import COMMAND


def run(*arguments: str, data: bytes | None = None) -> Result:
    return CliRunner().invoke(validate, list(arguments), input=data, standalone_mode=True)


def document(*arguments: str, data: bytes | None = None) -> dict[str, Any]:
    result = run(*arguments, "--json", data=data)
    schema = json.loads((files("jpegai.tools") / "validate.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    parsed: dict[str, Any] = json.loads(result.stdout)
    jsonschema.Draft202012Validator(schema).validate(parsed)
    if "files" in parsed:
        assert parsed["exit_code"] == result.exit_code
    return parsed


def case(name: str) -> bytes:
    return next(case.make() for case in CASES if case.name == name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Streams of all kinds, and files that are none."""
    contents = {
        "a_clean.jai": BASE, "b_warning.jai": case("S-04"), "c_claim.jai": case("R-08"), "d_error.jai": case("R-12"),
        "e_cut.jai": BASE[:39], "sub/f_clean": BASE, "notes.txt": b"no stream", "empty.jai": b"",
    }  # fmt: skip
    for name, data in contents.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "options", "code"),
    [
        ("a_clean.jai", [], 0),
        ("a_clean.jai", ["--strict", "--profile", "declared"], 0),
        ("b_warning.jai", [], 0),
        ("b_warning.jai", ["--strict"], 1),
        ("c_claim.jai", [], 0),
        ("c_claim.jai", ["--strict"], 1),
        ("c_claim.jai", ["--profile", "declared"], 1),
        ("c_claim.jai", ["--profile", "base", "--level", "22"], 0),
        ("a_clean.jai", ["--profile", "simple", "--level", "52"], 1),
        ("a_clean.jai", ["--profile", "base", "--level", "10"], 1),
        ("d_error.jai", [], 1),
        ("e_cut.jai", [], 3),
        ("empty.jai", [], 3),
        ("absent.jai", [], 3),
    ],
)
def test_exit_codes(folder: Path, name: str, options: list[str], code: int) -> None:
    options = [*options, "--edition", "is"]
    assert run(str(folder / name), *options).exit_code == code
    assert document(str(folder / name), *options)["files"][0]["exit_code"] == code
    assert run(str(folder / name), *options, "--junit").exit_code == code
    assert run(str(folder / name), *options, "--sarif").exit_code == code


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--profile", "simple", "-"],
        ["--level", "52", "-"],
        ["--profile", "declared", "--level", "52", "-"],
        ["--profile", "base", "--level", "60", "-"],
        ["--expect", f"picture={'0' * 64}", "-"],
        ["--models", "analytic", "--expect", f"latents={'0' * 64}", "-"],
        ["--models", "analytic", "--expect", "picture=0123", "-"],
        ["--rules", "--sarif"],
        ["."],
    ],
    ids=lambda arguments: " ".join(arguments)[:40],
)
def test_usage(arguments: list[str]) -> None:
    assert run(*arguments, data=BASE).exit_code == 2


def test_several_files_and_directories(folder: Path) -> None:
    result = document("-r", str(folder))
    names = [Path(each["file"]).name for each in result["files"]]
    assert names == ["a_clean.jai", "b_warning.jai", "c_claim.jai", "d_error.jai", "e_cut.jai", "empty.jai", "f_clean"]
    assert result["exit_code"] == 3
    text = run("-r", str(folder)).stdout
    assert "7 files:" in text
    assert "2 not valid, not parsed to its end" in text
    assert run(str(folder / "a_clean.jai"), str(folder / "d_error.jai")).exit_code == 1


def test_json_tells_status_and_validity_apart(folder: Path) -> None:
    clean, cut, absent = document(*(str(folder / name) for name in ("a_clean.jai", "e_cut.jai", "absent.jai")))["files"]
    assert clean["sha256"] == hashlib.sha256(BASE).hexdigest()
    assert (clean["valid"], clean["status"]["parsed"], clean["findings"]) == (True, True, [])
    assert Counter(rule["state"] for rule in clean["rules"].values()) == {"kept": 113, "not checked": 11}
    assert (cut["valid"], cut["status"]["read"], cut["status"]["parsed"]) == (False, True, False)
    assert cut["status"]["errors"]
    assert cut["rules"]["S-11"]["state"] == "not checked"
    assert cut["rules"]["R-01"]["state"] == "kept"
    assert absent["status"]["errors"] == ["No such file or directory"]
    assert (absent["valid"], absent["status"]["read"], absent["rules"]) == (None, False, {})


def test_a_claim_takes_the_place_of_the_headers_own(folder: Path) -> None:
    (file,) = document(str(folder / "a_clean.jai"), "--profile", "simple", "--level", "10")["files"]
    assert [(found["rule"], found["severity"], found["is_error"]) for found in file["findings"]] == [
        ("R-05", "C", True),
        ("R-09", "C", True),
    ]
    (file,) = document(str(folder / "c_claim.jai"))["files"]
    assert [(found["rule"], found["is_error"]) for found in file["findings"]] == [("R-08", False)]
    assert file["valid"] is True


def test_standard_input() -> None:
    (file,) = document("-", data=BASE)["files"]
    assert file["file"] == "(standard input)"
    assert file["valid"] is True


@pytest.mark.parametrize("name", [case.name for case in CASES])
def test_all_formats_show_the_same(name: str, tmp_path: Path) -> None:
    case = next(case for case in CASES if case.name == name)
    path = tmp_path / "a b.jai"
    path.write_bytes(case.make())
    options = [str(path), *(["--edition", case.edition] if case.edition else [])]
    (file,) = document(*options)["files"]
    assert tuple(
        f"{found['rule']} {found['path']} {found['bit_offset']}+{found['bits']}" for found in file["findings"]
    ) == case.findings  # fmt: skip
    suite = ElementTree.fromstring(run(*options, "--junit").stdout)[0]
    cases = suite.findall("testcase")
    assert len(cases) == len(catalogue()) == int(suite.get("tests", "0"))
    told, failed, skipped = (
        {each.get("name", "")[:4] for each in cases if each.find(kind) is not None}
        for kind in ("system-out", "failure", "skipped")
    )
    assert told | failed == {*case.rules}
    assert failed == {found["rule"] for found in file["findings"] if found["is_error"]}
    assert skipped == {rule for rule, verdict in file["rules"].items() if verdict["state"] == "not checked"}
    sarif = json.loads(run(*options, "--sarif").stdout)["runs"][0]
    results = [result for result in sarif["results"] if result["kind"] == "fail"]
    assert [result["ruleId"] for result in results] == [*case.rules]
    for result, found in zip(results, file["findings"], strict=True):
        assert sarif["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        region = result["locations"][0]["physicalLocation"]["region"]
        first, last = found["bit_offset"], found["bit_offset"] + found["bits"]
        assert region["byteOffset"] <= first // 8
        assert 8 * region["byteOffset"] <= first <= last <= 8 * (region["byteOffset"] + region["byteLength"])
        assert (result["level"] == "error") == found["is_error"]
    assert {result["ruleId"] for result in sarif["results"] if result["kind"] == "open"} == skipped
    artifact = sarif["artifacts"][0]
    status = {"parsed": file["status"]["parsed"], "valid": file["valid"], "decoded": None}
    assert artifact["properties"] == status
    properties = {each.get("name"): each.get("value") for each in suite.findall("properties/property")}
    assert properties == {name: json.dumps(value) for name, value in status.items()}
    assert artifact["location"]["uri"].endswith("/a%20b.jai")
    assert artifact["hashes"]["sha-256"] == file["sha256"]
    text = run(*options).stdout
    for rule in case.rules:
        assert rule in text


def test_rules_are_listed() -> None:
    listed = document("--rules")["rules"]
    assert [rule["id"] for rule in listed] == [*catalogue()]
    text = run("--rules").stdout
    assert all(rule in text for rule in catalogue())


def test_text_tells_what_was_not_checked(folder: Path) -> None:
    lines = run(str(folder / "e_cut.jai")).stdout.splitlines()
    assert "not valid, not parsed to its end" in lines[0]
    assert lines[1].split()[:2] == ["error", "S-09"]
    assert any(line.startswith("  not checked, it takes a decode (--models): S-45 S-46 R-90") for line in lines)


def test_nothing_heavy_is_imported_without_models() -> None:
    code = (
        "import sys, jpegai.tools.cli as cli\n"
        f"try: cli.main(['validate', {str(STREAMS[0].path)!r}])\n"
        "except SystemExit as stop: assert not stop.code\n"
        "print(sorted({'numpy', 'numba', 'onnxruntime', 'onnx', 'PIL', 'jsonschema'} & set(sys.modules)))"
    )
    command = [COMMAND[0], "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


def test_the_command_is_registered() -> None:
    result = subprocess.run([*COMMAND, "validate", str(STREAMS[0].path)], capture_output=True, check=False)
    assert result.returncode == 0
    assert b"valid" in result.stdout
