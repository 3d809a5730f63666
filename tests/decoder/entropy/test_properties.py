"""Properties of the coder: round trips, hostile bytes, equal results for any number of workers and as plain Python."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from jpegai.codestream import JpegAIError
from jpegai.decoder.entropy.residual import decode_residual
from jpegai.decoder.entropy.tables import NOT_CODED, residual_tables, z_cdf
from jpegai.decoder.entropy.z import decode_z
from jpegai.decoder.workers import Workers
from tests.decoder.entropy.encoder import encode_residual, encode_z, payloads
from tests.decoder.entropy.sample import sample
from tests.vectors import needs_spec

ROOT = Path(__file__).resolve().parents[3]
WORKERS = [Workers(1), Workers(2)]
THREADS = st.sampled_from([1, 2, 3, 4, 8, 16])


@st.composite
def symbols(draw):
    """Distribution, coded flag and value; values crowd around the bound and the ends of 16 bits."""
    distribution = draw(st.integers(0, 31))
    bound = int(residual_tables().bounds[distribution])
    value = draw(
        st.one_of(
            st.integers(-bound, bound),
            st.sampled_from([-bound - 5, -bound - 4, bound + 3, bound + 4, -32768, 32767]),
            st.integers(-32768, 32767),
        )
    )
    return distribution, draw(st.integers(0, 3)) > 0, value


@needs_spec
@settings(max_examples=150, deadline=None)
@given(threads=THREADS, content=st.lists(symbols(), max_size=140), uncoded=st.booleans())
def test_residual_round_trip(threads, content, uncoded):
    if uncoded:  # long runs without a symbol
        content = [(d, coded and (i >> 5) % 2 == 0, v) for i, (d, coded, v) in enumerate(content)]
    distributions, coded, values = [list(column) for column in zip(*content, strict=True)] or [[], [], []]
    data = encode_residual(values, distributions, coded, threads)
    entries = np.where(np.array(coded, bool), distributions, NOT_CODED).astype(np.uint8).reshape(-1, 1, 1)
    for workers in WORKERS:
        result, findings = decode_residual(payloads(data), entries, workers)
        assert findings == []
        assert result.ravel().tolist() == [value if used else 0 for value, used in zip(values, coded, strict=True)]


@needs_spec
@settings(max_examples=100, deadline=None)
@given(
    threads=THREADS,
    frequencies=st.lists(
        st.lists(st.one_of(st.integers(1, 100), st.integers(1, 2**31 - 1)), min_size=63, max_size=63),
        min_size=1,
        max_size=4,
    ),
    positions=st.integers(1, 30),
    seed=st.integers(0, 2**32),
)
def test_z_round_trip(threads, frequencies, positions, seed):
    cdf = z_cdf(np.array(frequencies, np.int32))
    expected = np.random.default_rng(seed).integers(0, 63, (len(cdf), positions))
    data = encode_z(list(zip(expected.tolist(), cdf.tolist(), strict=True)), threads)
    for workers in WORKERS:
        (first, rest), findings = decode_z(payloads(data), [cdf[:1], cdf[1:]], (1, positions), workers)
        assert findings == []
        assert np.concatenate([first, rest])[:, 0].tolist() == (expected - 31).tolist()


@settings(max_examples=300, deadline=None)
@given(
    data=st.lists(st.binary(max_size=60), min_size=1, max_size=4),
    entries=st.binary(max_size=200),
    z=st.booleans(),
)
def test_any_bytes_decode_or_raise_an_error_of_ours(data, entries, z):
    results = [outcome(data, entries, z, workers) for workers in WORKERS]
    assert "\n" not in results[0]
    assert results[0] == results[1]


def outcome(data: list[bytes], entries: bytes, z: bool, workers: Workers) -> str:
    """What decoding gives, or says; any other exception fails the test."""
    # entries of 32..254 never come from a scale; they must not lead out of the tables either
    coding_map = np.frombuffer(entries, np.uint8).reshape(1, 1, -1)
    cdf = z_cdf(1 + np.arange(63 * 3, dtype=np.int32).reshape(3, 63) % 50)
    try:
        if z:
            (values,), findings = decode_z(payloads(data), [cdf], (1, len(entries)), workers)
        else:
            values, findings = decode_residual(payloads(data), coding_map, workers)
    except JpegAIError as error:
        return str(error)
    return f"{values.tolist()} {findings}"


@needs_spec
def test_plain_python_gives_the_same():
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", "-m", "tests.decoder.entropy.sample"]
    plain = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert plain.stdout.strip() == sample()


def test_importing_the_package_loads_nothing():
    code = "import sys, jpegai.decoder.entropy; print({'numpy', 'numba'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
