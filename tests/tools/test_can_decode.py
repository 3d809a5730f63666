"""`jpegai inspect --can-decode`: the answer is that of the decode itself."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner

from jpegai.codestream import Codestream, JpegAIError
from jpegai.conformance_streams import STREAMS
from jpegai.decoder import Decoder
from jpegai.decoder.foresight import model_files, obstacles
from jpegai.decoder.models import ModelStore
from jpegai.tools.can_decode import answer
from jpegai.tools.inspect import inspect
from tests.codestream.rules.cases import CASES
from tests.decoder.models.official_writer import write_checkpoint
from tests.streams import VectorStream, described_streams
from tests.tools.samples import INDEPENDENT, SMALL

SCHEMA = json.loads((Path(__file__).parents[2] / "tools" / "can_decode.schema.json").read_text())


@pytest.mark.parametrize("vector", described_streams(), ids=lambda vector: vector.name)
def test_every_stream_of_the_vectors_can_be_decoded(vector: VectorStream) -> None:
    found = answer(Codestream.open(vector.path), vector.models)
    assert all(each["can_decode"] for each in found["transforms"])


@pytest.mark.parametrize("data", [SMALL, *(entry.read() for entry in STREAMS[:1])])
def test_what_can_be_decoded(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.jai"
    path.write_bytes(data)
    result = CliRunner().invoke(inspect, [str(path), "--can-decode", "--json"])
    assert result.exit_code == 0
    report = json.loads(result.output)
    jsonschema.validate(report, SCHEMA)
    assert report["transforms"][0]["can_decode"]


def test_what_cannot_be_decoded_says_what_the_decode_says() -> None:
    decoder = Decoder("analytic", threads=1, max_pixels=1000)
    stream = Codestream.parse(SMALL)
    (error,) = obstacles(decoder, stream, "SOP")
    with pytest.raises(JpegAIError) as caught:
        decoder.decode(stream)
    assert (str(error), type(error)) == (str(caught.value), type(caught.value))


def test_streams_that_break_rules_are_refused_as_the_decode_refuses_them() -> None:
    decoder = Decoder("analytic", threads=1)
    refused = 0
    for case in CASES:
        stream = Codestream.parse(case.make(), recover=True)
        assert answer(stream, "analytic")["transforms"]
        if not stream.errors and (found := obstacles(decoder, stream, "SOP")):
            refused += 1
            with pytest.raises(JpegAIError) as caught:
                decoder.decode(stream, transform="sop")
            assert str(caught.value) == str(found[0])
    assert refused > 20


def test_missing_models_are_named(tmp_path: Path) -> None:
    stream, store = Codestream.parse(SMALL), ModelStore.open("test")
    here, *missing = model_files(stream, "SOP")
    write_checkpoint(tmp_path / here, dict(store.tensors(here)))
    (error,) = obstacles(Decoder(tmp_path, threads=1), stream, "SOP")
    assert error.exit_code == 5
    assert len(missing) == 3
    assert all(file in str(error) for file in missing)
    assert here not in str(error)


def test_a_damaged_stream_says_what_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "cut.jai"
    for data in (SMALL[:100], SMALL[:15], b"", INDEPENDENT[:-1]):
        path.write_bytes(data)
        result = CliRunner().invoke(inspect, [str(path), "--can-decode"])
        assert result.exit_code == 3
        assert "cannot be decoded" in result.output
