"""docs/exact-arithmetic.md and docs/exact-formats.md say what the engine does."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from jpegai.decoder.engines.exact import attention, convolution, kernels, lines, program, steps, weights
from jpegai.decoder.engines.exact.declared import TensorFormat, tensor_formats
from jpegai.decoder.engines.exact.functions import exp_negative, exp_tables
from jpegai.decoder.engines.exact.ranges import INPUT_RANGES, RANGES
from jpegai.decoder.networks import NETWORKS, Network
from jpegai.tools.prove_formats import formats_document

DOCS = Path(__file__).resolve().parents[3] / "docs"
FLOAT = [network for network in NETWORKS.values() if network.arithmetic == "float32"]
ARITHMETIC = (DOCS / "exact-arithmetic.md").read_text()


def test_the_table_of_formats_is_what_is_generated() -> None:
    """`make docs/exact-formats.md` writes it."""
    assert (DOCS / "exact-formats.md").read_text() == formats_document()


@pytest.mark.parametrize("network", FLOAT, ids=lambda network: network.name)
def test_every_range_is_in_the_table(network: Network) -> None:
    (section,) = re.findall(rf"^## {network.name}\n(.*?)(?=^## |\Z)", formats_document(), re.DOTALL | re.MULTILINE)
    cells = [line.strip("| ").split(" | ") for line in section.splitlines() if "|" in line]
    rows = {each[0]: each for each in cells}
    assert set(rows) >= {layer.output for layer in network.layers} | {entry.name for entry in network.inputs}
    for entry in network.inputs:
        assert f"| {entry.name} | input |  |  | {entry.channels} | ±2^{INPUT_RANGES[entry.name]} |" in section
    exact = {each.name for each in tensor_formats(network) if each.rule == "exact"}
    for name, bits in RANGES[network.name].items():
        if name not in exact:
            assert f"±2^{bits}" in rows[name]


class Ones(dict[str, NDArray[np.float32]]):
    """Small weights for every tensor."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self._network = network

    def __missing__(self, name: str) -> NDArray[np.float32]:
        return np.full(self._network.tensors()[name].shape, 2.0**-20, np.float32)


@pytest.mark.parametrize("network", FLOAT, ids=lambda network: network.name)
def test_the_engine_has_the_formats_of_the_table(network: Network) -> None:
    formats = {each.name: each for each in tensor_formats(network)}
    layers = {network.prefix + layer.weight.name: layer for layer in network.layers if layer.weight}

    def span(each: TensorFormat) -> tuple[int, int]:
        return each.low, each.high

    checked = set()
    for step in program.build_steps(network, Ones(network)):
        if isinstance(step, convolution.Convolution):
            made = formats[layers[step.layer].output]
            assert step.weights.dropped == made.dropped, step.layer
            assert step.formats[:2] == span(made), step.layer
            assert step.formats[4:] == span(formats[step.output]), step.layer
            read = formats[layers[step.layer].inputs[0]]
            assert step.clip == span(read), step.layer
        elif isinstance(step, (steps.Depthwise, steps.Elementwise, steps.LayerNorm, attention.Mix)):
            assert step.format == span(formats[step.output]), step.output
        checked.add(type(step))
    assert convolution.Convolution in checked


def values(label: str) -> list[int]:
    (row,) = re.findall(rf"^\| {re.escape(label)} \|([-\d| ]+)\|$", ARITHMETIC, re.MULTILINE)
    return [int(cell) for cell in row.split("|")]


def test_check_values_of_functions() -> None:
    tables = exp_tables()
    assert [exp_negative(u, tables) for u in values("u")] == values("E(u)")
    x = np.array(values("a"), np.int32).reshape(1, 1, -1)
    for name, function in (("sigmoid", kernels.sigmoid), ("ELU", lines.elu)):
        out = np.empty_like(x)
        function(x, out, 0, tables, 0, 1)
        assert out.ravel().tolist() == values(name)


def test_numbers_of_the_document_are_those_of_the_code() -> None:
    assert f"number up to {weights.MOST_BITS} for which" in ARITHMETIC
    assert f"below {weights.LEAST_BITS}, the checkpoint is refused" in ARITHMETIC
    assert "at most 26 bits beside the sign" in ARITHMETIC
    assert weights.dropped_bits(-(2**26) + 1, 2**26 - 1) == 0
    assert weights.dropped_bits(-(2**26), 0) == 1
    assert attention.POSITIONS == 2**28
    assert "holds for 2^28 positions" in ARITHMETIC
    assert len(exp_tables()) == 5376 + 256 + 256
    assert "i = 0..5375" in ARITHMETIC


@pytest.mark.parametrize("path", re.findall(r"\]\(([\w.-]+)\)", ARITHMETIC))
def test_links_lead_somewhere(path: str) -> None:
    assert (DOCS / path).exists()
