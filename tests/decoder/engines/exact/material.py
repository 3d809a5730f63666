"""Networks, weights and inputs for the tests of the exact engine, and ways to cut its work into other pieces."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from jpegai.decoder.engines.exact import ExactNetwork
from jpegai.decoder.engines.exact.ranges import INPUT_RANGES
from jpegai.decoder.engines.formats import Fixed, Saturations
from jpegai.decoder.models import ModelStore, file_name
from jpegai.decoder.networks import NETWORKS, Input, Network
from jpegai.decoder.networks.blocks import Builder
from jpegai.decoder.workers import Workers
from tests.decoder.exact_pieces import pieces

Tensors = Mapping[str, NDArray[Any]]

FLOAT_NETWORKS = [each for each in NETWORKS.values() if each.arithmetic == "float32"]


@functools.cache
def store(models: str) -> ModelStore:
    return ModelStore.open(models)


def weights(models: str, net: Network, index: int = 0) -> Tensors:
    """Weights of a built-in model."""
    tensors = store(models).tensors(file_name(net.file_kind, index, "hop" if net.file_kind == "eicci" else None))
    return {name: np.asarray(tensors[name]) for name in net.tensors()}


def limit(name: str) -> int:
    """Largest magnitude of an input of a network."""
    return (1 << (INPUT_RANGES[name] + 16)) - 1


def inputs(net: Network, size: tuple[int, int], seed: int, magnitude: float, extremes: float) -> list[Fixed]:
    """Random inputs of the size that belongs to a size argument; a share of them at the limits of their formats."""
    rng = np.random.default_rng(seed)
    made = []
    for entry in net.inputs:
        divisor = entry.subsampling // (2 if net.size_argument == "half" else 1)
        shape = entry.channels, -(-size[0] // divisor), -(-size[1] // divisor)
        most = limit(entry.name)
        values = rng.integers(-round(most * magnitude), round(most * magnitude), shape, endpoint=True)
        ends = rng.choice((-most, most), shape)
        made.append(np.where(rng.random(shape) < extremes, ends, values).astype(np.int32))
    return made


def run(
    net: Network, tensors: Tensors, given: list[Fixed], size: tuple[int, int], threads: int = 1
) -> tuple[Fixed, int]:
    """Run a network on the engine; return its output, and how many values formats cut."""
    saturations = Saturations()
    out = ExactNetwork(net, tensors, Workers(threads))(*given, size=size, saturations=saturations)
    return out, sum(saturations.counts.values())


def cut_small(patch: pytest.MonkeyPatch, columns: int = 5, laid_out: int = 64, sums: int = 64) -> None:
    """Make products of a few positions and bands of one row."""
    for each in pieces(1, columns, columns, laid_out, sums):
        patch.setattr(*each)


def small_networks() -> dict[str, Network]:
    """Networks of a few channels that have all layers and blocks of the declared ones."""

    def latents() -> Builder:
        return Builder(Input("y_hat", 8, 16, ""))

    net = latents()
    x = net.light_residual_block("y_hat", "a")
    x = net.crop(net.gate(net.up_shuffle(x, "b", 8), "c", 4), 3)
    x = net.gate(net.crop(net.conv_transpose(x, "d", 4, 4), 2), "e", 2)
    net.samples(net.conv(x, "f", 16, 1), 4)
    shuffled = net.network("small_shuffled", "", "tile_luma", "")

    net = latents()
    x = net.residual_block("y_hat", "a")
    x = net.crop(net.context_attention(net.conv_transpose(x, "b", 4, 3), "c"), 3)
    x = net.light_combine(net.relu6(x), "d", 2)
    net.conv(x, "e", 3, 3, bias=True)
    masked = net.network("small_masked", "", "tile_luma", "")

    net = latents()
    x = net.transformer(net.crop(net.conv_transpose("y_hat", "a", 8, 3), 3), "b", halved=False)
    net.samples(net.conv_transpose(x, "c", 1, 3), 1)
    attentive = net.network("small_attentive", "", "tile_luma", "")

    net = latents()
    x = net.conv("y_hat", "a", 32, 1)
    x = net.transformer(net.pixel_shuffle(x, 2), "b", halved=True)
    net.gate(net.crop(x, 3), "c", 2)
    halved = net.network("small_halved", "", "tile_luma", "")

    net = latents()
    x = net.relu(net.batch_norm(net.conv("y_hat", "a", 8, 3, bias=True), "b"))
    x = net.rectangular_block(x, "c")
    correction = net.scale_param(net.conv(x, "d", 4, 3, bias=True), "e")
    net.concat(net.add(correction, net.slice_channels("y_hat", 2, 6)), net.clamp(x, -1.5, 2.25))
    rectangular = net.network("small_rectangular", "", "tile_luma", "")
    return {each.name: each for each in (shuffled, masked, attentive, halved, rectangular)}


SMALL = small_networks()
