"""One way through the house: from the payloads of a stream to its picture, stage by stage, as the plan says."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream import Codestream, Finding
from jpegai.codestream.rules.catalogue import finding
from jpegai.decoder.components import COMPONENTS, synthesis_names
from jpegai.decoder.engines.formats import FRACTION_BITS
from jpegai.decoder.entropy.quality import QualityMap, decode_quality_map
from jpegai.decoder.entropy.residual import ResidualCall, decode_residuals
from jpegai.decoder.entropy.scaling import BiasScaling
from jpegai.decoder.entropy.z import decode_z
from jpegai.decoder.filters.base import Supplies
from jpegai.decoder.filters.planes import Window, WindowPlanes
from jpegai.decoder.geometry import Area, Region, size_argument
from jpegai.decoder.latents import add_psi, context_latents, merge_phases
from jpegai.decoder.networks import NETWORKS
from jpegai.decoder.picture.assembly import Assembly
from jpegai.decoder.picture.formats import Planes
from jpegai.decoder.picture.picture import Picture
from jpegai.decoder.picture.resample import resample
from jpegai.decoder.picture.signalling import Rendering
from jpegai.decoder.plan import Piece, Plan
from jpegai.decoder.quantiser import Quantiser
from jpegai.decoder.recorder import Recorder, stage_of
from jpegai.decoder.symbols import Symbols

if TYPE_CHECKING:
    from jpegai.decoder.decoder import Decoder
    from jpegai.decoder.entropy_model import EntropyModel

__all__ = ["Walk"]

Float32 = NDArray[np.float32]
#: Numbers of the engine: float32, or int32 in fixed point.
Numbers = NDArray[Any]


class Walk:
    """One decode. What it offers to its recorder under the names of the stages is what a dump holds."""

    def __init__(
        self,
        decoder: Decoder,
        stream: Codestream,
        plan: Plan,
        rendering: Rendering,
        recorder: Recorder,
        symbols: Symbols | None = None,
    ) -> None:
        self._decoder = decoder
        self._engine = decoder.engine
        self._workers = decoder.workers
        self._stream = stream
        self._plan = plan
        self._rendering = rendering
        self._recorder = recorder
        self._symbols = symbols
        self._model_id: int = stream.pih.model_id
        # absent regions are told one by one, where their residual would be decoded
        self._findings = recorder.findings
        self._findings += [each for each in stream.findings if each.rule != "S-34"]
        self._findings += (*plan.findings, *rendering.findings)

    def run(self) -> Picture | None:
        """Decode the stream; None where the recorder stops before the picture."""
        picture = self._run()
        if picture is None:
            self._report_cuts()
        return picture

    def _report_cuts(self) -> None:
        for tensor, count in sorted(self._recorder.saturations.counts.items()):
            message = f"{count} values of {tensor} left the range of their fixed-point format and were cut"
            self._findings.append(Finding(None, "W", message))

    def _run(self) -> Picture | None:
        stops_before = self._recorder.stops_before
        with self._recorder.stage("model load"):
            models = [self._decoder.entropy_model(component, self._model_id) for component in COMPONENTS]
        z = self._hyper_latents(models)
        if stops_before("quality_map"):
            return None
        quantisers = self._quantisers(models, z)
        if stops_before("residual"):
            return None
        residuals = self._residuals(quantisers)
        biases = [quantiser.bias for quantiser in quantisers]
        scale = self._filter_scale(quantisers[0])
        del quantisers
        if stops_before("psi"):
            return None
        latents = self._latents(z, numbers := self._numbers(residuals))
        del residuals
        if stops_before("latents_scaled"):
            return None
        self._scale_latents(biases, latents, numbers)
        del z, biases, numbers
        if stops_before("planes"):
            return None
        assembly = self._synthesis(latents)
        del latents
        filtered = self._filtered(assembly, scale)
        return None if stops_before("output") else self._picture(assembly, filtered)

    def _network(self, name: str, bank: str | None = None, index: int | None = None) -> Callable[..., Numbers]:
        network = self._engine.network(name, self._model_id if index is None else index, bank)
        if not network.exact:
            self._recorder.exact = False
        if network.warning is not None and network.warning not in self._findings:
            self._findings.append(network.warning)
        return functools.partial(network, saturations=self._recorder.saturations)

    def _add(self, name: str, result: Numbers) -> None:
        """Offer a result of the engine's numbers to the recorder."""
        fixed = self._engine.dtype == np.int32
        self._recorder.add(name, result, FRACTION_BITS[stage_of(name)] if fixed else None)

    # -- integers ---------------------------------------------------------------------------------------------

    def _hyper_latents(self, models: list[EntropyModel]) -> list[NDArray[np.int8]]:
        """Decode z of both components (05.3)."""
        with self._recorder.stage("entropy"):
            known = self._symbols.z if self._symbols else None
            if known is None:
                cdfs = [model.cdf for model in models]
                known = decode_z(self._stream.threads("soz"), cdfs, self._plan.hyper, self._workers)
            z, findings = known
            if self._symbols:
                self._symbols.z = known
        self._findings += findings
        for component, latents in zip(COMPONENTS, z, strict=True):
            self._recorder.add(f"{component.name}.z", latents)
        return z

    def _quality_map(self) -> QualityMap | None:
        """Decode the quality map, which both components share (05.6)."""
        pih = self._stream.pih
        if not pih.gain_3D_enable_flag:
            return None
        with self._recorder.stage("entropy"):
            threads = self._stream.threads("soq")
            plan = self._plan
            quality, findings = decode_quality_map(
                threads, pih.quality_map_entropy_index, plan.latents, self._workers, plan.quality_prediction
            )
        self._findings += findings
        self._recorder.add("quality_map", quality.values[None])
        return QualityMap(np.ascontiguousarray(quality.values[self._plan.held.index[1:]]))

    def _quantisers(self, models: list[EntropyModel], z: list[NDArray[np.int8]]) -> list[Quantiser]:
        """Compute scales and what follows from them for both components (05.4 to 05.9)."""
        quality, scaling = self._quality_map(), self._plan.scaling
        result = []
        for index, (component, model) in enumerate(zip(COMPONENTS, models, strict=True)):
            with self._recorder.stage("scales and masks"):
                scales = model.scale_network
                size = size_argument(scales.network.size_argument, *scaling.size)
                read = np.ascontiguousarray(z[index][scaling.hyper.index])
                made = scales(read, size=size, workers=self._workers)
                hyper_scale = np.ascontiguousarray(made[scaling.kept.index])
                quantiser = Quantiser.of(
                    self._stream, index, model.gain_log, hyper_scale, quality, self._plan.held, self._workers
                )
            if self._recorder.keeps:
                for stage, array in quantiser.results().items():
                    self._recorder.add(f"{component.name}.{stage}", array)
            result.append(quantiser)
        return result

    def _residuals(self, quantisers: list[Quantiser]) -> list[Float32]:
        """Decode the symbols of all regions of both components, and dequantise (05.9, 05.10)."""
        recorder, plan, pih = self._recorder, self._plan, self._stream.pih
        known = {} if self._symbols is None else self._symbols.residual
        cores: dict[tuple[int, int], Area] = {}
        calls: dict[tuple[int, int], ResidualCall] = {}
        for index, component in enumerate(COMPONENTS):
            kind = component.residual_segment
            payloads = self._stream.regions(kind)
            for region in plan.needs[index].coded:
                if region.index not in payloads:
                    message = f"region {region.index} of the {component.name} component is absent: its residual is 0"
                    self._findings.append(finding("S-34", message, kind))
                    continue
                place, core = (index, region.index), region.core.within(plan.held)
                cores[place] = core
                if place not in known:
                    with recorder.stage("scales and masks"):
                        coding_map = quantisers[index].scales.coding_map(pih.numCh[index], core, self._workers)
                    calls[place] = ResidualCall(payloads[region.index], coding_map, plan.channels[index])
        with recorder.stage("entropy"):
            known = known | dict(zip(calls, decode_residuals(list(calls.values()), self._workers), strict=True))
        if self._symbols is not None:
            self._symbols.residual = known
        size = plan.held.shape
        result = [np.zeros((component.channels, *size), np.float32) for component in COMPONENTS]
        symbols = [np.zeros(array.shape, np.int16) for array in result] if recorder.keeps else None
        for (index, number), core in cores.items():
            values, findings = known[index, number]
            self._findings += findings
            used = plan.needs[index].residual.within(plan.held).intersect(core)
            with recorder.stage("entropy"):
                part = np.ascontiguousarray(values[used.within(core).index])
                quantisers[index].dequantiser(part, used, result[index], self._workers)
            if symbols is not None:
                symbols[index][: len(values)][core.index] = values
        for index, component in enumerate(COMPONENTS):
            if symbols is not None:
                recorder.add(f"{component.name}.residual", symbols[index])
            recorder.add(f"{component.name}.residual_dequantised", result[index])
        return result

    # -- networks ---------------------------------------------------------------------------------------------

    def _numbers(self, residuals: list[Float32]) -> list[Numbers]:
        """Return the residuals as numbers of the engine."""
        with self._recorder.stage("MCM"):
            return [self._engine.latents(each, self._recorder.saturations, self._workers) for each in residuals]

    def _latents(self, z: list[NDArray[np.int8]], residuals: list[Numbers]) -> Numbers:
        """Predict both components and add the residuals: (256, h, w), primary channels first (06.6, 06.7, 07.5)."""
        recorder, plan = self._recorder, self._plan
        split = COMPONENTS[0].channels
        latents = np.zeros((split + COMPONENTS[1].channels, *plan.held.shape), self._engine.dtype)
        parts = latents[:split], latents[split:]
        for index, component in enumerate(COMPONENTS):
            with recorder.stage("hyper decoder"):
                psi = self._psi(component.hyper_network, z[index], plan.needs[index].regions)
            self._add(f"{component.name}.psi", psi)
            if recorder.stops_before("prediction"):
                continue
            with recorder.stage("MCM"):
                for region in plan.needs[index].regions:
                    paste = region.paste.within(plan.held)
                    if paste.empty:
                        continue
                    if index == 0:
                        self._context(residuals[0], psi, region.latents.within(plan.held), paste, parts[0])
                    else:
                        add_psi(residuals[1], psi, paste, parts[1], self._workers, recorder.saturations)
            self._add(f"{component.name}.latents", parts[index])
        return latents

    def _psi(self, name: str, z: NDArray[np.int8], regions: Sequence[Region]) -> Numbers:
        """Run the hyper decoder of every region and paste what it makes (07.4)."""
        declared, run, held = NETWORKS[name], self._network(name), self._plan.held.covered_by(2)
        psi: Numbers | None = None
        for region in regions:
            if region.psi.empty:
                continue
            size = size_argument(declared.size_argument, *region.size)
            part = run(self._engine.integers(z[region.hyper.index]), size=size)
            if region.psi == held and region.cells.shape == part.shape[1:]:
                return part
            if psi is None:
                psi = np.zeros((len(part), *held.shape), part.dtype)
            psi[region.psi.within(held).index] = part[region.cells.index]
        return psi if psi is not None else np.zeros((declared.layers[-1].channels, *held.shape), self._engine.dtype)

    def _context(self, residual: Numbers, psi: Numbers, window: Area, paste: Area, out: Numbers) -> None:
        keeps = self._recorder.keeps and paste.shape == self._plan.latents
        predictions: list[Numbers] | None = [] if keeps else None
        saturations = self._recorder.saturations
        phases = [self._network(f"mcm_phase{phase}") for phase in range(4)]
        context_latents(residual, psi, phases, window, paste, out, self._workers, predictions, saturations)
        if predictions is not None:
            self._add("primary.prediction", merge_phases(predictions, *self._plan.latents))

    def _scale_latents(self, biases: list[BiasScaling | None], latents: Numbers, residuals: list[Numbers]) -> None:
        """Scale the latents of the components that ask for it (LSBS, 05.11)."""
        first = 0
        for component, bias, residual in zip(COMPONENTS, biases, residuals, strict=True):
            part = latents[first : first + component.channels]
            with self._recorder.stage("LSBS"):
                if bias is not None:
                    used = self._plan.used.within(self._plan.held)
                    bias.apply(part, residual, self._workers, used, self._recorder.saturations)
            self._add(f"{component.name}.latents_scaled", part)
            first += component.channels

    # -- samples ----------------------------------------------------------------------------------------------

    def _synthesis(self, latents: Numbers) -> Assembly:
        """Run the synthesis piece by piece (06.8, 07.6)."""
        recorder, plan = self._recorder, self._plan
        keeps = recorder.keeps or not plan.together or plan.filters.on
        assembly = Assembly(
            self._rendering, *plan.display, self._workers, keeps=keeps, area=plan.samples, dtype=self._engine.dtype
        )
        if plan.together:
            for piece in _largest_first(plan.synthesis[0]):
                luma, chroma = (self._samples(index, piece, latents) for index in range(len(COMPONENTS)))
                with recorder.stage("colour"):
                    assembly.add(piece.core.rows.start, piece.core.columns.start, luma, chroma)
            return assembly
        for index, pieces in enumerate(plan.synthesis):
            for piece in _largest_first(pieces):
                samples = self._samples(index, piece, latents)
                with recorder.stage("colour"):
                    assembly.add_component(index, piece.core.rows.start, piece.core.columns.start, samples)
        return assembly

    def _samples(self, index: int, piece: Piece, latents: Numbers) -> Numbers:
        """Make what is kept of one piece of a component: (1, h, w) luma or (2, h, w) chroma."""
        network = self._network(synthesis_names(self._plan.transform)[index])
        with self._recorder.stage("synthesis"):
            # both read the primary latents of the same window (07.6.3)
            window = latents[: COMPONENTS[0].channels] if index == 0 else latents
            read = piece.latents.within(self._plan.held)
            samples = network(np.ascontiguousarray(window[read.index]), size=piece.size)
        return samples[piece.kept.index]

    def _filter_scale(self, primary: Quantiser) -> NDArray[np.int16] | None:
        """Return the channel of scale1 that drives LEF, None where it is off (08.6.1)."""
        lef = self._plan.filters.lef
        if lef is None:
            return None
        scale = np.zeros(self._plan.latents, np.int16)
        scale[self._plan.held.index[1:]] = primary.scales.after_variance(slice(lef.channel, lef.channel + 1))[0]
        return scale

    def _filtered(self, assembly: Assembly, scale: NDArray[np.int16] | None) -> Planes | None:
        """Run the post-filters; None where there are none (08.1)."""
        recorder, chain = self._recorder, self._plan.filters
        if recorder.keeps:
            for component, coded in zip(COMPONENTS, assembly.coded, strict=True):
                self._add(f"{component.name}.planes", coded)
        if not (recorder.keeps or chain.on) or recorder.stops_before("filter_input"):
            return None
        with recorder.stage("colour"):
            planes = assembly.filter_input()
        self._record_planes("filter_input", planes)
        if not chain.on:
            return None
        made, given = WindowPlanes(*planes, Window.of(self._plan.samples)), Window.of(self._plan.unfiltered)
        supplies = Supplies(self._workers, self._eicci_network, scale, resample, recorder.saturations)
        wanted = Window.of(self._plan.filtered)
        y, u, v = chain.apply(made.crop(given, chain.picture), wanted, supplies, recorder)
        return y, u, v

    def _eicci_network(self, kind: str, index: int) -> Callable[[Numbers], Numbers]:
        eicci = self._plan.filters.eicci
        assert eicci is not None
        return self._network(kind, eicci.bank, index)

    # -- picture ----------------------------------------------------------------------------------------------

    def _picture(self, assembly: Assembly, filtered: Planes | None) -> Picture:
        """Make the picture of its planes (10.4)."""
        recorder, plan = self._recorder, self._plan
        area = None if filtered is None else plan.filtered
        if recorder.keeps:
            self._record_planes("output", assembly.decoded(filtered, area, plan.window))
        with recorder.stage("colour"):
            samples = assembly.finish(filtered, area, plan.window)
        self._report_cuts()
        picture = Picture(
            samples,
            self._rendering.target,
            self._plan.transform,
            tuple(self._findings),
            recorder.times,
            self._rendering.cicp,
            None if plan.whole else plan.window,
            self._rendering.mastering_display,
            self._rendering.content_light,
        )
        if recorder.keeps:
            recorder.add("picture", picture.rgb if picture.format.space == "rgb" else picture.flat())
        return picture

    def _record_planes(self, stage: str, planes: Planes) -> None:
        for index, plane in enumerate(planes):
            self._add(f"{stage}.{index}", plane[np.newaxis])


def _largest_first(pieces: Sequence[Piece]) -> list[Piece]:
    """Return runs in an order in which what the runtime took for one suffices for all that follow.

    Its arena keeps what it has taken: a run larger than those before would be given as much again beside it.
    """
    return sorted(pieces, key=lambda piece: piece.latents.rows.size * piece.latents.columns.size, reverse=True)
