"""`PIL.Image.open` of codestreams."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

from jpegai.conformance_streams import STREAMS
from jpegai.decoder import Decoder, pillow_plugin
from jpegai.decoder.picture.compare import read_png
from tests.pictures import near

SMALL = next(entry for entry in STREAMS if entry.file == "an_sop_64x64.jai")

pillow_plugin.register_jpegai_opener()


def test_open_reads_headers_and_load_decodes(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    decode = Decoder.decode
    monkeypatch.setattr(Decoder, "decode", lambda *a, **k: calls.append(a) or decode(*a, **k))  # type: ignore[func-returns-value]
    with Image.open(SMALL.path) as image:
        assert (image.format, image.mode, image.size) == ("JPEGAI", "RGB", (64, 64))
        assert image.info["edition"] == "is"
        assert image.info["img_width"] == 64
        assert image.info["synthesis_transform_id"][0] == 0
        assert not calls
        image.load()
        image.load()
        assert len(calls) == 1
        assert near(np.asarray(image), read_png(SMALL.reference("sop")))
        assert image.resize((8, 8)).size == (8, 8)


def test_streams_in_memory_and_files_that_were_closed() -> None:
    image = Image.open(io.BytesIO(SMALL.read()))
    assert near(np.asarray(image), read_png(SMALL.reference("sop")))
    with Image.open(SMALL.path) as image:
        pass
    assert near(np.asarray(image)[:1, :1], read_png(SMALL.reference("sop"))[:1, :1])


def test_size_limits_are_those_of_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 64 * 64 - 1)
    with pytest.warns(Image.DecompressionBombWarning):
        Image.open(io.BytesIO(SMALL.read()))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(Image.DecompressionBombError):
        Image.open(io.BytesIO(SMALL.read()))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Image.open(io.BytesIO(SMALL.read()))


def test_damage_and_missing_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.jai").write_bytes(SMALL.read()[:20])
    with pytest.raises(UnidentifiedImageError):
        Image.open(tmp_path / "x.jai")
    image = Image.open(SMALL.path)
    monkeypatch.setenv("JPEGAI_MODELS", "nowhere")
    with pytest.raises(OSError, match="nowhere"):
        image.load()
    monkeypatch.delenv("JPEGAI_MODELS")
    assert image.load() is not None


def test_other_files_are_left_alone() -> None:
    image = Image.open(io.BytesIO(SMALL.reference("sop")))
    assert image.format == "PNG"
