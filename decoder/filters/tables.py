"""The constants of the post-filters (chapter 08): split patterns, short lists, thresholds."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BANKS",
    "CHROMA_MODEL",
    "DELTA",
    "INTERPOLATION",
    "KNOTS",
    "LEF_FACTORS",
    "LEF_THRESHOLDS",
    "LUMA_MODEL",
    "MIN_BORDER_TILE",
    "MODELS",
    "REACH",
    "SHORT_LISTS",
    "SPLIT_PATTERNS",
    "Cut",
]

#: Row start, row end, column start, column end of a window, as fractions of the plane.
Cut = tuple[float, float, float, float]

_WHOLE = (0.0, 1.0)
_HALVES = (0.0, 0.5, 1.0)
_THIRDS = (0.0, 0.33, 0.66, 1.0)  # not thirds, says 8.3.4


def _pattern(rows: tuple[float, ...], columns: tuple[float, ...], *, row_fastest: bool = False) -> tuple[Cut, ...]:
    row_spans, column_spans = list(itertools.pairwise(rows)), list(itertools.pairwise(columns))
    if row_fastest:
        return tuple((*row, *column) for column in column_spans for row in row_spans)
    return tuple((*row, *column) for row in row_spans for column in column_spans)


#: EFE linear: windows of each candidate, in the order of their kernels (8.3.4); candidate = best_cand_idx - 1.
SPLIT_PATTERNS: tuple[tuple[Cut, ...], ...] = (
    _pattern(_WHOLE, _WHOLE),
    _pattern(_HALVES, _WHOLE),
    _pattern(_WHOLE, _HALVES),
    _pattern(_WHOLE, _THIRDS),
    _pattern(_THIRDS, _WHOLE),
    _pattern(_HALVES, _HALVES),
    _pattern(_THIRDS, _HALVES),
    _pattern(_HALVES, _THIRDS, row_fastest=True),
)


def _interpolation() -> NDArray[np.float32]:
    directions = np.array([[0, 1, 0, 0], [-1 / 16, 9 / 16, 9 / 16, -1 / 16]], np.float32)
    return np.stack([np.outer(directions[p >> 1], directions[p & 1]) for p in range(4)])


#: EFE linear, resampled case: (4, 4, 4) float32, D_p + delta(1, 1) of planes 0..3 (8.3.5).
INTERPOLATION = _interpolation()
#: EFE linear, dense case: (4, 4, 4) float32, delta(1, 1) for every plane.
DELTA = np.repeat(INTERPOLATION[:1], 4, axis=0)

#: eICCI: the two networks of a model, as chapter 06 names them.
LUMA_MODEL, CHROMA_MODEL = "eicci_Y", "eicci_UV"
#: eICCI: how many 1/4 cells the networks reach on every side (06.11).
REACH: Mapping[str, int] = {LUMA_MODEL: 4, CHROMA_MODEL: 6}
#: eICCI: the set of ten models that belongs to a synthesis transform (8.4.2).
BANKS: Mapping[str, str] = {"SOP": "bop", "BOP": "bop", "HOP": "hop"}
#: eICCI: number of models in a set.
MODELS = 10
#: eICCI: short lists, [network][synthesis transform][model_id][index] (8.4.2).
SHORT_LISTS: Mapping[str, Mapping[str, tuple[tuple[int, int], ...]]] = {
    LUMA_MODEL: {
        "SOP": ((5, 6), (2, 6), (2, 7), (3, 8)),
        "BOP": ((5, 6), (3, 6), (2, 7), (3, 8)),
        "HOP": ((5, 6), (6, 8), (2, 7), (3, 9)),
    },
    CHROMA_MODEL: {
        "SOP": ((0, 1), (0, 1), (1, 2), (1, 2)),
        "BOP": ((0, 1), (1, 2), (2, 3), (2, 3)),
        "HOP": ((0, 2), (1, 3), (2, 3), (2, 3)),
    },
}
#: eICCI: a last row or column of tiles thinner than this takes as much from the one before (8.4.3).
MIN_BORDER_TILE = 176

#: EFE non-linear: hinge functions of a tile (8.5.3).
KNOTS = 8

#: LEF: scales from which the factors apply, and the factors, by model_id (8.6.4).
LEF_THRESHOLDS = ((600, 1200, 2000), (800, 1400, 2400), (1000, 1600, 2800), (1200, 2000, 3200))
LEF_FACTORS = ((1.10, 1.13, 1.16), (1.07, 1.09, 1.11), (1.03, 1.04, 1.05), (1.01, 1.02, 1.03))
