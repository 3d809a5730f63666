"""The exact engine gives the integers of the plain interpreter, however its work is cut into pieces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from jpegai.codestream import ModelError
from jpegai.decoder.engines.exact.ranges import RANGES
from jpegai.decoder.networks import Network
from tests.decoder.engines.exact.material import (
    FLOAT_NETWORKS,
    SMALL,
    Tensors,
    cut_small,
    inputs,
    run,
    weights,
)
from tests.decoder.reference_exact import run_exact

#: Sizes of pictures: odd ones, one latent, one latent high or wide.
SIZES = ((17, 9), (33, 18), (16, 16), (81, 15), (7, 97))
#: Magnitude of the inputs, relative to their limits, and the share of them at the limits.
VALUES = ((0.01, 0.0), (1.0, 0.25), (1.0, 1.0))


def _cases() -> list[object]:
    cases: list[object] = []
    for number, net in enumerate(FLOAT_NETWORKS):
        for models in ("test", "analytic"):
            for size in SIZES:
                for place, values in enumerate(VALUES):
                    quick = size == SIZES[0 if net.name.startswith("hop") else number % 5] and place == (
                        1 if models == "test" else 0
                    )
                    name = f"{net.name} {models} {size[0]}x{size[1]} {values[0]} {values[1]}"
                    cases.append(
                        pytest.param(net, models, size, values, marks=() if quick else pytest.mark.long, id=name)
                    )
    return cases


@pytest.mark.parametrize(("net", "models", "size", "values"), _cases())
def test_declared_networks(
    net: Network, models: str, size: tuple[int, int], values: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    tensors = weights(models, net)
    given_ = inputs(net, size, sum(size), *values)
    expected, cut = run_exact(net, tensors, given_, size)
    found, counted = run(net, tensors, given_, size)
    assert np.array_equal(found, expected)
    # cropped values need not be made, so they need not be counted
    assert counted <= cut.total() if net.has_crops else counted == cut.total()
    cut_small(monkeypatch)
    assert np.array_equal(run(net, tensors, given_, size, threads=2)[0], expected)


def test_a_wrong_integer_is_found() -> None:
    """The comparison can fail: a small change of one weight is seen."""
    net = next(each for each in FLOAT_NETWORKS if each.name == "eicci_Y")
    tensors, size = dict(weights("test", net)), (16, 16)
    given_ = inputs(net, size, 1, 1.0, 0.25)
    expected, _ = run_exact(net, tensors, given_, size)
    changed = tensors["conv_last_Y.weight"].copy()
    changed[3, 2, 1, 1] += 2.0**-14
    found, _ = run(net, tensors | {"conv_last_Y.weight": changed}, given_, size)
    assert np.count_nonzero(found != expected) > 0
    assert np.array_equal(found[np.arange(len(found)) != 3], expected[np.arange(len(found)) != 3])


@st.composite
def _tensors(draw: st.DrawFn, net: Network) -> Tensors:
    """Weights of any magnitude, with channels of zeros and channels near the largest that float32 and format allow."""
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    found = {}
    for name, tensor in net.tensors().items():
        magnitude = 2.0 ** draw(st.integers(-20, 8) if "bias" in name else st.integers(-12, 5))
        values = rng.uniform(-magnitude, magnitude, tensor.shape)
        kind = draw(st.sampled_from(("all", "all", "sparse", "powers")))
        if kind == "sparse":
            values *= rng.random(tensor.shape) < 0.2
        elif kind == "powers":
            values = np.copysign(2.0 ** np.rint(np.log2(np.abs(values) + 1e-12)), values)  # halves to be rounded
        if name.endswith("running_var"):
            values = np.abs(values)
        found[name] = values.astype(np.float32)
    return found


@pytest.mark.parametrize("name", SMALL)
def test_weights_inputs_and_formats_of_any_size(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hypothesis varies all of them up to the limits of the formats, and how the work is cut."""
    net = SMALL[name]
    ran = 0

    @settings(
        max_examples=12,
        deadline=None,
        phases=[Phase.generate],  # making examples smaller takes minutes and shows no more
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(st.data())
    def check(data: st.DataObject) -> None:
        nonlocal ran
        ranges = {layer.output: data.draw(st.integers(3, 9)) for layer in net.layers}
        tensors = data.draw(_tensors(net))
        size = data.draw(st.integers(1, 80)), data.draw(st.integers(1, 80))
        magnitude = data.draw(st.sampled_from((0.001, 0.03, 1.0)))
        extremes = data.draw(st.sampled_from((0.0, 0.5, 1.0)))
        with monkeypatch.context() as patch:
            patch.setitem(RANGES, name, ranges)  # type: ignore[arg-type]
            given_ = inputs(net, size, data.draw(st.integers(0, 1 << 32)), magnitude, extremes)
            try:
                found, _ = run(net, tensors, given_, size)
            except ModelError:
                assume(False)
            expected, _ = run_exact(net, tensors, given_, size)
            assert np.array_equal(found, expected)
            pieces = [data.draw(st.integers(1, 40)) for _ in range(3)]
            cut_small(patch, *pieces)
            assert np.array_equal(run(net, tensors, given_, size, threads=2)[0], expected)
            ran += 1

    check()
    assert ran
