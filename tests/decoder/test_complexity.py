"""Counts of networks and decoders against section 06.12; the work of a decode against the counts."""

from __future__ import annotations

from fractions import Fraction

import pytest

from jpegai.decoder.complexity import (
    NOTE,
    PUBLISHED,
    SPECIFIED,
    all_networks,
    decoder_complexity,
    decoder_networks,
    network_complexity,
)
from jpegai.decoder.networks import NETWORKS, Input, Network
from jpegai.decoder.networks.blocks import Builder
from tests.decoder.reference_networks import table

#: Parameters and kMAC per luma sample of the decoders, as section 06.12 states them.
TOTALS = {"SOP": (4_421_360, "7.23"), "BOP": (4_714_064, "14.32"), "HOP": (7_847_721, "148.48")}


def test_networks_cost_what_the_specification_says() -> None:
    found = {each.name: each for each in all_networks()}
    assert set(found) == set(NETWORKS)
    for name, each in found.items():
        entry = table(name)
        assert each.parameters == entry["parameters"]
        assert each.macs == Fraction(entry["mac_per_luma_pixel"])
        assert each.attention == entry["of_which_attention_matmul"]


@pytest.mark.parametrize("transform", TOTALS)
def test_decoders_cost_what_the_specification_says(transform: str) -> None:
    found = decoder_complexity(transform)
    parts = [table(name) for name in decoder_networks(transform)]
    parameters, kmac = TOTALS[transform]
    assert found.parameters == sum(part["parameters"] for part in parts) == parameters
    assert found.macs == sum(Fraction(part["mac_per_luma_pixel"]) for part in parts)
    assert f"{float(found.macs / 1000):.2f}" == f"{SPECIFIED[transform]:.2f}" == kmac


def test_hyper_and_context_networks_cost_what_the_specification_says() -> None:
    shared = decoder_networks("SOP")[:-2]
    assert sum(network_complexity(NETWORKS[name]).macs for name in shared) == Fraction("2555.5")


def test_a_transposed_convolution_counted_by_its_output() -> None:
    """By hand: 8 to 4 channels with 3x3 taps at 1/4 in, 1/2 out."""
    net = Builder(Input("x", 8, 4, "made up"))
    net.conv_transpose("x", "up", 4, 3)
    found = network_complexity(net.network("up", "", "luma", ""))
    assert found.macs == Fraction(8 * 4 * 9, 16)
    assert found.macs_by_output == Fraction(8 * 4 * 9, 4)


def test_the_note_has_the_right_numbers() -> None:
    more = [round(100 * (1000 * PUBLISHED[name] / decoder_complexity(name).macs_by_output - 1)) for name in PUBLISHED]
    assert "published figures add {} % for SOP, {} % for BOP and {} % for HOP".format(*more) in " ".join(NOTE.split())
    eicci = sum(network_complexity(NETWORKS[f"eicci_{component}"]).macs for component in ("Y", "UV"))
    assert f"eICCI has {float(eicci / 1000):.2f} kMAC" in NOTE


def test_memory_is_that_of_the_largest_network() -> None:
    parts = [network_complexity(NETWORKS[name]).memory for name in decoder_networks("BOP")]
    assert decoder_complexity("BOP").memory == max(parts)
    network: Network = NETWORKS["bop_prim"]
    assert network_complexity(network).memory * 256 * 512 == network.activation_bytes(16, 32)


@pytest.mark.parametrize("network", NETWORKS.values(), ids=lambda network: network.name)
def test_sizes_of_a_run(network: Network) -> None:
    """The output of a run has the size that the declaration gives for the same picture."""
    factor = network.inputs[0].subsampling
    height, width = 3 * factor, 5 * factor
    size = (height // 2, width // 2) if network.size_argument == "half" else (height, width)
    sizes = network.sizes(3, 5, size)
    assert sizes[network.inputs[0].name] == (3, 5)
    assert sizes[network.output] == network.output_size(*size)
