"""The cache: atomic, verified, and never needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jpegai.conformance_streams import STREAMS
from jpegai.decoder import cache
from jpegai.decoder.decoder import ENGINES

STREAM = next(entry for entry in STREAMS if entry.file == "an_sop_64x64.jai")
DECODE = """
import sys
from jpegai.decoder import Decoder
picture = Decoder("analytic", engine=sys.argv[2]).decode(sys.argv[1])
import hashlib; print(hashlib.sha256(picture.rgb).hexdigest())
from jpegai.decoder.models import analytic
print("onnx" in sys.modules, "numba" in sys.modules, "formulas evaluated:", analytic._fills.cache_info().misses)
"""


def start(engine: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", DECODE, str(STREAM.path), engine], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env={**os.environ, **environment},
    )  # fmt: skip


def finish(process: subprocess.Popen[str]) -> list[str]:
    out, error = process.communicate(timeout=300)
    assert process.returncode == 0, error
    assert not error
    return out.splitlines()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JPEGAI_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_what_is_stored_is_loaded(root: Path) -> None:
    assert cache.load("kind", "key") is None
    assert cache.store("kind", "key", b"content")
    assert bytes(cache.load("kind", "key") or b"") == b"content"
    assert [path.name for path in (root / "kind").iterdir()] == ["key"]


@pytest.mark.parametrize("damage", [b"", b"x", b"jpegai-cache-1\n", b"\0" * 100])
def test_a_damaged_entry_is_made_again(root: Path, damage: bytes) -> None:
    cache.store("kind", "key", b"content")
    (root / "kind" / "key").write_bytes(damage)
    made = []
    assert bytes(cache.get_or_make("kind", "key", lambda: made.append(1) or b"again")) == b"again"
    assert made == [1]
    assert bytes(cache.get_or_make("kind", "key", lambda: b"other")) == b"again"


def test_every_flipped_bit_is_noticed(root: Path) -> None:
    cache.store("kind", "key", b"content")
    path = root / "kind" / "key"
    good = path.read_bytes()
    for position in range(8 * len(good)):
        bad = bytearray(good)
        bad[position // 8] ^= 1 << position % 8
        path.write_bytes(bad)
        assert cache.load("kind", "key") is None


def test_keys_depend_on_every_part() -> None:
    keys = {cache.content_key(*parts) for parts in (("ab", "c"), ("a", "bc"), ("abc",), (b"ab", "cd"), ())}
    assert len(keys) == 5


@pytest.mark.parametrize("place", ["", "/proc/nowhere/cache"])
def test_no_writable_place(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JPEGAI_CACHE", place)
    assert not cache.store("kind", "key", b"content")
    assert bytes(cache.get_or_make("kind", "key", lambda: b"made")) == b"made"


def test_default_place_is_the_users_cache_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JPEGAI_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if sys.platform == "linux":
        assert cache.cache_directory() == tmp_path / "jpegai"


@pytest.mark.parametrize("engine", ENGINES)
def test_decoding_with_a_read_only_home(engine: str) -> None:
    """Root may write anywhere, so the home is one that cannot exist."""
    environment = {"HOME": "/proc/nowhere", "XDG_CACHE_HOME": "/proc/nowhere/cache"}
    if "JPEGAI_CACHE" in os.environ:
        environment["JPEGAI_CACHE"] = "/proc/x"
    assert len(finish(start(engine, **environment))) == 2


@pytest.mark.parametrize(("engine", "own"), [("exact", "self-tests"), ("float32", "graphs")])
def test_two_processes_start_at_once_then_one_with_damage(root: Path, engine: str, own: str) -> None:
    first, second = (finish(process) for process in (start(engine), start(engine)))
    assert first[0] == second[0]
    entries = [path for path in root.rglob("*") if path.is_file()]
    assert {path.parent.name for path in entries} == {own, "kernels", "weights"}
    assert not [path for path in entries if path.name.startswith(".")]

    warm = finish(start(engine))
    assert warm == [first[0], "False False formulas evaluated: 0"]

    for number, path in enumerate(entries):
        data = path.read_bytes()
        path.write_bytes([data[: len(data) // 2], b"", data[:-1] + b"?"][number % 3])
    assert finish(start(engine))[0] == first[0]
    assert finish(start(engine)) == warm
