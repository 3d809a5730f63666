"""The decoder as a library: models, limits, and one call from a stream to a picture."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypedDict, Unpack, overload

from jpegai.codestream import Codestream, JpegAIError, UnsupportedError
from jpegai.decoder.components import COMPONENTS, Component, network_names
from jpegai.decoder.engines.engine import Engine, LoadedNetwork
from jpegai.decoder.geometry import Area
from jpegai.decoder.models import ModelStore
from jpegai.decoder.picture.signalling import Rendering, choose_rendering
from jpegai.decoder.plan import DEFAULT_MAX_PIXELS, Plan, make_plan
from jpegai.decoder.recorder import Dump, Recorder
from jpegai.decoder.support import check, choose_transform
from jpegai.decoder.symbols import Symbols
from jpegai.decoder.windows import Roi, chosen_window, roi_window, window_roi
from jpegai.decoder.workers import Workers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jpegai.decoder.entropy_model import EntropyModel
    from jpegai.decoder.outline import Outline
    from jpegai.decoder.picture.formats import PictureFormat
    from jpegai.decoder.picture.picture import Picture
    from jpegai.decoder.together import Group

__all__ = ["ENGINES", "Decoder", "NetworkKey", "plan_networks"]

#: What can run the networks, the default first.
ENGINES = ("exact", "float32")
_NO_LIMIT = 1 << 62
#: Name, model index and bank of a network, as `Decoder.network` takes them.
NetworkKey = tuple[str, int, str | None]
Source = Codestream | str | os.PathLike[str] | bytes


class Options(TypedDict, total=False):
    """What may be said of a decode, see `Decoder.decode`."""

    transform: str | None
    channels: tuple[int, int] | None
    format: str | PictureFormat | None
    colour: str
    eicci_selection: str
    quality_prediction: str
    force: bool


class Decoder:
    """Decodes streams with one set of models. Reusable and thread-safe; models load once.

    Args:
        models: ``analytic``, ``test``, a directory of official checkpoints, a packed file, or a `ModelStore`.
        engine: what runs the networks: ``exact`` gives the same integers on every machine, ``float32`` is fastest and
            promises the tolerances of section 12.6.6.
        threads: threads of networks and loops; by default the CPUs the process may use.
        max_memory: bytes a decode may take above libraries and models; by default half of the machine's memory.
        max_pixels: largest coded picture, in samples; of a window, of what it needs of the picture.
        provider: what runs the float32 networks: ``cpu`` or ``cuda``.
        allow_unproved: let the exact engine run weights that are too large for it, cut down to what is left of them
            (docs/exact-arithmetic.md); pictures then carry a warning.

    Raises:
        ModelError: there are no such models.
        UnsupportedError: the provider is not installed.
    """

    def __init__(
        self,
        models: str | os.PathLike[str] | ModelStore = "analytic",
        *,
        engine: str = ENGINES[0],
        threads: int | None = None,
        max_memory: int | None = None,
        max_pixels: int = DEFAULT_MAX_PIXELS,
        provider: str = "cpu",
        allow_unproved: bool = False,
    ) -> None:
        if engine not in ENGINES:
            raise ValueError(f"engine {engine!r} is none of {ENGINES}")
        if threads is not None and threads < 1:
            raise ValueError(f"threads must be at least 1, not {threads}")
        self.engine_name = engine
        self.provider = provider
        self.store = models if isinstance(models, ModelStore) else ModelStore.open(models)
        self.max_memory = max_memory
        self.max_pixels = max_pixels
        self.workers = Workers(threads)
        self.engine = self._make_engine(engine, provider, allow_unproved)
        self._entropy_models: dict[tuple[str, int], EntropyModel] = {}
        self._lock = threading.Lock()

    def _make_engine(self, engine: str, provider: str, allow_unproved: bool) -> Engine:
        # each is imported when it is asked for: the runtime of the other one takes longer than a small decode
        if engine == "exact":
            if provider != "cpu":
                raise UnsupportedError(f"provider '{provider}' runs the engine float32 only")
            from jpegai.decoder.engines.exact.network import ExactEngine

            return ExactEngine(self.store, self.workers, allow_unproved=allow_unproved)
        from jpegai.decoder.engines.float32 import Float32Engine

        return Float32Engine(self.store, threads=self.workers.threads, provider=provider)

    @overload
    def decode(
        self,
        stream: Source,
        *,
        roi: Roi | None = None,
        tile: tuple[int, int] | None = None,
        region: int | None = None,
        **options: Unpack[Options],
    ) -> Picture: ...

    @overload
    def decode(self, stream: Source, *, roi: list[Roi], **options: Unpack[Options]) -> list[Picture]: ...

    def decode(
        self,
        stream: Source,
        *,
        roi: Roi | list[Roi] | None = None,
        tile: tuple[int, int] | None = None,
        region: int | None = None,
        **options: Unpack[Options],
    ) -> Picture | list[Picture]:
        """Decode a stream to a picture, or a part of it: only what the part needs is read and computed.

        Args:
            stream: a `Codestream`, a path, or the bytes of a file.
            roi: (x, y, width, height) of a window in luma samples of the displayed picture; of a subsampled plane come
                the samples floor(x / s) to floor((x + width - 1) / s). A list of windows gives a list of pictures;
                those that lie together are cut from one decode where that is less work, and share its times and
                findings.
            tile: row and column of a synthesis tile of the primary component, from 0.
            region: number of a region, from 0.
            options: any of these:
                transform: ``sop``, ``bop`` or ``hop``; by default the first one listed in the stream.
                channels: how many latent channels of each component are decoded at most (05.9.4); by default all.
                format: ``rgb444``, ``yuv444``, ``yuv422`` or ``yuv420``, with ``:BITS`` where the depth changes:
                convert the picture before it is rounded; by default it is as the stream says.
                colour: ``intended`` applies a user-defined colour transform by the formula that must have been
                intended.
                eicci_selection: which models the eICCI filter applies to its tiles: ``reference``, those of the first
                tile to all, each of which reads what earlier ones made, as the reference decoder does; ``per-tile``,
                those of each tile, the evident intent (08.8 D3, D4).
                quality_prediction: how the predictor of the quality map rounds: ``truncate`` toward zero, as it should
                be; ``floor``, for streams of encoders that rounded down (05.16 D2).
                force: decode with a transform that the stream does not list.

        Raises:
            TruncatedError, StreamSyntaxError, ConformanceError: the stream is damaged; of a part, what it needs of it.
            UnsupportedError: it uses something that is not built; the element is named.
            ModelError: weights are missing or wrong.
            LimitError: a limit would be exceeded.
            ValueError: `transform`, `format`, `colour`, `eicci_selection` or `quality_prediction` is no such name, or
                there is no such part.
        """
        if not isinstance(roi, list):
            picture = self.record(stream, Recorder(), roi=roi, tile=tile, region=region, **options)
            assert picture is not None
            return picture
        if tile is not None or region is not None:
            raise ValueError("only one of roi, tile and region can be given")
        stream, symbols = _open(stream), Symbols()
        windows = [roi_window(stream, each) for each in roi]
        pictures: dict[int, Picture] = {}
        for group in self._grouped(stream, windows, options):
            picture = self.record(stream, Recorder(), roi=window_roi(group.window), symbols=symbols, **options)
            assert picture is not None
            pictures |= {member: picture.part(windows[member]) for member in group.members}
        return [pictures[member] for member in range(len(windows))]

    def dump(
        self,
        stream: Source,
        *,
        stages: Collection[str] | None = None,
        stop_after: str | None = None,
        roi: Roi | None = None,
        **options: Unpack[Options],
    ) -> dict[str, NDArray[Any]]:
        """Decode a stream and return its intermediate results by name (``primary.z`` ... ``picture``).

        Those of a window are of the areas of its plan: results of latents and scales of `held`, planes of `samples`.
        What they hold outside the other rectangles of the plan has no meaning.

        Args:
            stream: as `decode`.
            stages: what is kept: stages (`jpegai.decoder.recorder.STAGES`) or single results (``primary.z``); by
                default all.
            stop_after: the last stage that is made; by default the last one that is kept.
            roi: a window, as `decode`.
            options: as `decode`.

        Raises:
            JpegAIError, ValueError: as `decode`; there is no such stage.
        """
        recorder = Dump(stages, stop_after)
        self.record(stream, recorder, roi=roi, **options)
        return recorder.results

    @overload
    def plan(
        self,
        stream: Source,
        *,
        roi: Roi | None = None,
        tile: tuple[int, int] | None = None,
        region: int | None = None,
        **options: Unpack[Options],
    ) -> Outline: ...

    @overload
    def plan(self, stream: Source, *, roi: list[Roi], **options: Unpack[Options]) -> list[Outline]: ...

    def plan(
        self,
        stream: Source,
        *,
        roi: Roi | list[Roi] | None = None,
        tile: tuple[int, int] | None = None,
        region: int | None = None,
        **options: Unpack[Options],
    ) -> Outline | list[Outline]:
        """Return what a decode with these arguments will read and compute; only headers and tables are read.

        Args:
            stream: as `decode`.
            roi: as `decode`. Of a list of windows there is a plan for each decode that is made; what is sequential
                (z, the residual of a region) is decoded for the first one that needs it.
            tile: as `decode`.
            region: as `decode`.
            options: as `decode`.

        Raises:
            JpegAIError, ValueError: as `decode`.
        """
        stream = _open(stream)
        if not isinstance(roi, list):
            window = chosen_window(stream, roi, tile, region)
            return self._outline(stream, window, None if window is None else (window,), options)
        if tile is not None or region is not None:
            raise ValueError("only one of roi, tile and region can be given")
        windows = [roi_window(stream, each) for each in roi]
        return [
            self._outline(stream, group.window, tuple(windows[member] for member in group.members), options)
            for group in self._grouped(stream, windows, options)
        ]

    def _outline(
        self, stream: Codestream, window: Area | None, windows: tuple[Area, ...] | None, options: Options
    ) -> Outline:
        from jpegai.decoder.outline import outline

        try:
            stream, plan, rendering = self.layout(stream, window, **options)
            whole = make_plan(
                stream,
                plan.transform,
                rendering=rendering,
                eicci_selection=options.get("eicci_selection", "reference"),
                max_pixels=_NO_LIMIT,
                max_memory=_NO_LIMIT,
            )
            return outline(stream, plan, whole, rendering, windows or (plan.window,))
        except JpegAIError as error:
            raise error.locate(file=stream.name) from None

    def _grouped(self, stream: Codestream, windows: Sequence[Area], options: Options) -> list[Group]:
        from jpegai.decoder.together import grouped

        try:
            return grouped(windows, lambda window: self.layout(stream, window, **options)[1])
        except JpegAIError as error:
            raise error.locate(file=stream.name) from None

    def network(self, name: str, index: int, bank: str | None = None) -> LoadedNetwork:
        """Return a float network of the models, loaded on its first use.

        Args:
            name: of the network.
            index: model_id, or of an eICCI network the index of the filter within `bank`.
            bank: ``bop`` or ``hop`` for an eICCI network.
        """
        return self.engine.network(name, index, bank)

    def entropy_model(self, component: Component, model_id: int) -> EntropyModel:
        """Return the integer part of a model for a component, loaded on its first use."""
        from jpegai.decoder.entropy_model import load_entropy_model

        key = component.name, model_id
        with self._lock:
            if key not in self._entropy_models:
                self._entropy_models[key] = load_entropy_model(self.store, component, model_id)
            return self._entropy_models[key]

    def record(
        self,
        source: Source,
        recorder: Recorder,
        *,
        roi: Roi | None = None,
        tile: tuple[int, int] | None = None,
        region: int | None = None,
        symbols: Symbols | None = None,
        **options: Unpack[Options],
    ) -> Picture | None:
        """Decode as `decode` and `dump` do, under a recorder of the caller's; None where it stops the decode early.

        `symbols` takes what is decoded wholly, for further windows of the same stream with the same options.
        """
        stream = _open(source)
        try:
            stream, plan, rendering = self.layout(stream, chosen_window(stream, roi, tile, region), **options)
            early = () if recorder.stops_before("planes") else plan_networks(plan, stream.pih.model_id)
            with self._loading(early):
                # imported late: the networks load while the compiled loops do
                from jpegai.decoder.walk import Walk

                return Walk(self, stream, plan, rendering, recorder, symbols).run()
        except JpegAIError as error:
            raise error.locate(file=stream.name) from None

    def layout(
        self,
        stream: Codestream,
        window: Area | None,
        *,
        transform: str | None = None,
        channels: tuple[int, int] | None = None,
        format: str | PictureFormat | None = None,
        colour: str = "signalled",
        eicci_selection: str = "reference",
        quality_prediction: str = "truncate",
        force: bool = False,
    ) -> tuple[Codestream, Plan, Rendering]:
        """Lay out a decode before any work, or refuse it.

        Args:
            stream: the stream.
            window: part of the displayed picture; None for all of it.
            transform: as `decode`, like the further ones.
            channels: as `decode`.
            format: as `decode`.
            colour: as `decode`.
            eicci_selection: as `decode`.
            quality_prediction: as `decode`.
            force: as `decode`.

        Returns:
            The stream as the decode reads it (of a window only the regions it needs), its plan and its rendering.

        Raises:
            JpegAIError, ValueError: as `decode`.
        """
        if window is not None:
            stream = stream.only({component.residual_segment: () for component in COMPONENTS})
        check(stream)
        rendering = choose_rendering(stream, format, colour)
        plan = make_plan(
            stream,
            choose_transform(stream, transform, force=force),
            window=window,
            rendering=rendering,
            channels=channels,
            eicci_selection=eicci_selection,
            quality_prediction=quality_prediction,
            max_pixels=self.max_pixels,
            max_memory=self.max_memory,
        )
        if window is not None:
            stream = stream.only(plan.coded)
            check(stream)
        return stream, plan, rendering

    @contextlib.contextmanager
    def _loading(self, networks: Sequence[NetworkKey]) -> Iterator[None]:
        """Load networks in the background of the block; what is not begun when it ends is left."""
        if self.workers.threads == 1 or self.engine.loaded(networks):
            yield
            return
        ended = threading.Event()

        def load() -> None:
            with contextlib.suppress(JpegAIError):  # raised again where the network is used
                for each in networks:
                    if ended.is_set():
                        break
                    self.engine.network(*each)

        # no daemon: a process must not end while the runtime makes a session
        threading.Thread(target=load).start()
        try:
            yield
        finally:
            ended.set()


def plan_networks(plan: Plan, model_id: int) -> list[NetworkKey]:
    """Return the float networks of a decode as `Decoder.network` takes them, in the order in which they run."""
    networks: list[NetworkKey] = [(name, model_id, None) for name in network_names(plan.transform)]
    if plan.filters.eicci is not None:
        networks += [(name, index, plan.filters.eicci.bank) for name, index in plan.filters.eicci.networks]
    return networks


def _open(source: Source) -> Codestream:
    if isinstance(source, Codestream):
        return source
    if isinstance(source, (bytes, bytearray, memoryview)):
        return Codestream.parse(source)
    return Codestream.open(source)
