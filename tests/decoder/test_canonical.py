"""The canonical form and its hashes, against those of the vectors."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import numpy as np
import pytest

from jpegai.decoder import Decoder
from jpegai.decoder.canonical import DTYPES, canonical, md5_digest, md5_line, quantised, sha256
from jpegai.decoder.recorder import POINTS, STAGES, Dump, stage_of
from tests.figures import INTEGERS
from tests.streams import VectorStream, described_streams
from tests.vectors import needs_spec, needs_vectors, spec_data

#: Streams that use every integer stage between them.
CHOSEN = [stream for stream in described_streams() if stream.name in ("sink_bop", "qmap_rand", "an_sop_64x64")]


def tensors(stream: VectorStream) -> dict[str, dict[str, Any]]:
    return dict(stream.description()["decodes"][0]["tensors"])


@needs_vectors
def test_hashes_are_those_of_the_vectors() -> None:
    stages = set()
    for stream in CHOSEN:
        results = Decoder(stream.models, threads=1).dump(stream.path, stages=INTEGERS)
        for name, facts in tensors(stream).items():
            if stage_of(name) in INTEGERS:
                array = canonical(name, results[name])
                assert (array.dtype.name, sha256(array)) == (facts["dtype"], facts["sha256"]), name
                assert sha256(canonical(name, results[name] + 1)) != facts["sha256"]
                stages.add(stage_of(name))
    assert stages == {*INTEGERS}


@needs_vectors
def test_dtypes_are_those_of_the_vectors() -> None:
    seen = {}
    for stream in described_streams():
        seen |= {stage_of(name): facts["dtype"] for name, facts in tensors(stream).items()}
    ours = {stage: seen[stage] for stage in DTYPES if stage in seen}
    assert ours == {stage: DTYPES[stage] for stage in ours}
    assert {*DTYPES} - {*ours} == {"sigma_index"}


@needs_spec
def test_the_line_of_the_reference() -> None:
    """MD5 of the planes that the reference stored are those that it printed."""
    outputs = spec_data("colour_vectors")["output"]
    assert outputs
    for output in outputs:
        planes = [np.frombuffer(base64.b64decode(each["f32le_base64"]), "<f4") for each in output["planes"]]
        expected = output["md5_of_reference_planes"]
        assert [md5_digest(plane) for plane in planes] == expected
        assert md5_digest(planes[0] + 1) != expected[0]
        assert md5_line(expected) == f"MD5: ({expected[0]}, {expected[1]}, {expected[2]})"


def test_the_line_of_fixed_point_planes() -> None:
    values = np.array([[[0.0, 0.25, 254.75]]], np.float32)
    assert md5_digest(np.array([[[0, 1, 1019]]], np.int32), 2) == md5_digest(values)
    assert md5_digest(values) == hashlib.md5(values.tobytes()).hexdigest()
    assert md5_digest(np.array([[[0, 1, 1018]]], np.int32), 2) != md5_digest(values)


def test_bytes_of_the_canonical_form() -> None:
    expected = hashlib.sha256(bytes([0xFE, 0xFF, 0x00, 0x01])).hexdigest()
    for dtype in ("<i2", ">i2", "<i4", ">i8"):
        array = np.array([[[-2], [256]]], dtype)
        assert sha256(canonical("primary.residual", array)) == expected
    assert sha256(canonical("primary.residual", np.array([[[-2, 256]]]).transpose(2, 0, 1))) == expected
    ones = hashlib.sha256(bytes([1, 0, 1])).hexdigest()
    assert sha256(canonical("primary.coded_mask", np.array([True, False, True]))) == ones
    assert sha256(canonical("quality_map", np.array([-1], np.int64))) == hashlib.sha256(b"\xff").hexdigest()
    half = hashlib.sha256(bytes([0, 0, 0, 0x3F])).hexdigest()
    assert sha256(canonical("primary.psi", np.array([0.5], np.float64))) == half
    assert sha256(canonical("primary.psi", np.array([128]), 8)) == hashlib.sha256(b"\x80\0\0\0").hexdigest()
    assert sha256(canonical("picture", np.array([1023], np.uint16))) == hashlib.sha256(b"\xff\x03").hexdigest()


@pytest.mark.parametrize(
    ("name", "array", "bits"),
    [
        ("primary.z", np.array([128]), None),
        ("primary.coded_mask", np.array([-1]), None),
        ("primary.z", np.array([1.0]), None),
        ("primary.psi", np.array([1]), None),
        ("primary.psi", np.array([0.5]), 8),
        ("primary.psi", np.array([1 << 31]), 8),
        ("picture", np.array([65536]), None),
        ("primary.z", np.array(["1"]), None),
    ],
)
def test_what_has_no_canonical_form(name: str, array: Any, bits: int | None) -> None:
    with pytest.raises(ValueError, match=name):
        canonical(name, array, bits)


def test_quantised() -> None:
    values = np.array([0.0, 0.125, 0.375, -0.625, -(2.0**29)], np.float32)
    assert quantised("primary.psi", values, 2).tolist() == [0, 0, 2, -2, -(1 << 31)]
    for value in (2.0**29, np.nan, np.inf, -np.inf):
        with pytest.raises(ValueError, match="do not hold"):
            quantised("primary.psi", np.array([value], np.float32), 2)


def test_a_recorder_keeps_fraction_bits() -> None:
    recorder = Dump(["psi", "z"])
    recorder.add("primary.z", np.zeros((1, 1, 1), np.int8))
    recorder.add("primary.psi", np.zeros((1, 1, 1), np.int32), 12)
    recorder.add("primary.latents", np.zeros((1, 1, 1), np.int32), 12)
    assert {*recorder.results} == {"primary.z", "primary.psi"}
    assert recorder.fraction_bits == {"primary.psi": 12}


def test_conformance_points_hold_every_stage_once() -> None:
    assert sum(POINTS.values(), ()) == STAGES
    assert POINTS[1][-1] == "residual"
    assert POINTS[2] == ("residual_dequantised", "psi", "prediction", "latents", "latents_scaled")
