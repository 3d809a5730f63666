"""From header values and the hyper scale to scales, masks, divisors and LSBS of one component (05.5 to 05.11)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream import Codestream
from jpegai.decoder.components import COMPONENTS
from jpegai.decoder.entropy.dequantise import Dequantiser
from jpegai.decoder.entropy.gains import Gains
from jpegai.decoder.entropy.quality import QualityMap
from jpegai.decoder.entropy.scales import Scales
from jpegai.decoder.entropy.scaling import BiasScaling, VarianceScaling, block_activity, each_latent
from jpegai.decoder.geometry import Area, ceil_div
from jpegai.decoder.workers import Workers

__all__ = ["Quantiser", "cube_flags", "group_flags"]


@dataclass(frozen=True, slots=True)
class Quantiser:
    """How the residual of a component is coded, in the area that is held: of whole blocks, or up to the picture's end.

    Attributes:
        scales: what is coded, and with which distribution.
        dequantiser: from integers to the residual.
        bias: LSBS, None where it is off.
        activity: int16 (C, hb, wb), 0..4351, of blocks of 8 x 8 latents; None where nothing asks for it.
        cube_flags: uint8 (4, cubeH, cubeW) as transmitted, None where there are none.
        group_flags: uint8 (C,), the flags of GRFS, None where it is off.
    """

    scales: Scales
    dequantiser: Dequantiser
    bias: BiasScaling | None
    activity: NDArray[np.int16] | None
    cube_flags: NDArray[np.uint8] | None
    group_flags: NDArray[np.uint8] | None

    @classmethod
    def of(
        cls,
        stream: Codestream,
        component: int,
        gain_log: NDArray[np.int32],
        hyper_scale: NDArray[np.int16],
        quality: QualityMap | None,
        held: Area,
        workers: Workers,
    ) -> Quantiser:
        """Return the quantiser of a component.

        Args:
            stream: the stream, of whose headers the values are taken.
            component: 0 or 1.
            gain_log: int32 (C,), gains of the model.
            hyper_scale: int16 (C, h, w), 0..3967, output of the hyper scale decoder, of the area.
            quality: the quality map of the area, None where there is none.
            held: the latents of the area; they begin at a multiple of 16 rows and columns.
            workers: channels are shared among them.

        Raises:
            ConformanceError: what is added to a scale is out of range (R-96).
        """
        pih = stream.pih
        gains = Gains.at(gain_log, pih.beta_displacement_log_plus_2048[component] - 2048)
        cubes, groups = cube_flags(stream, component), group_flags(stream, component)
        if cubes is not None:
            cubes = cubes[held.covered_by(16).index]
        rvs, lsbs = bool(pih.rvs_enable_flag[component]), bool(stream.ton.lsbs_enable_flag[component])
        added = np.zeros(hyper_scale.shape[1:], np.int16) if quality is None else quality.log
        activity = variance = bias = None
        if rvs or groups is not None or lsbs:
            activity = block_activity(hyper_scale, gains.log, added, workers)
            if rvs or groups is not None:
                variance = VarianceScaling.of(pih.model_id, activity, rvs=rvs, group_flags=groups)
            if lsbs:
                bias = BiasScaling.of(pih.model_id, activity)
        return cls(
            Scales.of(
                hyper_scale,
                gains.log,
                quality=added,
                variance=None if variance is None else variance.log,
                cube_flags=cubes,
            ),
            Dequantiser(
                gains.divisor,
                None if variance is None else variance.inverse,
                None if quality is None else quality.divisor,
            ),
            bias,
            activity,
            cubes,
            groups,
        )

    def results(self) -> dict[str, NDArray[Any]]:
        """Return the results of the stages by name; a plain decode never makes these arrays."""
        before, after = self.scales.before_variance(), self.scales.after_variance()
        results: dict[str, NDArray[Any]] = {
            "hyper_scale": self.scales.hyper,
            "scale0": before,
            "scale1": after,
            "sigma_index": self.scales.sigma_index(),
            "coded_mask": self.scales.coded_mask(),
        }
        if self.cube_flags is not None:
            results["cube_flags"] = self.cube_flags
        if self.group_flags is not None:
            results["grfs_flags"] = self.group_flags
        if self.activity is not None:
            activity = each_latent(self.activity, *before.shape[1:])
            if self.dequantiser.variance is not None:
                results["rvs_block_sigma"] = activity
            if self.bias is not None:
                results["lsbs_block_sigma"] = activity
        return results


def cube_flags(stream: Codestream, component: int) -> NDArray[np.uint8] | None:
    """Return the cube flags of a component as (4, rows, columns), None when they are not used (02.2)."""
    if not stream.pih.use_cube_flags[component]:
        return None
    height, width = ceil_div(stream.pih.img_height, 256), ceil_div(stream.pih.img_width, 256)
    values = stream.pih.cube_flag[component]
    return np.fromiter((values[i] for i in range(4 * height * width)), np.uint8).reshape(4, height, width)


def group_flags(stream: Codestream, component: int) -> NDArray[np.uint8] | None:
    """Return the GRFS flags of all channels of a component, None when it is off; those not sent are 0 (05.8.1)."""
    if not stream.pih.grfs_enable_flag[component]:
        return None
    values = stream.pih.grfs_channel_flag[component]
    flags = np.zeros(COMPONENTS[component].channels, np.uint8)
    for channel in range(stream.pih.numCh[component]):
        flags[channel] = values[channel]
    return flags
