"""Tables of the coder against the checksums of section 04.5.3 and the z tables of the vectors."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from jpegai.codestream import ModelError
from jpegai.decoder.entropy.tables import residual_tables, z_cdf
from tests.decoder.entropy.encoder import slot_states
from tests.decoder.entropy.generator import z_frequencies
from tests.vectors import needs_spec, spec_data

BOUND = "0914655888734710fc501957c12409e099f03913ca230b8b658ae427255ab6da"
DECODE = "5e1ee5b8cec5601a078a04d229b728bd68e257d3ae7af2f650ff832ca3a29ebf"
SLOT_MAP = "a48bdf031f25c442be38f7fc6c6aaa1876c5d3daecb766922f41f91921d807e3"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def fnv1a64(data: bytes) -> str:
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


def test_checksums_of_the_residual_tables():
    tables = residual_tables()
    assert sha256(tables.bounds.astype(np.uint8).tobytes()) == BOUND
    assert sha256(tables.decode.astype("<u4").tobytes()) == DECODE


@needs_spec
def test_checksums_of_every_row():
    rows = [fnv1a64(row.astype("<u4").tobytes()) for row in residual_tables().decode]
    assert rows == spec_data("metans_tables")["decode_table_row_fnv1a64"]


@needs_spec
def test_checksum_of_the_slot_map_of_the_test_encoder():
    slot_map = bytes(state for row in slot_states() for slot in row for state in slot)
    assert sha256(slot_map) == SLOT_MAP


def test_sample_entries():
    row = residual_tables().decode[13]
    expected = {0: (3, 248, 0), 1: (2, 0, 0), 2: (2, 4, 0), 70: (2, 0, 1)}
    for state, (nbits, base, value) in expected.items():
        assert row[state] == nbits << 24 | base << 16 | value


def test_loop_table_marks_escapes_and_keeps_states_where_nothing_is_coded():
    tables = residual_tables()
    rows = tables.loop.view(np.uint32).reshape(33, 256)
    values = (tables.decode & 0xFFFF).astype(np.uint16).view(np.int16)
    escapes = values == -tables.bounds[:, None]
    assert (escapes.sum(axis=1) == 1).all()
    assert (rows[:32] == tables.decode | np.where(escapes, np.uint32(1 << 31), np.uint32(0))).all()
    assert (rows[32] == np.arange(256) << 16).all()
    assert not tables.loop.flags.writeable


@needs_spec
@pytest.mark.parametrize("name", ["F0", "F1", "F2"])
def test_z_cdf_of_the_vectors(name):
    expected = spec_data("metans_vectors")["z_tables"][name]
    frequencies = z_frequencies(name)
    assert sum(frequencies) == expected["freq_sum"]
    assert z_cdf(np.array([frequencies], np.int32)).tolist() == [expected["cdf"]]


def test_z_cdf_of_the_text():
    cdf = z_cdf(np.array([z_frequencies("F0")], np.int32))[0].tolist()
    text = [0] * 23 + [1, 1, 3, 5, 11, 21, 43, 85, 170, 212, 234, 244, 250, 252, 254, 254]
    assert cdf == text + [255] * (63 - len(text))


def test_z_cdf_does_not_overflow():
    cdf = z_cdf(np.full((2, 63), 2**31 - 1, np.int32))
    assert cdf.tolist() == [[(255 * (i + 1) * 2 + 63) // 126 for i in range(63)]] * 2


@pytest.mark.parametrize(
    "table",
    [
        np.ones((3, 62), np.int32),
        np.ones(63, np.int32),
        np.ones((3, 63), np.float32),
        np.zeros((1, 63), np.int32),
        np.full((1, 63), -1, np.int64),
        np.full((1, 63), 2**31, np.int64),
    ],
)
def test_z_cdf_rejects(table):
    with pytest.raises(ModelError):
        z_cdf(table)


def test_z_cdf_names_the_entry():
    table = np.ones((4, 63), np.int32)
    table[2, 7] = 0
    with pytest.raises(ModelError, match=r"freqs_int\[2\]\[7\].*found 0"):
        z_cdf(table)
