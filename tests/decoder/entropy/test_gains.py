"""Gains of the channels against the tables of chapter 05."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from jpegai.codestream import ConformanceError, ModelError
from jpegai.decoder.entropy.gains import TINY, Gains, gain_log, linear_gain
from tests.vectors import needs_spec, spec_data


def sha256(array: np.ndarray, dtype: str) -> str:
    return hashlib.sha256(array.astype(dtype).tobytes()).hexdigest()


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
    with pytest.raises(ConformanceError, match="R-96") as caught:
        Gains.at(np.array([0, log], np.int32), 0)
    assert caught.value.found == log
