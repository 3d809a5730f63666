"""Hyper scale decoders in floating point (sections 06.5, 09.5.3): what integer ones are measured on, never a decode.

ONNX Runtime runs them, as the other float networks, from the declaration of the integer network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream.errors import ModelError
from jpegai.decoder.engines.float32 import open_network
from jpegai.decoder.models.hyper_scale import OUTPUT_STEP, FloatLayer, float_layers
from jpegai.decoder.networks import Layer, Network, Tensor

__all__ = ["FloatScales"]


class FloatScales:
    """A float hyper scale decoder, ready to run.

    Args:
        network: the declaration of the integer network.
        floats: tensors by full name, as `float_layers` takes them.

    Raises:
        ModelError: as `float_layers`.
    """

    def __init__(self, network: Network, floats: Mapping[str, NDArray[Any]]) -> None:
        self._layers = float_layers(network, floats)
        self._clamp = next(layer for layer in network.layers if layer.kind == "clamp")
        whole = _twin(network, self._layers)
        tensors = {f"{each.name}.weight": each.weight.astype(np.float32) for each in self._layers}
        tensors |= {f"{each.name}.bias": each.bias.astype(np.float32) for each in self._layers}
        self._whole = open_network(whole, tensors)
        places = [place for place, layer in enumerate(whole.layers) if layer.kind == "relu"]
        self._hidden = [open_network(replace(whole, layers=whole.layers[: place + 1]), tensors) for place in places]

    def largest_outputs(self, z: Sequence[NDArray[np.int8]]) -> list[float]:
        """Return the largest output over some z of each layer but the last, before what the next one cuts off.

        Raises:
            ModelError: it is not finite.
        """
        largest = [float(np.max([run(plane.astype(np.float32)).max() for plane in z])) for run in self._hidden]
        for each, value in zip(self._layers, largest, strict=False):
            if not np.isfinite(value):
                raise ModelError("an output is not finite", selector=each.name)
        return largest

    def __call__(self, z: NDArray[np.int8], *, size: tuple[int, int]) -> NDArray[np.int16]:
        """Return the hyper scale of z, as `IntegerNetwork` does: times 128, rounded half to even, absolute, limited."""
        scales = np.rint(self._whole(z.astype(np.float32), size=size).astype(np.float64) / OUTPUT_STEP)
        return np.clip(np.abs(scales), self._clamp.low, self._clamp.high).astype(np.int16)


def _twin(network: Network, layers: Sequence[FloatLayer]) -> Network:
    """Return the declaration in floating point, up to the crop, with the cuts that the float layers declare."""
    floats = {each.layer.output: each for each in layers}
    result: list[Layer] = []
    for layer in network.layers:
        each = floats.get(layer.output)
        if each is None:
            result.append(layer)
        else:
            result += _convolution(each)
        if layer.kind == "crop":
            break
    return replace(network, name=f"{network.name}_float", arithmetic="float32", layers=tuple(result))


def _convolution(each: FloatLayer) -> list[Layer]:
    layer = each.layer
    assert layer.weight is not None
    assert layer.bias is not None
    cuts, inputs = [], layer.inputs
    if each.input_range is not None:
        channels, inputs = layer.weight.shape[1], (f"{layer.output}_cut",)
        cuts = [Layer("clamp", layer.inputs, inputs[0], channels, low=0.0, high=each.input_range)]
    weight, bias = (Tensor(tensor.name, tensor.shape) for tensor in (layer.weight, layer.bias))
    return [
        *cuts,
        replace(layer, kind="conv", inputs=inputs, weight=weight, bias=bias, shifts=None, low=0.0, high=0.0),
    ]
