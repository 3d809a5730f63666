"""Rules that take a decode: symbols, models, hashes."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from jpegai.codestream import Codestream, ConformanceError
from jpegai.codestream.rules.catalogue import catalogue
from jpegai.codestream.rules.report import Report, validate
from jpegai.conformance_streams import STREAMS
from jpegai.decoder import Decoder
from jpegai.decoder.components import COMPONENTS
from jpegai.decoder.conformance import HASHED_STAGES, decode_for_rules
from jpegai.decoder.entropy import z_cdf
from jpegai.decoder.entropy.quality import DISTRIBUTIONS
from jpegai.decoder.geometry import ceil_div
from jpegai.decoder.models import ModelStore, file_name
from jpegai.tools.validate import validate as command
from tests.codestream.rules.making import payload
from tests.decoder.entropy.encoder import encode_residual, encode_z
from tests.decoder.models.official_writer import write_checkpoint
from tests.streams import described_streams
from tests.vectors import needs_vectors
from tests.writer import write_stream

STREAM = next(entry for entry in STREAMS if entry.file == "an_sop_64x64.jai")
DATA = STREAM.read()
SYMBOLS = ("S-45", "S-46", "R-90", "R-91", "R-92", "R-93", "R-94", "R-96")


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    return Decoder("analytic", engine="float32", threads=1)


def judged(decoder: Decoder, data: bytes, **expected: str) -> Report:
    stream = Codestream.parse(data)
    return validate(stream, decoding=decode_for_rules(decoder, stream, expected))


def states(report: Report, *rules: str) -> set[str]:
    return {report.verdicts[rule].state for rule in rules}


def test_a_decode_tells_of_the_symbols(decoder: Decoder) -> None:
    report = judged(decoder, DATA)
    assert report.decoding is not None
    assert report.decoding.decoded
    assert states(report, *SYMBOLS) == {"kept"}
    assert states(report, "R-95", "R-97", "R-98") == {"not checked"}
    assert {found.rule for found in report.findings} == {"R-86"}


def test_what_is_not_decoded_is_not_checked() -> None:
    report = judged(Decoder("analytic", engine="float32", threads=1, max_pixels=4095), DATA)
    assert report.decoding is not None
    assert not report.decoding.decoded
    assert states(report, *SYMBOLS, "R-97", "R-98") == {"not checked"}
    reason = report.verdicts["R-92"].reason
    assert reason is not None
    assert "the stream was not decoded: the picture is larger than the limit" in reason
    assert report.valid


@needs_vectors
def test_a_quality_map_that_leaves_its_range() -> None:
    vector = next(stream for stream in described_streams() if stream.name == "qmap_rand")
    data, decoder = vector.path.read_bytes(), Decoder("test", engine="float32", threads=1)
    stream = Codestream.parse(data)
    assert states(judged(decoder, data), *SYMBOLS) == {"kept"}
    size = ceil_div(stream.pih.img_height, 16) * ceil_div(stream.pih.img_width, 16)
    sigma = [DISTRIBUTIONS[stream.pih.quality_map_entropy_index]] * size
    (soq,) = encode_residual([9] + [0] * (size - 1), sigma, [1] * size, 1)
    report = judged(decoder, payload("soq", lambda found: soq, data))
    (found,) = (each for each in report.findings if each.severity == "E")
    assert (found.rule, found.selector) == ("R-92", "soq")
    assert "row 0, column 0" in found.message
    assert report.valid is False


@needs_vectors
def test_a_quality_map_whose_encoder_rounded_down() -> None:
    """The same map with the differences of the other predictor (05.16 D2): the whole decode is the same."""
    vector = next(stream for stream in described_streams() if stream.name == "qmap_rand")
    data, decoder = vector.path.read_bytes(), Decoder("test", threads=1)
    stages = ("quality_map", "residual_dequantised")
    expected = decoder.dump(data, stages=stages)
    values = expected["quality_map"][0].astype(int)
    predicted = np.zeros_like(values)
    predicted[0, 1:], predicted[1:, 0] = values[0, :-1], values[:-1, 0]
    predicted[1:, 1:] = (values[1:, :-1] + values[:-1, 1:]) // 2
    sigma = [DISTRIBUTIONS[Codestream.parse(data).pih.quality_map_entropy_index]] * values.size
    (soq,) = encode_residual((values - predicted).ravel().tolist(), sigma, [1] * values.size, 1)
    made = payload("soq", lambda found: soq, data)
    found = decoder.dump(made, stages=stages, quality_prediction="floor")
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[name], expected[name]) for name in expected)
    with contextlib.suppress(ConformanceError):  # of values out of range
        other = decoder.dump(made, stages=("quality_map",))["quality_map"]
        assert not np.array_equal(other, expected["quality_map"])
    with pytest.raises(ValueError, match="'nearest' is none of"):
        decoder.dump(made, quality_prediction="nearest")


def test_a_stream_that_is_not_valid_is_not_decoded(decoder: Decoder) -> None:
    report = judged(decoder, payload("sors", lambda found: b"\x00\x01", DATA))
    assert states(report, *SYMBOLS) == {"not checked"}
    assert report.valid is False


def _residual_out_of_range(decoder: Decoder) -> bytes:
    """The stream with a primary residual that does not fit 16 bits at its first coded position."""
    results = decoder.dump(DATA)
    coded = results["primary.coded_mask"].ravel()
    values = np.zeros(coded.shape, int)
    values[int(np.flatnonzero(coded)[0])] = 32768
    (data,) = encode_residual(values.tolist(), results["primary.sigma_index"].ravel().tolist(), coded.tolist(), 1)
    return payload("sorp", lambda found: data, DATA)


def _escape_63(decoder: Decoder) -> bytes:
    """The stream with an escape that is no symbol in the last channel."""
    results, store = decoder.dump(DATA), decoder.store
    model_id = Codestream.parse(DATA).pih.model_id
    channels = []
    for component in COMPONENTS:
        frequencies = store.tensors(file_name(component.file_kind, model_id))["hyper_entropy.freqs_int"]
        planes = results[f"{component.name}.z"]
        for cdf, plane in zip(z_cdf(frequencies).tolist(), planes.astype(int) + 31, strict=True):
            channels.append((plane.ravel().tolist(), [*cdf, cdf[-1]]))
    channels[-1][0][-1] = 63
    (data,) = encode_z(channels, 1)
    return payload("soz", lambda found: data, DATA)


@pytest.mark.parametrize(
    ("rule", "selector", "make"),
    [
        ("S-45", "soz.threads[0]", lambda _: payload("soz", lambda found: found[9:], DATA)),
        ("S-46", "soz.threads[0]", lambda _: payload("soz", lambda found: b"\x2a" + found, DATA)),
        ("R-90", "soz.threads[0]", _escape_63),
        ("R-91", "sorp.threads[0]", _residual_out_of_range),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_broken_symbols(decoder: Decoder, rule: str, selector: str, make: Callable[[Decoder], bytes]) -> None:
    report = judged(decoder, make(decoder))
    (found,) = (each for each in report.findings if each.rule != "R-86")
    assert (found.rule, found.selector, found.severity) == (rule, selector, catalogue()[rule].severity)
    segment = Codestream.parse(make(decoder)).segment(selector.partition(".")[0])
    assert segment is not None
    assert found.bit_offset is not None
    assert 8 * segment.payload_offset <= found.bit_offset < 8 * (segment.payload_offset + segment.size)
    assert found.message.endswith(catalogue()[rule].why)
    others = {*SYMBOLS} - {rule}
    assert states(report, *others) == ({"kept"} if rule == "S-46" else {"not checked"})
    assert report.valid == (rule == "S-46")


def test_what_is_left_behind_the_channels(decoder: Decoder) -> None:
    z = [np.zeros((component.channels, 1, 1), np.int8) for component in COMPONENTS]
    clean = write_stream(64, 64, z, models="analytic")
    assert states(judged(decoder, clean), *SYMBOLS) == {"kept"}
    report = judged(decoder, payload("sorp", lambda found: b"\x2a" + found, clean))
    found = [(each.rule, each.selector) for each in report.findings if each.rule in SYMBOLS]
    assert found == [("R-93", "sorp.threads[0]"), ("S-46", "sorp.threads[0]")]
    report = judged(decoder, payload("soz", lambda found: b"\x2a" + found, clean))
    assert [each.rule for each in report.findings if each.rule in SYMBOLS] == ["S-46"]


@needs_vectors
def test_hashes_of_the_reference(decoder: Decoder) -> None:
    vector = next(stream for stream in described_streams() if stream.name == STREAM.path.stem)
    tensors = vector.description()["decodes"][0]["tensors"]
    right = {stage: tensors[stage]["sha256"] for stage in HASHED_STAGES if stage in tensors and stage != "picture"}
    assert len(right) == 10
    data = vector.path.read_bytes()
    assert states(judged(decoder, data, **right), "R-97") == {"kept"}
    wrong = right | {"primary.scale1": "0" * 64}
    report = judged(decoder, data, **wrong)
    (found,) = (each for each in report.findings if each.rule == "R-97")
    assert found.severity == "E"
    assert "primary.scale1" in found.message
    assert report.valid is False


def test_the_expected_picture(decoder: Decoder) -> None:
    right = hashlib.sha256(decoder.decode(DATA).rgb.tobytes()).hexdigest()
    assert states(judged(decoder, DATA, picture=right), "R-98") == {"kept"}
    report = judged(decoder, DATA, picture="0" * 64)
    (found,) = (each for each in report.findings if each.rule == "R-98")
    assert found.severity == "C"
    assert report.is_error(found)
    assert report.valid is False


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The test models as files of the official names: not the published ones."""
    folder = tmp_path_factory.mktemp("checkpoints")
    store = ModelStore.open("test")
    model_id = Codestream.parse(DATA).pih.model_id
    for kind in ("common_Y", "common_UV", "sop_decoder_Y", "sop_decoder_UV"):
        file = file_name(kind, model_id)
        write_checkpoint(folder / file, dict(store.tensors(file)))
    return folder


def test_models_of_other_checksums(checkpoints: Path) -> None:
    report = judged(Decoder(checkpoints, engine="float32", threads=1), DATA)
    found = [each for each in report.findings if each.rule == "R-95"]
    assert len(found) == 4
    assert {each.severity for each in found} == {"E"}
    assert {each.selector for each in found} == {"pih.model_id"}
    assert any("VM_common_int/Y_0.012.pth" in each.message for each in found)


def test_models_of_the_right_checksums(checkpoints: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = Decoder(checkpoints, engine="float32", threads=1)
    monkeypatch.setattr(decoder.store, "status", lambda file: "official")
    assert states(judged(decoder, DATA), "R-95") == {"kept"}
    monkeypatch.setattr(decoder.store, "status", lambda file: "missing" if "common" in file else "official")
    report = judged(decoder, DATA)
    assert states(report, "R-95") == {"not checked"}
    assert "models are missing" in str(report.verdicts["R-95"].reason)


def test_the_command_decodes_where_it_is_asked_to() -> None:
    def run(*options: str) -> tuple[int, dict[str, Any]]:
        result = CliRunner().invoke(command, [str(STREAM.path), "--models", "analytic", "--json", *options])
        return result.exit_code, json.loads(result.stdout)["files"][0]

    code, file = run()
    assert code == 0
    assert file["status"]["decode"] == {"models": "analytic", "decoded": True, "error": None}
    assert file["rules"]["R-90"]["state"] == "kept"
    code, file = run("--expect", f"picture={'0' * 64}")
    assert code == 1
    assert file["rules"]["R-98"]["state"] == "broken"
    code, file = run("--expect", f"primary.sigma_index={'0' * 64}")
    assert code == 1
    assert file["rules"]["R-97"]["state"] == "broken"
