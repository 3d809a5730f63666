"""Damaged streams end in a result or a JpegAIError: no other exception, in bounded time and memory."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from jpegai.codestream import Codestream, TruncatedError
from jpegai.conformance_streams import STREAMS
from jpegai.decoder import Decoder

STREAM = next(entry for entry in STREAMS if entry.file == "an_sop_64x64.jai")
DATA = STREAM.read()

# run in a process of its own, so that the memory counted is that of the decodes
FLIP = """
import json, sys, time
from jpegai.codestream import Codestream, JpegAIError
from jpegai.decoder import Decoder

def peak():
    with open("/proc/self/status") as file:
        return {line.split(":")[0]: int(line.split()[1]) for line in file if line.startswith(("VmHWM", "VmRSS"))}

data = bytearray(open(sys.argv[1], "rb").read())
decoder = Decoder("analytic")
decoder.decode(bytes(data))
start = peak()["VmRSS"]
result = {"decoded": 0, "refused": 0, "slowest": 0.0, "kinds": {}}
for position in json.load(sys.stdin):
    data[position // 8] ^= 128 >> position % 8
    begun = time.perf_counter()
    try:
        decoder.decode(bytes(data))
        result["decoded"] += 1
    except JpegAIError as error:
        assert "\\n" not in str(error)
        result["refused"] += 1
        kind = type(error).__name__
        result["kinds"][kind] = result["kinds"].get(kind, 0) + 1
    result["slowest"] = max(result["slowest"], time.perf_counter() - begun)
    data[position // 8] ^= 128 >> position % 8
result["grown"] = peak()["VmHWM"] - start
print(json.dumps(result))
"""


def header_bits() -> list[int]:
    """All bits but those of the entropy-coded payloads."""
    payloads = [field for field in Codestream.parse(DATA).fields.values() if field.kind == "bytes"]
    inside = {bit for field in payloads for bit in range(field.offset, field.offset + field.bits)}
    return [bit for bit in range(8 * len(DATA)) if bit not in inside]


def flip(bits: list[int]) -> dict[str, float]:
    result = subprocess.run(
        [sys.executable, "-c", FLIP, str(STREAM.path)],
        input=json.dumps(bits),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    return dict(json.loads(result.stdout))


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
@pytest.mark.parametrize("bits", [header_bits(), list(range(0, 8 * len(DATA), 11))], ids=["headers", "everywhere"])
def test_flipping_bits(bits: list[int]) -> None:
    result = flip(bits)
    print(result)
    assert result["decoded"] + result["refused"] == len(bits)
    assert result["slowest"] < 10
    assert result["grown"] < 1 << 20, "more than 1 GiB above start"


def test_truncating_at_every_byte() -> None:
    decoder = Decoder("analytic")
    for length in range(len(DATA)):
        with pytest.raises(TruncatedError):
            decoder.decode(DATA[:length])


@pytest.mark.parametrize("name", ["soz", "sorp", "sors"])
def test_truncating_inside_a_payload(name: str) -> None:
    """The framing is intact, the entropy-coded bytes are not all there."""
    from jpegai.codestream.framing import length_field

    stream = Codestream.parse(DATA)
    segment = stream.segment(name)
    assert segment is not None
    decoder = Decoder("analytic")
    outcomes = set()
    for keep in range(len(segment.payload)):
        payload = bytes(segment.payload[:keep])
        end = segment.payload_offset + len(segment.payload)
        data = DATA[: segment.offset + 2] + length_field(keep) + payload + DATA[end:]
        try:
            picture = decoder.decode(data)
        except Exception as error:
            outcomes.add(type(error).__name__)
        else:
            outcomes.add("finding" if picture.findings else "nothing said")
    assert outcomes <= {"TruncatedError", "StreamSyntaxError", "ConformanceError", "finding"}
