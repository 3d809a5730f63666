"""The filters on fixed point: the integers that ``docs/exact-filters.md`` defines, whatever computes them."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jpegai.decoder.engines.formats import PLANE_LIMIT, Saturations
from jpegai.decoder.filters import Pictures, Supplies, Window, WindowPlanes, eicci
from jpegai.decoder.filters.haar import BANDS, forward, inverse
from jpegai.decoder.recorder import Recorder
from jpegai.decoder.workers import Workers
from tests.decoder.filters import exact_reference as plain
from tests.decoder.filters import test_streams, test_vectors
from tests.decoder.filters.exact_material import (
    ONE,
    SMALL,
    Small,
    digest,
    far_network,
    fixed_networks,
    fixed_planes,
    fixed_resample,
    floats,
    small,
)
from tests.decoder.filters.material import Case, case
from tests.decoder.filters.test_streams import STEPS, Step, largest_difference
from tests.decoder.filters.test_vectors import expected_samples
from tests.vectors import needs_spec, needs_vectors, spec_list

ROOT = Path(__file__).resolve().parents[3]
CASES = spec_list("filter_vectors", "cases")
#: Where eICCI's coefficients are rounded on both sides of a network: 0.008 of a sample at most each, and what the
#: network makes of it. Filters without networks keep the tolerances of float32.
EICCI_TOLERANCE = 2**-5


# -- against plain arithmetic -------------------------------------------------------------------------------------


def reference(made: Small, planes: WindowPlanes) -> tuple[list[Any], dict[str, int]]:
    """Planes and counts of a small picture, in plain Python."""
    chain, counts = made.chain, {}
    y, u, v = (plane.tolist() for plane in planes)
    sides = [u, v]
    others: list[Any] = sides
    if chain.efe_linear is not None:
        samples = plain.Samples()
        main, other = (
            [
                plain.efe_linear(made.ton, s, k, chain.picture, y, side, samples)
                for k, side in enumerate(sides)
                if s == 1 or chain.efe_linear.alternative is not None
            ]
            for s in (1, 0)
        )
        sides, others, counts["efe_linear"] = main, other, samples.cut
    if chain.eicci is not None:
        samples = plain.Samples()
        y, *sides = plain.eicci(chain.eicci, far_network, [y, *sides], samples)
        counts["eicci"] = samples.cut
    if chain.efe_nonlinear is not None:
        samples = plain.Samples()
        sides = [
            plain.efe_nonlinear(made.ton, k, chain.picture, y, side, others[k] if others else side, samples)
            for k, side in enumerate(sides)
        ]
        counts["efe_nonlinear"] = samples.cut
    if chain.lef is not None:
        y = plain.lef(made.model_id, made.scale, y)
    return [y, *sides], {name: count for name, count in counts.items() if count}


@pytest.mark.parametrize("wild", [False, True], ids=["calm", "wild"])
@pytest.mark.parametrize("name", SMALL)
def test_every_integer_is_that_of_plain_arithmetic(name: str, wild: bool) -> None:
    made = small(name)
    before = made.planes(wild=wild)
    after, counts = made.run(before)
    expected, cut = reference(made, before)
    # all of a thin picture is border, which LEF only clips
    assert name == "lef_thin" or any(not np.array_equal(a, b) for a, b in zip(after, before, strict=True))
    assert [plane.tolist() for plane in after] == expected
    assert counts == cut


def test_wild_samples_leave_the_format() -> None:
    cut = {stage for name in SMALL for stage in small(name).run(small(name).planes(wild=True))[1]}
    assert cut == {"efe_linear", "eicci", "efe_nonlinear"}


def test_what_the_format_cuts_is_counted() -> None:
    """Chroma times 17, without a mean: 964 times 17 lies just beyond the format, 963 times 17 does not."""
    made = small("linear_444")
    assert made.chain.efe_linear is not None
    (u, _) = made.chain.efe_linear.main
    assert u is not None
    kernels = np.zeros_like(u.chroma)
    kernels[..., 1, 1] = 17
    filters = (dataclasses.replace(u, mean=0, chroma=kernels, luma=np.zeros_like(u.luma)), None)
    each = dataclasses.replace(made.chain.efe_linear, main=filters, alternative=None)
    before = made.planes(wild=False)
    before.u[:] = 963 * ONE
    before.u[3, :5], before.u[4, 5] = 964 * ONE, -964 * ONE
    saturations = Saturations()
    after = each.apply(Pictures(before), made.chain.picture.whole, Supplies(Workers(1), saturations=saturations)).main
    assert saturations.counts == {"efe_linear": 6}
    assert after.u[0, 0] == 963 * 17 * ONE
    assert after.u[3, 0] == -after.u[4, 5] == PLANE_LIMIT


def test_coefficients_of_the_ramp() -> None:
    """The example of 8.4.5, times 2^16 / 255."""
    z = np.empty((BANDS, 1, 1), np.int32)
    forward((ONE * np.arange(16, dtype=np.int32)).reshape(4, 4), 255, z, 0, (0, 0), (4, 4), Workers(1))
    expected = np.array([30, 4, 16, 0, 2, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0])
    assert z.ravel().tolist() == np.rint(expected * ONE / 255).tolist()


@settings(deadline=None)
@given(st.lists(st.integers(0, 255 * ONE), min_size=16, max_size=16))
def test_untouched_coefficients_give_back_the_sample_but_for_2_to_the_minus_7(samples: list[int]) -> None:
    x, z = np.array(samples, np.int32).reshape(4, 4), np.empty((BANDS, 1, 1), np.int32)
    forward(x, 255, z, 0, (0, 0), (4, 4), Workers(1))
    back = np.empty_like(x)
    assert inverse(z, 0, Window(0, 0, 1, 1), back, (0, 0), Window(0, 0, 4, 4), Workers(1)) == 0
    assert np.abs(back - x).max() <= ONE >> 7


# -- the same integers everywhere ---------------------------------------------------------------------------------


def test_plain_python_gives_the_same() -> None:
    """Numbers of NumPy warn where they overflow, and warnings are errors here."""
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", "-m", "tests.decoder.filters.exact_material"]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == digest()


def exact_case(entry: dict[str, Any], networks: Any = far_network) -> Case:
    made = case(entry)
    supplies = dataclasses.replace(made.supplies, networks=networks, resample=fixed_resample)
    return dataclasses.replace(made, planes=fixed_planes(made.planes), supplies=supplies)


def filtered(made: Case, window: Window | None = None) -> WindowPlanes:
    chain = made.chain
    window = window or chain.picture.whole
    return chain.apply(made.planes.crop(chain.reads(window), chain.picture), window, made.supplies, Recorder())


def same(one: WindowPlanes, other: WindowPlanes) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("entry", CASES, ids=lambda entry: entry["name"])
def test_windows_are_parts_of_the_whole(entry: dict[str, Any]) -> None:
    made = exact_case(entry)
    picture, whole = made.chain.picture, filtered(made)
    sides = [st.tuples(st.integers(0, n - 1), st.integers(1, n)) for n in picture.whole.shape]

    @settings(max_examples=20, deadline=None, database=None)
    @given(*sides)
    def windows(rows: tuple[int, int], columns: tuple[int, int]) -> None:
        top, left = rows[0], columns[0]
        window = Window(top, left, min(top + rows[1], picture.height), min(left + columns[1], picture.width))
        window = picture.around(window)
        assert same(filtered(made, window), whole.crop(window, picture))

    windows()


@pytest.mark.parametrize("entry", CASES, ids=lambda entry: entry["name"])
def test_neither_threads_nor_runs_of_networks_change_anything(
    entry: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = exact_case(entry)
    one = filtered(made)
    monkeypatch.setattr(eicci, "_RUN_CELLS", 100)
    for module in ("efe_linear", "efe_nonlinear", "lef", "haar", "eicci"):
        monkeypatch.setattr(f"jpegai.decoder.filters.{module}.grain", lambda _: 1)
    for threads in (2, 3):
        supplies = dataclasses.replace(made.supplies, workers=Workers(threads))
        assert same(one, filtered(dataclasses.replace(made, supplies=supplies)))


@needs_spec
def test_planes_are_of_one_kind() -> None:
    made = exact_case(CASES[0])
    mixed = dataclasses.replace(made, planes=dataclasses.replace(made.planes, u=floats(made.planes.u)))
    with pytest.raises(ValueError, match="do not hold"):
        filtered(mixed)


# -- against the reference decoder --------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", CASES, ids=lambda entry: entry["name"])
def test_case_of_the_specification_on_fixed_point(entry: dict[str, Any]) -> None:
    made = exact_case(entry, fixed_networks(case(entry).supplies.networks))
    tolerance = test_vectors.TOLERANCE if made.chain.eicci is None else EICCI_TOLERANCE
    for name, plane, source in zip("YUV", filtered(made), made.planes, strict=True):
        expected = expected_samples(entry, name)
        if expected is None:
            assert np.array_equal(plane, source)
            continue
        stride, values = expected
        assert np.abs(plane[::stride, ::stride].ravel() / ONE - values).max() < tolerance


@pytest.mark.parametrize("step", STEPS, ids=lambda step: f"{step.stream.name}-{step.stage}")
def test_filter_alone_on_fixed_point(step: Step) -> None:
    tolerance = EICCI_TOLERANCE if step.stage == "eicci" else test_streams.TOLERANCE
    assert largest_difference(step, exact=True) <= tolerance


@needs_vectors
def test_steps_of_streams_are_there() -> None:
    assert len(STEPS) == 24
