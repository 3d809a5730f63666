"""The proof of the exact engine: bounds against plain integers, sums that reach them, certificates, refusals."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from jpegai.codestream import ModelError
from jpegai.conformance_streams import STREAMS
from jpegai.decoder import Decoder
from jpegai.decoder.engines import product
from jpegai.decoder.engines.exact import ExactNetwork, program, proof
from jpegai.decoder.engines.exact.ranges import RANGES
from jpegai.decoder.models import ModelStore, file_name
from jpegai.decoder.networks import NETWORKS, Input, Layer, Network
from jpegai.decoder.networks.blocks import Builder
from jpegai.decoder.recorder import Recorder
from jpegai.decoder.workers import Workers
from tests.decoder.models.float_models import Tensors, WithFloats
from tests.decoder.models.official_writer import write_checkpoint

LIMIT = 2**53
HIGH = 2 ** (13 + 16) - 1  # of y_hat
SIDE = 6
STREAM = next(entry.path for entry in STREAMS if entry.file == "an_sop_64x64.jai")
SOP = file_name("sop_decoder_Y", 1)


def networks() -> Iterator[Network]:
    """Networks of one convolution of every kind, some behind a ReLU or with a map and a pixel shuffle behind them."""
    facts: dict[str, dict[str, Any]] = {
        "pointwise": {"kernel": 1},
        "dense": {"kernel": 3, "bias": True},
        "grouped": {"kernel": 3, "groups": 2},
        "depthwise": {"kernel": 3, "groups": 4, "bias": True},
        "rectangular": {"kernel": (1, 3), "bias": True},
    }
    for name, relu, mapped in itertools.product([*facts, "transposed"], (False, True), (False, True)):
        net = Builder(Input("y_hat", 4, 16, ""))
        x = net.relu("y_hat") if relu else "y_hat"
        if name == "transposed":
            x = net.conv_transpose(x, "layer", 4, 4)
        else:
            x = net.conv(x, "layer", 4, **facts[name])
        if mapped:
            net.batch_norm(net.pixel_shuffle(x, 2), "norm")
        yield net.network(f"{name}{' behind a ReLU' if relu else ''}{' and mapped' if mapped else ''}", "", "luma", "")


def weights(network: Network, scale: float) -> Tensors:
    rng = np.random.default_rng(5)
    return {
        name: (np.abs(values) + 0.5 if "norm.weight" in name or "var" in name else values * scale).astype(np.float32)
        for name, tensor in network.tensors().items()
        for values in [rng.standard_normal(tensor.shape)]
    }


def folded(network: Network, tensors: Tensors) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights (output, input, rows, columns) and bias of the layer, with the map behind it."""
    layer = next(each for each in network.layers if each.kind.startswith("conv"))
    weight = tensors["layer.weight"].astype(np.float64)
    if layer.kind == "conv_transpose":
        weight = weight.swapaxes(0, 1)
    bias = tensors["layer.bias"].astype(np.float64) if layer.bias else np.zeros(len(weight))
    for each in network.layers:
        if each.kind == "batch_norm":
            gain, offset, mean, variance = (tensors[tensor.name].astype(np.float64) for tensor in each.tensors)
            scale = gain / np.sqrt(variance + each.eps)
            shift = offset - mean * scale
            for channel in range(len(weight)):
                weight[channel] = weight[channel] * scale[channel // 4]
                bias[channel] = bias[channel] * scale[channel // 4] + shift[channel // 4]
    return weight, bias


def taps(layer: Layer, row: int, column: int) -> dict[tuple[int, int], tuple[int, int]]:
    """Places of the input that an output of the products depends on, and their taps."""
    found = {}
    for tap in itertools.product(range(layer.kernel[0]), range(layer.kernel[1])):
        if layer.kind == "conv_transpose":  # out[2i - 1 + t] += x[i] w[t]
            place = [Fraction(position + 1 - t, 2) for position, t in zip((row, column), tap, strict=True)]
            if all(each.denominator == 1 for each in place):
                found[int(place[0]), int(place[1])] = tap
        else:
            found[row + tap[0] - layer.padding[0], column + tap[1] - layer.padding[2]] = tap
    return found


def plain_bound(rows: list[list[float]], bias: float, low: int, high: int, dropped: int) -> tuple[int, int, int]:
    """The number of bits, the bound and the bias by the rule of docs/exact-arithmetic.md, in Python's integers."""
    low = -(-low >> dropped) - (1 if dropped and low < 0 else 0)
    high = (high >> dropped) + (1 if dropped and high > 0 else 0)
    for bits in range(40, -1000, -1):
        factor = Fraction(2) ** bits
        added = round(Fraction(bias) * factor * 2 ** (16 - dropped))
        bounds = []
        for row in rows:
            integers = [round(Fraction(weight) * factor) for weight in row]
            most = sum(max(weight * low, weight * high, 0) for weight in integers)
            least = sum(min(weight * low, weight * high, 0) for weight in integers)
            bounds.append(max(most, -least) + abs(added))
        if max(bounds) <= LIMIT:
            return bits, max(bounds), added
    raise AssertionError("no number of bits is small enough")


class Largest:
    """Products as always; the largest magnitude of those of a channel is kept."""

    def __init__(self, group: int, channel: int) -> None:
        self.group, self.channel, self.largest = group, channel, 0

    def __call__(self, matrices: Any, columns: Any, out: Any) -> None:
        np.matmul(matrices[:, None], columns, out=out)
        self.largest = max(self.largest, int(np.abs(out[self.group, :, self.channel]).max()))


@pytest.mark.parametrize("scale", [2.0**-30, 1.0, 300.0], ids=["tiny", "usual", "large"])
@pytest.mark.parametrize("network", list(networks()), ids=lambda network: network.name)
def test_bounds_are_those_of_plain_integers_and_are_reached(
    network: Network, scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RANGES, network.name, {network.output: 14})  # type: ignore[arg-type]
    tensors = weights(network, scale)
    exact = ExactNetwork(network, tensors, Workers(1))
    (bound,) = exact.bounds()
    layer = next(each for each in network.layers if each.kind.startswith("conv"))
    alone = "depthwise" in network.name and layer.output == network.output
    relu, dropped = network.layers[0].kind == "relu", 0 if alone else 3
    weight, bias = folded(network, tensors)
    share = 4 // layer.groups
    results = len(weight) // layer.groups
    for channel in range(len(weight)):
        outputs = [(4, 4), (4, 5), (5, 4), (5, 5)] if layer.kind == "conv_transpose" else [(3, 3)]
        places = [taps(layer, *output) for output in outputs]
        rows = [[float(weight[channel, c][tap]) for c in range(share) for tap in each.values()] for each in places]
        low = 0 if relu else -HIGH
        bits, expected, added = plain_bound(rows, float(bias[channel]), low, HIGH, dropped)
        assert (bound.fraction[channel], bound.bounds[channel]) == (bits, expected), channel
        if alone:
            continue
        reached = 0
        for each, sign in itertools.product(places, (1, -1)):
            x = np.zeros((4, SIDE, SIDE), np.int32)
            for (row, column), tap in each.items():
                for c in range(share):
                    towards = sign * weight[channel, c][tap] > 0
                    x[channel // results * share + c, row, column] = HIGH if towards else -HIGH
            with product.use(sums := Largest(*divmod(channel, results))):
                exact(x)
            reached = max(reached, sums.largest)
        assert reached + abs(added) == expected, channel


def changed_store(changes: dict[str, Tensors], models: str = "analytic") -> ModelStore:
    return ModelStore("changed", WithFloats(models, changes))


def oversized(size: float = 3e9) -> dict[str, Tensors]:
    weight = np.array(ModelStore.open("analytic").tensors(SOP)["conv3.weight"])
    weight[7, 3, 1, 1] = size
    return {SOP: {"conv3.weight": weight}}


def test_an_oversized_weight_is_refused_and_named() -> None:
    store = changed_store(oversized())
    certificate = proof.prove(store, NETWORKS["sop_prim"], SOP)
    (failure,) = certificate.failures
    assert (failure.layer, failure.channel, failure.fraction[7]) == ("conv3.weight", 7, -4)
    assert failure.bounds[7] > LIMIT >= sorted(failure.bounds)[-2]
    assert -16 < failure.margin < -15
    message = rf"^{SOP}, conv3.weight, channel 7: the weights are too large .*at most 2\^53.*found 2\^68.48"
    with pytest.raises(ModelError, match=message) as error:
        certificate.check()
    assert error.value.exit_code == 5
    with pytest.raises(ModelError, match=message):
        Decoder(store, threads=1).decode(STREAM)
    proof.prove(ModelStore.open("analytic"), NETWORKS["sop_prim"], SOP).check()


def test_what_is_no_number_is_refused_even_where_unproved_weights_are_allowed() -> None:
    """A variance below 0 passes as a tensor of finite numbers."""
    file, network = file_name("eicci", 0, "bop"), NETWORKS["eicci_Y"]
    name = next(name for name in network.tensors() if name.endswith("var"))
    variance = np.array(ModelStore.open("analytic").tensors(file)[name])
    variance[2] = -1
    store = changed_store({file: {name: variance}})
    with pytest.raises(ModelError, match=rf"^{file}, .*, channel 2: a weight is not a number"):
        proof.prove(store, network, file)
    with pytest.raises(ModelError, match=r", channel 2: a weight is not a number"):
        ExactNetwork(network, store.tensors(file), Workers(1), allow_unproved=True)


def test_a_temperature_that_is_too_large_is_refused_and_named() -> None:
    file, network = file_name("hop_decoder_UV", 1), NETWORKS["hop_sec"]
    tensors = dict(ModelStore.open("test").tensors(file))
    name = "TAM.TABs.1.attn.temperature"
    tensors[name] = np.array(tensors[name])
    for size, holds in ((2.0**36, True), (-(2.0**37), False), (3e38, False)):
        tensors[name][2, 0, 0] = size
        certificate = proof.prove(changed_store({file: {name: tensors[name]}}, "test"), network, file)
        assert [(each.layer, each.kind, each.channel) for each in certificate.failures] == (
            [] if holds else [(name, "attention score", 2)]
        )
        if not holds:
            with pytest.raises(ModelError, match=rf"{name} \(attention score\), channel 2: a sum could overflow"):
                ExactNetwork(network, tensors, Workers(1))
        exact = ExactNetwork(network, tensors, Workers(1), allow_unproved=True)
        assert exact.exact is holds
        latents = np.random.default_rng(1).integers(-(1 << 20), 1 << 20, (256, 2, 3)).astype(np.int32)
        assert exact(latents, size=(30, 41)).any()


def test_unproved_weights_are_decoded_on_demand_with_a_warning() -> None:
    pictures = []
    for threads in (1, 2):
        decoder, recorder = Decoder(changed_store(oversized()), threads=threads, allow_unproved=True), Recorder()
        picture = decoder.record(STREAM, recorder)
        assert picture is not None
        assert not recorder.exact
        (warning,) = [each for each in picture.findings if "not exact" in each.message]
        assert str(warning) == (
            "sop_prim, conv3.weight, channel 7: decoded with weights too large for the exact engine: "
            "the result is not exact"
        )
        assert warning.severity == "W"
        pictures.append(picture.planes)
    assert all(np.array_equal(*planes) for planes in zip(*pictures, strict=True))


def test_what_is_proved_is_exact_and_float32_is_not() -> None:
    for engine, expected in (("exact", True), ("float32", False)):
        recorder = Recorder()
        picture = Decoder("analytic", engine=engine, threads=1, allow_unproved=True).record(STREAM, recorder)
        assert picture is not None
        assert recorder.exact is expected
        assert not picture.findings


def test_accumulators_of_the_hyper_scale_decoder_have_32_bits() -> None:
    component, network = file_name("common_UV", 1), NETWORKS["hyper_scale_decoder_UV"]
    found = proof.prove(ModelStore.open("test"), network, component)
    assert [each.limit for each in found.sums] == [2**31 - 1] * 3
    tensors = ModelStore.open("test").tensors(component)
    for each, layer in zip(found.sums, [layer for layer in network.layers if layer.kind == "int_conv"], strict=True):
        assert layer.weight is not None
        assert each.layer == network.prefix + layer.weight.name
        rows = tensors[each.layer].reshape(layer.channels, -1).astype(object)
        bias = tensors[each.layer.replace("weight", "bias")].astype(object)
        most = np.maximum(rows * int(layer.low), rows * int(layer.high)).sum(axis=1)
        least = np.minimum(rows * int(layer.low), rows * int(layer.high)).sum(axis=1)
        assert list(each.bounds) == list(np.maximum(most, -least) + abs(bias))
    bias = np.array(tensors["hyper_scale_decoder.depthwise.bias"])
    bias[5] = 2**31 - 1
    store = changed_store({component: {"hyper_scale_decoder.depthwise.bias": bias}}, "test")
    certificate = proof.prove(store, network, component)
    assert [(each.layer, each.channel) for each in certificate.failures] == [
        ("hyper_scale_decoder.depthwise.weight", 5)
    ]
    with pytest.raises(ModelError, match=r"depthwise.weight \(int_conv\), channel 5: a sum could overflow.*2147483647"):
        certificate.check()


@pytest.mark.parametrize("models", ["analytic", "test"])
def test_built_in_models_are_proved(models: str) -> None:
    store = ModelStore.open(models)
    chosen = list(proof.provable(store))
    assert len(chosen) == 4 * 14 + 20 * 2
    for network, file in chosen:
        if file.endswith(("_0.012.pth", "mse050_300k.pth")):
            certificate = proof.prove(store, network, file)
            certificate.check()
            assert certificate.sums
            convolutions = [layer for layer in network.layers if "conv" in layer.kind]
            assert len([each for each in certificate.sums if each.fraction or each.kind == "int_conv"]) == len(
                convolutions
            )
            sums = [each for each in certificate.sums if each.kind == "attention sum"]
            attentions = [layer for layer in network.layers if layer.kind == "channel_attention"]
            assert [each.positions for each in sums] == [2**28] * len(attentions)


def test_certificates_are_cached_by_weights_and_formats(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JPEGAI_CACHE", str(tmp_path))
    store, network = ModelStore.open("analytic"), NETWORKS["sop_prim"]
    made = proof.prove(store, network, SOP)
    monkeypatch.setattr(program, "build_steps", lambda *_, **__: 1 / 0)
    assert proof.prove(store, network, SOP) == made
    with pytest.raises(ZeroDivisionError):
        proof.prove(changed_store(oversized()), network, SOP)
    with pytest.raises(ZeroDivisionError):
        proof.prove(store, network, file_name("sop_decoder_Y", 2))
    monkeypatch.setitem(RANGES, "sop_prim", {**RANGES["sop_prim"], "t1": 9})  # type: ignore[arg-type]
    with pytest.raises(ZeroDivisionError):
        proof.prove(store, network, SOP)


def test_a_checkpoint_is_named_where_it_lies(tmp_path: Path) -> None:
    tensors = {**ModelStore.open("analytic").tensors(SOP), **oversized()[SOP]}
    write_checkpoint(tmp_path / SOP, tensors, {"epoch": 1})
    store = ModelStore.open(tmp_path)
    assert [(network.name, file) for network, file in proof.provable(store)] == [("sop_prim", SOP)]
    with pytest.raises(ModelError) as error:
        proof.prove(store, NETWORKS["sop_prim"], SOP).check()
    assert error.value.file == str(tmp_path / SOP)
