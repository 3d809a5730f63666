"""The generators of the specification's coder vectors (`metans_vectors.json`) and residual vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.vectors import spec_data


def draws(seed: int) -> Callable[[], int]:
    """The generator u() of the vectors."""

    def draw() -> int:
        nonlocal seed
        seed = (1664525 * seed + 1013904223) % 2**32
        return seed >> 16

    return draw


def residual_case(case: dict[str, Any]) -> tuple[list[int], list[int], list[int]]:
    """Distributions, coded flags and values (as generated) of a residual case of the coder vectors."""
    if "sigma" in case:
        return case["sigma"], case["coded"], case["value"]
    bounds = spec_data("metans_tables")["bound"]
    u = draws(case["seed"])
    distributions, coded, values = [], [], []
    for _ in range(case["length"]):
        u1, u2, u3, u4 = u(), u(), u(), u()
        b = bounds[u1 % 32]
        if case["kind"] == "inband":
            value = u2 % (2 * b - 1) - (b - 1)
        elif case["kind"] == "escape":
            value = u3 - 32768 if u2 % 4 == 0 else (u2 >> 2) % (2 * b + 9) - (b + 4)
        else:
            value = u3 - 32768 if u2 % 16 == 0 else (u2 >> 4) % (2 * b + 5) - (b + 2)
        distributions.append(u1 % 32)
        coded.append(u4 & 1 if case["kind"] == "masked" else 1)
        values.append(value)
    return distributions, coded, values


def z_frequencies(name: str) -> list[int]:
    """The frequency table F0, F1 or F2 of the z vectors."""
    if name == "F0":
        return [1 + (10**9 >> abs(i - 31)) for i in range(63)]
    if name == "F1":
        return [100] * 63
    return [1000000 if i in (30, 31, 32) else 1 for i in range(63)]


def z_case(case: dict[str, Any]) -> list[list[int]]:
    """The symbols 0..62 of the channels of a z case."""
    if "symbols" in case:
        return case["symbols"]
    u = draws(case["seed"])

    def symbol(table: str) -> int:
        a = u()
        return a % 63 if table == "F1" or a % 5 == 0 else 29 + (a >> 4) % 5

    return [[symbol(table) for _ in range(case["positions"])] for table in case["channels"]]
