"""JSON output against the schemas that ship with the package."""

from __future__ import annotations

import functools
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from jpegai.codestream import Codestream
from jpegai.conformance_streams import STREAMS
from jpegai.tools.inspect import report
from jpegai.tools.models import models
from tests.streams import described_streams


@functools.cache
def validator(name: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((files("jpegai.tools") / f"{name}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def through_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


def test_inspect() -> None:
    check = validator("inspect")
    streams = [entry.path for entry in STREAMS] + [stream.path for stream in described_streams()]
    for path in streams:
        check.validate(through_json(report(Codestream.open(path))))
    odd = Codestream.parse(STREAMS[0].read() + b"more", edition="is")
    document = through_json(report(odd))
    assert document["findings"]
    check.validate(document)
    del document["edition"]
    with pytest.raises(jsonschema.ValidationError):
        check.validate(document)


@pytest.mark.parametrize("arguments", [["list"], ["list", "--models", "test"], ["verify", "."], ["stats"]], ids=str)
def test_models(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(models, [*arguments, "--json"])
    validator("models").validate(json.loads(result.output))
