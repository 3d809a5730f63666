"""The exact engine gives equal hashes of all stages whatever the machine, its libraries and their settings are."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jpegai.decoder.engines import product
from tests.decoder import exact_blas
from tests.decoder.engines.exact.material import FLOAT_NETWORKS, SMALL, inputs, run, weights
from tests.decoder.exact_hashes import ROOT, argument, hashes_of, in_a_process
from tests.figures import decodes
from tests.streams import described_streams
from tests.vectors import needs_vectors

#: Streams of ``make test``: small ones, all transforms and filters.
QUICK = ("an_sop_64x64", "size_64x64", "flt_efe_odd", "flt_lef_hop", "flt_eicci_v_only")
SMALLEST = f"analytic:{ROOT / 'conformance_streams' / 'an_sop_64x64.jai'}"


@functools.cache
def arguments(quick: bool) -> tuple[str, ...]:
    """The embedded 64x64 stream, and streams of the vectors with all their transforms."""
    streams = [each for each in described_streams() if not quick or each.name in QUICK]
    found = [argument(each, entry["transform"]) for each in streams for entry in decodes(each)]
    return (SMALLEST, *dict.fromkeys(found))


@functools.cache
def expected(quick: bool) -> Mapping[str, Mapping[str, str]]:
    return hashes_of(arguments(quick), threads=1)


def check(
    options: Sequence[str], environment: Mapping[str, str] | None = None, *, quick: bool, only: Sequence[str] = ()
) -> Any:
    """Compare the hashes of a process with those of this one; return what it says of its settings."""
    streams = only or arguments(quick)
    found = in_a_process([*options, *streams], environment, timeout=300 if quick else 7200)
    for stream in streams:
        for stage, value in expected(quick)[stream].items():
            assert found["hashes"][stream][stage] == value, f"{stream}: {stage}"
    return found


amounts = pytest.mark.parametrize("quick", [True, pytest.param(False, marks=pytest.mark.long)], ids=["quick", "all"])


@amounts
def test_two_threads_and_other_bands(quick: bool) -> None:
    check(["--threads", "2", "--bands"], quick=quick)


@pytest.mark.long
@pytest.mark.parametrize("options", [("--threads", "2"), ("--threads", "1", "--bands")], ids=" ".join)
def test_threads_and_bands(options: tuple[str, ...]) -> None:
    check(options, quick=False)


def dispatched() -> list[str]:
    """The features that NumPy has code for besides the baseline, and this CPU has."""
    core = np._core._multiarray_umath  # type: ignore[attr-defined]
    return [name for name in core.__cpu_dispatch__ if core.__cpu_features__[name]]


@amounts
def test_numpy_without_the_features_of_the_processor(quick: bool) -> None:
    features = dispatched()
    if not features:
        pytest.skip("this CPU has none of the features that NumPy dispatches")
    found = check(["--threads", "1"], {"NPY_DISABLE_CPU_FEATURES": ",".join(features)}, quick=quick)
    assert not set(features) & set(found["features"]), "the features are still used"


@amounts
def test_loops_compiled_for_any_processor(quick: bool) -> None:
    check(["--threads", "1"], {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}, quick=quick)


@amounts
@pytest.mark.parametrize("name", exact_blas.LIBRARIES)
def test_products_of_another_library(name: str, quick: bool) -> None:
    path = exact_blas.find(name)
    if path is None:
        pytest.skip(f"no {name}: installed by its package, or named in {exact_blas.VARIABLE}")
    found = check(["--threads", "1", "--blas", path], quick=quick)
    assert any(Path(each["filepath"]).name == Path(path).resolve().name for each in found["blas"]) or name == "libblas3"


def test_products_of_plain_integers() -> None:
    """Whole decodes, with 64-bit integers in the place of float64."""
    check(["--threads", "1", "--blas", "integers"], quick=True)


@pytest.mark.parametrize("name", ["small_halved", "small_shuffled"])
def test_products_by_a_plain_loop(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's integers, one by one, in small networks."""
    from jpegai.decoder.engines.exact.ranges import RANGES

    net = SMALL[name]
    monkeypatch.setitem(RANGES, name, {layer.output: 8 for layer in net.layers})  # type: ignore[arg-type]
    rng = np.random.default_rng(5)
    tensors = {key: rng.normal(0, 0.3, each.shape).astype(np.float32) for key, each in net.tensors().items()}
    given = inputs(net, (16, 16), 5, 0.01, 0.1)
    usual = run(net, tensors, given, (16, 16))[0]
    with product.use(exact_blas.loop):
        assert np.array_equal(run(net, tensors, given, (16, 16))[0], usual)
    assert np.ptp(usual) > 0


def test_a_wrong_product_is_found() -> None:
    """The comparisons can fail: one wrong sum is seen."""
    net = next(each for each in FLOAT_NETWORKS if each.name == "mcm_phase0")
    tensors, given = weights("test", net), inputs(net, (33, 18), 1, 0.1, 0.0)
    usual = run(net, tensors, given, (33, 18))[0]

    def wrong(matrices: exact_blas.Float64, columns: exact_blas.Float64, out: exact_blas.Float64) -> None:
        np.matmul(matrices[:, None], columns, out=out)
        out[0, 0, 0, 0] += 2.0**40

    with product.use(wrong):
        assert not np.array_equal(run(net, tensors, given, (33, 18))[0], usual)


def test_everything_as_plain_python() -> None:
    """The smallest stream, completely, without compiled loops."""
    found = check(["--threads", "1"], {"NUMBA_DISABLE_JIT": "1"}, quick=True, only=[SMALLEST])
    assert not found["compiled"]


@needs_vectors
def test_the_quick_streams_are_there() -> None:
    assert {Path(each.split(":")[1]).stem for each in arguments(True)} == set(QUICK)
    transforms = {each.split(":")[2] for each in arguments(True) if each.count(":") == 2}
    assert transforms == {"sop", "bop", "hop"}
    assert os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0")
