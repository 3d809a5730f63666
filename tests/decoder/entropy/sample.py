"""A small run through every loop. The test compares what it prints compiled and, in a subprocess, as plain Python."""

from __future__ import annotations

import hashlib

import numpy as np

from jpegai.codestream import JpegAIError
from jpegai.decoder.entropy import (
    BiasScaling,
    Dequantiser,
    Gains,
    Scales,
    VarianceScaling,
    block_activity,
    decode_quality_map,
    decode_residual,
    decode_z,
    z_cdf,
)
from jpegai.decoder.geometry import Area
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
    whole = Area.whole(9, 7)
    deltas = [(i * i) % 5 - 2 for i in range(63)]
    quality, _ = decode_quality_map(payloads(encode_residual(deltas, [4] * 63, [1] * 63, 2)), 1, (9, 7), workers)
    activity = block_activity(hs, gains.log, quality.log, workers)
    variance = VarianceScaling.of(1, activity, rvs=True, group_flags=np.array([0, 1, 1], np.uint8))
    scales = Scales.of(hs, gains.log, quality=quality.log, variance=variance.log, cube_flags=flags)
    entries = scales.coding_map(2, whole, workers)
    arrays = [entries, quality.values, activity]
    _, _, values = residual_case({"seed": 4, "length": entries.size, "kind": "escape"})
    coded = (entries.ravel() < 32).tolist()
    for threads in (1, 2, 3):
        data = encode_residual(values, entries.ravel().tolist(), coded, threads)
        residual, findings = decode_residual(payloads(data), entries, workers)
        assert not findings
        for tools in ((), (variance.inverse, quality.divisor)):
            dequantised = np.zeros(hs.shape, np.float32)
            Dequantiser(gains.divisor, *tools)(residual, whole, dequantised, workers)
            latents = dequantised * np.float32(1.5)
            BiasScaling.of(1, activity).apply(latents, dequantised, workers)
            arrays += [residual, dequantised, latents]
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
