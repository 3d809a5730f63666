"""`ModelStore`: the same weights from every source, checks of names, shapes, types and values (09.6)."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jpegai.codestream.errors import ModelError
from jpegai.decoder.models import ModelStore, eicci_file_name, file_name, official, sources, test_models
from jpegai.decoder.models.official import official_files
from tests.decoder.models.official_writer import write_checkpoint

TEST = ModelStore.open("test")
COMMON = file_name("common_UV", 1)
SOP = file_name("sop_decoder_UV", 1)


def tensors_of(file: str) -> dict[str, Any]:
    return dict(TEST.tensors(file))


def directory(tmp_path: Path, changes: dict[str, Any] | None = None, extra: dict[str, Any] | None = None) -> ModelStore:
    """Return a store of two checkpoints of test models, one of them changed."""
    tensors = tensors_of(COMMON) | (changes or {})
    kept = {name: array for name, array in tensors.items() if array is not None}
    write_checkpoint(tmp_path / COMMON, kept, extra)
    write_checkpoint(tmp_path / SOP, tensors_of(SOP))
    return ModelStore.open(tmp_path)


def test_names_of_files() -> None:
    assert file_name("common_Y", 0) == "VM_common_int/Y_0.002.pth"
    assert file_name("hop_decoder_UV", 3) == "VM_hop/decoder_UV_0.5.pth"
    assert eicci_file_name("hop", 7).endswith("eicci_hop_mss050_300k.pth")
    with pytest.raises(ModelError, match="no common_Y model with model_id 4"):
        file_name("common_Y", 4)
    with pytest.raises(ModelError, match="no eicci model 10 in the bank 'bop'"):
        eicci_file_name("bop", 10)


def test_sources_that_do_not_exist(tmp_path: Path) -> None:
    for source in (tmp_path / "nothing", "no-such-models", "nul\0byte", "x" * 5000, ""):
        with pytest.raises(ModelError):
            ModelStore.open(source)
    with pytest.raises(ModelError, match=r"no checkpoint of the official layout here, for example .*Y_0.002.pth"):
        ModelStore.open(tmp_path)


def test_a_path_is_never_a_built_in_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    directory(tmp_path / "analytic")
    assert ModelStore.open("analytic").built_in
    assert set(ModelStore.open(Path("analytic")).files()) == {COMMON, SOP}


def test_directory_gives_equal_tensors(tmp_path: Path) -> None:
    opened = directory(tmp_path)
    assert set(opened.files()) == {COMMON, SOP}
    for file in opened.files():
        read, made = opened.tensors(file), TEST.tensors(file)
        assert list(read) == list(made)
        assert len(read) == len(made)
        for name in made:
            assert read[name].dtype == made[name].dtype
            assert not read[name].flags.writeable
            np.testing.assert_array_equal(read[name], made[name])


def test_files_that_are_not_there(tmp_path: Path) -> None:
    opened = directory(tmp_path)
    missing = file_name("sop_decoder_Y", 1)
    with pytest.raises(ModelError, match="there is no such checkpoint") as caught:
        opened.tensors(missing)
    assert str(tmp_path / missing) in str(caught.value)
    assert opened.status(missing) == "missing"
    with pytest.raises(ModelError, match=r"the official layout has no file 'VM_sop/other.pth'"):
        opened.tensors("VM_sop/other.pth")
    with pytest.raises(ModelError, match="built-in models analytic have no such file"):
        ModelStore.open("analytic").tensors(file_name("hop_encoder_Y", 0))
    with pytest.raises(ModelError, match="common_Y_float are not part of the specification"):
        TEST.tensors("VM_common/Y_0.002.pth")


def test_alias_of_the_gains(tmp_path: Path) -> None:
    gains = TEST.tensors(COMMON)["vr_vec.c"]
    opened = directory(tmp_path, {"vr_vec.c": None, "quantizer.gain_unit.c": gains})
    for name in ("vr_vec.c", "quantizer.gain_unit.c"):
        np.testing.assert_array_equal(opened.tensors(COMMON)[name], gains)
        assert name in opened.tensors(COMMON)
    assert "vr_vec.c" in list(opened.tensors(COMMON))
    assert opened.unknown_entries(COMMON) == ()


def test_alias_and_name_together_are_refused(tmp_path: Path) -> None:
    opened = directory(tmp_path, {"quantizer.gain_unit.c": TEST.tensors(COMMON)["vr_vec.c"]})
    with pytest.raises(ModelError, match="is there twice"):
        opened.tensors(COMMON)


WEIGHT = "hyper_decoder.conv3.weight"
INTEGER = "hyper_scale_decoder.conv1.weight"


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_other_float_types_are_converted(tmp_path: Path, dtype: str) -> None:
    other = TEST.tensors(COMMON)[WEIGHT].astype(dtype)
    read = directory(tmp_path, {WEIGHT: other}).tensors(COMMON)[WEIGHT]
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, other.astype(np.float32))


def with_value(name: str, index: int, value: float, dtype: str | None = None) -> Any:
    array = TEST.tensors(COMMON)[name].copy()
    array = array.astype(dtype or array.dtype)
    array.flat[index] = value
    return array


FAULTS = {
    "missing": (WEIGHT, None, "the tensor is missing"),
    "shape": (WEIGHT, np.zeros((96, 96, 3), np.float32), r"wrong shape \(expected 96x96x3x3, found 96x96x3\)"),
    "transposed": (WEIGHT, np.zeros((3, 3, 96, 96), np.float32), "wrong shape"),
    "integers for floats": (
        WEIGHT,
        np.zeros((96, 96, 3, 3), np.int32),
        r"wrong type \(expected float32, found int32\)",
    ),
    "floats for integers": (INTEGER, np.zeros((96, 96, 1, 1), np.float32), "wrong type"),
    "wider integers": (INTEGER, np.zeros((96, 96, 1, 1), np.int32), r"wrong type \(expected int8, found int32\)"),
    "numbers for flags": ("hyper_entropy.is_quantized", np.ones(1, np.uint8), "wrong type"),
    "not a tensor": (WEIGHT, [1, 2, 3], "is not a tensor"),
    "infinite": (WEIGHT, with_value(WEIGHT, 5, np.inf), "not finite"),
    "not a number": ("vr_vec.c", with_value("vr_vec.c", 5, np.nan), "not finite"),
    "beyond float32": (WEIGHT, with_value(WEIGHT, 5, 1e300, "float64"), "not finite"),
    "shift": (
        "hyper_scale_decoder.conv1.per_channel_shifts",
        with_value("hyper_scale_decoder.conv1.per_channel_shifts", 0, -1),
        "shift out of range",
    ),
    "frequency": ("hyper_entropy.freqs_int", with_value("hyper_entropy.freqs_int", 9, -1), "negative frequencies"),
    "frequencies": ("hyper_entropy.freqs_int", np.zeros((96, 63), np.int32), "a channel without any"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_wrong_tensors_are_named(tmp_path: Path, fault: str) -> None:
    name, value, message = FAULTS[fault]
    opened = directory(tmp_path, {name: value})
    with pytest.raises(ModelError, match=message) as caught:
        _ = opened.tensors(COMMON)[name]
    assert str(caught.value).startswith(f"{tmp_path / COMMON}, {name}: ")
    for other in ("hyper_scale_decoder.conv1.bias", "hyper_decoder.conv2.bias"):  # a fault hurts only what it concerns
        if fault != "numbers for flags":
            np.testing.assert_array_equal(opened.tensors(COMMON)[other], TEST.tensors(COMMON)[other])


@pytest.mark.parametrize("name", ["hyper_entropy.is_quantized", "hyper_scale_decoder.depthwise.is_quantized"])
def test_float_variant_is_refused(tmp_path: Path, name: str) -> None:
    floats = np.zeros((96, 96, 3, 3), np.float32)
    opened = directory(tmp_path, {name: np.array([False]), "hyper_scale_decoder.depthwise.weight": floats})
    with pytest.raises(ModelError, match="the float variant of the model is not part of the specification"):
        opened.tensors(COMMON)


def test_a_tensor_that_no_file_has(tmp_path: Path) -> None:
    opened = directory(tmp_path)
    for tensors in (opened.tensors(COMMON), TEST.tensors(COMMON)):
        assert "conv9.weight" not in tensors
        assert 5 not in tensors
        with pytest.raises(ModelError, match=r"conv9.weight: the official layout has no such tensor"):
            _ = tensors["conv9.weight"]


def test_unneeded_entries_are_ignored_and_named(tmp_path: Path) -> None:
    ones = np.ones(3, np.float32)
    extra = {"epoch": 3, "optimizer": {"state": {0: ones}}, "entropy.scale_table": ones, "surprise": ones, "more": 1}
    opened = directory(tmp_path, extra=extra)
    assert opened.unknown_entries(COMMON) == ("surprise", "more")
    assert list(opened.tensors(COMMON)) == list(TEST.tensors(COMMON))


def test_scalars_may_have_one_dimension(tmp_path: Path) -> None:
    file = eicci_file_name("bop", 0)
    name = "BNY.num_batches_tracked"
    tensors = tensors_of(file)
    write_checkpoint(tmp_path / file, tensors | {name: np.array([77], np.int64)})
    read = ModelStore.open(tmp_path).tensors(file)[name]
    assert read.shape == ()
    assert read == 77


def test_digests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["conv4.weight", "conv3.bias"]
    first = directory(tmp_path / "a")
    same = directory(tmp_path / "b")
    write_checkpoint(tmp_path / "c" / SOP, tensors_of(SOP) | {"conv4.weight": tensors_of(SOP)["conv4.weight"] + 1})
    other = ModelStore.open(tmp_path / "c")
    for asked in (None, names):
        assert first.digest(SOP, asked) == same.digest(SOP, asked) != other.digest(SOP, asked)
    assert first.digest(SOP, ["conv3.bias"]) == other.digest(SOP, ["conv3.bias"]) != first.digest(SOP, names)
    assert first.digest(SOP, reversed(names)) == first.digest(SOP, names)
    built_in = {ModelStore.open(name).digest(file) for name in ("analytic", "test") for file in (SOP, COMMON)}
    assert len(built_in) == 4
    monkeypatch.setattr(test_models, "random_integers", None)  # nothing is generated
    assert TEST.digest(SOP, names) == TEST.digest(SOP) in built_in
    with pytest.raises(ModelError):
        ModelStore.open("analytic").digest(file_name("hop_encoder_Y", 0))
    with pytest.raises(ModelError):
        first.digest(file_name("hop_decoder_Y", 0))
    with pytest.raises(ModelError, match="no such tensor"):
        first.digest(SOP, ["conv9.weight"])


def test_digest_of_a_checkpoint_follows_the_file(tmp_path: Path) -> None:
    opened = directory(tmp_path)
    before = opened.digest(SOP)
    write_checkpoint(tmp_path / SOP, tensors_of(SOP), {"epoch": 1})
    assert opened.digest(SOP) != before


def test_only_what_is_asked_for_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def counted(file: str, name: str) -> Any:
        made.append(name)
        return test_models.tensor(file, name)

    monkeypatch.setattr(sources.BUILT_IN["test"], "tensor", counted)
    tensors = ModelStore.open("test").tensors(SOP)
    assert list(tensors)
    assert "conv4.weight" in tensors
    assert made == []
    _ = tensors["conv4.weight"]
    assert made == ["conv4.weight"]


def test_stores_serve_many_threads(tmp_path: Path) -> None:
    opened = directory(tmp_path)
    opened.pack(tmp_path / "packed.safetensors")
    wanted = {(file, name): array.tobytes() for file in (COMMON, SOP) for name, array in TEST.tensors(file).items()}
    for shared in (opened, ModelStore.open(tmp_path), ModelStore.open(tmp_path / "packed.safetensors"), TEST):
        gate = threading.Barrier(8)

        def read(offset: int, shared: ModelStore = shared, gate: threading.Barrier = gate) -> bool:
            gate.wait()
            keys = [*wanted][offset:] + [*wanted][:offset]
            return all(shared.tensors(file)[name].tobytes() == wanted[file, name] for file, name in keys)

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(read, range(8)))


def test_status_compares_size_then_sum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = directory(tmp_path)
    assert opened.status(SOP) == "unknown"  # the official size, other weights
    assert (tmp_path / SOP).stat().st_size == official_files()[SOP].size
    assert opened.status(COMMON) == "unknown"
    assert ModelStore.open("test").status(SOP) == "built-in"
    entry = official_files()[SOP]
    ours = official.OfficialFile(
        SOP, entry.kind, entry.index, None, entry.size, official.md5_of_file(tmp_path / SOP), True
    )
    monkeypatch.setattr(official, "official_files", lambda: {**official_files(), SOP: ours})
    assert opened.status(SOP) == "official"

    def no_sum(path: Path) -> str:
        raise AssertionError("the sum of a file of the wrong size is not needed")

    monkeypatch.setattr(official, "md5_of_file", no_sum)
    with (tmp_path / SOP).open("ab") as file:
        file.write(b"x")
    assert opened.status(SOP) == "unknown"
