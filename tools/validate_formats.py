"""A run of `jpegai validate` for machines: JSON, JUnit XML and SARIF, all from the same records."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from xml.etree import ElementTree

from jpegai.codestream.errors import Finding
from jpegai.codestream.rules.catalogue import Rule, catalogue, rule_of
from jpegai.codestream.rules.report import Report
from jpegai.tools.documents import head

if TYPE_CHECKING:
    from jpegai.tools.validate import Result, Run

__all__ = ["SCHEMA_VERSION", "json_text", "junit_text", "rules_document", "run_document", "sarif_text"]

#: Version of the JSON form; changes when a reader would have to change.
SCHEMA_VERSION = 1
_SARIF = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"


def finding_record(report: Report, found: Finding) -> dict[str, Any]:
    """Return a finding with everything that is known of it: what all the formats show."""
    rule = rule_of(found)
    return {
        "rule": rule.id,
        "severity": found.severity,
        "is_error": report.is_error(found),
        "section": rule.section,
        "statement": rule.statement,
        "message": found.message,
        "path": found.selector,
        "bit_offset": found.bit_offset,
        "bits": found.bits,
    }


def _status(report: Report) -> dict[str, bool | None]:
    """How far the tool came, and what it makes of the stream: two different things."""
    decoded = None if report.decoding is None else report.decoding.decoded
    return {"parsed": report.parsed, "valid": report.valid, "decoded": decoded}


# -- JSON ---------------------------------------------------------------------------------------------------------


def rules_document() -> dict[str, Any]:
    """Return the catalogue for JSON."""
    return head(SCHEMA_VERSION) | {
        "rules": [
            {
                "id": rule.id,
                "severity": rule.severity,
                "needs": [*rule.needs],
                "source": rule.source,
                "section": rule.section,
                "element": rule.element,
                "statement": rule.statement,
                "why": rule.why,
            }
            for rule in catalogue().values()
        ],
    }


def run_document(run: Run) -> dict[str, Any]:
    """Return a run for JSON (``validate.schema.json``)."""
    return head(SCHEMA_VERSION) | {
        "asked": {
            "profile_and_level": run.asked,
            "edition": run.edition,
            "models": run.models,
            "strict": run.strict,
        },
        "exit_code": run.exit_code,
        "files": [_file_record(run, result) for result in run.results],
    }


def _file_record(run: Run, result: Result) -> dict[str, Any]:
    report = result.report
    record: dict[str, Any] = {
        "file": result.name,
        "bytes": result.size,
        "sha256": result.sha256,
        "exit_code": result.exit_code(run.strict),
        "status": {
            "read": report is not None,
            "parsed": report is not None and report.parsed,
            "errors": [result.error] if result.error is not None else [],
            "decode": None,
        },
        "edition": None,
        "valid": None,
        "findings": [],
        "rules": {},
    }
    if report is None:
        return record
    decoding = report.decoding
    record["status"]["errors"] = [*report.errors]
    if decoding is not None:
        record["status"]["decode"] = {
            "models": decoding.models, "decoded": decoding.decoded, "error": decoding.error
        }  # fmt: skip
    rules = {
        verdict.rule: {"state": verdict.state, "reason": verdict.reason} for verdict in report.verdicts.values()
    }
    return record | {
        "edition": report.edition,
        "valid": report.valid,
        "findings": [finding_record(report, found) for found in report.findings],
        "rules": rules,
    }


def json_text(run: Run) -> str:
    """Return a run as JSON."""
    return json.dumps(run_document(run), indent=1)


# -- JUnit --------------------------------------------------------------------------------------------------------


def junit_text(run: Run) -> str:
    """Return a run as JUnit XML: a suite for each file, a case for each rule; what is not checked is skipped.

    Findings that do not count are no failures but stand in the output of their case.
    """
    root = ElementTree.Element("testsuites", name="jpegai validate")
    for result in run.results:
        _suite(root, run, result)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode")


def _suite(root: ElementTree.Element, run: Run, result: Result) -> None:
    suite = ElementTree.SubElement(root, "testsuite", name=_xml(result.name))
    report = result.report
    counts = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    if report is None:
        case = ElementTree.SubElement(suite, "testcase", classname="file", name="can be read")
        ElementTree.SubElement(case, "error", message=_xml(result.error or ""))
        counts |= {"tests": 1, "errors": 1}
    else:
        properties = ElementTree.SubElement(suite, "properties")
        for key, value in _status(report).items():
            ElementTree.SubElement(properties, "property", name=key, value=json.dumps(value))
        for verdict in report.verdicts.values():
            rule = catalogue()[verdict.rule]
            name = _xml(f"{rule.id} {rule.statement}")
            case = ElementTree.SubElement(suite, "testcase", classname=f"section {rule.section}", name=name)
            counts["tests"] += 1
            if verdict.state == "not checked":
                ElementTree.SubElement(case, "skipped", message=_xml(verdict.reason or ""))
                counts["skipped"] += 1
            found = [finding_record(report, each) for each in report.findings if each.rule == rule.id]
            lines = _xml("\n".join(f"{each['path']}, bit {each['bit_offset']}: {each['message']}" for each in found))
            if any(each["is_error"] for each in found) or (found and run.strict):
                failure = ElementTree.SubElement(case, "failure", type=rule.severity, message=lines.split("\n")[0])
                failure.text = lines
                counts["failures"] += 1
            elif found:
                ElementTree.SubElement(case, "system-out").text = lines
        if report.errors:
            ElementTree.SubElement(suite, "system-err").text = _xml("\n".join(report.errors))
    for name, count in counts.items():
        suite.set(name, str(count))


def _xml(text: str) -> str:
    """Escape what no XML can hold."""
    return "".join(char if char.isprintable() or char == "\n" else ascii(char)[1:-1] for char in text)


# -- SARIF --------------------------------------------------------------------------------------------------------


def sarif_text(run: Run) -> str:
    """Return a run as SARIF 2.1.0: results with their bytes, all rules as metadata, what is not checked as ``open``."""
    rules = [*catalogue().values()]
    numbers = {rule.id: number for number, rule in enumerate(rules)}
    results, notifications = [], []
    for index, result in enumerate(run.results):
        if result.report is None:
            notifications.append(_notification(result.error or "", index, result))
            continue
        notifications += [_notification(error, index, result) for error in result.report.errors]
        records = [finding_record(result.report, found) for found in result.report.findings]
        results += [_sarif_result(record, numbers, index, result) for record in records]
        results += [
            {
                "ruleId": verdict.rule,
                "ruleIndex": numbers[verdict.rule],
                "kind": "open",
                "level": "none",
                "message": {"text": f"not checked: {verdict.reason}"},
                "locations": [{"physicalLocation": {"artifactLocation": _artifact(result, index)}}],
            }
            for verdict in result.report.verdicts.values()
            if verdict.state == "not checked"
        ]
    driver = {"name": "jpegai", "version": version("jpegai"), "rules": [_sarif_rule(rule) for rule in rules]}
    document = {
        "$schema": _SARIF,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "invocations": [
                    {
                        "executionSuccessful": run.exit_code != 3,
                        "exitCode": run.exit_code,
                        "toolExecutionNotifications": notifications,
                    }
                ],
                "artifacts": [_sarif_file(result) for result in run.results],
                "results": results,
            }
        ],
    }
    return json.dumps(document, indent=1)


def _artifact(result: Result, index: int) -> dict[str, Any]:
    return {"uri": _uri(result.name), "index": index}


def _uri(name: str) -> str:
    return quote(PurePath(name).as_posix())


def _sarif_file(result: Result) -> dict[str, Any]:
    record: dict[str, Any] = {"location": {"uri": _uri(result.name)}}
    if result.sha256 is not None:
        record |= {"length": result.size, "hashes": {"sha-256": result.sha256}}
    if result.report is not None:
        record["properties"] = _status(result.report)
    return record


def _notification(text: str, index: int, result: Result) -> dict[str, Any]:
    return {
        "level": "error",
        "message": {"text": text},
        "locations": [{"physicalLocation": {"artifactLocation": _artifact(result, index)}}],
    }


def _sarif_rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.statement},
        "fullDescription": {"text": f"{rule.statement}: {rule.why}"},
        "defaultConfiguration": {"level": {"E": "error", "C": "note", "W": "warning"}[rule.severity]},
        "properties": {
            "section": rule.section, "element": rule.element, "severity": rule.severity, "needs": [*rule.needs]
        },
    }  # fmt: skip


def _sarif_result(record: dict[str, Any], numbers: dict[str, int], index: int, result: Result) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": _artifact(result, index)}
    if record["bit_offset"] is not None:
        first = record["bit_offset"] // 8
        place["region"] = {
            "byteOffset": first, "byteLength": -(-(record["bit_offset"] + record["bits"]) // 8) - first
        }  # fmt: skip
    location: dict[str, Any] = {"physicalLocation": place}
    if record["path"] is not None:
        location["logicalLocations"] = [{"fullyQualifiedName": record["path"]}]
    level = "error" if record["is_error"] else "note" if record["severity"] == "C" else "warning"
    return {
        "ruleId": record["rule"],
        "ruleIndex": numbers[record["rule"]],
        "kind": "fail",
        "level": level,
        "message": {"text": record["message"]},
        "locations": [location],
        "properties": {name: record[name] for name in ("severity", "section", "bit_offset", "bits")},
    }
