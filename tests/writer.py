"""A small writer of streams for tests: any size, any hyper latents, residuals not coded."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream.building import build_stream
from jpegai.decoder.components import COMPONENTS
from jpegai.decoder.entropy import z_cdf
from jpegai.decoder.models import ModelStore, file_name
from tests.decoder.entropy.encoder import encode_z

#: A header of the simple profile: 8-bit 4:4:4 RGB, SOP, no residual channels.
PLAIN: dict[str, Any] = {
    "stream_profile_idc": 0, "decoder_profile_id": 0, "num_synthesis_transforms_minus1": 0,
    "synthesis_transform_id": [0], "level_idc": 52, "diff_display_img_width": 0, "diff_display_img_height": 0,
    "bit_depth_idc": 0, "s_ver_minus1": 0, "s_hor_minus1": 0, "c_ver_minus1": 0, "c_hor_minus1": 0,
    "colour_transform_idx": 1, "model_id": 0, "beta_displacement_log_plus_2048": [2048], "region_partitioning_flag": 0,
    "independent_beta_uv": 0, "multi_threading_r": [0, 0], "num_chs": [0, 0], "use_cube_flags": [0, 0],
    "rvs_enable_flag": [0, 0], "grfs_enable_flag": [0, 0], "synthesis_tile_enable": [0, 0], "gain_3D_enable_flag": 0,
}  # fmt: skip


def write_stream(
    height: int, width: int, z: list[NDArray[np.int8]], *, models: str, threads: int = 1, **values: Any
) -> bytes:
    """Return a stream with the given hyper latents, (C, hz, wz) of both components, and empty residuals.

    `values` go over those of `PLAIN`; None takes an element out.
    """
    header = PLAIN | {"img_width_minus64": width - 64, "img_height_minus64": height - 64} | values
    header = {name: value for name, value in header.items() if value is not None}
    store = ModelStore.open(models)
    channels = []
    for component, latents in zip(COMPONENTS, z, strict=True):
        frequencies = store.tensors(file_name(component.file_kind, header["model_id"]))["hyper_entropy.freqs_int"]
        for cdf, plane in zip(z_cdf(frequencies), latents, strict=True):
            channels.append(((plane.astype(int) + 31).ravel().tolist(), cdf.tolist()))
    count = (header.get("num_ver_splits_minus1", 0) + 1) * (header.get("num_hor_splits_minus1", 0) + 1)
    empty = {region: [b"\x00\x00\x01"] for region in range(count)}
    return build_stream(header, soz=encode_z(channels, threads), sorp=empty, sors=empty)
