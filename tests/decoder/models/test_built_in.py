"""The analytic and test models, bit by bit against the hashes of the specification (chapters 20 and 21)."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from jpegai.codestream.errors import ModelError
from jpegai.decoder.models import ModelStore, analytic_basis, analytic_context, analytic_entropy, file_name, test_models
from jpegai.decoder.models.layout import tensors_of
from jpegai.decoder.models.official import find, official_files
from tests.vectors import needs_spec, spec_data

ANALYTIC = ModelStore.open("analytic")
TEST = ModelStore.open("test")


def digest(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array)).hexdigest()


@needs_spec
@pytest.mark.parametrize("file", TEST.files())
def test_test_models_have_the_published_hashes(file: str) -> None:
    published = spec_data("test_model_tensors")[file]
    tensors = TEST.tensors(file)
    assert set(tensors) == set(published)
    for name, (shape, dtype, sha256) in published.items():
        array = tensors[name]
        assert (list(array.shape), array.dtype.name, digest(array)) == (shape, dtype, sha256), name


@needs_spec
@pytest.mark.parametrize("file", ANALYTIC.files())
def test_analytic_models_have_the_published_hashes(file: str) -> None:
    published = spec_data("analytic_tensors")[file]
    published = spec_data("analytic_tensors")[published.get("same_as", file)]
    tensors = ANALYTIC.tensors(file)
    assert set(tensors) == set(published)
    for name, (shape, dtype, sha256, nonzero, first) in published.items():
        array = tensors[name]
        assert np.count_nonzero(array) == nonzero, name
        indices = np.flatnonzero(array)[: len(first)].tolist()
        assert [[index, array.flat[index]] for index in indices] == first, name
        if name.endswith("num_batches_tracked"):  # listed with the shape (1); 21.9 accepts either form
            array = array.reshape(1)
        assert (list(array.shape), array.dtype.name, digest(array)) == (shape, dtype, sha256), name


def test_which_files_there_are() -> None:
    assert len(TEST.files()) == 68
    built = {find(file).kind for file in ANALYTIC.files()}
    parts = ("common", "sop_decoder", "bop_decoder", "hop_decoder")
    assert built == {"eicci"} | {f"{part}_{c}" for part in parts for c in ("Y", "UV")}
    assert len(ANALYTIC.files()) == 32 + 20


@needs_spec
def test_constants_of_the_analytic_models() -> None:
    constants = spec_data("analytic_tensors")["constants"]
    zones = {
        "Y": analytic_basis.ZY,
        "UV": analytic_basis.ZC,
        "Z48": analytic_basis.Z48,
        "Z18": analytic_basis.Z18,
    }
    for name, pairs in constants["zones"].items():
        assert zones[name].tolist() == pairs, name
    for component, name in ((analytic_entropy.LUMA, "z_decay_Y"), (analytic_entropy.CHROMA, "z_decay_UV")):
        for m in range(4):
            assert analytic_entropy.z_decays(component, m) == constants[name][m]
    gains = ANALYTIC.tensors(file_name("common_Y", 0))["vr_vec.c"][:, test_models.GAIN_COLUMNS[0]] * 128
    assert gains.tolist() == constants["gain_log_Y"]
    for phase, elements in constants["mcm_conv1_times_4096"].items():
        weights = np.zeros((160, 32, 3, 3))
        for t, source, y, x, value in elements:
            weights[t, source, y, x] = value
        made = ANALYTIC.tensors(file_name("common_Y", 3))[f"context.MCM.{phase}.conv.1.weight"]
        np.testing.assert_array_equal(made * 4096.0, weights)


def test_predictor_example_of_21_5() -> None:
    left = analytic_context.predictor(((0, -1), (0, 1), (-1, 0), (1, 0)))[0]
    assert left[0, 0] == 1021 / 4096


#: Section 20.4: file, tensor, shape, first four values, last value.
WORKED_EXAMPLES = [
    (
        "VM_common_int/Y_0.002.pth",
        "hyper_decoder.conv1.weight",
        (160, 160, 1, 1),
        [0.021892670542001724, -0.02499821037054062, -0.0206829272210598, 0.0045353081077337265],
        0.032506294548511505,
    ),
    (
        "VM_common_int/Y_0.075.pth",
        "hyper_decoder.conv2.bias",
        (160,),
        [-0.060471564531326294, 0.7490860819816589, 0.058804839849472046, -0.6463395357131958],
        -0.13375362753868103,
    ),
    (
        "VM_common_int/UV_0.5.pth",
        "hyper_decoder.conv4.weight",
        (384, 96, 3, 3),
        [-0.0014234755653887987, 0.0030353309120982885, -0.0036264024674892426, -0.002605432877317071],
        0.1329556405544281,
    ),
    (
        "VM_common_int/Y_0.012.pth",
        "hyper_scale_decoder.depthwise.weight",
        (160, 160, 3, 3),
        [96, 126, 121, 73],
        -61,
    ),
    (
        "VM_common_int/Y_0.012.pth",
        "hyper_scale_decoder.pointwise.bias",
        (2560,),
        [-1566, 1617, 7098, 6283],
        111216,
    ),
    (
        "VM_common_int/Y_0.012.pth",
        "hyper_scale_decoder.conv1.per_channel_shifts",
        (1, 160, 1, 1),
        [7, 6, 7, 7],
        6,
    ),
    (
        "VM_common_int/UV_0.002.pth",
        "hyper_entropy.freqs_int",
        (96, 63),
        [725295, 775590, 831205, 892906],
        111108,
    ),
    (
        "VM_common_int/Y_0.002.pth",
        "context.MCM.0.fusion_pred_net.conv3.weight",
        (160, 160, 1, 1),
        [-0.011554751545190811, -0.011703966185450554, 0.014927087351679802, -0.0031127668917179108],
        0.36227476596832275,
    ),
    (
        "VM_sop/decoder_Y_0.002.pth",
        "conv4.weight",
        (16, 32, 1, 1),
        [0.017679061740636826, -0.002901284024119377, 0.02941988594830036, 0.01045995857566595],
        0.03665299341082573,
    ),
    (
        "VM_bop/decoder_Y_0.5.pth",
        "first_stage.1.weight",
        (160, 64, 4, 4),
        [0.004205073229968548, 0.010278992354869843, -0.02297729253768921, -0.024071116000413895],
        -0.006826390977948904,
    ),
    (
        "VM_hop/decoder_Y_0.012.pth",
        "TAM.TABs.0.attn.temperature",
        (4, 1, 1),
        [7.718796730041504, 5.460256099700928, 6.29699182510376, 7.033384323120117],
        7.033384323120117,
    ),
    (
        "VM_hop/decoder_UV_0.012.pth",
        "conv3_t.weight",
        (256, 64, 1, 1),
        [-0.09366573393344879, -0.08412067592144012, -0.07724733650684357, -0.05371782183647156],
        0.024031350389122963,
    ),
    (
        "VM_bop/encoder_Y_0.002.pth",
        "conv5.weight",
        (160, 160, 1, 1),
        [-0.01267179287970066, 0.00714790029451251, 0.01016502920538187, -0.012568216770887375],
        0.10336236655712128,
    ),
    (
        "eICCI_bophop_2d020448_20240229/eicci_hop_mss075_300k.pth",
        "BNY.running_var",
        (48,),
        [0.8729126453399658, 1.0167438983917236, 0.6405143737792969, 1.3626153469085693],
        1.2685346603393555,
    ),
    (
        "eICCI_bophop_2d020448_20240229/eicci_hop_mss075_300k.pth",
        "scaleU",
        (1,),
        [0.09375342726707458],
        0.09375342726707458,
    ),
]


@pytest.mark.parametrize(("file", "name", "shape", "first", "last"), WORKED_EXAMPLES)
def test_worked_examples_of_20_4(file: str, name: str, shape: tuple[int, ...], first: list[float], last: float) -> None:
    array = TEST.tensors(file)[name]
    assert array.shape == shape
    assert array.ravel()[:4].tolist() == first
    assert array.flat[-1] == last


def test_worked_example_of_the_gains() -> None:
    gains = TEST.tensors("VM_common_int/Y_0.002.pth")["vr_vec.c"]
    used = np.flatnonzero(gains.any(axis=0))
    assert used.tolist() == [2]
    column = gains[:, 2]
    assert [*column[:4].tolist(), column[-1]] == [-2.3125, -0.203125, -0.625, -0.609375, -2.2578125]


def test_random_numbers_of_20_2() -> None:
    numbers = test_models.random_integers("VM_common_int/Y_0.002.pth/hyper_decoder.conv1.weight", 4)
    assert numbers.tolist() == [12306454, 3915004, 4687254, 9200233]


@needs_spec
def test_shipped_rules_are_those_of_the_specification() -> None:
    assert json.loads(test_models.RULES.read_text()) == spec_data("test_model_rules")


@needs_spec
def test_shipped_layout_is_that_of_the_specification() -> None:
    published = spec_data("checkpoints")
    for kind, content in published["kinds"].items():
        if kind.endswith("_float"):
            with pytest.raises(ModelError, match="not part of the specification"):
                tensors_of(kind)
            continue
        required = {t["name"]: (t["dtype"], tuple(t["shape"])) for t in content["tensors"] if t["required"]}
        assert {name: (t.dtype, t.shape) for name, t in tensors_of(kind).items()} == required


@needs_spec
def test_shipped_list_of_files_is_that_of_the_specification() -> None:
    published = {f"{entry['directory']}/{entry['file']}": entry for entry in spec_data("checkpoints")["files"]}
    assert set(official_files()) == set(published)
    for name, entry in official_files().items():
        wanted = published[name]
        assert (entry.kind, entry.size, entry.md5) == (wanted["kind"], wanted["size"], wanted["md5"])
        assert (entry.decoding, entry.bank) == (wanted["used_for_decoding"], wanted.get("bank"))
        assert entry.index == wanted.get("model_id", wanted.get("bank_index"))
