"""Gains, scales, masks and dequantisation against the vectors of chapter 05."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest

from jpegai.codestream import ConformanceError, ModelError
from jpegai.decoder.entropy.gains import TINY, Gains, gain_log, linear_gain
from jpegai.decoder.entropy.scales import coded_mask, coding_map, dequantise, scale0, sigma_index
from jpegai.decoder.workers import Workers
from tests.decoder.entropy.generator import draws
from tests.vectors import needs_spec, spec_data, spec_list

WORKERS = [Workers(1), Workers(2)]
CASES = [case for case in spec_list("residual_vectors", "cases") if not case["quality_map"]]
PLAIN = [case for case in CASES if not case["rvs"] and not case["grfs"]]
FULL = [case for case in spec_list("residual_vectors", "cases") if "hyper_scale" in case]


def seed(case: dict[str, Any]) -> str:
    return str(case["seed"])


def sha256(array: np.ndarray, dtype: str) -> str:
    return hashlib.sha256(array.astype(dtype).tobytes()).hexdigest()


def generated(case: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, list[tuple[int, int]]]:
    """Gains, hyper scale and the draws of the residual of a case, by the generator of the vectors."""
    u = draws(case["seed"])
    channels, height, width = case["C"], case["H"], case["W"]
    gains = np.array([u() % 600 - 300 for _ in range(channels)], np.int32)
    scale = []
    for _ in range(channels * height * width):
        limit = 1400 if u() % 4 else 4200
        scale.append(min(3967, u() % limit))
    for _ in range(channels + height * width):
        u()
    residual = [(u(), u()) for _ in range(channels * height * width)]
    return gains, np.array(scale, np.int16).reshape(channels, height, width), residual


def cube_flags(case: dict[str, Any]) -> np.ndarray | None:
    return None if case["cube_flags"] is None else np.array(case["cube_flags"], np.uint8).reshape(4, 1, 1)


@needs_spec
@pytest.mark.parametrize("case", CASES, ids=seed)
@pytest.mark.parametrize("workers", WORKERS, ids=["1", "2"])
def test_skip_decision_of_the_vectors(case, workers):
    """Scale before RVS and coded mask: every case without a quality map."""
    gains, hs, _ = generated(case)
    assert gains.tolist() == case["gain_log"]
    assert sha256(hs, "<i4") == case["sha256"]["hyper_scale_i32le"]
    log = Gains.at(gains, case["beta_displacement_log"]).log
    scale = scale0(hs, log, workers)
    assert sha256(scale, "<i4") == case["sha256"]["skip_scale_i32le"]
    mask = coded_mask(scale, cube_flags(case), workers)
    assert sha256(mask, "u1") == case["sha256"]["coded_u8"]
    assert int(mask[: case["num_chs"]].sum()) == case["coded_count"]


@needs_spec
@pytest.mark.parametrize("case", PLAIN, ids=seed)
@pytest.mark.parametrize("workers", WORKERS, ids=["1", "2"])
def test_cases_without_rvs_grfs_and_quality_map(case, workers):
    gain, hs, drawn = generated(case)
    gains = Gains.at(gain, case["beta_displacement_log"])
    assert gains.linear.tolist() == case["scaler_m"]
    scale = scale0(hs, gains.log, workers)
    index = sigma_index(scale, workers)
    mask = coded_mask(scale, cube_flags(case), workers)
    assert sha256(scale, "<i4") == case["sha256"]["scale_i32le"]
    assert sha256(index, "u1") == case["sha256"]["sigma_index_u8"]
    for channels in range(case["C"] + 1):
        expected = np.where(mask == 1, index, 255)[:channels]
        entries = coding_map(hs, gains.log, cube_flags(case), channels, workers)
        assert entries.dtype == np.uint8
        assert entries.tolist() == expected.tolist()
    values = [a - 32768 if b % 16 == 0 else a % 41 - 20 for a, b in drawn]
    residual = (np.array(values).reshape(hs.shape) * mask).astype(np.int16)
    residual[case["num_chs"] :] = 0
    assert sha256(residual, "<i4") == case["sha256"]["value_i32le"]
    result = dequantise(residual[: case["num_chs"]], gains.divisor, workers)
    assert result.dtype == np.float32
    assert sha256(result, "<f4") == case["sha256"]["residual_f32le"]


@needs_spec
@pytest.mark.parametrize("case", FULL, ids=seed)
def test_sigma_index_of_the_full_cases(case):
    """With RVS, GRFS and quality map too: the index is made from the scale after RVS."""
    shape = case["C"], case["H"], case["W"]
    index = sigma_index(np.array(case["scale"], np.int16).reshape(shape), WORKERS[0])
    assert index.ravel().tolist() == case["sigma_index"]
    mask = coded_mask(np.array(case["skip_scale"], np.int16).reshape(shape), cube_flags(case), WORKERS[0])
    assert mask.ravel().tolist() == case["coded"]


@needs_spec
@pytest.mark.parametrize("case", PLAIN[:1], ids=seed)
def test_full_case_in_numbers(case):
    shape = case["C"], case["H"], case["W"]
    gains = Gains.at(np.array(case["gain_log"], np.int32), case["beta_displacement_log"])
    result = dequantise(np.array(case["value"], np.int16).reshape(shape), gains.divisor, WORKERS[0])
    assert result.astype(">f4").tobytes().hex() == "".join(case["residual_f32_hex"])


def test_sigma_index_of_the_text():
    scales = np.array([-500, -64, 63, 64, 191, 192, 3967, 8000], np.int16).reshape(1, 1, -1)
    assert sigma_index(scales, WORKERS[0]).ravel().tolist() == [0, 0, 0, 1, 1, 2, 31, 31]


def test_skip_threshold():
    scales = np.array([[[-100, 382, 383]]], np.int16)
    assert coded_mask(scales, None, WORKERS[0]).ravel().tolist() == [0, 0, 1]


@needs_spec
@pytest.mark.parametrize(
    "case", spec_list("residual_vectors", "cube_flag_positions_latent_20x18"), ids=lambda c: str(c["flag_index"])
)
def test_cube_flag_positions(case):
    flags = np.ones(16, np.uint8)
    flags[case["flag_index"]] = 0
    mask = coded_mask(np.zeros((2, 20, 18), np.int16), flags.reshape(4, 2, 2), WORKERS[1])
    assert (mask[0] == mask[1]).all()
    forced = np.argwhere(mask[0])
    assert len(forced) == case["forces_count"]
    if len(forced):
        assert forced[0].tolist() == case["first_y_x"]
        assert forced[-1].tolist() == case["last_y_x"]
    hs = np.full((1, 20, 18), 200, np.int16)
    entries = coding_map(hs, np.zeros(1, np.int32), flags.reshape(4, 2, 2), 1, WORKERS[0])
    assert entries[0].tolist() == np.where(mask[0], 2, 255).tolist()


@pytest.mark.parametrize("shape", [(1, 3, 5), (7, 64, 33), (200, 40, 41)])
def test_large_and_odd_shapes_do_not_depend_on_workers(shape):
    random = np.random.default_rng(1)
    hs = random.integers(0, 3968, shape).astype(np.int16)
    log = random.integers(-4096, 4095, shape[0]).astype(np.int32)
    cubes = [((size + 1) // 2 + 7) // 8 for size in shape[1:]]
    flags = random.integers(0, 2, (4, *cubes)).astype(np.uint8)
    scale = hs.astype(int) + log[:, None, None]
    y, x = np.mgrid[: shape[1], : shape[2]]
    forced = flags[2 * (y % 2) + x % 2, y >> 4, x >> 4] == 0
    expected = np.where((scale > 382) | forced, np.clip((scale + 64) >> 7, 0, 31), 255)
    residual = random.integers(-32768, 32768, shape).astype(np.int16)
    divisor = Gains.at(log, 0).divisor
    for workers in WORKERS:
        assert (coding_map(hs, log, flags, shape[0], workers) == expected).all()
        quotient = dequantise(residual, divisor, workers)
        assert (quotient == residual.astype(np.float32) / divisor[:, None, None]).all()


def test_channels_behind_the_coded_ones_are_zero():
    result = dequantise(np.full((1, 2, 2), 7, np.int16), np.full(3, 2, np.float32), WORKERS[1])
    assert result.tolist() == [[[3.5, 3.5]] * 2, [[0, 0]] * 2, [[0, 0]] * 2]
    assert dequantise(np.empty((0, 2, 2), np.int16), np.ones(3, np.float32), WORKERS[0]).tolist() == [[[0, 0]] * 2] * 3


# -- gains ------------------------------------------------------------------------------------------------------


@needs_spec
def test_linear_gain_table():
    table = linear_gain(np.arange(-4096, 4095, dtype=np.int32))
    expected = spec_data("residual_tables")["gain"]["m_u32le_sha256_exact_formula_L_-4096_to_4094"]
    assert sha256(table, "<u4") == expected
    assert linear_gain(np.array([1115, 2289], np.int32)).tolist() == [5866, 36848]


def test_divisor_is_rounded_to_binary32_at_each_step():
    assert TINY.view(np.uint32) == 0x3089705F
    gains = Gains.at(np.arange(-2048, 2048, dtype=np.int32), -2048)
    scaler = gains.linear / 1024
    changed = gains.divisor != scaler
    # adding 1e-9 changes the value for m <= 31 only
    assert (changed == (gains.linear <= 31)).all()
    assert (gains.scaler == scaler).all()
    exact = (gains.scaler.astype(np.float64) + np.float64(TINY)).astype(np.float32)
    assert (gains.divisor == exact).all()


def unit(column: int, values: list[float]) -> np.ndarray:
    table = np.zeros((len(values), 18), np.float32)
    table[:, column] = values
    return table


def test_gain_log_rounds_half_to_even_and_clamps_below():
    values = [0.5 / 128, 1.5 / 128, -0.5 / 128, -2.5 / 128, -100.0, 2047 / 128, -16.0]
    assert gain_log(unit(5, values)).tolist() == [0, 2, 0, -2, -2048, 2047, -2048]
    assert gain_log(unit(17, [1.0, 2.0])).dtype == np.int32


def test_gain_log_takes_the_column_whose_mean_is_not_zero():
    table = unit(3, [1.0, 2.0]) + unit(7, [5.0, -5.0])
    assert gain_log(table).tolist() == [128, 256]
    assert gain_log(np.zeros((2, 18), np.float32)).tolist() == [0, 0]
    assert gain_log(unit(0, [5.0, -5.0])).tolist() == [640, -640]


@pytest.mark.parametrize(
    "table",
    [
        unit(3, [1.0, 2.0]) + unit(4, [1.0, 2.0]),
        unit(0, [2047.6 / 128]),
        unit(0, [float("inf")]),
        unit(1, [float("nan")]),
        unit(0, [1.0]).astype(np.float64),
        np.ones(18, np.float32),
        np.zeros((0, 18), np.float32),
    ],
)
def test_gain_log_rejects(table):
    with pytest.raises(ModelError):
        gain_log(table)


@pytest.mark.parametrize("log", [-8193, 8192])
def test_added_scale_out_of_range(log):
    hs, logs = np.zeros((2, 1, 1), np.int16), np.array([0, log], np.int32)
    for call in (
        lambda: scale0(hs, logs, WORKERS[0]),
        lambda: coding_map(hs, logs, None, 2, WORKERS[0]),
        lambda: Gains.at(logs, 0),
    ):
        with pytest.raises(ConformanceError, match="R-96") as caught:
            call()
        assert caught.value.found == log


def test_added_scale_at_its_ends():
    hs, logs = np.array([[[3967]], [[0]]], np.int16), np.array([8191, -8192], np.int32)
    assert scale0(hs, logs, WORKERS[0]).ravel().tolist() == [12158, -8192]
    assert coding_map(hs, logs, None, 2, WORKERS[0]).ravel().tolist() == [31, 255]


def test_mistakes_of_the_caller():
    hs, logs = np.zeros((2, 20, 18), np.int16), np.zeros(2, np.int32)
    with pytest.raises(ValueError, match="num_chs"):
        coding_map(hs, logs, None, 3, WORKERS[0])
    with pytest.raises(ValueError, match="gains"):
        scale0(hs, logs[:1], WORKERS[0])
    with pytest.raises(ValueError, match="cube flags"):
        coded_mask(hs, np.ones((4, 1, 2), np.uint8), WORKERS[0])
    with pytest.raises(ValueError, match="divisor"):
        dequantise(hs, np.ones(1, np.float32), WORKERS[0])
