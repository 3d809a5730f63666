"""The filters against the reference: cases of the specification, and streams with stored planes (8.9, 12.6.6)."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest

from jpegai.codestream.headers import read_header
from jpegai.codestream.schema.segments import kind_named
from jpegai.decoder.filters import FilterChain
from jpegai.decoder.recorder import Dump, Recorder
from tests.codestream.reference import expanded, reference_name
from tests.decoder.filters.material import REFERENCE_NAMES, case, headers
from tests.vectors import needs_spec, spec_list

CASES = spec_list("filter_vectors", "cases")
#: Of 8.9.3; that of 12.6.6, for whole decodes, is wider.
TOLERANCE = 1e-3


def named(name: str) -> dict[str, Any]:
    return next(entry for entry in CASES if entry["name"] == name)


def expected_samples(entry: dict[str, Any], name: str) -> tuple[int, np.ndarray] | None:
    """Every how many rows and columns samples of an output plane are given, and these; None where it is the input's."""
    expected = entry["output"][name]
    if expected == "unchanged":
        return None
    return expected["stride"], np.frombuffer(base64.b64decode(expected["f32le_base64"]), "<f4")


@needs_spec
def test_every_case_is_there() -> None:
    assert len(CASES) == 21
    chains = [case(entry).chain for entry in CASES]
    names = ("efe_linear", "eicci", "efe_nonlinear", "lef")
    assert [sum(getattr(chain, name) is not None for chain in chains) for name in names] == [11, 6, 7, 4]


@pytest.mark.parametrize("entry", CASES, ids=lambda entry: entry["name"])
def test_case_of_the_specification(entry: dict[str, Any]) -> None:
    made = case(entry)
    result = made.chain.apply(made.planes, made.chain.picture.whole, made.supplies, Recorder())
    changes = [np.abs(plane - source).max() for plane, source in zip(result, made.planes, strict=True)]
    assert max(changes) > 1, "the case shows nothing"
    for name, plane, source in zip("YUV", result, made.planes, strict=True):
        expected = expected_samples(entry, name)
        if expected is None:
            assert np.array_equal(plane, source)
            continue
        stride, values = expected
        assert list(plane.shape) == entry["output"][name]["shape"]
        assert np.abs(plane[::stride, ::stride].ravel() - values).max() < TOLERANCE
        assert abs(plane.sum(dtype=np.float64) - entry["output"][name]["sum"]) < TOLERANCE * plane.size


@pytest.mark.parametrize("entry", CASES, ids=lambda entry: entry["name"])
def test_bits_of_the_specification(entry: dict[str, Any]) -> None:
    """The bits of a case, from the first flag of a filter on, are read as the elements it lists."""
    count = entry["syntax_bits"]
    bits = "00" + bin(int("1" + entry["syntax_hex"], 16))[3:][:count]  # LSBS is off
    payload = int("1" + bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8) + 1)[1:]
    pih = headers(entry)[1]
    reading = read_header(kind_named("ton"), "ton", memoryview(payload), 0, dict(pih), trace=True)
    assert reading.error is None
    coded = [field for field in expanded(reading.fields) if field.kind == "coded"]
    names = [reference_name("TON", field).partition("[")[0] for field in coded[2:]]
    names = [REFERENCE_NAMES.get(name, name) for name in names]
    found = [(name, field.bits, field.value) for name, field in zip(names, coded[2:], strict=True)]
    expected = []
    for listed, width, value in entry["syntax"]:
        values = value if isinstance(value, list) else [value]
        expected += [(listed.partition("[")[0], width, each) for each in values]
    assert found == expected
    assert sum(width for _, width, _ in found) == count


@pytest.mark.parametrize("entry", [entry for entry in CASES if "selected" in entry], ids=lambda entry: entry["name"])
def test_tiles_and_models_of_eicci(entry: dict[str, Any]) -> None:
    eicci = case(entry).chain.eicci
    assert eicci is not None
    tiles = [[tile.window.left, tile.window.top, *tile.window.shape[::-1]] for tile in eicci.tiles]
    assert tiles == entry["tiles"]
    kinds = "eicci_Y", "eicci_UV", "eicci_UV"
    models = [
        [selection.models[kind] + 1 if use else 0 for kind, use in zip(kinds, selection.use, strict=True)]
        for selection in eicci.selections
    ]
    assert models == entry["selected"]
    first = {"bop": 0, "hop": 10}[eicci.bank]
    transmitted = {first + index for selection in eicci.selections for index in selection.models.values()}
    assert transmitted == set(entry["eicci_checkpoints"])
    applied = models if entry.get("non_reference") else models[:1]
    assert {index + 1 for _, index in eicci.networks} == {model for tile in applied for model in tile if model}


@needs_spec
def test_every_stage_is_recorded() -> None:
    made = case(named("lin_nl_mask_444"))
    dump = Dump()
    result = made.chain.apply(made.planes, made.chain.picture.whole, made.supplies, dump)
    stages = ("efe_linear", "filter_EFElinear_alt", "efe_nonlinear")
    assert list(dump.results) == [f"{stage}.{i}" for stage in stages for i in range(3)]
    assert np.array_equal(dump.results["efe_nonlinear.1"], result.u[None])
    assert set(dump.times) == {"efe_linear", "efe_nonlinear"}


@needs_spec
def test_a_chain_without_filters_gives_its_input() -> None:
    made = case(named("lin_444"))
    chain = FilterChain(made.chain.picture, None, None, None, None)
    result = chain.apply(made.planes, chain.picture.whole, made.supplies, Recorder())
    assert result is made.planes
