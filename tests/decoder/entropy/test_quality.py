"""The quality map against the vectors of chapter 05."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest

from jpegai.codestream import ConformanceError
from jpegai.decoder.entropy.quality import DISTRIBUTIONS, PREDICTIONS, RANGE, QualityMap, decode_quality_map
from jpegai.decoder.workers import Workers
from tests.decoder.entropy.encoder import encode_residual, payloads
from tests.vectors import needs_spec, spec_data, spec_list

WORKERS = [Workers(1), Workers(2)]
CASES = spec_list("residual_vectors", "quality_map")


def decode(data: list[bytes], case: dict, workers: Workers, prediction: str = "truncate") -> list[int]:
    index = case["quality_map_entropy_index"]
    found, findings = decode_quality_map(payloads(data), index, (case["H"], case["W"]), workers, prediction)
    assert not findings
    assert found.values.dtype == np.int8
    return found.values.ravel().tolist()


@needs_spec
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['H']}x{case['W']}")
@pytest.mark.parametrize(("prediction", "name", "other"), [
    ("truncate", "truncating_prediction", "floor_prediction"), ("floor", "floor_prediction", "truncating_prediction"),
])  # fmt: skip
def test_maps_of_the_vectors(case, prediction, name, other):
    assert prediction in PREDICTIONS
    assert DISTRIBUTIONS[case["quality_map_entropy_index"]] == case["sigma_index"]
    own, foreign = case[name], case[other]
    for workers in WORKERS:
        assert decode([bytes.fromhex(own["payload"])], case, workers, prediction) == case["qp_map"]
    # the two rules of prediction differ in all these maps, so the test can tell them apart
    assert own["delta"] != foreign["delta"]
    other_map = np.full(case["H"] * case["W"], 99)
    with contextlib.suppress(ConformanceError):  # it may leave the range
        other_map[:] = decode([bytes.fromhex(foreign["payload"])], case, WORKERS[0], prediction)
    assert other_map.tolist() != case["qp_map"]


@needs_spec
@pytest.mark.parametrize("threads", [2, 4, 8, 16])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['H']}x{case['W']}")
def test_maps_in_several_threads(case, threads):
    delta = case["truncating_prediction"]["delta"]
    data = encode_residual(delta, [case["sigma_index"]] * len(delta), [1] * len(delta), threads)
    assert decode(data, case, WORKERS[1]) == case["qp_map"]


@needs_spec
def test_tables():
    facts = spec_data("residual_tables")["quality_map"]
    assert list(DISTRIBUTIONS) == facts["entropy_index_to_sigma_index"]
    assert [RANGE[0], RANGE[-1]] == facts["qp_range"]
    whole = QualityMap(np.array([list(RANGE)], np.int8))
    assert whole.log.tolist()[0] == list(facts["qp_to_log"].values())
    assert QualityMap.LINEAR.tolist() == [4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 23, 27, 32, 39, 46, 54, 64]
    assert (whole.divisor == (QualityMap.LINEAR / 16).astype(np.float32)).all()
    assert whole.divisor.dtype == np.float32


@needs_spec
@pytest.mark.parametrize(("deltas", "place", "found"), [([9, 0], 0, 9), ([-8, -1], 1, -9), ([0, 30000], 1, 30000)])
def test_values_out_of_range_are_named(deltas, place, found):
    data = encode_residual(deltas, [18, 18], [1, 1], 1)
    with pytest.raises(ConformanceError, match=rf"row 0, column {place} ") as caught:
        decode_quality_map(payloads(data, 100), 7, (1, 2), WORKERS[0])
    assert caught.value.found == found
    assert caught.value.bit_offset == 800
