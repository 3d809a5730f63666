"""The decoder: one walk from bytes to a picture."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream import Codestream, Finding, JpegAIError
from jpegai.decoder.engines.float32 import Float32Engine, Float32Network
from jpegai.decoder.entropy.gains import Gains
from jpegai.decoder.entropy.residual import decode_residuals
from jpegai.decoder.entropy.scales import coded_mask, coding_map, dequantise, scale0, sigma_index
from jpegai.decoder.entropy.z import decode_z
from jpegai.decoder.entropy_model import COMPONENTS, Component, EntropyModel, load_entropy_model
from jpegai.decoder.geometry import ceil_div, size_argument
from jpegai.decoder.latents import add_psi, context_latents, merge_phases
from jpegai.decoder.models import ModelStore
from jpegai.decoder.picture.colour import to_rgb, to_rgb8
from jpegai.decoder.picture.picture import Picture
from jpegai.decoder.plan import DEFAULT_MAX_PIXELS, Plan, make_plan
from jpegai.decoder.recorder import Dump, Recorder
from jpegai.decoder.support import check, choose_transform
from jpegai.decoder.workers import Workers

__all__ = ["ENGINES", "Decoder"]

ENGINES = ("float32",)
Source = Codestream | str | os.PathLike[str] | bytes


class Decoder:
    """Decodes streams with one set of models. Reusable and thread-safe; models load once.

    Args:
        models: ``analytic``, ``test``, a directory of official checkpoints, a packed file, or a `ModelStore`.
        engine: what runs the networks; ``float32`` promises the tolerances of section 12.6.6.
        threads: threads of networks and loops; by default the CPUs the process may use.
        max_memory: bytes a decode may take above libraries and models; by default half of the machine's memory.
        max_pixels: largest coded picture, in samples.
        provider: what runs the float32 networks: ``cpu`` or ``cuda``.
    """

    def __init__(
        self,
        models: str | os.PathLike[str] | ModelStore = "analytic",
        *,
        engine: str = "float32",
        threads: int | None = None,
        max_memory: int | None = None,
        max_pixels: int = DEFAULT_MAX_PIXELS,
        provider: str = "cpu",
    ) -> None:
        if engine not in ENGINES:
            raise ValueError(f"engine {engine!r} is none of {ENGINES}")
        if threads is not None and threads < 1:
            raise ValueError(f"threads must be at least 1, not {threads}")
        self.store = models if isinstance(models, ModelStore) else ModelStore.open(models)
        self.max_memory = max_memory
        self.max_pixels = max_pixels
        self._workers = Workers(threads)
        self._engine = Float32Engine(self.store, threads=self._workers.threads, provider=provider)
        self._entropy_models: dict[tuple[str, int], EntropyModel] = {}
        self._lock = threading.Lock()

    # -- what a user calls ------------------------------------------------------------------------------------

    def decode(self, stream: Source, *, transform: str | None = None) -> Picture:
        """Decode a stream to a picture.

        Args:
            stream: a `Codestream`, a path, or the bytes of a file.
            transform: ``sop`` or ``bop``; by default the first one listed in the stream.

        Raises:
            TruncatedError, StreamSyntaxError, ConformanceError: the stream is damaged.
            UnsupportedError: it uses something that is not built; the element is named.
            ModelError: weights are missing or wrong.
            LimitError: a limit would be exceeded.
        """
        return self._decode(stream, transform, Recorder())

    def dump(self, stream: Source, *, transform: str | None = None) -> dict[str, NDArray[Any]]:
        """Decode a stream and return every intermediate result by stage name (``primary.z`` ... ``picture``)."""
        recorder = Dump()
        self._decode(stream, transform, recorder)
        return recorder.results

    # -- the walk ---------------------------------------------------------------------------------------------

    def _decode(self, source: Source, transform: str | None, recorder: Recorder) -> Picture:
        stream = _open(source)
        try:
            check(stream)
            plan = make_plan(
                stream, choose_transform(stream, transform), max_pixels=self.max_pixels, max_memory=self.max_memory
            )
            return self._walk(stream, plan, recorder)
        except JpegAIError as error:
            raise error.locate(file=stream.name) from None

    def _walk(self, stream: Codestream, plan: Plan, recorder: Recorder) -> Picture:
        findings = [finding for finding in stream.findings if finding.severity != "E"]
        with recorder.stage("model load"):
            networks, models = self._load(plan, stream.pih.model_id)
        with recorder.stage("entropy"):
            z, ends = decode_z(stream.threads("soz"), [model.cdf for model in models], plan.hyper, self._workers)
        findings += ends
        residuals = self._residuals(stream, plan, models, z, recorder, findings)
        latents = self._latents(plan, networks, z, residuals, recorder)
        del z, residuals
        rgb = self._synthesis(plan, networks, latents, recorder)
        return Picture(rgb, plan.transform, tuple(findings), recorder.times)

    def _residuals(
        self,
        stream: Codestream,
        plan: Plan,
        models: list[EntropyModel],
        z: list[NDArray[np.int8]],
        recorder: Recorder,
        findings: list[Finding],
    ) -> list[NDArray[np.float32]]:
        """Scales, masks, symbols and dequantisation of both components (05.4 to 05.10)."""
        maps, divisors = [], []
        for index, (component, model) in enumerate(zip(COMPONENTS, models, strict=True)):
            with recorder.stage("scales and masks"):
                size = size_argument(model.scale_network.network.size_argument, plan.height, plan.width)
                hyper_scale = model.scale_network(z[index], size=size, workers=self._workers)
                gains = Gains.at(model.gain_log, stream.pih.beta_displacement_log_plus_2048[index] - 2048)
                flags = _cube_flags(stream, index)
                channels = stream.pih.numCh[index]
                maps.append(coding_map(hyper_scale, gains.log, flags, channels, self._workers))
                divisors.append(gains.divisor)
            if recorder.keeps:
                self._record_scales(recorder, component.name, z[index], hyper_scale, gains, flags)
        with recorder.stage("entropy"):
            payloads = [stream.threads(component.residual_segment) for component in COMPONENTS]
            decoded = decode_residuals(list(zip(payloads, maps, strict=True)), self._workers)
        result = []
        for index, (component, (residual, ends)) in enumerate(zip(COMPONENTS, decoded, strict=True)):
            findings += ends
            with recorder.stage("entropy"):
                result.append(dequantise(residual, divisors[index], self._workers))
            if recorder.keeps:
                recorder.add(f"{component.name}.residual", _all_channels(residual, component.channels))
            recorder.add(f"{component.name}.residual_dequantised", result[-1])
        return result

    def _record_scales(
        self,
        recorder: Recorder,
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
            recorder.add(f"{name}.{stage}", array)

    def _latents(
        self,
        plan: Plan,
        networks: Callable[[str], Float32Network],
        z: list[NDArray[np.int8]],
        residuals: list[NDArray[np.float32]],
        recorder: Recorder,
    ) -> NDArray[np.float32]:
        """Hyper decoder and prediction of both components: (256, h, w), primary channels first (06.6, 06.7)."""
        primary, secondary = COMPONENTS
        latents = np.empty((primary.channels + secondary.channels, *plan.latents), np.float32)
        parts = latents[: primary.channels], latents[primary.channels :]
        for index, component in enumerate(COMPONENTS):
            with recorder.stage("hyper decoder"):
                network = networks(component.hyper_network)
                size = size_argument(network.network.size_argument, plan.height, plan.width)
                psi = network(z[index].astype(np.float32), size=size)
            recorder.add(f"{component.name}.psi", psi)
            with recorder.stage("MCM"):
                if index == 0:
                    predictions: list[NDArray[np.float32]] | None = [] if recorder.keeps else None
                    phases = [networks(f"mcm_phase{phase}") for phase in range(4)]
                    context_latents(residuals[0], psi, phases, parts[0], self._workers, predictions)
                    if predictions is not None:
                        recorder.add("primary.prediction", merge_phases(predictions, *plan.latents))
                else:
                    add_psi(residuals[1], psi, parts[1], self._workers)
            for stage in ("latents", "latents_scaled"):  # the same without LSBS (05.11)
                recorder.add(f"{component.name}.{stage}", parts[index])
        return latents

    def _synthesis(
        self,
        plan: Plan,
        networks: Callable[[str], Float32Network],
        latents: NDArray[np.float32],
        recorder: Recorder,
    ) -> NDArray[np.uint8]:
        """Run the synthesis band by band and convert each band to RGB (06.8, 10)."""
        height, width = plan.display
        names = [f"{plan.transform.lower()}_{part}" for part in ("prim", "sec")]
        rgb = np.empty((height, width, 3), np.uint8)
        for band in plan.bands:
            first, last = band.rows[0], min(band.rows[1], height)
            if first >= last:
                continue
            window = latents[:, slice(*band.latents)]
            inputs = (window[: COMPONENTS[0].channels], window)
            with recorder.stage("synthesis"):
                luma, chroma = (
                    networks(name)(np.ascontiguousarray(values), size=(band.size, plan.width))[
                        :, band.skip : band.skip + last - first, :width
                    ]
                    for name, values in zip(names, inputs, strict=True)
                )
            with recorder.stage("colour"):
                to_rgb8(luma[0], chroma, rgb[first:last], self._workers)
            if recorder.keeps:
                output = to_rgb(luma[0], chroma, self._workers)
                recorder.add_rows("primary.planes", height, first, luma)
                recorder.add_rows("secondary.planes", height, first, chroma)
                for index, plane in enumerate((luma, chroma[:1], chroma[1:])):
                    recorder.add_rows(f"filter_input.{index}", height, first, plane)
                    recorder.add_rows(f"output.{index}", height, first, output[index : index + 1])
        recorder.add("picture", rgb)
        return rgb

    # -- models -----------------------------------------------------------------------------------------------

    def _load(self, plan: Plan, model_id: int) -> tuple[Callable[[str], Float32Network], list[EntropyModel]]:
        """Return a function that gives the float networks by name, and the entropy models of both components.

        The networks are loaded in the background while entropy decoding begins.
        """
        names = [
            *(component.hyper_network for component in COMPONENTS),
            *(f"mcm_phase{phase}" for phase in range(4)),
            *(f"{plan.transform.lower()}_{part}" for part in ("prim", "sec")),
        ]
        if self._workers.threads > 1:
            threading.Thread(target=self._load_networks, args=(names, model_id), daemon=True).start()
        models = [self._entropy_model(component, model_id) for component in COMPONENTS]
        return lambda name: self._engine.network(name, model_id), models

    def _load_networks(self, names: list[str], model_id: int) -> None:
        try:
            for name in names:
                self._engine.network(name, model_id)
        except JpegAIError:
            pass  # raised again where the network is used

    def _entropy_model(self, component: Component, model_id: int) -> EntropyModel:
        key = component.name, model_id
        with self._lock:
            if key not in self._entropy_models:
                self._entropy_models[key] = load_entropy_model(self.store, component, model_id)
            return self._entropy_models[key]


def _open(source: Source) -> Codestream:
    if isinstance(source, Codestream):
        return source
    if isinstance(source, (bytes, bytearray, memoryview)):
        return Codestream.parse(source)
    return Codestream.open(source)


def _cube_flags(stream: Codestream, component: int) -> NDArray[np.uint8] | None:
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
