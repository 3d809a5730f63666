"""Float hyper scale decoders to integers and back (sections 06.5, 09.5.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from jpegai.codestream import Codestream, ModelError
from jpegai.conformance_streams import STREAMS
from jpegai.decoder import Decoder
from jpegai.decoder.components import COMPONENTS, Component
from jpegai.decoder.engines.float_scales import FloatScales
from jpegai.decoder.engines.integer import IntegerNetwork
from jpegai.decoder.geometry import size_argument
from jpegai.decoder.models import ModelStore, file_name
from jpegai.decoder.models.conversion import Agreement
from jpegai.decoder.models.hyper_scale import Quantised, dequantise, float_layers, quantise
from jpegai.decoder.networks import NETWORKS, Network
from jpegai.decoder.networks.hyper import _hyper_scale_decoder
from jpegai.decoder.workers import Workers
from tests.decoder.models.float_models import WithFloats, floats
from tests.decoder.reference_networks import convolve, run_declared
from tests.streams import described_streams
from tests.vectors import needs_vectors

STORES = {name: ModelStore.open(name) for name in ("test", "analytic")}
UV = NETWORKS["hyper_scale_decoder_UV"]
LAYERS = ("conv1", "depthwise", "pointwise")
Tensors = dict[str, NDArray[Any]]


#: A declaration like that of the standard with a few channels only, so that many weights can be tried.
SMALL = _hyper_scale_decoder("UV", 3, "half", True)


def quantised(models: str, *, declared: bool = True) -> ModelStore:
    """Return built-in models whose hyper scale decoders went to floats and back."""
    store, replaced = STORES[models], {}
    for component in COMPONENTS:
        network = NETWORKS[component.scale_network]
        for index in range(4):
            found = quantise(network, floats(store, component, index, declared=declared))
            replaced[file_name(component.file_kind, index)] = dict(found.tensors)
    return ModelStore(f"{models} quantised", WithFloats(models, replaced))


def whole(network: Network, z: NDArray[np.int8]) -> tuple[int, int]:
    """The size argument with which nothing is cropped."""
    return size_argument(network.size_argument, 64 * z.shape[1], 64 * z.shape[2])


def scales(network: Network, tensors: Mapping[str, NDArray[Any]], z: NDArray[np.int8]) -> NDArray[np.int16]:
    return IntegerNetwork(network, tensors)(z, size=whole(network, z), workers=Workers(1))


# -- built-in models -----------------------------------------------------------------------------------------------


@needs_vectors
@pytest.mark.parametrize(("models", "streams"), [("test", 124), ("analytic", 17)])
def test_round_trip_over_the_vectors(models: str, streams: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Sigma indices with the models that went to floats and back, against those of the models as they are."""
    before, after = Decoder(STORES[models], threads=1), Decoder(quantised(models), threads=1)
    total, count = Agreement(), 0
    for stream in described_streams():
        if stream.models != models:
            continue
        parsed = Codestream.open(stream.path)
        expected, found = (decoder.dump(parsed, stages=["sigma_index"]) for decoder in (before, after))
        assert set(expected) == set(found) == {"primary.sigma_index", "secondary.sigma_index"}
        for name in expected:
            total += Agreement.of(found[name].astype(int) << 7, expected[name].astype(int) << 7)
        count += 1
    assert count == streams
    positions = total.equal + total.off_by_one + total.off_by_more
    with capsys.disabled():
        print(
            f"\n{models}: {count} streams, {positions} sigma indices: {total.equal / positions:.4%} equal,"
            f" {total.off_by_one / positions:.4%} off by 1, {total.off_by_more / positions:.4%} off by more"
        )
    assert positions > 100_000
    assert total.equal >= 0.99 * positions
    assert total.off_by_more == 0


@pytest.mark.parametrize("models", STORES)
@pytest.mark.parametrize("index", range(4))
@pytest.mark.parametrize("component", COMPONENTS, ids=lambda component: component.name)
def test_round_trip_makes_the_same_hyper_scale(models: str, index: int, component: Component) -> None:
    """With declared ranges the integers are scaled by powers of two at most: nothing changes in any output."""
    network = NETWORKS[component.scale_network]
    tensors = STORES[models].tensors(file_name(component.file_kind, index))
    result = quantise(network, dequantise(network, tensors))
    assert [layer.origin for layer in result.layers] == ["declared", "declared", "output"]
    z = np.random.default_rng(index).integers(-31, 31, (component.channels, 4, 5), endpoint=True).astype(np.int8)
    assert np.array_equal(scales(network, result.tensors, z), scales(network, tensors, z))


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda component: component.name)
def test_units_of_the_float_network_do_not_matter(component: Component) -> None:
    """The layers between may be in any units: here they are 0.3 and 70 times as large."""
    network, index = NETWORKS[component.scale_network], 3
    own, tensors = (
        floats(STORES["test"], component, index),
        STORES["test"].tensors(file_name(component.file_kind, index)),
    )
    for name, weight, bias in (("conv1", 0.3, 0.3), ("depthwise", 70 / 0.3, 70), ("pointwise", 1 / 70, 1)):
        own[f"hyper_scale_decoder.{name}.weight"] *= weight
        own[f"hyper_scale_decoder.{name}.bias"] *= bias
    own["hyper_scale_decoder.depthwise.input_range"] *= 0.3
    own["hyper_scale_decoder.pointwise.input_range"] *= 70
    result = quantise(network, own)
    assert [layer.step for layer in result.layers] == pytest.approx([0.3, 70, 1 / 128])
    z = np.random.default_rng(1).integers(-31, 31, (component.channels, 6, 7), endpoint=True).astype(np.int8)
    found = Agreement.of(*(scales(network, each, z) for each in (result.tensors, tensors)))
    assert found.off_by_more == 0
    assert found.equal > 0.9999 * (found.equal + found.off_by_one)


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda component: component.name)
def test_calibration_follows_the_float_network(component: Component, capsys: pytest.CaptureFixture[str]) -> None:
    """Without declared ranges sigma indices are those of the float network, or next to them where it is near a border.

    How many are next to them is what 8 bits between the layers leave; the analytic models as they are, whose layers
    have coarser units, leave more.
    """
    network, store = NETWORKS[component.scale_network], STORES["analytic"]
    decoder, latents = Decoder(store, threads=1), {}
    for entry in STREAMS:
        stream = Codestream.open(entry.path)
        z = decoder.dump(stream, stages=[f"{component.name}.z"])[f"{component.name}.z"]
        latents.setdefault(stream.pih.model_id, []).append(z)
    made, as_they_are = Agreement(), Agreement()
    for index, planes in latents.items():
        tensors = store.tensors(file_name(component.file_kind, index))
        own = floats(store, component, index, declared=False)
        float_scales = FloatScales(network, own)
        largest = float_scales.largest_outputs(planes)
        result = quantise(network, own, largest)
        assert [layer.origin for layer in result.layers] == ["calibrated", "calibrated", "output"]
        for layer, value in zip(result.layers, largest, strict=False):
            assert 127.5 / 2 < value / layer.step <= 127.5, "the range is held, with the finest unit that does"
        for z in planes:
            expected = float_scales(z, size=whole(network, z))
            made += Agreement.of(scales(network, result.tensors, z), expected)
            as_they_are += Agreement.of(scales(network, tensors, z), expected)
    positions = made.equal + made.off_by_one
    with capsys.disabled():
        print(f"\n{component.name}, against floats: {made.equal / positions:.2%} equal", end="")
        print(f", {as_they_are.equal / positions:.2%} of the integers as they are")
    assert sorted(latents) == [1, 2]
    assert made.off_by_more == as_they_are.off_by_more == 0
    assert positions > made.equal > 0.95 * positions
    assert made.equal > as_they_are.equal


# -- the float network ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("declared", [True, False])
def test_float_network_is_that_of_the_specification(declared: bool) -> None:
    own = floats(STORES["test"], COMPONENTS[1], 2, declared=declared)
    z = np.random.default_rng(1).integers(-31, 31, (96, 3, 4), endpoint=True).astype(np.int8)
    x, hidden = z.astype(np.float64), []
    for name in LAYERS:
        weight, bias = (own[f"hyper_scale_decoder.{name}.{part}"].astype(np.float64) for part in ("weight", "bias"))
        if declared and name != "conv1":
            x = np.minimum(x, 127)
        x = convolve(x, weight, [weight.shape[-1] // 2] * 4) + bias[:, None, None]
        if name != "pointwise":
            x = np.maximum(x, 0)
            hidden.append(float(x.max()))
    shuffled = x.reshape(96, 4, 4, 3, 4).transpose(0, 3, 1, 4, 2).reshape(96, 12, 16)[:, :11, :13]
    expected = np.clip(np.abs(np.rint(shuffled * 128)), 0, 3967)
    float_scales = FloatScales(UV, own)
    found = float_scales(z, size=(81, 98))  # ceil(81 / 8) is 11, ceil(98 / 8) is 13
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1, "float32 may round the other way"
    assert (found == expected).mean() > 0.999
    np.testing.assert_allclose(float_scales.largest_outputs([z[:, :1], z]), hidden, rtol=1e-5)


def test_biases_may_be_absent() -> None:
    """The layout of 09.5.3: conv1 and pointwise have no bias."""
    own = floats(STORES["test"], COMPONENTS[1], 0)
    for name in ("conv1", "pointwise"):
        own[f"hyper_scale_decoder.{name}.bias"][:] = 0
    whole = quantise(UV, own)
    without = {name: array for name, array in own.items() if name.endswith(("weight", "depthwise.bias", "range"))}
    assert len(without) == 6
    for name, array in quantise(UV, without).tensors.items():
        assert np.array_equal(array, whole.tensors[name])


# -- any weights ---------------------------------------------------------------------------------------------------


def random_floats(seed: int, reach: int, skew: int, declared: bool, network: Network = SMALL) -> Tensors:
    """Return weights of sizes around 2^reach, those of single channels 2^skew away, some all 0."""
    rng = np.random.default_rng([seed, reach + 100, skew])
    result: Tensors = {}
    for layer in network.layers:
        if layer.kind != "int_conv":
            continue
        assert layer.weight is not None
        name = network.prefix + layer.weight.name.removesuffix(".weight")
        weight = (
            rng.normal(size=layer.weight.shape)
            * 2.0 ** (reach + rng.integers(-skew, skew + 1, layer.channels))[:, None, None, None]
            * rng.integers(0, 2, (layer.channels, 1, 1, 1))
        )
        bias = rng.normal(size=layer.channels) * 2.0 ** (reach + rng.integers(-skew, skew + 1, layer.channels))
        result |= {f"{name}.weight": weight.astype(np.float32), f"{name}.bias": bias.astype(np.float32)}
        if declared and len(result) > 2:
            result[f"{name}.input_range"] = np.array([2.0 ** rng.uniform(-4, 4)], np.float32)
    return result


def extreme_accumulators(weight: list[int], bias: int) -> tuple[int, int]:
    """The largest and the smallest sum that inputs of -128..127 can make, in Python's integers."""
    largest = bias + sum(w * (127 if w > 0 else -128) for w in weight)
    smallest = bias + sum(w * (-128 if w > 0 else 127) for w in weight)
    return largest, smallest


def made_or_named(own: Tensors) -> Quantised | None:
    """Return what is made of weights; None where something is too large, which must be named by layer and channel."""
    refused: ModelError | None = None
    try:
        return quantise(SMALL, own)
    except ModelError as error:
        refused = error
    assert re.fullmatch(
        r"hyper_scale_decoder\.(conv1|depthwise|pointwise)\.(weight|bias), channel \d+", refused.selector
    )
    assert "too large" in refused.message
    return None


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    reach=st.integers(-60, 20),
    skew=st.sampled_from([0, 3, 12, 40]),
    declared=st.booleans(),
)
def test_what_is_made_fits_and_what_does_not_fit_is_named(seed: int, reach: int, skew: int, declared: bool) -> None:
    own = random_floats(seed, reach, skew, declared)
    result = made_or_named(own)
    if result is None:
        return
    for layer, report in zip(LAYERS, result.layers, strict=True):
        weight, bias, shifts = (
            result.tensors[f"hyper_scale_decoder.{layer}.{name}"] for name in ("weight", "bias", "per_channel_shifts")
        )
        assert (weight.dtype, bias.dtype, shifts.dtype) == (np.int8, np.int32, np.int8)
        assert 0 <= shifts.min() <= shifts.max() <= 31
        for channel, (row, offset) in enumerate(zip(weight.reshape(len(weight), -1), bias, strict=True)):
            largest, smallest = extreme_accumulators(row.tolist(), int(offset))
            assert -(2**31) < smallest <= largest < 2**31
            assert max(largest, -smallest) <= report.bounds[channel] < 2**31
    z = np.random.default_rng(seed).integers(-31, 31, (3, 3, 4), endpoint=True).astype(np.int8)
    found = IntegerNetwork(SMALL, result.tensors)(z, size=(90, 120), workers=Workers(1))
    assert np.array_equal(found, run_declared(SMALL, result.tensors, [z], (90, 120)))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), reach=st.integers(-20, 3), skew=st.sampled_from([0, 3]), declared=st.booleans())
def test_shifts_are_the_largest_and_outputs_the_nearest(seed: int, reach: int, skew: int, declared: bool) -> None:
    own = random_floats(seed, reach, skew, declared)
    result = made_or_named(own)
    if result is None:
        return
    unit = 1.0
    rng = np.random.default_rng(seed)
    for each, report in zip(float_layers(SMALL, own), result.layers, strict=True):
        weight = each.weight.reshape(len(each.weight), -1) * unit / report.step
        bias = each.bias / report.step
        integers = result.tensors[f"{each.name}.weight"].reshape(weight.shape).astype(np.int64)
        offsets = result.tensors[f"{each.name}.bias"].astype(np.int64)
        shifts = report.shifts.astype(np.int64)
        for channel in np.flatnonzero(weight.any(axis=1)):
            if shifts[channel] == 31:
                continue
            finer = np.rint(weight[channel] * 2.0 ** (shifts[channel] + 1))
            offset = round(bias[channel] * 2.0 ** (shifts[channel] + 1)) + (1 << shifts[channel])
            products = np.abs(finer).sum() * 127.5 + abs(finer.sum()) / 2
            assert finer.max() > 127 or finer.min() < -128 or products + abs(offset) >= 2**31
        low = -31 if unit == 1.0 and each.name.endswith("conv1") else 0
        inputs = rng.integers(low, 31 if low else 127, (weight.shape[1], 20), endpoint=True)
        made = (integers @ inputs + offsets[:, None]) >> shifts[:, None]
        exact = weight @ inputs + bias[:, None]
        # half a unit by the shift, half of an integer by each weight and by the bias; a little for float64 itself
        scale = 2.0 ** -shifts[:, None]
        allowed = 0.5 + 0.5 * scale * (1 + np.abs(inputs).sum(axis=0)) + 1e-9 * np.abs(exact)
        assert (np.abs(made - exact) <= allowed).all()
        unit = report.step


def test_rounding_is_to_nearest() -> None:
    """Half a unit is in the bias: x / 4 for all z rounds to nearest; without it, it would round down."""
    own = random_floats(1, 0, 0, False)
    for name in own:
        own[name] = np.zeros_like(own[name])
    own["hyper_scale_decoder.conv1.weight"][0, 0] = 0.25
    own["hyper_scale_decoder.conv1.bias"][0] = 8
    own["hyper_scale_decoder.depthwise.input_range"] = np.array([127], np.float32)
    result = quantise(SMALL, own)
    weight, bias, shift = (
        int(result.tensors[f"hyper_scale_decoder.conv1.{name}"].ravel()[0])
        for name in ("weight", "bias", "per_channel_shifts")
    )
    assert (weight, shift, bias) == (64, 8, (8 << 8) + 128)
    assert [(weight * z + bias) >> shift for z in (-3, -2, -1, 0, 1, 2, 3)] == [7, 8, 8, 8, 8, 9, 9]


def test_units_of_proved_ranges() -> None:
    """From z of -31..31: 31 * 8 + 6 needs 254, which units of 2 hold, as 127; one more needs units of 4."""
    own = random_floats(1, 0, 0, False)
    for name in own:
        own[name] = np.zeros_like(own[name])
    own["hyper_scale_decoder.conv1.weight"][1, :, 0, 0] = 3, -4, 1
    own["hyper_scale_decoder.conv1.bias"][1] = 7  # 255 is 127.5 units: what rounds to 127 is held
    assert quantise(SMALL, own).layers[0].step == 2
    assert quantise(SMALL, own).layers[0].range == 255
    own["hyper_scale_decoder.conv1.bias"][1] = 7.01
    assert quantise(SMALL, own).layers[0].step == 4
    # what the second layer can make of that: its negative weights count nothing, since nothing there is below 0
    own["hyper_scale_decoder.depthwise.weight"][2, 1, 0, :] = 0.5, -1, 0.25
    own["hyper_scale_decoder.depthwise.bias"][2] = -1
    assert quantise(SMALL, own).layers[1].range == pytest.approx(0.75 * 255.01 - 1)


# -- what is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "channel", "value", "message"),
    [
        ("conv1.weight", 5, 1000.0, "a weight is too large for 8 bits"),
        ("conv1.weight", 5, -1000.0, "a weight is too large for 8 bits"),
        ("pointwise.weight", 77, 1.01, "a weight is too large for 8 bits"),
        ("depthwise.bias", 95, 3e9, "a bias is too large: the accumulator could overflow 32 bits"),
        ("pointwise.bias", 1535, -3e7, "a bias is too large: the accumulator could overflow 32 bits"),
        ("pointwise.bias", 3, 3e38, "a bias is too large: the accumulator could overflow 32 bits"),
        ("depthwise.weight", 2, np.nan, "holds values that are not finite"),
        ("conv1.bias", 2, np.inf, "holds values that are not finite"),
    ],
)
def test_what_does_not_fit_is_named(name: str, channel: int, value: float, message: str) -> None:
    own = floats(STORES["test"], COMPONENTS[1], 0)
    quantise(UV, own)
    own[f"hyper_scale_decoder.{name}"].reshape(len(own[f"hyper_scale_decoder.{name}"]), -1)[channel, -1] = value
    with pytest.raises(ModelError) as caught:
        quantise(UV, own)
    assert caught.value.selector == f"hyper_scale_decoder.{name}, channel {channel}"
    assert caught.value.message == message
    assert caught.value.exit_code == 5
    assert "\n" not in str(caught.value)


def test_a_range_that_is_too_wide_says_what_helps() -> None:
    own = floats(STORES["test"], COMPONENTS[1], 0, declared=False)
    with pytest.raises(ModelError, match=r"pointwise.weight, channel \d+: .*; a calibration, or a declared range"):
        quantise(UV, own)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("conv1.weight", None, "conv1.weight: the tensor is missing"),
        ("conv1.weight", np.zeros((96, 96), np.float32), "conv1.weight: wrong shape"),
        ("depthwise.weight", np.zeros((96, 96, 3, 3), np.int8), "depthwise.weight: wrong type"),
        ("depthwise.bias", np.full(96, 1e39), "depthwise.bias, channel 0: holds values that are not finite"),
        ("conv1.input_range", np.ones(1, np.float32), "conv1.input_range: not a range of inputs"),
        ("pointwise.input_range", np.zeros(1, np.float32), "pointwise.input_range: not a range of inputs"),
        ("pointwise.input_range", np.ones(2, np.float32), "pointwise.input_range: wrong shape"),
    ],
)
def test_wrong_tensors_are_refused(name: str, array: NDArray[Any] | None, message: str) -> None:
    own = floats(STORES["test"], COMPONENTS[1], 0)
    name = f"hyper_scale_decoder.{name}"
    own.pop(name, None)
    if array is not None:
        own[name] = array
    with pytest.raises(ModelError, match=message):
        quantise(UV, own)
