"""One way through the house: from the payloads of a stream to its picture, stage by stage, as the plan says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream import Codestream
from jpegai.decoder.components import COMPONENTS, synthesis_names
from jpegai.decoder.entropy.gains import Gains
from jpegai.decoder.entropy.residual import decode_residuals
from jpegai.decoder.entropy.scales import coded_mask, coding_map, dequantise, scale0, sigma_index
from jpegai.decoder.entropy.z import decode_z
from jpegai.decoder.geometry import ceil_div, size_argument
from jpegai.decoder.latents import add_psi, context_latents, merge_phases
from jpegai.decoder.picture.assembly import Assembly
from jpegai.decoder.picture.picture import Picture
from jpegai.decoder.picture.signalling import Rendering
from jpegai.decoder.plan import Plan
from jpegai.decoder.recorder import Recorder

if TYPE_CHECKING:
    from jpegai.decoder.decoder import Decoder
    from jpegai.decoder.engines.float32 import Float32Network
    from jpegai.decoder.entropy_model import EntropyModel

__all__ = ["Walk", "cube_flags"]

Float32 = NDArray[np.float32]


class Walk:
    """One decode. What it offers to its recorder under the names of the stages is what a dump holds."""

    def __init__(
        self, decoder: Decoder, stream: Codestream, plan: Plan, rendering: Rendering, recorder: Recorder
    ) -> None:
        self._decoder = decoder
        self._workers = decoder.workers
        self._stream = stream
        self._plan = plan
        self._rendering = rendering
        self._recorder = recorder
        self._model_id: int = stream.pih.model_id
        self._findings = [finding for finding in stream.findings if finding.severity != "E"]
        self._findings += rendering.findings

    def run(self) -> Picture:
        """Decode the stream."""
        with self._recorder.stage("model load"):
            models = [self._decoder.entropy_model(component, self._model_id) for component in COMPONENTS]
        z = self._hyper_latents(models)
        residuals = self._residuals(models, z)
        latents = self._latents(z, residuals)
        del z, residuals
        return self._picture(self._synthesis(latents))

    def _network(self, name: str) -> Float32Network:
        return self._decoder.network(name, self._model_id)

    def _size(self, kind: str) -> tuple[int, int]:
        return size_argument(kind, self._plan.height, self._plan.width)

    # -- integers ---------------------------------------------------------------------------------------------

    def _hyper_latents(self, models: list[EntropyModel]) -> list[NDArray[np.int8]]:
        """Decode z of both components (05.3)."""
        with self._recorder.stage("entropy"):
            cdfs = [model.cdf for model in models]
            z, findings = decode_z(self._stream.threads("soz"), cdfs, self._plan.hyper, self._workers)
        self._findings += findings
        return z

    def _residuals(self, models: list[EntropyModel], z: list[NDArray[np.int8]]) -> list[Float32]:
        """Decode scales, masks and symbols, and dequantise, for both components (05.4 to 05.10)."""
        recorder, pih = self._recorder, self._stream.pih
        maps, divisors = [], []
        for index, (component, model) in enumerate(zip(COMPONENTS, models, strict=True)):
            with recorder.stage("scales and masks"):
                scales = model.scale_network
                hyper_scale = scales(z[index], size=self._size(scales.network.size_argument), workers=self._workers)
                gains = Gains.at(model.gain_log, pih.beta_displacement_log_plus_2048[index] - 2048)
                flags = cube_flags(self._stream, index)
                maps.append(coding_map(hyper_scale, gains.log, flags, pih.numCh[index], self._workers))
                divisors.append(gains.divisor)
            if recorder.keeps:
                self._record_scales(component.name, z[index], hyper_scale, gains, flags)
        with recorder.stage("entropy"):
            payloads = [self._stream.threads(component.residual_segment) for component in COMPONENTS]
            decoded = decode_residuals(list(zip(payloads, maps, strict=True)), self._workers)
        result = []
        for component, divisor, (residual, findings) in zip(COMPONENTS, divisors, decoded, strict=True):
            self._findings += findings
            with recorder.stage("entropy"):
                result.append(dequantise(residual, divisor, self._workers))
            if recorder.keeps:
                recorder.add(f"{component.name}.residual", _all_channels(residual, component.channels))
            recorder.add(f"{component.name}.residual_dequantised", result[-1])
        return result

    def _record_scales(
        self,
        name: str,
        z: NDArray[np.int8],
        hyper_scale: NDArray[np.int16],
        gains: Gains,
        flags: NDArray[np.uint8] | None,
    ) -> None:
        """Keep what the coding map is made of; a plain decode never makes these arrays."""
        scale = scale0(hyper_scale, gains.log, self._workers)
        results: dict[str, NDArray[Any]] = {
            "z": z,
            "hyper_scale": hyper_scale,
            "scale0": scale,
            "scale1": scale,  # the same without residual variance scaling (05.8)
            "sigma_index": sigma_index(scale, self._workers),
            "coded_mask": coded_mask(scale, flags, self._workers),
        }
        if flags is not None:
            results["cube_flags"] = flags
        for stage, array in results.items():
            self._recorder.add(f"{name}.{stage}", array)

    # -- networks ---------------------------------------------------------------------------------------------

    def _latents(self, z: list[NDArray[np.int8]], residuals: list[Float32]) -> Float32:
        """Predict both components and add the residuals: (256, h, w), primary channels first (06.6, 06.7)."""
        recorder, plan = self._recorder, self._plan
        split = COMPONENTS[0].channels
        latents = np.empty((split + COMPONENTS[1].channels, *plan.latents), np.float32)
        parts = latents[:split], latents[split:]
        for index, component in enumerate(COMPONENTS):
            with recorder.stage("hyper decoder"):
                network = self._network(component.hyper_network)
                size = self._size(network.network.size_argument)
                psi = network(z[index].astype(np.float32), size=size)
            recorder.add(f"{component.name}.psi", psi)
            with recorder.stage("MCM"):
                if index == 0:
                    self._context(residuals[0], psi, parts[0])
                else:
                    add_psi(residuals[1], psi, parts[1], self._workers)
            for stage in ("latents", "latents_scaled"):  # the same without LSBS (05.11)
                recorder.add(f"{component.name}.{stage}", parts[index])
        return latents

    def _context(self, residual: Float32, psi: Float32, out: Float32) -> None:
        predictions: list[Float32] | None = [] if self._recorder.keeps else None
        phases = [self._network(f"mcm_phase{phase}") for phase in range(4)]
        context_latents(residual, psi, phases, out, self._workers, predictions)
        if predictions is not None:
            self._recorder.add("primary.prediction", merge_phases(predictions, *self._plan.latents))

    def _synthesis(self, latents: Float32) -> Assembly:
        """Run the synthesis band by band (06.8)."""
        recorder = self._recorder
        height, width = self._plan.display
        primary, secondary = (self._network(name) for name in synthesis_names(self._plan.transform))
        assembly = Assembly(self._rendering, height, width, self._workers, keeps=recorder.keeps)
        for band in self._plan.bands:
            first, last = band.rows[0], min(band.rows[1], height)
            if first >= last:
                continue
            window = np.ascontiguousarray(latents[:, slice(*band.latents)])
            size = band.size, self._plan.width
            with recorder.stage("synthesis"):
                luma = primary(window[: COMPONENTS[0].channels], size=size)
                chroma = secondary(window, size=size)
            luma, chroma = (part[:, band.skip : band.skip + last - first, :width] for part in (luma, chroma))
            with recorder.stage("colour"):
                assembly.add(first, 0, luma, chroma)
        return assembly

    # -- picture ----------------------------------------------------------------------------------------------

    def _picture(self, assembly: Assembly) -> Picture:
        """Make the picture of its planes (10.4)."""
        recorder = self._recorder
        if recorder.keeps:
            self._record_planes(assembly)
        with recorder.stage("colour"):
            samples = assembly.finish()
        picture = Picture(
            samples,
            self._rendering.target,
            self._plan.transform,
            tuple(self._findings),
            recorder.times,
            self._rendering.cicp,
        )
        if recorder.keeps:
            recorder.add("picture", picture.rgb if picture.format.space == "rgb" else picture.flat())
        return picture

    def _record_planes(self, assembly: Assembly) -> None:
        """Keep the planes as coded, as they would enter filters, and the decoded picture before rounding."""
        for component, planes in zip(COMPONENTS, assembly.coded, strict=True):
            self._recorder.add(f"{component.name}.planes", planes)
        for name, each in (("filter_input", assembly.filter_input()), ("output", assembly.decoded())):
            for index, plane in enumerate(each):
                self._recorder.add(f"{name}.{index}", plane[np.newaxis])


def cube_flags(stream: Codestream, component: int) -> NDArray[np.uint8] | None:
    """Return the cube flags of a component as (4, rows, columns), None when they are not used (02.2)."""
    if not stream.pih.use_cube_flags[component]:
        return None
    height, width = ceil_div(stream.pih.img_height, 256), ceil_div(stream.pih.img_width, 256)
    values = stream.pih.cube_flag[component]
    return np.fromiter((values[i] for i in range(4 * height * width)), np.uint8).reshape(4, height, width)


def _all_channels(residual: NDArray[np.int16], channels: int) -> NDArray[np.int16]:
    """Return (channels, h, w): the channels that are not coded are 0."""
    out = np.zeros((channels, *residual.shape[1:]), np.int16)
    out[: len(residual)] = residual
    return out
