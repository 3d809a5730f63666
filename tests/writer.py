"""A small writer of streams for tests: any size, any hyper latents, any residuals; and streams of random symbols."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream.building import Regions, Threads, build_stream
from jpegai.decoder.components import COMPONENTS
from jpegai.decoder.entropy import z_cdf
from jpegai.decoder.models import ModelStore, file_name
from tests.decoder.entropy.encoder import encode_z
from tests.decoder.entropy.fast_encoder import encode_map
from tests.decoder.reference_decoder import CHANNELS, Component, Tools, component
from tests.vectors import spec_data

#: A header of the simple profile: 8-bit 4:4:4 RGB, SOP, no residual channels.
PLAIN: dict[str, Any] = {
    "stream_profile_idc": 0, "decoder_profile_id": 0, "num_synthesis_transforms_minus1": 0,
    "synthesis_transform_id": [0], "level_idc": 52, "diff_display_img_width": 0, "diff_display_img_height": 0,
    "bit_depth_idc": 0, "s_ver_minus1": 0, "s_hor_minus1": 0, "c_ver_minus1": 0, "c_hor_minus1": 0,
    "colour_transform_idx": 1, "model_id": 0, "beta_displacement_log_plus_2048": [2048], "region_partitioning_flag": 0,
    "independent_beta_uv": 0, "num_chs": [0, 0], "use_cube_flags": [0, 0],
    "rvs_enable_flag": [0, 0], "grfs_enable_flag": [0, 0], "synthesis_tile_enable": [0, 0], "gain_3D_enable_flag": 0,
}  # fmt: skip

TRANSFORMS = ("sop", "bop", "hop")


def write_stream(
    height: int,
    width: int,
    z: list[NDArray[np.int8]],
    *,
    models: str,
    threads: int = 1,
    residuals: list[Threads | Regions] | None = None,
    tools: dict[str, Any] | None = None,
    **values: Any,
) -> bytes:
    """Return a stream with the given hyper latents, (C, hz, wz) of both components.

    Args:
        height: coded height.
        width: coded width.
        z: hyper latents of both components.
        models: what gives their frequencies.
        threads: threads of the hyper latents.
        residuals: payloads of both components; by default empty ones.
        tools: values of the tools header; by default there is none.
        values: go over those of `PLAIN`; None takes an element out.
    """
    header = PLAIN | {"img_width_minus64": width - 64, "img_height_minus64": height - 64} | values
    header = {name: value for name, value in header.items() if value is not None}
    store = ModelStore.open(models)
    channels = []
    for each, latents in zip(COMPONENTS, z, strict=True):
        frequencies = store.tensors(file_name(each.file_kind, header["model_id"]))["hyper_entropy.freqs_int"]
        for cdf, plane in zip(z_cdf(frequencies), latents, strict=True):
            channels.append(((plane.astype(int) + 31).ravel().tolist(), cdf.tolist()))
    if residuals is None:
        count = (header.get("num_ver_splits_minus1", 0) + 1) * (header.get("num_hor_splits_minus1", 0) + 1)
        residuals = [{region: [b"\x00\x00\x01"] for region in range(count)}] * 2
    return build_stream(header, soz=encode_z(channels, threads), sorp=residuals[0], sors=residuals[1], ton=tools)


@dataclass(frozen=True)
class Written:
    """A stream and what was written in it.

    Attributes:
        data: the stream.
        z: int8 (C, hz, wz) of both components.
        residuals: int16 (C, h, w) of both components, 0 where nothing is coded.
        components: both components as the slow decoder sees them, not decoded any further.
    """

    data: bytes
    z: list[NDArray[np.int8]]
    residuals: list[NDArray[np.int16]]
    components: list[Component]


def random_stream(
    height: int, width: int, transform: str, models: str, seed: int, *, extreme: bool, model_id: int | None = None
) -> Written:
    """Return a stream of one region with random symbols and random tools, and a random model where none is given.

    With `extreme` gains are at their ends or beyond what encoders use, and residuals take all of 16 bits. Without it
    they are such that latents stay in the range of those of photographs (maxima of about 60, 20.5), which the limits of
    12.6.6 are made for; escapes of both forms occur all the same.
    """
    rng = np.random.default_rng([seed, height, width, TRANSFORMS.index(transform), len(models)])
    shape = -(-height // 64), -(-width // 64)
    z = [rng.integers(-31, 31, (channels, *shape), endpoint=True).astype(np.int8) for channels in CHANNELS]
    drawn = int(rng.integers(4))
    model_id = drawn if model_id is None else model_id
    cubes = 4 * -(-height // 256) * -(-width // 256)
    header: dict[str, Any] = {
        "decoder_profile_id": TRANSFORMS.index(transform), "synthesis_transform_id": [TRANSFORMS.index(transform)],
        "model_id": model_id, "independent_beta_uv": 1, "beta_displacement_log_plus_2048": [], "num_chs": [],
        "use_cube_flags": [], "cube_group_flag": {}, "cube_flag": {}, "rvs_enable_flag": [], "grfs_enable_flag": [],
        "grfs_channel_flag": {},
    }  # fmt: skip
    components, residuals, payloads = [], [], []
    for index, channels in enumerate(CHANNELS):
        ends = (-1069, 702, -2048, 2047) if extreme else (-1069, 702)
        beta = int(rng.choice([*ends, rng.integers(-1069, 703)]))
        coded = channels if rng.integers(2) else int(rng.integers(1, channels + 1))
        rvs, grfs, lsbs, cubed = (bool(flag) for flag in rng.integers(0, 2, 4))
        flags = (rng.random(cubes) >= 0.2).astype(int).tolist() if cubed else None
        groups = rng.integers(0, 2, coded).tolist() if grfs else None
        tools = Tools(model_id, beta, coded, rvs, lsbs, groups, flags)
        _add_tools(header, index, tools)
        each = component(index, models, tools, (height, width), z[index])
        residual = np.zeros((channels, *each.scale0.shape[1:]), np.int16)
        residual[:coded] = _random_residual(rng, each, extreme)
        components.append(each)
        residuals.append(residual)
        payloads.append(encode_map(residual[:coded], each.coding_map, int(rng.choice([1, 2, 4, 8, 16]))))
    data = write_stream(
        height, width, z, models=models, threads=int(rng.choice([1, 2, 4, 8, 16])), residuals=payloads,
        tools={
            "lsbs_enable_flag": [int(each.tools.lsbs) for each in components], "EFE_linear_filter_enabled_flag": 0,
            "icci_enable_flag": 0, "EFE_nonlinear_filter_enabled_flag": 0, "LEF_enabled_flag": 0,
        },
        **header,
    )  # fmt: skip
    return Written(data, z, residuals, components)


def _add_tools(header: dict[str, Any], index: int, tools: Tools) -> None:
    header["beta_displacement_log_plus_2048"].append(tools.beta_log + 2048)
    header["num_chs"].append(tools.num_chs)
    header["rvs_enable_flag"].append(int(tools.rvs))
    header["grfs_enable_flag"].append(int(tools.group_flags is not None))
    header["use_cube_flags"].append(int(tools.cube_flags is not None))
    if tools.group_flags is not None:
        header["grfs_channel_flag"][index] = list(tools.group_flags)
    if tools.cube_flags is not None:
        groups = [tools.cube_flags[first : first + 8] for first in range(0, len(tools.cube_flags), 8)]
        header["cube_group_flag"][index] = [int(0 in group) for group in groups]
        header["cube_flag"][index] = {
            8 * g + k: flag for g, group in enumerate(groups) if 0 in group for k, flag in enumerate(group)
        }


def _random_residual(rng: np.random.Generator, each: Component, extreme: bool) -> NDArray[np.int64]:
    """Symbols for the positions of the coding map that are coded, 0 elsewhere."""
    entries = each.coding_map
    bounds = np.array([*spec_data("metans_tables")["bound"], *[1] * 224])[entries]
    if extreme:
        # in band, short escapes, the shortest long ones, both ends, and anything
        choices = [
            rng.integers(1 - bounds, bounds), bounds + rng.integers(0, 4, entries.shape),
            -bounds - rng.integers(0, 4, entries.shape), bounds + 4, -bounds - 4, np.full(entries.shape, 32767),
            np.full(entries.shape, -32768), rng.integers(-32768, 32768, entries.shape),
        ]  # fmt: skip
        values = np.choose(rng.choice(8, entries.shape, p=[0.5, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05, 0.1]), choices)
    else:
        most = np.maximum(1, 40 * each.divisor[: len(entries), None, None])
        values = np.clip(np.rint(rng.normal(size=entries.shape) * most / 8), -most, most)
        wild = rng.random(entries.shape) < 0.01
        values[wild] = np.trunc(rng.uniform(-1, 1, entries.shape) * most)[wild]
    return np.where(entries == 255, 0, values).astype(np.int64)
