"""The decoder as a library: limits, bands, threads, reuse."""

from __future__ import annotations

import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jpegai.codestream import Codestream, LimitError, ModelError, UnsupportedError
from jpegai.conformance_streams import STREAMS, EmbeddedStream
from jpegai.decoder import Decoder
from jpegai.decoder.picture.compare import read_png
from jpegai.decoder.plan import DEFAULT_MAX_PIXELS, make_plan
from jpegai.tools.options import MAX_PIXELS
from tests.pictures import close

LARGEST = next(entry for entry in STREAMS if entry.file == "demo_chelsea.jai")
ODD = next(entry for entry in STREAMS if entry.file == "an_bop_odd_97x131.jai")


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    return Decoder("analytic", engine="float32")


@pytest.mark.parametrize("entry", STREAMS, ids=lambda entry: entry.file)
def test_embedded_streams_give_their_pictures(entry: EmbeddedStream, decoder: Decoder) -> None:
    assert entry.intact
    assert entry.rights
    for transform in entry.references:
        picture = decoder.decode(entry.read(), transform=transform)
        assert close(picture.rgb, read_png(entry.reference(transform)))
        assert picture.transform == transform.upper()
        assert not picture.findings


def test_comparison_can_fail() -> None:
    reference = read_png(ODD.reference("bop"))
    assert close(reference, reference)
    brighter = reference.copy()
    brighter[50, 50] ^= 2
    assert not close(reference, brighter)


def test_dump_and_decode_agree(decoder: Decoder) -> None:
    results = decoder.dump(ODD.read())
    assert np.array_equal(results["picture"], decoder.decode(ODD.read()).rgb)
    assert results["primary.z"].shape == (160, 3, 2)
    assert results["secondary.latents"].shape == (96, 9, 7)
    assert set(np.unique(results["primary.coded_mask"])) <= {0, 1}


def least_memory(stream: Codestream, transform: str) -> int:
    """The smallest limit that the thinnest bands fit in, to a kilobyte."""
    low, high = 0, make_plan(stream, transform).memory
    while high - low > 1024:
        middle = (low + high) // 2
        try:
            make_plan(stream, transform, max_memory=middle)
            high = middle
        except LimitError:
            low = middle
    return high


@pytest.mark.parametrize("entry", [LARGEST, ODD], ids=lambda entry: entry.file)
@pytest.mark.parametrize("transform", ["sop", "bop"])
def test_bands_change_nothing_but_rounding(entry: EmbeddedStream, transform: str, decoder: Decoder) -> None:
    stream = Codestream.parse(entry.read())
    expected = decoder.dump(stream, transform=transform)
    least, full = least_memory(stream, transform.upper()), make_plan(stream, transform.upper()).memory
    for limit in (least, (least + full) // 2) if least < full - 2048 else ():
        plan = make_plan(stream, transform.upper(), max_memory=limit)
        bands = [piece.core.rows for piece in plan.synthesis[0]]
        assert len(bands) > 1
        assert plan.together
        assert plan.memory <= limit
        assert [band.start for band in bands[1:]] == [band.stop for band in bands[:-1]]
        assert bands[-1].stop == plan.height
        found = Decoder(decoder.store, engine="float32", max_memory=limit).dump(stream, transform=transform)
        assert close(found["picture"], expected["picture"])
        for name in ("primary.planes", "secondary.planes"):
            assert np.abs(found[name] - expected[name]).max() <= 3e-3
    thinnest = make_plan(stream, transform.upper(), max_memory=least).synthesis[0]
    assert len(thinnest) >= 5


class Shapes(Decoder):
    """Notes the shapes of what the synthesis networks read."""

    shapes: dict[str, list[tuple[int, ...]]]

    def network(self, name: str, model_id: int) -> Any:
        found = super().network(name, model_id)
        if not name.endswith(("_prim", "_sec")):
            return found

        def run(latents: np.ndarray, size: tuple[int, int]) -> np.ndarray:
            self.shapes.setdefault(name, []).append(latents.shape)
            return found(latents, size=size)

        return run


def test_the_largest_band_is_first(decoder: Decoder) -> None:
    """The arena of the runtime keeps what it took for a run; growing runs would each add to it."""
    stream = Codestream.parse(LARGEST.read())
    bounded = Shapes(decoder.store, max_memory=least_memory(stream, "BOP"))
    bounded.shapes = {}
    bounded.decode(stream, transform="bop")
    for shapes in bounded.shapes.values():
        sizes = [math.prod(shape) for shape in shapes]
        assert len(set(sizes)) > 1
        assert sizes == sorted(sizes, reverse=True)


def test_integers_are_the_same_with_any_number_of_threads(decoder: Decoder) -> None:
    expected = decoder.dump(LARGEST.read(), transform="sop")
    for threads in (1, 2, 5):
        results = Decoder(decoder.store, engine="float32", threads=threads).dump(LARGEST.read(), transform="sop")
        for name, array in results.items():
            kind = name.rsplit(".", 1)[-1]
            if (array.dtype.kind in "iu" and name != "picture") or kind == "residual_dequantised":
                assert np.array_equal(array, expected[name]), name
        assert close(results["picture"], expected["picture"])


def test_a_decoder_is_reusable_from_several_threads(decoder: Decoder) -> None:
    streams = [entry.read() for entry in STREAMS[2:]] * 2
    expected = [decoder.decode(data, transform=transform_of(data)).rgb for data in streams]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda data: decoder.decode(data, transform=transform_of(data)).rgb, streams))
    assert all(close(a, b) for a, b in zip(found, expected, strict=True))


def transform_of(data: bytes) -> str:
    return "sop" if Codestream.parse(data).pih.synthesis_transform_id[0] == 0 else "bop"


def test_limits_name_what_they_found(decoder: Decoder) -> None:
    with pytest.raises(LimitError, match=r"--max-pixels.*at most 1000 samples.*97 x 131") as caught:
        Decoder(decoder.store, engine="float32", max_pixels=1000).decode(ODD.read())
    assert caught.value.selector == "pih.img_width_minus64"
    with pytest.raises(LimitError, match=r"--max-memory.*at most 1 MiB.*estimate of"):
        Decoder(decoder.store, engine="float32", max_memory=1 << 20).decode(LARGEST.read(), transform="bop")
    assert DEFAULT_MAX_PIXELS == MAX_PIXELS


def test_hop_takes_the_whole_picture_or_nothing(decoder: Decoder) -> None:
    """Attention makes every sample depend on all latents (06.13 item 5): no bands, whatever the memory."""
    stream = Codestream.parse(LARGEST.read())
    plan = make_plan(stream, "HOP")
    assert len(plan.synthesis[0]) == 1
    assert make_plan(stream, "HOP", max_memory=plan.memory).synthesis == plan.synthesis
    with pytest.raises(LimitError, match=r"--max-memory.*in the thinnest bands that HOP allows") as caught:
        make_plan(stream, "HOP", max_memory=plan.memory - 1)
    assert caught.value.exit_code == 6
    assert decoder.decode(stream).transform == "HOP"  # the first one listed


@pytest.mark.parametrize("models", ["/does/not/exist", "nonsense"])
def test_models_that_are_not_there(models: str) -> None:
    with pytest.raises(ModelError):
        Decoder(models, engine="float32").decode(ODD.read())


@pytest.mark.parametrize("arguments", [{"threads": 0}, {"engine": "exactly"}])
def test_arguments_out_of_range(arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"must be|none of"):
        Decoder("analytic", **arguments)  # type: ignore[arg-type]


def test_channels_out_of_range(decoder: Decoder) -> None:
    with pytest.raises(ValueError, match="at least 0"):
        decoder.decode(ODD.read(), channels=(-1, 96))
    more = decoder.decode(ODD.read(), channels=(1000, 1000))
    assert close(more.rgb, decoder.decode(ODD.read()).rgb)


def test_saving(decoder: Decoder, tmp_path: Path) -> None:
    picture = decoder.decode(ODD.read())
    picture.save(tmp_path / "out.png")
    assert np.array_equal(read_png((tmp_path / "out.png").read_bytes()), picture.rgb)
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]
    with pytest.raises(UnsupportedError, match=r"\.bmp"):
        picture.save(tmp_path / "out.bmp")
    with pytest.raises(FileNotFoundError):
        picture.save(tmp_path / "missing" / "out.png")


def test_plain_python_gives_the_same_integers(decoder: Decoder, tmp_path: Path) -> None:
    """The same functions with NUMBA_DISABLE_JIT=1."""
    import os

    entry = next(entry for entry in STREAMS if entry.file == "an_sop_64x64.jai")
    code = (
        "import sys, numpy as np; from jpegai.decoder import Decoder\n"
        "np.savez(sys.argv[2], **Decoder('analytic', engine='float32').dump(sys.argv[1]))"
    )
    out = tmp_path / "plain.npz"
    subprocess.run(
        [sys.executable, "-c", code, str(entry.path), str(out)],
        check=True,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
    )
    expected, found = decoder.dump(entry.path), np.load(out)
    for name, array in expected.items():
        if name != "picture" and (array.dtype.kind in "iu" or name.endswith("residual_dequantised")):
            assert np.array_equal(array, found[name]), name
    assert close(expected["picture"], found["picture"])
