"""Networks with attention in two stages, the second in bands: the same as in one piece, in less memory."""

from __future__ import annotations

import numpy as np
import pytest

from jpegai.decoder.engines import stages as module
from jpegai.decoder.engines.stages import activation_bytes, stages, strips
from jpegai.decoder.networks import NETWORKS
from tests.decoder.engines import vectors

HOP = ("hop_prim", "hop_sec")


@pytest.mark.parametrize("height", [640, 641, 650, 655])
@pytest.mark.parametrize("name", HOP)
def test_bands_agree_with_one_piece(name: str, height: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One piece is what other tests compare with float64."""
    network, size = NETWORKS[name], (height, 70)
    x = np.random.default_rng(4).standard_normal((network.inputs[0].channels, -(-height // 16), 5)).astype(np.float32)
    run = vectors.load(network, vectors.model(network))
    found = run(x, size=size)
    monkeypatch.setattr(module, "_BANDS", 1)
    expected = run(x, size=size)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 3e-4


@pytest.mark.parametrize("height", range(640, 660))
@pytest.mark.parametrize("name", HOP)
def test_bands_make_every_row_once(name: str, height: int) -> None:
    head, tail = stages(NETWORKS[name])
    rows = 2 * -(-height // 8)
    cut = list(strips(tail, rows, height))
    assert len(cut) > 1
    assert cut[0].rows[0] == 0
    assert [strip.rows[0] for strip in cut[1:]] == [strip.rows[1] for strip in cut[:-1]]
    assert cut[-1].rows[1] == NETWORKS[name].output_size(height, 64)[0]
    assert max(bottom - top for top, bottom in (strip.source for strip in cut)) < rows / 4
    assert head.layers + tail.layers == NETWORKS[name].layers
    assert not tail.global_dependency


@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in HOP])
def test_other_networks_are_one_stage(name: str) -> None:
    assert stages(NETWORKS[name]) == (NETWORKS[name],)


def test_what_lives_at_once() -> None:
    """Six tensors of 128 channels at 1/4 in the first stage, where a declaration run as it stands needs 17."""
    tensor = 4 * 128 * 336 * 512
    assert NETWORKS["hop_prim"].activation_bytes(84, 128) == 17 * tensor
    assert activation_bytes(NETWORKS["hop_prim"], 84, 128) == 6 * tensor
    assert activation_bytes(NETWORKS["bop_prim"], 84, 128) == NETWORKS["bop_prim"].activation_bytes(84, 128)
