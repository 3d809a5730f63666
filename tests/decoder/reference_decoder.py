"""A slow decoder written from chapters 05 to 07: plain NumPy integers, and networks.json in float64.

One region, one tile, no quality map. What entropy decoding needs is exact; latents and planes are what 12.6.6 measures
distances from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.models import ModelStore, file_name
from tests.decoder.reference_networks import run_table
from tests.vectors import spec_data

Array = NDArray[Any]
NAMES = ("primary", "secondary")
CHANNELS = (160, 96)
_SUFFIX = ("Y", "UV")
_PHASES = ((0, 0), (1, 1), (0, 1), (1, 0))  # 06.7.1


@dataclass(frozen=True)
class Tools:
    """What the headers say of one component.

    Attributes:
        model_id: 0..3.
        beta_log: displacement, -2048..2047.
        num_chs: coded channels.
        rvs, lsbs: the flags of these tools.
        group_flags: GRFS flags of the coded channels, None with GRFS off.
        cube_flags: all cube flags in coding order, None without.
    """

    model_id: int
    beta_log: int
    num_chs: int
    rvs: bool = False
    lsbs: bool = False
    group_flags: Sequence[int] | None = None
    cube_flags: Sequence[int] | None = None


@dataclass
class Component:
    """One component of a decode, step by step; arrays are (C, h, w)."""

    index: int
    tools: Tools
    tensors: Mapping[str, Array]
    size: tuple[int, int]
    z: Array
    activity: Array = field(init=False)
    scale0: Array = field(init=False)
    coding_map: Array = field(init=False)
    divisor: Array = field(init=False)
    inverse: Array | None = field(init=False)

    def __post_init__(self) -> None:
        tools = self.tools
        hyper = run_table(f"hyper_scale_decoder_{_SUFFIX[self.index]}", self.tensors, [self.z], self._own_size)
        gains = self.tensors["vr_vec.c"]
        column = int(np.argmax(gains.astype(np.float64).mean(axis=0) != 0))
        log = np.maximum(-2048, np.rint(gains[:, column].astype(np.float64) * 128)).astype(np.int64) + tools.beta_log
        kappa = spec_data("residual_tables")["sigma"]["kappa"]
        scaler = (np.rint(1024 * np.exp(log * kappa / 128)) / 1024).astype(np.float32)
        self.divisor = scaler + np.float32(1e-9)
        self.scale0 = hyper + log[:, None, None]
        self.activity = _activity(self.scale0)
        added, self.inverse = self._variance()
        index = np.clip((self.scale0 + added + 64) >> 7, 0, 31)
        coded = (self.scale0 > spec_data("residual_tables")["skip"]["threshold"]) | self._forced()
        self.coding_map = np.where(coded, index, 255).astype(np.uint8)[: tools.num_chs]

    @property
    def _own_size(self) -> tuple[int, int]:
        """The size argument of the hyper networks (06.4)."""
        height, width = self.size
        return (-(-height // 2), -(-width // 2)) if self.index else self.size

    @property
    def _model(self) -> dict[str, Any]:
        return dict(spec_data("residual_tables")["models"][self.tools.model_id])

    def _variance(self) -> tuple[Array, Array | None]:
        """RVS and GRFS: what is added to the scale, and what multiplies the residual (05.8.1)."""
        tools = self.tools
        if not tools.rvs and tools.group_flags is None:
            return np.zeros_like(self.scale0), None
        thresholds = self._model["rvs_threshold_activity"] if tools.rvs else []
        classes = sum((self.activity > threshold for threshold in thresholds), np.zeros(self.scale0.shape, np.int64))
        added, inverse = np.empty_like(self.scale0), np.empty(self.scale0.shape, np.float32)
        for channel in range(len(added)):
            key = "grfs0"
            if tools.group_flags is not None:
                key = f"grfs1_flag{tools.group_flags[channel] if channel < tools.num_chs else 0}"
            table = self._model[f"rvs1_{key}"] if tools.rvs else spec_data("residual_tables")["rvs0"][key]
            added[channel] = np.array(table["log"])[classes[channel]]
            inverse[channel] = np.array(table["inv"], np.float32)[classes[channel]]
        return added, inverse

    def _forced(self) -> Array:
        """Where cube flags force all channels to be coded (05.9.2)."""
        rows, columns = self.scale0.shape[1:]
        y, x = np.mgrid[:rows, :columns]
        if self.tools.cube_flags is None:
            return np.zeros((rows, columns), bool)
        high, wide = (-(-length // 16) for length in (rows, columns))
        place = (2 * (y % 2) + x % 2) * high * wide + (y >> 4) * wide + (x >> 4)
        return np.array(self.tools.cube_flags)[place] == 0

    def dequantised(self, residual: Array) -> Array:
        """The residual in binary32 (05.10), of integers (C, h, w)."""
        x = residual.astype(np.float32)
        if self.inverse is not None:
            x = x * self.inverse / np.float32(65536)
        return x / self.divisor[:, None, None]

    def psi(self) -> Array:
        return run_table(f"hyper_decoder_{_SUFFIX[self.index]}", self.tensors, [self.z], self._own_size)

    def latents(self, psi: Array, residual: Array) -> Array:
        """y_hat before LSBS (06.7), of the dequantised residual."""
        channels, rows, columns = residual.shape
        padded = np.zeros((channels, 2 * psi.shape[1], 2 * psi.shape[2]))
        padded[:, :rows, :columns] = residual
        done: list[Array] = []
        for phase, (row, column) in enumerate(_PHASES):
            own = psi[phase * channels : (phase + 1) * channels]
            known = [np.concatenate(done)] if done else []
            mu = run_table(f"mcm_phase{phase}", self.tensors, [*known, own]) if self.index == 0 else own
            done.append(padded[:, row::2, column::2] + mu)
            padded[:, row::2, column::2] = done[-1]
        return padded[:, :rows, :columns]

    def scaled(self, latents: Array, residual: Array) -> Array:
        """y_hat after LSBS (05.11)."""
        if not self.tools.lsbs:
            return latents
        model = self._model
        classes = sum(self.activity > threshold for threshold in model["lsbs_threshold_activity"])
        mean, own = (np.array(model[f"lsbs_scale_{part}_times_8192"])[classes] for part in ("mean", "residual"))
        return latents + (mean * (latents - residual) + own * residual) / 8192


def _activity(scale0: Array) -> Array:
    """The activity of every latent's block (05.7.2)."""
    channels, rows, columns = scale0.shape
    high, wide = -(-rows // 8), -(-columns // 8)
    padded = np.full((channels, 8 * high, 8 * wide), 1411)
    padded[:, :rows, :columns] = scale0
    sums = padded.reshape(channels, high, 8, wide, 8).sum(axis=(2, 4))
    blocks = np.clip((sums + 32) >> 6, 0, 4351)
    return np.repeat(np.repeat(blocks, 8, 1), 8, 2)[:, :rows, :columns]


def component(index: int, models: str, tools: Tools, size: tuple[int, int], z: Array) -> Component:
    file = file_name(f"common_{_SUFFIX[index]}", tools.model_id)
    return Component(index, tools, ModelStore.open(models).tensors(file), size, z)


def reference_latents(components: Sequence[Component], residuals: Sequence[Array]) -> dict[str, Array]:
    """psi and latents of both components, by the names of the vectors, of dequantised residuals."""
    results = {}
    for each, residual in zip(components, residuals, strict=True):
        residual = residual.astype(np.float64)
        name = NAMES[each.index]
        results[f"{name}.psi"] = each.psi()
        results[f"{name}.latents"] = each.latents(results[f"{name}.psi"], residual)
        results[f"{name}.latents_scaled"] = each.scaled(results[f"{name}.latents"], residual)
    return results


def reference_planes(
    transform: str, models: str, model_id: int, size: tuple[int, int], latents: Sequence[Array]
) -> dict[str, Array]:
    """The planes of the whole picture (06.8), of the scaled latents of both components."""
    results = {}
    for index, (name, kind) in enumerate(zip(NAMES, ("prim", "sec"), strict=True)):
        tensors = ModelStore.open(models).tensors(file_name(f"{transform}_decoder_{_SUFFIX[index]}", model_id))
        source = np.concatenate(latents[: index + 1])
        planes = run_table(f"{transform}_{kind}", tensors, [source], size)
        results[f"{name}.planes"] = planes[:, : size[0], : size[1]]
    return results
