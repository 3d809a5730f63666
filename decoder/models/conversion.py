"""Whole models with float hyper scale decoders (``VM_common``, 09.5.3) to models that can be decoded with."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream import Codestream
from jpegai.codestream.errors import JpegAIError, ModelError
from jpegai.decoder.components import COMPONENTS, Component
from jpegai.decoder.engines.float_scales import FloatScales
from jpegai.decoder.engines.integer import IntegerNetwork
from jpegai.decoder.entropy import decode_z, z_cdf
from jpegai.decoder.geometry import size_argument
from jpegai.decoder.models import ModelStore, file_name
from jpegai.decoder.models.hyper_scale import QuantisedLayer, quantise
from jpegai.decoder.models.layout import check, tensors_of
from jpegai.decoder.networks import NETWORKS
from jpegai.decoder.plan import make_plan
from jpegai.decoder.support import check as check_stream
from jpegai.decoder.support import choose_transform
from jpegai.decoder.workers import Workers

__all__ = ["Agreement", "QuantisedFile", "quantise_models"]

_MODELS = 4
_FREQUENCIES = "hyper_entropy.freqs_int"
_QUANTISED_FLAG = ".is_quantized"

_Latents = NDArray[np.int8]


@dataclass(frozen=True)
class Agreement:
    """Sigma indices of an integer network against those of the float one, at gain 0: how many are how far away."""

    equal: int = 0
    off_by_one: int = 0
    off_by_more: int = 0

    @classmethod
    def of(cls, ours: NDArray[np.integer[Any]], theirs: NDArray[np.integer[Any]]) -> Agreement:
        """Compare two hyper scales (05.8.3)."""
        index, other = (((scales.astype(np.int32) + 64) >> 7).clip(0, 31) for scales in (ours, theirs))
        distance = np.abs(index - other)
        equal, one = int((distance == 0).sum()), int((distance == 1).sum())
        return cls(equal, one, distance.size - equal - one)

    def __add__(self, other: Agreement) -> Agreement:
        """Return the counts of both."""
        return Agreement(
            self.equal + other.equal, self.off_by_one + other.off_by_one, self.off_by_more + other.off_by_more
        )


@dataclass(frozen=True)
class QuantisedFile:
    """A file that was made.

    Attributes:
        name: of the file that was made (``VM_common_int/Y_0.002.pth``).
        source: of the float file.
        layers: how its layers came out.
        streams: how many streams it was calibrated with.
        agreement: with the float network, over those streams; None without any.
    """

    name: str
    source: str
    layers: tuple[QuantisedLayer, ...]
    streams: int
    agreement: Agreement | None


def quantise_models(
    store: ModelStore,
    out: str | os.PathLike[str],
    calibration: Iterable[Codestream] = (),
    progress: Callable[[str], None] = lambda file: None,
) -> list[QuantisedFile]:
    """Quantise the float hyper scale decoders of a store; write all of it to a packed file that can be decoded with.

    The float files are those of ``VM_common``: tensors as in ``VM_common_int``, but for the hyper scale decoder, whose
    tensors are those of `float_layers`. Each goes in the place of the file of the same name in ``VM_common_int``.

    Args:
        store: the models.
        out: the packed file.
        calibration: streams that were made with these models. The ranges of each model are those of its own streams.
        progress: called with the name of every file before it is worked on.

    Returns:
        What was made, by model and component.

    Raises:
        ModelError: there are no float files, a tensor is missing or wrong, or does not fit the integers.
        JpegAIError: a stream cannot be decoded, or belongs to a model that is not there.
        OSError: the file cannot be written.
    """
    floats = {
        (component.name, index): _read(store, component, index)
        for index in range(_MODELS)
        for component in COMPONENTS
        if file_name(f"{component.file_kind}_float", index) in store.files()
    }
    if not floats:
        example = file_name(f"{COMPONENTS[0].file_kind}_float", 0)
        raise ModelError(f"no float hyper scale decoder here: no file such as {example}", file=store.name)
    latents = _latents(floats, calibration)
    made, tensors = [], {}
    for index in range(_MODELS):
        for component in COMPONENTS:
            key = component.name, index
            if key in floats:
                progress(file_name(component.file_kind, index))
                file, arrays = _convert(store, component, index, floats[key], latents.get(key, []))
                made.append(file)
                tensors[file.name] = arrays
    store.pack(out, progress, tensors)
    return made


def _read(store: ModelStore, component: Component, index: int) -> dict[str, NDArray[Any]]:
    """Return the tensors of a float file, all but those of the hyper scale decoder checked."""
    layout = tensors_of(component.file_kind)
    file = file_name(f"{component.file_kind}_float", index)
    prefix = NETWORKS[component.scale_network].prefix
    weights = [name for name in layout if name.startswith(prefix) and name.endswith(".weight")]
    stored = store.stored(file, [*layout, *(name.removesuffix("weight") + "input_range" for name in weights)])
    result = {}
    for name, array in stored.items():
        if not name.startswith(prefix):
            result[name] = check(array, layout[name], file=store.place(file), name=name)
        elif not name.endswith(_QUANTISED_FLAG):
            result[name] = array
        elif array.any():
            raise ModelError(
                "is True: the file is quantised already", file=store.place(file), selector=name, expected="False"
            )
    for name in layout:
        if name not in stored and not name.startswith(prefix):
            raise ModelError("the tensor is missing", file=store.place(file), selector=name)
    return result


def _latents(
    floats: Mapping[tuple[str, int], Mapping[str, NDArray[Any]]], streams: Iterable[Codestream]
) -> dict[tuple[str, int], list[_Latents]]:
    """Return the z of all streams, by component and model."""
    found: dict[tuple[str, int], list[_Latents]] = {}
    for stream in streams:
        model_id = stream.pih.model_id
        keys = [(component.name, model_id) for component in COMPONENTS]
        if not all(key in floats for key in keys):
            raise ModelError(
                f"a stream for calibration belongs to model {model_id}, of which not both float files are there",
                file=stream.name,
            )
        try:
            check_stream(stream)
            plan = make_plan(stream, choose_transform(stream, None))
            cdfs = [z_cdf(floats[key][_FREQUENCIES]) for key in keys]
            planes, _ = decode_z(stream.threads("soz"), cdfs, plan.hyper, Workers(1))
        except JpegAIError as error:
            raise error.locate(file=stream.name) from None
        for key, z in zip(keys, planes, strict=True):
            found.setdefault(key, []).append(z)
    return found


def _convert(
    store: ModelStore,
    component: Component,
    index: int,
    floats: Mapping[str, NDArray[Any]],
    latents: Sequence[_Latents],
) -> tuple[QuantisedFile, dict[str, NDArray[Any]]]:
    network = NETWORKS[component.scale_network]
    source = file_name(f"{component.file_kind}_float", index)
    agreement = None
    try:
        if latents:
            scales = FloatScales(network, floats)
            quantised = quantise(network, floats, scales.largest_outputs(latents))
            ours, workers = IntegerNetwork(network, quantised.tensors), Workers(1)
            agreement = Agreement()
            for z in latents:
                # the whole of what z covers, whatever part of it is inside the picture
                size = size_argument(network.size_argument, 64 * z.shape[1], 64 * z.shape[2])
                agreement += Agreement.of(ours(z, size=size, workers=workers), scales(z, size=size))
        else:
            quantised = quantise(network, floats)
    except ModelError as error:
        raise error.locate(file=store.place(source)) from None
    others = {name: array for name, array in floats.items() if not name.startswith(network.prefix)}
    name = file_name(component.file_kind, index)
    return QuantisedFile(name, source, quantised.layers, len(latents), agreement), {**others, **quantised.tensors}
