"""The integer engine against the specification's vectors and a plain int64 interpreter (section 06.5)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from jpegai.codestream.errors import ModelError, UnsupportedError
from jpegai.decoder.engines.integer import IntegerNetwork
from jpegai.decoder.networks import NETWORKS
from jpegai.decoder.workers import Workers
from numpy.typing import NDArray

from tests.decoder.engines.reference import agrees, run, vector, vector_inputs, vector_tensors

NAMES = ("hyper_scale_decoder_Y", "hyper_scale_decoder_UV")
CONV1, DEPTHWISE, POINTWISE = (f"hyper_scale_decoder.{layer}" for layer in ("conv1", "depthwise", "pointwise"))
Tensors = dict[str, NDArray[Any]]


def run_engine(
    name: str, tensors: Tensors, z: NDArray[np.int8], size: tuple[int, int], threads: int = 1
) -> NDArray[np.int16]:
    return IntegerNetwork(NETWORKS[name], tensors)(z, size=size, workers=Workers(threads))


def random_z(channels: int, luma: tuple[int, int], low: int = -31, high: int = 31) -> NDArray[np.int8]:
    shape = channels, *(-(-length // 64) for length in luma)
    return np.random.default_rng(sum(luma)).integers(low, high, shape, np.int8, endpoint=True)


def size_argument(name: str, luma: tuple[int, int]) -> tuple[int, int]:
    height, width = luma
    return (-(-height // 2), -(-width // 2)) if name.endswith("UV") else (height, width)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_vector(name: str, threads: int) -> None:
    item = vector(name)
    tensors = vector_tensors(name)
    result = run_engine(name, tensors, *vector_inputs(name), tuple(item["size_argument"]), threads)
    assert result.dtype == np.int16
    assert agrees(item, result)
    # the comparison can fail: one weight off by one
    wrong = tensors | {f"{POINTWISE}.bias": tensors[f"{POINTWISE}.bias"] + np.int32(512)}
    assert not agrees(item, run_engine(name, wrong, *vector_inputs(name), tuple(item["size_argument"])))


@pytest.mark.parametrize("luma", [(64, 64), (65, 127), (97, 131), (75, 50), (301, 201), (16, 16), (129, 448)])
@pytest.mark.parametrize("name", NAMES)
def test_sizes(name: str, luma: tuple[int, int]) -> None:
    tensors = vector_tensors(name)
    z, size = random_z(NETWORKS[name].inputs[0].channels, luma), size_argument(name, luma)
    expected = run(name, tensors, z, size=size)
    assert expected.shape[1:] == tuple(-(-length // 16) for length in luma)
    for threads in (1, 3):
        np.testing.assert_array_equal(run_engine(name, tensors, z, size, threads), expected)


def _extreme(tensors: Tensors) -> Tensors:
    """Products up to the edge of the proof in float64; the first layers saturate, the last one hits both clamps."""
    signs = np.random.default_rng(5).choice(np.array([-128, 127], np.int8), tensors[f"{DEPTHWISE}.weight"].shape)
    return tensors | {
        f"{CONV1}.per_channel_shifts": np.zeros_like(tensors[f"{CONV1}.per_channel_shifts"]),
        f"{DEPTHWISE}.weight": signs,
        f"{POINTWISE}.per_channel_shifts": np.full_like(tensors[f"{POINTWISE}.per_channel_shifts"], 4),
    }


def _large_bias(tensors: Tensors) -> Tensors:
    """A bias that float32 could not hold exactly, and the largest shift."""
    bias = np.random.default_rng(6).integers(-(2**30), 2**30, tensors[f"{POINTWISE}.bias"].shape, np.int32)
    shifts = tensors[f"{POINTWISE}.per_channel_shifts"].copy()
    shifts[:] = 18
    shifts[:, ::16] = 31
    return tensors | {f"{POINTWISE}.bias": bias, f"{POINTWISE}.per_channel_shifts": shifts}


@pytest.mark.parametrize("change", [_extreme, _large_bias])
@pytest.mark.parametrize("name", NAMES)
def test_extreme_weights(name: str, change: Callable[[Tensors], Tensors]) -> None:
    tensors = change(vector_tensors(name))
    luma = 131, 200
    z, size = random_z(NETWORKS[name].inputs[0].channels, luma, -128, 127), size_argument(name, luma)
    expected = run(name, tensors, z, size=size)
    np.testing.assert_array_equal(run_engine(name, tensors, z, size), expected)
    if change is _extreme:
        assert (expected == 3967).any()
        assert (expected < 3967).any()
        products = 128 * np.abs(tensors[f"{DEPTHWISE}.weight"].astype(np.int64)).sum((1, 2, 3))
        # 160 channels need float64 for the proof, 96 never do
        assert (products.max() > 1 << 24) == name.endswith("Y")


def test_bound_of_the_accumulator() -> None:
    """|bias| + 128 sum |w| must stay below 2^31 in every channel: the last value allowed, and the first that is not."""
    tensors = vector_tensors(NAMES[0])
    products = 128 * int(np.abs(tensors[f"{POINTWISE}.weight"][77].astype(np.int64)).sum())
    for excess, sign in ((0, 1), (0, -1), (1, 1), (1, -1)):
        bias = tensors[f"{POINTWISE}.bias"].copy()
        bias[77] = sign * (2**31 - 1 - products + excess)
        changed = tensors | {f"{POINTWISE}.bias": bias}
        if not excess:
            IntegerNetwork(NETWORKS[NAMES[0]], changed)
            continue
        with pytest.raises(ModelError, match=r"hyper_scale_decoder\.pointwise.*channel 77\b.*2147483648"):
            IntegerNetwork(NETWORKS[NAMES[0]], changed)


@pytest.mark.parametrize("shift", [-1, 32, -128])
def test_shift_out_of_range(shift: int) -> None:
    tensors = vector_tensors(NAMES[1])
    shifts = tensors[f"{DEPTHWISE}.per_channel_shifts"].copy()
    shifts[0, 42] = shift
    with pytest.raises(ModelError, match=rf"hyper_scale_decoder\.depthwise.*channel 42\b.*0\.\.31.*{shift}"):
        IntegerNetwork(NETWORKS[NAMES[1]], tensors | {f"{DEPTHWISE}.per_channel_shifts": shifts})


def test_refuses_what_it_does_not_run() -> None:
    with pytest.raises(UnsupportedError, match="bop_prim"):
        IntegerNetwork(NETWORKS["bop_prim"], {})


def test_as_plain_python() -> None:
    """The kernels without compilation give the same integers."""
    code = (
        "from tests.decoder.engines.reference import agrees, vector, vector_inputs\n"
        "from tests.decoder.engines.test_integer import run_engine, vector_tensors\n"
        "name = 'hyper_scale_decoder_UV'\n"
        "item = vector(name)\n"
        "result = run_engine(name, vector_tensors(name), *vector_inputs(name), tuple(item['size_argument']))\n"
        "assert agrees(item, result)\n"
    )
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, timeout=120)
