"""What the exact engine does in machine code of its own, and what it does in plain Python, is the same to the bit."""

from __future__ import annotations

import numpy as np
import pytest

from jpegai.decoder import jit
from jpegai.decoder.engines.exact import plain
from jpegai.decoder.engines.exact.network import ExactNetwork
from jpegai.decoder.engines.formats import Saturations
from jpegai.decoder.models import ModelStore, file_name
from jpegai.decoder.networks import NETWORKS
from jpegai.decoder.workers import Workers

FLOATS = [network for network in NETWORKS.values() if network.arithmetic == "float32"]


@pytest.mark.skipif(jit.disabled(), reason="compiled code is switched off")
@pytest.mark.parametrize("net", FLOATS, ids=lambda net: net.name)
def test_networks_without_compiled_code(net: object, monkeypatch: pytest.MonkeyPatch) -> None:
    network = next(each for each in FLOATS if each is net)
    store = ModelStore.open("test")
    file = file_name(network.file_kind, 1, "bop" if network.file_kind == "eicci" else None)
    height, width = 33, 19
    rng = np.random.default_rng(3)
    inputs = [
        rng.integers(-1 << 19, 1 << 19, (each.channels, *(-(-side // each.subsampling) for side in (height, width))))
        for each in network.inputs
    ]
    made = ExactNetwork(network, store.tensors(file), Workers(1))
    ints, size = [array.astype(np.int32) for array in inputs], (height, width)
    counts, plain_counts = Saturations(), Saturations()
    expected = made(*ints, size=size, saturations=counts)
    called = []
    original = plain.finish
    monkeypatch.setattr(jit, "disabled", lambda: True)
    monkeypatch.setattr(plain, "finish", lambda *arguments: called.append(1) or original(*arguments))
    assert np.array_equal(made(*ints, size=size, saturations=plain_counts), expected)
    assert plain_counts.counts == counts.counts
    assert called
