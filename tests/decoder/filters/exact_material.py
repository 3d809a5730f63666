"""Fixed-point inputs: small pictures with filters of all kinds, and what stands for networks and resampling."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jpegai.decoder.engines.formats import PLANE_LIMIT, Saturations
from jpegai.decoder.filters import FilterChain, Supplies, WindowPlanes
from jpegai.decoder.filters.eicci import Selection
from jpegai.decoder.filters.planes import Window
from jpegai.decoder.filters.tables import REACH
from jpegai.decoder.filters.tiles import Tile
from jpegai.decoder.recorder import Recorder
from jpegai.decoder.workers import Workers
from tests.decoder.filters.material import noise, picture_header, resample, synthetic

ONE = 1 << 16


def fixed(values: np.ndarray) -> np.ndarray:
    """Values on a float scale as fixed point."""
    return np.rint(values.astype(np.float64) * ONE).astype(np.int32)


def floats(values: np.ndarray) -> np.ndarray:
    return (values / ONE).astype(np.float32)


def fixed_planes(planes: WindowPlanes) -> WindowPlanes:
    return WindowPlanes(*map(fixed, planes), planes.window)


def fixed_networks(networks: Any) -> Any:
    """Networks on fixed point, by way of those on float32."""

    def get(kind: str, index: int) -> Callable[[np.ndarray], np.ndarray]:
        network = networks(kind, index)
        return lambda z: fixed(network(floats(z)))

    return networks and get


def fixed_resample(plane: np.ndarray, target: tuple[int, int], workers: Workers) -> np.ndarray:
    return fixed(resample(plane / ONE, target, workers))


def far_network(kind: str, index: int) -> Callable[[np.ndarray], np.ndarray]:
    """A network of integers that reads as far as the real one may (06.11), and no less."""
    own, reach = (slice(0, 16) if kind == "eicci_Y" else slice(16, 48)), REACH[kind]

    def run(z: np.ndarray) -> np.ndarray:
        assert z.dtype == np.int32
        padded = np.pad(z[::-1].astype(np.int64), ((0, 0), (reach, reach), (reach, reach)))
        corners = [padded[:, : z.shape[1], : z.shape[2]], padded[:, 2 * reach :, 2 * reach :]]
        made = z[own] + ((index + 1) * corners[0][own] - 2 * corners[1][own]) // 10
        return np.clip(made, -(1 << 31), (1 << 31) - 1).astype(np.int32)

    return run


# -- small pictures -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Small:
    """A filter, or two of which one needs the other, on a small picture."""

    ton: Mapping[str, Any]
    model_id: int
    chain: FilterChain
    scale: np.ndarray

    def planes(self, *, wild: bool) -> WindowPlanes:
        """Samples; wild ones go from one end of the format to the other."""
        made = fixed_planes(synthetic(self.chain.picture, 11))
        if not wild:
            return made
        ends = np.array([-PLANE_LIMIT, PLANE_LIMIT, 0, 255 * ONE])
        for seed, plane in enumerate(made):
            r = noise(seed + 5, plane.size).reshape(plane.shape) >> 8
            plane[:] = np.where(r % 3 == 0, plane, ends[r // 3 % 4])
        return made

    def run(self, planes: WindowPlanes, *, threads: int = 1) -> tuple[WindowPlanes, Mapping[str, int]]:
        """Filtered planes and what was cut."""
        saturations = Saturations()
        supplies = Supplies(Workers(threads), far_network, self.scale, saturations=saturations)
        return self.chain.apply(planes, self.chain.picture.whole, supplies, Recorder()), saturations.counts


def _codes(seed: int, *shape: int) -> Any:
    """Codes of weights; every third one is the least or the greatest."""
    r = noise(seed, math.prod(shape)) >> 4
    return np.where(r % 3 > 0, r % 65536, r // 3 % 2 * 65535).reshape(shape).tolist()


def _linear(candidates: tuple[int, int], lengths: tuple[int, int], planes: int) -> dict[str, Any]:
    counts = [(0, 1, 2, 2, 3, 3, 4, 6, 6)[candidate] for candidate in candidates]
    sets = [(0, (1, 1), (1, 1)), (1, counts, lengths)]

    def kernels(seed: int, *planes: int) -> dict[int, dict[int, Any]]:
        return {
            s: {k: _codes(seed + 2 * s + k, counts[k], *planes, side[k], side[k]) for k in range(2)}
            for s, counts, side in sets
        }

    return {
        "EFE_linear_filter_enabled_flag": 1, "B1": [12733, 32767], "best_cand_idx": [[1, 1], list(candidates)],
        "fL": [dict(enumerate(side)) for _, _, side in sets], "minSymbol": [0, 0], "maxSymbol": [65535, 65535],
        "weightsC": kernels(1, planes), "weightsY": kernels(7),
    }  # fmt: skip


def _nonlinear(size: tuple[int, int], tile: tuple[int, int], block: int) -> dict[str, Any]:
    """`size` of a chroma plane; no masks where the side of a block is 0."""
    tiles = math.prod(-(-extent // side) for extent, side in zip(size, tile, strict=True))
    blocks = [-(-extent // block) if block else 0 for extent in size]
    mask = (noise(3, math.prod(blocks)) >> 8) % 3
    return {
        "EFE_nonlinear_filter_enabled_flag": 1, "nl_minSymbol": 0,
        "mask1_enabled_flag": int(block > 0), "mask2_enabled_flag": int(block > 0), "bS": block,
        "len_mask_y": blocks[0], "len_mask_x": blocks[1],
        "W5_U": mask.reshape(blocks).tolist(), "W5_V": mask[::-1].reshape(blocks).tolist(),
        "nonLinear_enabled_U_flag": 1, "nonLinear_enabled_V_flag": int(block > 0),
        "nonlinearH": tile[0], "nonlinearW": tile[1], "numTiles": tiles,
        "minLuma": (noise(1, tiles) % 20000).tolist(), "maxLuma": (noise(2, tiles) % 65536).tolist(),
        "candNum": {0: 8 * tiles, 1: 8 * tiles}, "A1": {0: _codes(5, 8 * tiles), 1: _codes(6, 8 * tiles)},
    }  # fmt: skip


_EICCI = {
    "icci_enable_flag": 1, "icci_tile_enable_flag": 0, "icci_use": [[1, 1, 1]], "icci_use_shortList": [0],
    "icci_model_signalled_idx_Y": [3], "icci_model_signalled_idx_UV": [7],
}  # fmt: skip
_LEF = {"LEF_enabled_flag": 1, "LEF_chIdx": 5}

#: Tools header, (height, width), source format, coded format, model_id.
_SMALL: Mapping[str, tuple[Mapping[str, Any], tuple[int, int], str, str, int]] = {
    "linear_444": (_linear((2, 1), (4, 3), 1), (69, 6), "444", "444", 1),
    "linear_422": (_linear((1, 3), (2, 4), 1), (7, 69), "422", "422", 1),
    "linear_420": (_linear((1, 0), (4, 1), 1), (9, 7), "420", "420", 1),
    "linear_resampled": (_linear((1, 0), (3, 1), 4), (8, 7), "444", "420", 1),
    "nonlinear_422": (_nonlinear((9, 4), (4, 3), 0), (9, 7), "422", "422", 1),
    "masks_420": (_linear((1, 1), (2, 1), 1) | _nonlinear((5, 7), (3, 4), 2), (9, 13), "420", "420", 1),
    "eicci": (_EICCI, (21, 31), "444", "444", 1),
    "lef_0": (_LEF, (9, 17), "444", "444", 0),
    "lef_3": (_LEF, (33, 3), "420", "420", 3),
    "lef_thin": (_LEF, (6, 2), "444", "444", 2),
}


def small(name: str) -> Small:
    """One of `SMALL`."""
    name, _, selection = name.partition(" ")
    ton, size, source, coded, model_id = _SMALL[name]
    pih = picture_header(*size, source, coded, model_id)
    chain = FilterChain.from_header(ton, pih, eicci_selection=selection or "reference")
    if selection:
        chain = _tiled(chain)
    scale = (noise(90, 6) % 3600).astype(np.int16).reshape(2, 3)
    return Small(ton, model_id, chain, scale)


def _tiled(chain: FilterChain) -> FilterChain:
    """With tiles smaller than streams may have them: cores overlap, some components keep their samples."""
    assert chain.eicci is not None
    tiles = (
        Tile(Window(0, 0, 21, 18), Window(0, 0, 21, 17)),
        Tile(Window(0, 10, 12, 31), Window(0, 12, 11, 31)),
        Tile(Window(9, 10, 24, 33), Window(10, 12, 24, 33)),
    )
    models = {"eicci_Y": 2, "eicci_UV": 4}
    selections = Selection((True, False, True), models), Selection((False,) * 3, {}), Selection((True,) * 3, models)
    return dataclasses.replace(chain, eicci=dataclasses.replace(chain.eicci, tiles=tiles, selections=selections))


#: Names of small pictures; with the selection of eICCI where there are tiles.
SMALL = (*_SMALL, "eicci reference", "eicci per-tile")


def digest() -> str:
    """The results of all small pictures."""
    total = hashlib.sha256()
    for name in SMALL:
        for wild in (False, True):
            made = small(name)
            planes, counts = made.run(made.planes(wild=wild))
            for plane in planes:
                total.update(plane.tobytes())
            total.update(repr(sorted(counts.items())).encode())
    return total.hexdigest()


if __name__ == "__main__":
    print(digest())
