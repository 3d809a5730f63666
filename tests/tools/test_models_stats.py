"""`jpegai models stats`: counts, and predictions next to measurements. No time is asserted."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from jpegai.conformance_streams import STREAMS
from jpegai.decoder import rates as measuring
from jpegai.decoder.work import KINDS
from tests.decoder.reference_networks import table
from tests.tools.inprocess import run
from tests.tools.test_schemas import validator

SMALL = STREAMS[-1].path


@pytest.fixture(autouse=True)
def _quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run everything that is measured once."""
    least = measuring.least

    def once(
        runs: Sequence[Callable[[], Mapping[str, float]]], rounds: int | None = None
    ) -> list[dict[str, float]]:
        return least(runs, 1)

    monkeypatch.setattr(measuring, "least", once)
    monkeypatch.setattr("jpegai.conformance_streams.STREAMS", STREAMS[-2:])
    monkeypatch.delenv("JPEGAI_MODELS", raising=False)


def as_json(*arguments: object) -> dict[str, Any]:
    result = run("models", "stats", "--json", *arguments)
    assert (result.code, result.stderr) == (0, "")
    document: dict[str, Any] = json.loads(result.stdout)
    validator("models").validate(document)
    return document


def test_counts() -> None:
    document = as_json()
    assert "prediction" not in document
    for network in document["networks"]:
        assert network["parameters"] == table(network["name"])["parameters"]
        assert network["kmac_per_pixel"] == pytest.approx(float(table(network["name"])["mac_per_luma_pixel"]) / 1000)
    decoders = {each["transform"]: each for each in document["decoders"]}
    assert {name: each["published_kmac_per_pixel"] for name, each in decoders.items()} == {
        "SOP": 8,
        "BOP": 23,
        "HOP": 214,
    }
    text = run("models", "stats").stdout.decode()
    for number in ("4 421 360", "14.319", "148.48", "195.651", "214", "06.12", "per position"):
        assert number in text


def test_prediction_next_to_a_decode() -> None:
    document = as_json("--predict", SMALL, "--runs", 2, "--threads", 2, "--engine", "float32")
    prediction = document["prediction"]
    assert {entry["kind"]: entry["unit"] for entry in prediction["rates"]} == KINDS
    assert (prediction["machine"]["engine"], prediction["machine"]["threads"]) == ("float32", 2)
    (stream,) = prediction["streams"]
    assert (stream["file"], stream["transform"], stream["runs"]) == (str(SMALL), "SOP", 2)
    assert (stream["width"], stream["height"]) == (64, 64)
    assert set(stream["measured"]) == {*stream["predicted"], "model load", "LSBS"}  # these two cost nothing here
    assert stream["predicted_total"] == pytest.approx(sum(stream["predicted"].values()))
    assert stream["ratio"] == pytest.approx(stream["predicted_total"] / stream["measured_total"])
    text = run("models", "stats", "--predict", SMALL, "--threads", 2, "--engine", "float32").stdout.decode()
    for words in ("dense convolution", "GMAC/s", "whole decode", "synthesis", "networks, once", "ratio"):
        assert words in text


def test_prediction_alone() -> None:
    (stream,) = as_json("--predict", SMALL, "--runs", 0)["prediction"]["streams"]
    assert (stream["measured"], stream["measured_total"], stream["ratio"]) == ({}, None, None)
    assert stream["predicted_total"] > 0


def test_rates_are_measured_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JPEGAI_CACHE", str(tmp_path))
    made = []
    rates = dict.fromkeys(KINDS, 1e-9)
    monkeypatch.setattr(measuring, "measure", lambda *_: made.append(1) or rates)
    arguments = "models", "stats", "--predict", SMALL, "--runs", 0
    for extra, expected in (((), 1), ((), 1), (("--remeasure",), 2)):
        assert run(*arguments, *extra).code == 0
        assert len(made) == expected


def test_streams_and_predict_go_together() -> None:
    assert run("models", "stats", SMALL).code == 2
    assert run("models", "stats", "--predict").code == 2
    assert run("models", "stats", "--predict", "nothing.jai").code == 3
