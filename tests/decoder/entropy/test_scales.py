"""Scales, masks, RVS, GRFS, LSBS and dequantisation against the vectors of chapter 05."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pytest

from jpegai.codestream import ConformanceError
from jpegai.decoder.entropy.dequantise import Dequantiser
from jpegai.decoder.entropy.gains import Gains
from jpegai.decoder.entropy.quality import QualityMap
from jpegai.decoder.entropy.scales import Scales
from jpegai.decoder.entropy.scaling import MODELS, BiasScaling, VarianceScaling, block_activity, each_latent, steps
from jpegai.decoder.geometry import Area, Span
from jpegai.decoder.workers import Workers
from tests.decoder.entropy.generator import draws
from tests.vectors import needs_spec, spec_data, spec_list

WORKERS = [Workers(1), Workers(2)]
CASES = spec_list("residual_vectors", "cases")
#: Regions whose borders are multiples of 8 latents, or the whole of the 9 x 10 latents of the cases.
CUTS = {
    "whole": [Area.whole(9, 10)],
    "regions": [Area(rows, columns) for rows in (Span(0, 8), Span(8, 9)) for columns in (Span(0, 8), Span(8, 10))],
}


@dataclass
class Case:
    """One case of the vectors, drawn again by their generator."""

    facts: dict[str, Any]

    def __post_init__(self) -> None:
        facts, u = self.facts, draws(self.facts["seed"])
        channels, height, width = self.shape = facts["C"], facts["H"], facts["W"]
        self.gain_log = np.array([u() % 600 - 300 for _ in range(channels)], np.int32)
        scale = []
        for _ in range(channels * height * width):
            limit = 1400 if u() % 4 else 4200
            scale.append(min(3967, u() % limit))
        self.hyper = self.planes(scale, np.int16)
        group_flags = np.array([u() & 1 for _ in range(channels)], np.uint8)
        quality = np.array([u() % 17 - 8 for _ in range(height * width)], np.int8).reshape(height, width)
        drawn = [(u(), u()) for _ in range(self.hyper.size)]
        self.values = self.planes([a - 32768 if b % 16 == 0 else a % 41 - 20 for a, b in drawn], np.int64)
        self.latents = (self.planes([u() - 32768 for _ in drawn], np.float32) / 1024).astype(np.float32)
        self.drawn_flags = group_flags.tolist() if facts["grfs"] else None
        # the flags of channels that are not coded are not transmitted and count as 0 (05.8.1)
        group_flags[facts["num_chs"] :] = 0
        self.group_flags = group_flags if facts["grfs"] else None
        self.quality = QualityMap(quality) if facts["quality_map"] else None
        self.cube_flags = None
        if facts["cube_flags"] is not None:
            self.cube_flags = np.array(facts["cube_flags"], np.uint8).reshape(4, 1, 1)

    def planes(self, values: list[int], dtype: Any) -> np.ndarray:
        return np.array(values).reshape(self.shape).astype(dtype)

    @cached_property
    def gains(self) -> Gains:
        return Gains.at(self.gain_log, self.facts["beta_displacement_log"])

    def activity(self, workers: Workers) -> np.ndarray:
        added = np.zeros(self.shape[1:], np.int16) if self.quality is None else self.quality.log
        return block_activity(self.hyper, self.gains.log, added, workers)

    @cached_property
    def variance(self) -> VarianceScaling | None:
        if not self.facts["rvs"] and not self.facts["grfs"]:
            return None
        return VarianceScaling.of(
            self.facts["model_id"],
            self.activity(WORKERS[0]),
            rvs=bool(self.facts["rvs"]),
            group_flags=self.group_flags,
        )

    @cached_property
    def scales(self) -> Scales:
        return Scales.of(
            self.hyper,
            self.gains.log,
            quality=None if self.quality is None else self.quality.log,
            variance=None if self.variance is None else self.variance.log,
            cube_flags=self.cube_flags,
        )

    @cached_property
    def dequantiser(self) -> Dequantiser:
        return Dequantiser(
            self.gains.divisor,
            None if self.variance is None else self.variance.inverse,
            None if self.quality is None else self.quality.divisor,
        )

    @cached_property
    def residual(self) -> np.ndarray:
        residual = (self.values * self.scales.coded_mask()).astype(np.int16)
        residual[self.facts["num_chs"] :] = 0
        return residual


def seed(case: dict[str, Any]) -> str:
    return str(case["seed"])


def sha256(array: np.ndarray, dtype: str) -> str:
    return hashlib.sha256(array.astype(dtype).tobytes()).hexdigest()


@needs_spec
def test_all_cases_are_there():
    tools = {(case["model_id"], case["rvs"], case["grfs"], case["quality_map"]) for case in CASES}
    assert len(CASES) == len(tools) == 32
    assert len([case for case in CASES if "hyper_scale" in case]) == 4


@needs_spec
@pytest.mark.parametrize("facts", CASES, ids=seed)
@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("workers", WORKERS, ids=["1", "2"])
def test_every_hash_of_the_vectors(facts, cut, workers):
    case, hashes, channels = Case(facts), dict(facts["sha256"]), facts["num_chs"]
    assert case.gain_log.tolist() == facts["gain_log"]
    assert case.gains.linear.tolist() == facts["scaler_m"]
    assert facts["grfs_flags"] == case.drawn_flags
    assert facts["qp_map"] == (None if case.quality is None else case.quality.values.ravel().tolist())
    activity = each_latent(case.activity(workers), *case.shape[1:])
    scale = case.scales.after_variance()
    index = np.clip((scale.astype(int) + 64) >> 7, 0, 31)
    mask = case.scales.coded_mask()
    coded = np.where(mask, index, 255)
    entries = np.full(case.shape, 99, np.uint8)
    result = np.zeros(case.shape, np.float32)
    for region in CUTS[cut]:
        entries[region.index] = case.scales.coding_map(case.shape[0], region, workers)
        values = np.ascontiguousarray(case.residual[:channels][region.index])
        case.dequantiser(values, region, result, workers)
    assert entries.tolist() == coded.tolist()
    assert int(mask.sum()) == facts["coded_count"], "counted over all channels"
    latents = case.latents.copy()
    BiasScaling.of(facts["model_id"], case.activity(workers)).apply(latents, result, workers)
    found = {
        "hyper_scale_i32le": sha256(case.hyper, "<i4"),
        "skip_scale_i32le": sha256(case.scales.before_variance(), "<i4"),
        "activity_i32le": sha256(activity, "<i4"),
        "scale_i32le": sha256(scale, "<i4"),
        "sigma_index_u8": sha256(index, "u1"),
        "coded_u8": sha256(mask, "u1"),
        "value_i32le": sha256(case.residual, "<i4"),
        "residual_f32le": sha256(result, "<f4"),
        "lsbs_in_y_hat_f32le": sha256(case.latents, "<f4"),
        "lsbs_out_f32le": sha256(latents, "<f4"),
    }
    assert found == hashes


@needs_spec
@pytest.mark.parametrize("facts", [case for case in CASES if "hyper_scale" in case], ids=seed)
def test_full_cases_in_numbers(facts):
    case = Case(facts)
    whole = Area.whole(*case.shape[1:])
    assert case.hyper.ravel().tolist() == facts["hyper_scale"]
    assert case.scales.before_variance().ravel().tolist() == facts["skip_scale"]
    assert case.scales.after_variance().ravel().tolist() == facts["scale"]
    assert each_latent(case.activity(WORKERS[1]), *whole.shape).ravel().tolist() == facts["activity"]
    expected = np.where(facts["coded"], facts["sigma_index"], 255)
    for channels in range(case.shape[0] + 1):
        entries = case.scales.coding_map(channels, whole, WORKERS[0])
        assert entries.dtype == np.uint8
        assert entries.ravel().tolist() == expected[: entries.size].tolist()
    assert case.residual.ravel().tolist() == facts["value"]
    result = np.zeros(case.shape, np.float32)
    case.dequantiser(case.residual, whole, result, WORKERS[0])
    assert result.astype(">f4").tobytes().hex() == "".join(facts["residual_f32_hex"])
    latents = case.latents.copy()
    BiasScaling.of(facts["model_id"], case.activity(WORKERS[0])).apply(latents, result, WORKERS[0])
    for array, name in ((case.latents, "lsbs_in_hex"), (latents, "lsbs_out_hex")):
        assert array.astype(">f4").tobytes().hex().startswith("".join(facts[name]))


@needs_spec
def test_tables_of_all_models():
    tables = spec_data("residual_tables")
    plain = tables["rvs0"]
    for model, facts in zip(MODELS, tables["models"], strict=True):
        number = facts["model_id"]
        assert list(model.thresholds) == facts["rvs_threshold_activity"]
        assert list(model.scales) == facts["rvs_scale_times_128"]
        assert list(model.bias_mean) == facts["lsbs_scale_mean_times_8192"]
        assert list(model.bias_residual) == facts["lsbs_scale_residual_times_8192"]
        expected = {
            (True, None): facts["rvs1_grfs0"],
            (True, 1): facts["rvs1_grfs1_flag1"],
            (True, 0): facts["rvs1_grfs1_flag0"],
            (False, 1): plain["grfs1_flag1"],
            (False, 0): plain["grfs1_flag0"],
        }
        for (rvs, group), table in expected.items():
            found = steps(number, rvs, group)
            assert {"lin": list(found.scales), "log": list(found.log), "inv": list(found.inverse)} == table
        ramp = np.arange(4352, dtype=np.int16).reshape(-1, 1, 1)
        changes = np.flatnonzero(np.diff(BiasScaling.of(number, ramp).mean.ravel()))
        assert changes.tolist() == facts["lsbs_threshold_activity"], "a class begins behind its threshold"
        scaling = VarianceScaling.of(number, ramp, rvs=True, group_flags=None)
        assert np.flatnonzero(np.diff(scaling.log.ravel())).tolist() == facts["rvs_threshold_activity"]


def test_sigma_index_and_skip_threshold_of_the_text():
    hyper = np.zeros((8, 1, 1), np.int16)
    log = np.array([-500, -64, 63, 64, 191, 192, 3967, 8000], np.int32)
    all_coded = Scales.of(hyper, log, cube_flags=np.zeros((4, 1, 1), np.uint8))
    found = all_coded.coding_map(8, Area.whole(1, 1), WORKERS[0])
    assert found.ravel().tolist() == [0, 0, 0, 1, 1, 2, 31, 31]
    by_scale = Scales.of(hyper[:3], np.array([-100, 382, 383], np.int32))
    assert by_scale.coding_map(3, Area.whole(1, 1), WORKERS[0]).ravel().tolist() == [255, 255, 3]


@needs_spec
@pytest.mark.parametrize(
    "case", spec_list("residual_vectors", "cube_flag_positions_latent_20x18"), ids=lambda c: str(c["flag_index"])
)
def test_cube_flag_positions(case):
    flags = np.ones(16, np.uint8)
    flags[case["flag_index"]] = 0
    scales = Scales.of(
        np.full((2, 20, 18), 200, np.int16), np.zeros(2, np.int32), cube_flags=flags.reshape(4, 2, 2)
    )
    mask = scales.coded_mask()
    assert (mask[0] == mask[1]).all()
    forced = np.argwhere(mask[0])
    assert len(forced) == case["forces_count"]
    if len(forced):
        assert forced[0].tolist() == case["first_y_x"]
        assert forced[-1].tolist() == case["last_y_x"]
    for region in (Area.whole(20, 18), Area(Span(8, 20), Span(8, 18)), Area(Span(16, 20), Span(0, 16))):
        entries = scales.coding_map(1, region, WORKERS[0])
        assert entries.tolist() == np.where(mask[:1][region.index], 2, 255).tolist()


@pytest.mark.parametrize("shape", [(1, 3, 5), (7, 64, 33), (200, 40, 41)])
@pytest.mark.parametrize("workers", WORKERS, ids=["1", "2"])
def test_large_and_odd_shapes(shape, workers):
    """All steps written plainly for whole arrays."""
    random = np.random.default_rng(1)
    hyper = random.integers(0, 3968, shape).astype(np.int16)
    log = random.integers(-4096, 4095, shape[0]).astype(np.int32)
    flags = random.integers(0, 2, (4, *(((size + 1) // 2 + 7) // 8 for size in shape[1:]))).astype(np.uint8)
    quality = QualityMap(random.integers(-8, 9, shape[1:]).astype(np.int8))
    scale = hyper.astype(int) + log[:, None, None] + quality.log
    filled = np.full((shape[0], *(-(-size // 8) * 8 for size in shape[1:])), 1411)
    filled[:, : shape[1], : shape[2]] = scale
    sums = filled.reshape(shape[0], filled.shape[1] // 8, 8, filled.shape[2] // 8, 8).sum(axis=(2, 4))
    activity = block_activity(hyper, log, quality.log, workers)
    assert (activity == np.clip((sums + 32) >> 6, 0, 4351)).all()
    variance = VarianceScaling.of(3, activity, rvs=True, group_flags=(np.arange(shape[0]) % 2).astype(np.uint8))
    scales = Scales.of(hyper, log, quality=quality.log, variance=variance.log, cube_flags=flags)
    y, x = np.mgrid[: shape[1], : shape[2]]
    forced = flags[2 * (y % 2) + x % 2, y >> 4, x >> 4] == 0
    after = scale + variance.log[:, y >> 3, x >> 3]
    expected = np.where((scale > 382) | forced, np.clip((after + 64) >> 7, 0, 31), 255)
    assert (scales.coding_map(shape[0], Area.whole(*shape[1:]), workers) == expected).all()
    residual = random.integers(-32768, 32768, shape).astype(np.int16)
    gains, out = Gains.at(log, 0), np.zeros(shape, np.float32)
    Dequantiser(gains.divisor, variance.inverse, quality.divisor)(residual, Area.whole(*shape[1:]), out, workers)
    product = residual.astype(np.float32) * variance.inverse[:, y >> 3, x >> 3] / np.float32(65536)
    assert (out == product / quality.divisor / gains.divisor[:, None, None]).all()


def test_only_the_channels_and_the_region_asked_for_are_written():
    out = np.full((3, 2, 16), 9, np.float32)
    right = Area(Span(0, 2), Span(8, 16))
    Dequantiser(np.full(3, 2, np.float32))(np.full((1, 2, 8), 7, np.int16), right, out, WORKERS[1])
    assert out[0].tolist() == [[9] * 8 + [3.5] * 8] * 2
    assert (out[1:] == 9).all()
    Dequantiser(np.ones(3, np.float32))(np.empty((0, 2, 8), np.int16), right, out, WORKERS[0])
    assert out[0].tolist() == [[9] * 8 + [3.5] * 8] * 2


@pytest.mark.parametrize("log", [-8193, 8192])
def test_added_scale_out_of_range(log):
    hyper, quality = np.zeros((2, 1, 2), np.int16), np.array([[0, -100 if log < 0 else 100]], np.int16)
    inside = log - int(quality[0, 1])
    for logs, added in (([0, log], None), ([inside, 0], quality)):
        with pytest.raises(ConformanceError, match="R-96") as caught:
            Scales.of(hyper, np.array(logs, np.int32), quality=added)
        assert caught.value.found == log


def test_added_scale_at_its_ends():
    hyper, logs = np.array([[[3967]], [[0]]], np.int16), np.array([8191, -8192], np.int32)
    scales = Scales.of(hyper, logs)
    assert scales.before_variance().ravel().tolist() == [12158, -8192]
    assert scales.coding_map(2, Area.whole(1, 1), WORKERS[0]).ravel().tolist() == [31, 255]


def test_mistakes_of_the_caller():
    hyper, logs = np.zeros((2, 20, 18), np.int16), np.zeros(2, np.int32)
    scales = Scales.of(hyper, logs)
    with pytest.raises(ValueError, match="num_chs"):
        scales.coding_map(3, Area.whole(20, 18), WORKERS[0])
    with pytest.raises(ValueError, match="region"):
        scales.coding_map(2, Area(Span(0, 21), Span(0, 18)), WORKERS[0])
    with pytest.raises(ValueError, match="gains"):
        Scales.of(hyper, logs[:1])
    with pytest.raises(ValueError, match="quality map"):
        Scales.of(hyper, logs, quality=np.zeros((18, 20), np.int16))
    with pytest.raises(ValueError, match="blocks"):
        Scales.of(hyper, logs, variance=np.zeros((2, 20, 18), np.int16))
    with pytest.raises(ValueError, match="cube flags"):
        Scales.of(hyper, logs, cube_flags=np.ones((4, 1, 2), np.uint8))
    with pytest.raises(ValueError, match="a gain"):
        block_activity(hyper, logs[:1], np.zeros((20, 18), np.int16), WORKERS[0])
    with pytest.raises(ValueError, match="a quality"):
        block_activity(hyper, logs, np.zeros((18, 20), np.int16), WORKERS[0])
    floats, bias = np.zeros(hyper.shape, np.float32), BiasScaling.of(0, np.zeros((2, 3, 2), np.int16))
    with pytest.raises(ValueError, match="one picture"):
        bias.apply(floats, floats, WORKERS[0])
    out, divisor = np.zeros(hyper.shape, np.float32), np.ones(2, np.float32)
    for dequantiser, region in (
        (Dequantiser(divisor[:1]), Area.whole(20, 18)),
        (Dequantiser(divisor, quality=np.ones((18, 20), np.float32)), Area.whole(20, 18)),
        (Dequantiser(divisor, np.ones((2, 20, 18), np.float32)), Area.whole(20, 18)),
        (Dequantiser(divisor), Area(Span(1, 21), Span(0, 18))),
        (Dequantiser(divisor), Area.whole(18, 20)),
    ):
        with pytest.raises(ValueError, match="needed"):
            dequantiser(hyper, region, out, WORKERS[0])
