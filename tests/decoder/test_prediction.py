"""Work counted and predicted with made-up rates; no time is asserted here."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from jpegai.codestream import Codestream
from jpegai.conformance_streams import STREAMS, EmbeddedStream
from jpegai.decoder import Decoder, cache
from jpegai.decoder import rates as measuring
from jpegai.decoder.engines.float32 import Float32Engine
from jpegai.decoder.engines.rewrite import rewrite
from jpegai.decoder.engines.stages import stages
from jpegai.decoder.filters.planes import Window
from jpegai.decoder.networks import NETWORKS, Input, Network
from jpegai.decoder.networks.blocks import Builder
from jpegai.decoder.prediction import Sample, fit, predict
from jpegai.decoder.probes import PROBES, filter_chain, weights
from jpegai.decoder.work import KINDS, Work, decode_work, filter_work, load_work, network_work, run_work
from tests.streams import perf_streams

MAC_KINDS = [kind for kind, unit in KINDS.items() if unit == "MAC"]


def macs(work: Work) -> int:
    return sum(work[kind] for kind in MAC_KINDS)


@functools.cache
def decoder() -> Decoder:
    return Decoder("analytic", engine="float32", threads=2)


# -- work -----------------------------------------------------------------------------------------------------


def test_work_of_every_kind_of_layer() -> None:
    """By hand, on 6 x 10 positions."""
    net = Builder(Input("x", 32, 1, "made up"))
    x = net.relu(net.conv("x", "a", 16, 1))
    x = net.conv(x, "b", 16, 3, groups=2)
    x = net.conv(x, "c", 16, 3, groups=16)
    x = net.relu6(net.conv(x, "d", 48, 3, stride=2))
    x = net.layer_norm(net.attention(x, "e"), "f")
    x = net.pixel_shuffle(net.elu(net.conv_transpose(x, "g", 4, 3)), 2)
    net.sigmoid(x)
    work = network_work(net.network("made_up", "", "luma", ""), 6, 10)
    assert work == {
        "1x1 convolution": 60 * 32 * 16,
        "grouped convolution": 60 * 16 * 8 * 9,
        "depthwise convolution": 60 * 16 * 9,
        "dense convolution": 15 * 48 * 16 * 9,
        "element-wise": 15 * 48,
        "attention": 15 * 16,
        "layer norm": 15 * 16,
        "transposed convolution": 15 * 16 * 4 * 9,
        "transposed spread": 15 * 4 * 9,
        "exponential": 60 * 4 + 240,
        "pixel shuffle": 240,
        "in and out": 60 * 32 + 240,
        "layer": 11,
    }


@pytest.mark.parametrize("network", NETWORKS.values(), ids=lambda network: network.name)
def test_convolutions_are_all_multiply_adds(network: Network) -> None:
    factor = network.inputs[0].subsampling
    size = (2 * factor, 3 * factor) if network.size_argument != "half" else (factor, 3 * factor // 2)
    sizes = network.sizes(2, 3, size)
    attention = sum(
        network.products(layer) * sizes[layer.output][0] * sizes[layer.output][1]
        for layer in network.layers
        if layer.kind == "channel_attention"
    )
    work = run_work(network, 2, 3, size, engine="exact")
    assert macs(work) + attention == network.multiply_adds(2, 3, size)
    assert set(work) <= set(KINDS)


def test_the_float_engine_is_counted_as_it_runs() -> None:
    """Small enough for one band: the work is that of both stages as they are rewritten."""
    network = NETWORKS["hop_prim"]
    work = run_work(network, 4, 6, (64, 96))
    expected: Work = Counter()
    for stage, rows, columns in zip(stages(network), (4, 16), (6, 24), strict=True):
        rows, columns = (4 * 16 // stage.inputs[0].subsampling, 6 * 16 // stage.inputs[0].subsampling)
        expected += network_work(rewrite(stage).network, rows, columns, (64, 96))
    assert work == expected
    assert macs(work) < macs(run_work(network, 4, 6, (64, 96), engine="exact"))


@pytest.mark.parametrize("entry", STREAMS, ids=lambda entry: entry.file)
def test_work_of_a_decode(entry: EmbeddedStream) -> None:
    stream = Codestream.parse(entry.read())
    outline = decoder().plan(stream, transform="sop", force=True)
    work = decode_work(stream, outline, threads=2)
    assert set(work) == {"entropy", "scales and masks", "hyper decoder", "MCM", "synthesis", "colour", "rest"}
    assert {kind for amounts in work.values() for kind in amounts} <= set(KINDS)
    height, width = outline.plan.display
    latents = outline.plan.latents[0] * outline.plan.latents[1]
    assert work["colour"]["colour"] == work["rest"]["rest"] == height * width
    assert work["MCM"]["context"] == 256 * latents
    assert sum(map(macs, work.values())) == sum(outline.macs.values())


def test_threads_of_a_payload_are_decoded_side_by_side() -> None:
    found = perf_streams()
    if not found:
        pytest.skip("no timing streams")
    stream = Codestream.open(found[0].path)
    outline = decoder().plan(stream)
    symbols = [decode_work(stream, outline, threads=threads)["entropy"]["entropy symbols"] for threads in (1, 2, 64)]
    assert symbols[0] > symbols[1] == symbols[2]  # one thread for each component


def test_work_of_filters() -> None:
    chain = filter_chain(64, 96)
    work = filter_work(chain, Window(0, 0, 64, 96))
    assert list(work) == ["efe_linear", "eicci", "efe_nonlinear", "lef"]
    assert [work[name][name] for name in work] == [64 * 96] * 4
    expected = sum(NETWORKS[name].multiply_adds(16, 24) for name in ("eicci_Y", "eicci_UV"))
    assert macs(work["eicci"]) == expected


def test_work_of_loading() -> None:
    names = ["sop_prim", "hop_sec"]
    parameters = sum(NETWORKS[name].parameters() for name in names)
    assert load_work(names) == {"loading": 3, "loading weights": parameters}


# -- rates ----------------------------------------------------------------------------------------------------


def sample(seconds: float, **amounts: int) -> Sample:
    return Sample(Counter(amounts), seconds)


def test_fit_finds_the_rates_that_made_the_samples() -> None:
    rates = {"a": 2e-9, "b": 5e-6, "c": 0.25}
    rng = np.random.default_rng(3)
    samples = []
    for _ in range(6):
        work: Work = Counter({"a": int(rng.integers(1, 10**9)), "b": int(rng.integers(1, 10**5)), "c": 1})
        samples.append(Sample(work, predict({"": work}, rates)[""]))
    found = fit(samples)
    assert found == pytest.approx(rates)
    assert fit(samples, {"a": 2e-9}) == pytest.approx(rates)
    assert fit(samples, {"a": 2e-9})["a"] == 2e-9


def test_fit_weighs_errors_by_what_they_are_of() -> None:
    """Of one kind with two measurements that contradict each other, the shares of the errors are balanced."""
    found = fit([sample(1.0, a=1), sample(2000.0, a=1000)])["a"]
    assert found == pytest.approx((1 + 1 / 2) / (1 + 1 / 4))


def test_fit_gives_nothing_negative() -> None:
    found = fit([sample(1.0, a=1), sample(0.5, a=1, b=1)])
    assert found["b"] == 0
    assert found["a"] == pytest.approx((1 + 2) / (1 + 4))
    assert fit([sample(1.0, a=1, b=1)], {"a": 2.0}) == {"a": 2.0, "b": 0}
    assert fit([]) == {}


def test_predict_adds_up_and_leaves_out_what_is_unknown() -> None:
    work: Mapping[str, Work] = {"one": Counter(a=2, b=3), "two": Counter(a=1, c=1), "three": Counter()}
    assert predict(work, {"a": 10.0, "b": 100.0}) == {"one": 320.0, "three": 0}


def test_least_of_rounds() -> None:
    numbers = iter([9, 5, 3, 4, 8, 1])
    runs = [lambda: {"x": float(next(numbers))}]
    assert measuring.least(runs, 3) == [{"x": 3.0}]  # the first does not count, the last two are not made
    assert next(numbers) == 8


# -- probes ---------------------------------------------------------------------------------------------------


def test_probes_tell_all_kinds_of_layers_apart() -> None:
    """As many independent measurements as kinds, each of which some network has."""
    kinds = sorted({kind for network in NETWORKS.values() for kind in _kinds(network)})
    rows = [run_work(network, *size, size) for network, size in PROBES]
    matrix = np.array([[row[kind] / max(row.values()) for kind in kinds] for row in rows])
    assert set().union(*rows) == set(kinds)
    assert np.linalg.matrix_rank(matrix / matrix.max(axis=0)) == len(kinds)


def _kinds(network: Network) -> set[str]:
    if network.arithmetic != "float32":
        return set()
    factor = network.inputs[0].subsampling
    return set(run_work(network, 2, 2, (2 * factor, 2 * factor)))


@pytest.mark.parametrize(("network", "size"), PROBES, ids=lambda value: getattr(value, "name", ""))
def test_probes_run(network: Network, size: tuple[int, int]) -> None:
    ready = Float32Engine(decoder().store, threads=2).prepare(network, weights(network, np.random.default_rng(1)))
    rows, columns = min(size[0], 8), min(size[1], 12)
    made = ready(np.ones((network.inputs[0].channels, rows, columns), np.float32), size=(rows, columns))
    assert made.shape[1:] == network.sizes(rows, columns)[network.output]
    assert np.isfinite(made).all()


def test_rates_are_kept_for_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JPEGAI_CACHE", str(tmp_path))
    streams = [Codestream.parse(STREAMS[-1].read())]
    made = iter([{"a": 1.0}, {"a": 2.0}, {"a": 3.0}])
    monkeypatch.setattr(measuring, "measure", lambda decoder, streams: next(made))
    assert measuring.rates(decoder(), streams) == {"a": 1.0}
    assert measuring.rates(decoder(), streams) == {"a": 1.0}
    assert measuring.rates(decoder(), streams, again=True) == {"a": 2.0}
    assert measuring.rates(decoder(), streams) == {"a": 2.0}
    other = Decoder("analytic", engine="float32", threads=1)
    assert measuring.rates(other, streams) == {"a": 3.0}
    assert cache.cache_directory() == tmp_path


def test_every_kind_of_work_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each run once: the numbers mean nothing, but there is one for every kind, and none is negative."""
    once = measuring.least
    monkeypatch.setattr(measuring, "least", lambda runs, rounds=None: once(runs, 1))
    found = measuring.measure(decoder(), [Codestream.parse(entry.read()) for entry in STREAMS[-3:]])
    assert set(found) == set(KINDS)
    assert min(found.values()) >= 0
