"""Small kernels for the tests of `jit`."""

from __future__ import annotations

import numpy as np

from jpegai.decoder.jit import kernel


@kernel
def twice(x):  # type: ignore[no-untyped-def]
    return x + x


@kernel
def scaled(a, b, count, factor, flag):  # type: ignore[no-untyped-def]
    total = 0
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            b[i, j] = a[i, j] * factor
            total += twice(np.int64(a[i, j]))
    if flag:
        b[0, 0] = np.float32(-1)
    return total, count


@kernel
def allocating(count):  # type: ignore[no-untyped-def]
    return np.zeros(count, np.int64).sum() + count


@kernel
def waiting(out):  # type: ignore[no-untyped-def]
    x = 1
    for i in range(out[0]):
        x = (x * 1664525 + i) & 0xFFFFFFFF
    out[1] = x
