"""Readers of our own for what is written, from the text of the formats: nothing of the writers' libraries."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def png_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Type and content of every chunk, checksums checked."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = [], 8
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + length]
        assert zlib.crc32(kind + body) == int.from_bytes(data[at + 8 + length : at + 12 + length])
        chunks.append((kind, body))
        at += 12 + length
    return chunks


def read_png(path: Path) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """(H, W, 3) samples of an RGB PNG of 8 or 16 bits, not interlaced."""
    chunks = png_chunks(path.read_bytes())
    width, height, depth, colour, *rest = struct.unpack(">IIBBBBB", chunks[0][1])
    assert (colour, rest) == (2, [0, 0, 0])
    step = 3 * depth // 8
    data = zlib.decompress(b"".join(body for kind, body in chunks if kind == b"IDAT"))
    rows = np.frombuffer(data, np.uint8).reshape(height, 1 + step * width)
    out = np.zeros((height + 1, step * (width + 1)), np.uint8)  # a margin of zeros above and to the left
    for row in range(height):
        kind, line = int(rows[row, 0]), rows[row, 1:]
        for i in range(step * width):
            left, above, corner = int(out[row + 1, i]), int(out[row, i + step]), int(out[row, i])
            out[row + 1, i + step] = (int(line[i]) + predicted(kind, left, above, corner)) & 255
    samples = np.ascontiguousarray(out[1:, step:])
    return samples.view(">u2" if depth == 16 else np.uint8).reshape(height, width, 3).astype(f"u{depth // 8}")


def predicted(kind: int, left: int, above: int, corner: int) -> int:
    if kind < 4:
        return (0, left, above, (left + above) // 2)[kind]
    estimate = left + above - corner
    return min((left, above, corner), key=lambda value: abs(estimate - value))


def read_netpbm(path: Path) -> tuple[bytes, int, NDArray[np.generic]]:
    """Magic number, maximum and samples of P5, P6 or P7."""
    data = path.read_bytes()
    magic = data[:2]
    if magic == b"P7":
        head, _, body = data.partition(b"ENDHDR\n")
        facts = dict(line.split(b" ", 1) for line in head.splitlines()[1:])
        width, height, peak = int(facts[b"WIDTH"]), int(facts[b"HEIGHT"]), int(facts[b"MAXVAL"])
        assert (facts[b"DEPTH"], facts[b"TUPLTYPE"]) == (b"3", b"RGB")
    else:
        parts = data.split(b"\n", 3)
        width, height = map(int, parts[1].split())
        peak, body = int(parts[2]), parts[3]
    samples = np.frombuffer(body, np.uint8 if peak < 256 else ">u2")
    return magic, peak, samples.reshape((height, width) if magic == b"P5" else (height, width, 3))


def read_pgx(path: Path) -> tuple[int, NDArray[np.generic]]:
    """Depth and samples of an unsigned PGX file of the big end."""
    head, _, body = path.read_bytes().partition(b"\n")
    kind, order, depth, width, height = head.split()
    assert (kind, order, depth[:1]) == (b"PG", b"ML", b"+")
    samples = np.frombuffer(body, np.uint8 if int(depth) <= 8 else ">u2")
    return int(depth), samples.reshape(int(height), int(width))
