"""How far the exact engine is from the float32 one, and that no format is too small for any stream."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest

from jpegai.conformance_streams import STREAMS as EMBEDDED
from jpegai.decoder import Decoder
from jpegai.decoder.recorder import Recorder
from tests.exact_figures import cases, compare
from tests.streams import VectorStream, perf_streams
from tests.vectors import needs_vectors

#: Streams of ``make test``: all transforms, sizes, formats and filters, small ones.
QUICK = (
    "an_sop_64x64", "an_bop_odd_97x131", "size_64x64", "size_crop_7x13", "sop_m2", "bop_m3", "hop_m0", "tile_64_48",
    "reg_dep_hop", "fmt_b_10", "flt_all_bop", "flt_all_hop", "flt_all_c", "sink_fmt",
)  # fmt: skip


@functools.cache
def decoder(models: str, engine: str = "exact") -> Decoder:
    return Decoder(models, engine=engine)


@needs_vectors
@pytest.mark.parametrize(
    ("stream", "entry"),
    [
        pytest.param(
            stream, entry, marks=() if stream.name in QUICK else pytest.mark.long,
            id=f"{stream.name} {entry['transform']}",
        )
        for stream, entry in cases()
    ],
)  # fmt: skip
def test_whole_tensors(stream: VectorStream, entry: dict[str, Any]) -> None:
    figures = compare(stream, entry, decoder(stream.models), decoder(stream.models, "float32"))
    assert not figures.faults, figures.row()


@needs_vectors
def test_a_difference_is_a_fault() -> None:
    stream, entry = next(case for case in cases() if case[0].name == "flt_all_a")
    figures = compare(stream, entry, decoder("test"), decoder("test", "float32"))
    assert not figures.faults
    figures.stages["latents"].largest = 2.0**-9 + 1e-6
    figures.stages["planes"].largest = 2.0**-5 + 1e-6
    figures.stages["picture"].differing = figures.stages["picture"].samples // 49
    figures.reference.largest["planes"] = 1.0
    figures.reference.unequal.append("primary.z")
    figures.reference.step = 3
    figures.cut = {"planes": 1}
    figures.judge()
    assert len(figures.faults) == 7


def cut(models: str, source: Path, transform: str | None = None) -> dict[str, int]:
    recorder = Recorder()
    decoder(models).record(source, recorder, transform=transform)
    return dict(recorder.saturations.counts)


@pytest.mark.parametrize("stream", EMBEDDED, ids=lambda stream: stream.file)
def test_no_value_of_an_embedded_stream_is_cut(stream: Any) -> None:
    for transform in stream.stages:
        assert not cut(stream.models, stream.path, transform)


@needs_vectors
@pytest.mark.long
@pytest.mark.parametrize("stream", perf_streams(), ids=lambda stream: stream.name)
def test_no_value_of_a_large_stream_is_cut(stream: VectorStream) -> None:
    assert not cut(stream.models, stream.path)
