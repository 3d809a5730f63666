"""The coder against the worked examples and vectors of chapter 04, and what it says about damaged threads."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from jpegai.codestream import JpegAIError, StreamSyntaxError, TruncatedError
from jpegai.decoder.entropy.residual import ResidualCall, decode_residual, decode_residuals
from jpegai.decoder.entropy.tables import NOT_CODED, z_cdf
from jpegai.decoder.entropy.z import decode_z
from jpegai.decoder.workers import Workers
from tests.decoder.entropy.encoder import BitStack, encode_residual, encode_z, payloads
from tests.decoder.entropy.fast_encoder import encode_map
from tests.decoder.entropy.generator import residual_case, z_case, z_frequencies
from tests.vectors import needs_spec, spec_list

ONE, TWO = Workers(1), Workers(2)


def cut(payload: bytes, sizes: list[int]) -> list[bytes]:
    ends = np.cumsum(sizes)
    assert ends[-1] == len(payload)
    return [payload[end - size : end] for size, end in zip(sizes, ends, strict=True)]


def coding_map(distributions, coded=None) -> np.ndarray:
    entries = np.array(distributions, np.uint8)
    if coded is not None:
        entries = np.where(np.array(coded, bool), entries, NOT_CODED).astype(np.uint8)
    return entries.reshape(1, 1, -1)


def decoded(data: list[bytes], entries: np.ndarray, workers: Workers = ONE) -> list[int]:
    values, findings = decode_residual(payloads(data), entries, workers)
    assert findings == []
    assert values.dtype == np.int16
    assert values.shape == entries.shape
    return values.ravel().tolist()


def check_payload(case, data: list[bytes]) -> None:
    payload = b"".join(data)
    assert [len(part) for part in data] == case["thread_sizes"]
    if "payload" in case:
        assert payload.hex() == case["payload"]
    else:
        assert len(payload) == case["payload_bytes"]
        assert hashlib.sha256(payload).hexdigest() == case["payload_sha256"]
        assert payload[:32].hex() == case["payload_first32"]
        assert payload[-16:].hex() == case["payload_last16"]


def cdf(*names: str) -> np.ndarray:
    return z_cdf(np.array([z_frequencies(name) for name in names], np.int32))


# -- worked examples of section 04.10 ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "distributions", "values"),
    [
        (["80ce28"], [13, 6], [1, -1]),
        (["b6b9009c3c210000fef9fcffff03"], [11, 13, 21, 9, 10], [8, 20269, -21, -2, 23775]),
        (["0f80ffff01", "646900fe03"], [2, 6, 7], [1, 13492, -5]),
    ],
)
def test_worked_examples(data, distributions, values):
    assert decoded([bytes.fromhex(part) for part in data], coding_map(distributions)) == values


def test_worked_example_of_z():
    threads = payloads([bytes.fromhex("1b000af0ff5432fed303")])
    (z,), findings = decode_z(threads, [cdf("F0", "F1", "F2")], (1, 2), ONE)
    assert z.dtype == np.int8
    assert z.tolist() == [[[2, -11]], [[-10, 18]], [[9, -4]]]
    assert findings == []


# -- vectors ----------------------------------------------------------------------------------------------------


@needs_spec
@pytest.mark.parametrize(
    "case", spec_list("metans_vectors", "residual"), ids=lambda case: "{threads}-{length}-{kind}".format(**case)
)
def test_residual_vectors(case):
    distributions, coded, values = residual_case(case)
    data = encode_residual(values, distributions, coded, case["threads"])
    check_payload(case, data)
    assert encode_map(np.array(values), coding_map(distributions, coded), case["threads"]) == data
    kept = [value if used else 0 for value, used in zip(values, coded, strict=True)]
    if "values_i16le_sha256" in case:
        assert hashlib.sha256(np.array(kept, "<i2").tobytes()).hexdigest() == case["values_i16le_sha256"]
    assert decoded(data, coding_map(distributions, coded)) == kept


@needs_spec
@pytest.mark.parametrize(
    "case", spec_list("metans_vectors", "z"), ids=lambda case: "{threads}-{positions}".format(**case)
)
def test_z_vectors(case):
    symbols = z_case(case)
    if "symbols_u8_sha256" in case:
        assert hashlib.sha256(np.array(symbols, np.uint8).tobytes()).hexdigest() == case["symbols_u8_sha256"]
    tables = cdf(*case["channels"])
    data = encode_z(list(zip(symbols, tables.tolist(), strict=True)), case["threads"])
    check_payload(case, data)
    (z,), findings = decode_z(payloads(data), [tables], (1, case["positions"]), TWO)
    assert findings == []
    assert z[:, 0].tolist() == (np.array(symbols) - 31).tolist()


@needs_spec
@pytest.mark.parametrize("case", spec_list("metans_vectors", "z_two_components"), ids=lambda case: str(case["threads"]))
def test_z_of_two_components(case):
    tables = [cdf(*case[name]["channels"]) for name in ("primary", "secondary")]
    data = cut(bytes.fromhex(case["payload"]), case["thread_sizes"])
    parts, findings = decode_z(payloads(data), tables, (2, 3), ONE)
    assert findings == []
    for z, name in zip(parts, ("primary", "secondary"), strict=True):
        assert z.flags.c_contiguous
        assert z.reshape(len(z), 6).tolist() == (np.array(case[name]["symbols"]) - 31).tolist()


# -- several payloads, nothing to decode ------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2, 16])
def test_nothing_coded(threads):
    data = encode_residual([], [], [], threads)
    assert data == [bytes.fromhex("000001" if threads == 1 else "0001")] * threads
    assert decoded(data, np.empty((0, 5, 7), np.uint8)) == []
    assert decoded(data, np.full((2, 3, 5), NOT_CODED, np.uint8)) == [0] * 30


def test_payloads_side_by_side_are_those_one_by_one():
    calls = []
    for threads, kind in ((4, "masked"), (1, "escape"), (3, "inband")):
        distributions, coded, values = residual_case({"seed": threads, "length": 301, "kind": kind})
        data = payloads(encode_residual(values, distributions, coded, threads))
        calls.append(ResidualCall(data, coding_map(distributions, coded)))
    together = decode_residuals(calls, TWO)
    for call, (values, findings) in zip(calls, together, strict=True):
        assert values.tolist() == decode_residual(call.threads, call.coding_map, ONE)[0].tolist()
        assert findings == []


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_first_channels_alone(threads):
    """What is left of a payload is not read: with its bytes cut away the first channels still come (05.9.4)."""
    shape = 6, 5, 7
    distributions, coded, values = residual_case({"seed": 3, "length": 6 * 35, "kind": "masked"})
    entries = coding_map(distributions, coded).reshape(shape)
    data = encode_residual(values, distributions, coded, threads)
    everything = decode_residual(payloads(data), entries, ONE)[0]
    for channels in range(7):
        (found, findings), *_ = decode_residuals([ResidualCall(payloads(data), entries, channels)], TWO)
        assert found.tolist() == everything[:channels].tolist()
        assert findings == []
    cut = payloads([part[len(part) // 4 :] for part in data])
    with pytest.raises(TruncatedError, match="S-45"):
        decode_residual(cut, entries, ONE)
    (found, findings), *_ = decode_residuals([ResidualCall(cut, entries, 2)], ONE)
    assert found.tolist() == everything[:2].tolist()
    assert findings == []
    empty = payloads([bytes.fromhex("000001" if threads == 1 else "0001")] * threads)
    (found, findings), *_ = decode_residuals([ResidualCall(empty, entries, 0)], ONE)
    assert found.shape == (0, 5, 7)
    assert findings == []


def test_read_only_and_strided_maps():
    distributions, _, values = residual_case({"seed": 5, "length": 40, "kind": "escape"})
    threads = payloads(encode_residual(values, distributions, [1] * 40, 1))
    entries = np.repeat(coding_map(distributions), 2, axis=2)[:, :, ::2]
    entries.flags.writeable = False
    assert decode_residual(threads, entries, ONE)[0].ravel().tolist() == values


# -- damaged threads --------------------------------------------------------------------------------------------

OFFSET = 1000


def failure(data: list[bytes], entries: np.ndarray) -> JpegAIError:
    with pytest.raises(JpegAIError) as caught:
        decode_residual(payloads(data, OFFSET), entries, TWO)
    return caught.value


@pytest.mark.parametrize("data", [[b""], [b"\x01"], [b"\x00\x01"], [b"\x00\x01", b""], [b"\x00\x01", b"\x01"]])
def test_thread_too_short(data):
    error = failure(data, coding_map([NOT_CODED]))
    assert isinstance(error, StreamSyntaxError)
    assert error.selector == f"sorp.threads[{len(data) - 1}]"
    assert error.bit_offset == 8 * (OFFSET + sum(map(len, data[:-1])))
    assert error.found == len(data[-1])
    assert "S-43" in str(error)


def test_sentinel_missing():
    error = failure([b"\x00\x01", b"\x07\x00\x00"], coding_map([NOT_CODED]))
    assert isinstance(error, StreamSyntaxError)
    assert error.selector == "sorp.threads[1]"
    assert error.bit_offset == 8 * (OFFSET + 4)
    assert "S-44" in str(error)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("kind", ["inband", "escape"])
def test_thread_ends_before_its_symbols(threads, kind):
    distributions, coded, values = residual_case({"seed": 11, "length": 50, "kind": kind})
    data = encode_residual(values, distributions, coded, threads)
    entries = coding_map(distributions, coded)
    for missing in range(1, len(data[-1]) - (2 if threads == 1 else 1)):
        # the first bytes are those read last
        error = failure([*data[:-1], data[-1][missing:]], entries)
        assert isinstance(error, TruncatedError)
        assert error.selector == f"sorp.threads[{threads - 1}]"
        assert error.bit_offset == 8 * (OFFSET + sum(map(len, data[:-1])))
        assert "S-45" in str(error)


@pytest.mark.parametrize("length", [1, 4])
@pytest.mark.parametrize("value", [2, 32767])
def test_thread_ends_inside_its_last_escape(length, value):
    (data,) = encode_residual([*[0] * (length - 1), value], [0] * length, [1] * length, 1)
    # the escape is at the bottom of the stack; without the first byte it is not whole
    assert isinstance(failure([data[1:]], coding_map([0] * length)), TruncatedError)


@pytest.mark.parametrize(("value", "tail"), [(32768, 0), (-32769, 0), (32768, 4), (-32769, 4)])
def test_escape_outside_16_bits(value, tail):
    # distribution 3 has bound 2, so its 17 bits reach -32769; symbols of 255 / 256 cost no bit here
    error = failure(
        encode_residual([value, *[0] * tail], [3] * (1 + tail), [1] * (1 + tail), 1), coding_map([3] * (1 + tail))
    )
    assert isinstance(error, StreamSyntaxError)
    assert error.found == value
    assert "R-91" in str(error)


def test_escape_outside_16_bits_is_located():
    # the escape, 17 bits, lies at the bottom of the stack: its first bit is bit 16, the lowest of byte 2
    error = failure(encode_residual([32768], [0], [1], 1), coding_map([0]))
    assert error.bit_offset == 8 * (OFFSET + 2) + 7


@pytest.mark.parametrize("value", [32767, -32768])
def test_escapes_at_the_ends_of_16_bits(value):
    assert decoded(encode_residual([value] * 9, [0] * 9, [1] * 9, 1), coding_map([0] * 9)) == [value] * 9


@pytest.mark.parametrize("positions", [1, 4])
def test_z_escape_63(positions):
    stack = BitStack(2)
    for p in reversed(range(positions)):
        if p == 0:
            stack.push(63, 6)
    for p in reversed(range(positions)):
        stack.put_symbol(p % 2, *((1, [255]) if p == 0 else (85, list(range(85)))))
    with pytest.raises(StreamSyntaxError, match="R-90") as caught:
        decode_z(payloads([stack.finish()], OFFSET), [cdf("F2")], (1, positions), ONE)
    assert caught.value.found == 63
    assert caught.value.bit_offset == 8 * OFFSET + 2  # bits 5..0 of the first byte


def test_z_ends_before_its_symbols():
    symbols = [[31, 0, 62, 31, 5, 6, 31]] * 3
    tables = cdf("F2", "F0", "F2")
    (data,) = encode_z(list(zip(symbols, tables.tolist(), strict=True)), 1)
    for missing in range(1, len(data) - 2):
        with pytest.raises(TruncatedError, match="S-45"):
            decode_z(payloads([data[missing:]], OFFSET), [tables], (1, 7), ONE)


def test_z_ends_inside_its_last_escapes():
    tables = cdf("F2")
    (data,) = encode_z([([0, 1, 2, 3], tables[0].tolist())], 1)
    # four times six bits at the bottom of the stack
    for missing in (1, 2, 3):
        with pytest.raises(TruncatedError, match="S-45"):
            decode_z(payloads([data[missing:]]), [tables], (2, 2), ONE)


def test_bits_left_are_found():
    distributions, coded, values = residual_case({"seed": 3, "length": 40, "kind": "masked"})
    data = encode_residual(values, distributions, coded, 2)
    threads = payloads([data[0], b"\x2a" + data[1]], OFFSET)
    result, (finding,) = decode_residual(threads, coding_map(distributions, coded), TWO)
    assert result.ravel().tolist() == [v if c else 0 for v, c in zip(values, coded, strict=True)]
    assert (finding.rule, finding.severity, finding.selector) == ("S-46", "W", "sorp.threads[1]")
    assert finding.bit_offset == 8 * (OFFSET + len(data[0]))
    assert "8 bits" in finding.message


def test_states_left_are_found():
    entries = coding_map([NOT_CODED] * 5)
    _, (finding,) = decode_residual(payloads([b"\x02\x01\x01"], OFFSET), entries, ONE)
    assert finding.rule == "S-46"
    assert "states 1 and 2" in finding.message
    (z,), (finding,) = decode_z(payloads([b"\x00\x09\x01"], OFFSET), [np.empty((0, 63), np.uint8)], (1, 1), ONE)
    assert z.shape == (0, 1, 1)
    assert "states 9 and 0" in finding.message
