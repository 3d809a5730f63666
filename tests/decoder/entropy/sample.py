"""A small run through every loop. The test compares what it prints compiled and, in a subprocess, as plain Python."""

from __future__ import annotations

import hashlib

import numpy as np

from jpegai.codestream import JpegAIError
from jpegai.decoder.entropy import (
    Gains,
    coded_mask,
    coding_map,
    decode_residual,
    decode_z,
    dequantise,
    scale0,
    sigma_index,
    z_cdf,
)
from jpegai.decoder.workers import Workers
from tests.decoder.entropy.encoder import encode_residual, encode_z, payloads
from tests.decoder.entropy.generator import residual_case, z_frequencies


def sample() -> str:
    """SHA-256 of results and errors."""
    digest = hashlib.sha256()
    workers = Workers(1)
    gains = Gains.at(np.array([-2048, 300, 2047], np.int32), 100)
    hs = np.arange(3 * 9 * 7, dtype=np.int16).reshape(3, 9, 7) * 21
    flags = (np.arange(4, dtype=np.uint8) % 2).reshape(4, 1, 1)
    entries = coding_map(hs, gains.log, flags, 2, workers)
    scale = scale0(hs, gains.log, workers)
    arrays = [entries, scale, sigma_index(scale, workers), coded_mask(scale, flags, workers)]
    _, _, values = residual_case({"seed": 4, "length": entries.size, "kind": "escape"})
    coded = (entries.ravel() < 32).tolist()
    for threads in (1, 2, 3):
        data = encode_residual(values, entries.ravel().tolist(), coded, threads)
        residual, findings = decode_residual(payloads(data), entries, workers)
        assert not findings
        arrays += [residual, dequantise(residual, gains.divisor, workers)]
        for first in range(1, len(data[0])):
            digest.update(outcome(payloads([data[0][first:], *data[1:]]), entries).encode())
    digest.update(
        outcome(payloads(encode_residual([32768] * 5, [0] * 5, [1] * 5, 1)), entries[:1, :1, :5] * 0).encode()
    )
    cdf = z_cdf(np.array([z_frequencies(name) for name in ("F0", "F1", "F2")], np.int32))
    for threads in (1, 2):
        symbols = [[(7 * i * i + 30) % 63 for i in range(11)]] * 3
        data = encode_z(list(zip(symbols, cdf.tolist(), strict=True)), threads)
        parts, findings = decode_z(payloads(data), [cdf[:2], cdf[2:]], (1, 11), workers)
        assert not findings
        arrays += parts
    for array in arrays:
        digest.update(array.tobytes())
    return digest.hexdigest()


def outcome(threads, entries) -> str:
    """What decoding a damaged payload says."""
    try:
        return repr(decode_residual(threads, entries, Workers(1)))
    except JpegAIError as error:
        return str(error)


if __name__ == "__main__":
    print(sample())
