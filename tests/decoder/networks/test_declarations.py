"""The declarations against the specification's layer tables, and what follows from them (section 06)."""

from __future__ import annotations

from fractions import Fraction

import pytest

from jpegai.decoder.networks import NETWORKS, Network
from tests.decoder.reference_networks import declared_ops, table
from tests.vectors import spec_data


@pytest.mark.parametrize("network", NETWORKS.values(), ids=lambda network: network.name)
class TestDeclaration:
    def test_is_the_table_op_for_op(self, network: Network) -> None:
        derived = ("out_channels_total", "output_subsampling", "mac_per_luma_pixel")
        ops = table(network.name)["ops"]
        expected = [{key: value for key, value in op.items() if key not in derived} for op in ops]
        assert declared_ops(network) == expected

    def test_facts_about_the_network(self, network: Network) -> None:
        entry = table(network.name)
        assert network.file_kind == entry["checkpoint_file_kind"]
        assert network.prefix == entry["checkpoint_prefix"]
        assert network.arithmetic == entry["arithmetic"]
        assert network.size_argument == entry["size_argument"]
        assert network.output == entry["output"]
        assert [(i.name, i.channels, i.subsampling) for i in network.inputs] == [
            (i["name"], i["channels"], i["luma_subsampling"]) for i in entry["inputs"]
        ]

    def test_counts(self, network: Network) -> None:
        entry = table(network.name)
        assert network.parameters() == entry["parameters"]
        assert network.macs_per_sample() == Fraction(entry["mac_per_luma_pixel"])
        for layer, op in zip(network.layers, entry["ops"], strict=True):
            assert network.macs(layer) == Fraction(op.get("mac_per_luma_pixel", 0))
            assert network.channels[layer.output] == op["out_channels_total"]
            assert network.subsampling[layer.output] == op["output_subsampling"]
        attention = [layer for layer in network.layers if layer.kind == "channel_attention"]
        assert sum(map(network.macs, attention)) == entry["of_which_attention_matmul"]

    def test_receptive_field(self, network: Network) -> None:
        entry = table(network.name)["receptive_field"]
        phases = entry.get("offsets_per_output_phase", {})
        for (name, offsets), span in zip(entry["offsets"].items(), network.reach, strict=True):
            assert list(span) == offsets
            expected = [tuple(pair) for pair in phases.get(name, [offsets])]
            assert network.receptive_field(name) == network.receptive_field(name, axis=1) == expected
        assert network.global_dependency == entry["global_dependency"]

    def test_tensors_are_in_the_checkpoint(self, network: Network) -> None:
        listed = {
            entry["name"]: (tuple(entry["shape"]), entry["dtype"])
            for entry in spec_data("checkpoints")["kinds"][network.file_kind]["tensors"]
            if entry.get("shape")
        }
        for name, tensor in network.tensors().items():
            assert listed[name] == (tensor.shape, tensor.dtype)

    def test_output_size(self, network: Network) -> None:
        item = next(item for item in spec_data("networks")["vectors"]["items"] if item["network"] == network.name)
        shape = tuple(item["output_shape"])
        size = item["size_argument"]
        if not network.has_crops:  # the size of the input alone decides
            size = [length * network.inputs[0].subsampling for length in item["inputs"][0]["shape"][1:]]
        assert (network.layers[-1].channels, *network.output_size(*size)) == shape


def test_all_networks_of_a_decoder_are_there() -> None:
    expected = {f"hyper_{part}decoder_{c}" for part in ("", "scale_") for c in ("Y", "UV")}
    expected |= {f"mcm_phase{phase}" for phase in range(4)}
    expected |= {f"{transform}_{part}" for transform in ("sop", "bop", "hop") for part in ("prim", "sec")}
    expected |= {f"eicci_{component}" for component in ("Y", "UV")}
    assert set(NETWORKS) == expected
