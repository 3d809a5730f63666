"""The interpreter that other tests compare with, on the vectors of networks.json: all networks, the encoder's too."""

from __future__ import annotations

import numpy as np
import pytest

from tests.decoder.engines.vectors import assert_samples, generate, item
from tests.decoder.reference_networks import run_table, table
from tests.vectors import needs_spec, spec_data, spec_list

NAMES = [entry["name"] for entry in spec_list("networks", "networks")]


@needs_spec
@pytest.mark.parametrize("name", NAMES)
def test_vectors(name: str) -> None:
    entry = item(name)
    listed = spec_data("checkpoints")["kinds"][table(name)["checkpoint_file_kind"]]["tensors"]
    shapes = {tensor["name"]: tuple(tensor["shape"] or ()) for tensor in listed}
    tensors = {
        rule["name"]: generate(rule, rule.get("index", position), shapes[rule["name"]])
        for position, rule in enumerate(entry["tensors"])
    }
    inputs = [generate(rule, rule["index"], tuple(rule["shape"])) for rule in entry["inputs"]]
    output = run_table(name, tensors, inputs, tuple(entry["size_argument"]))
    if "sum" in entry:
        assert output.ravel()[entry["sample_indices"]].tolist() == entry["samples"]
        assert int(output.sum(dtype=np.int64)) == entry["sum"]
    else:
        assert_samples(name, output)
