"""Declared networks rewritten into equal ones that take less time and memory (06.3.4 to 06.3.6).

Three identities are used. What a layer that works channel by channel makes of some channels needs only those
channels of its input, so a wide part of a network whose channels are added up in the end is run in slices. Queries,
keys and values are made apart instead of being cut out of one tensor. A 1x1 convolution, a pixel shuffle and a
strided 3x3 convolution have nothing but sums between them, so they are one convolution. Results differ by rounding
alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.networks import Layer, Network, Shape, Tensor

__all__ = ["ONES", "Rewritten", "rewrite"]

#: Kind of a layer that no declaration has: one channel of ones in the size of its input.
ONES = "ones"

#: Layers whose output channel c needs channel c of their inputs only; so do depthwise convolutions.
_CHANNELWISE = ("elu", "mul")
#: Channels of a slice.
_SLICE = 128

_Array = NDArray[Any]
_Recipe = Callable[[Mapping[str, _Array]], _Array]


@dataclass(frozen=True)
class Rewritten:
    """A network that computes the same as a declared one, and how its tensors follow from the stored ones."""

    network: Network
    _declared: Network
    _recipes: Mapping[str, _Recipe]

    def tensors(self, stored: Mapping[str, _Array]) -> dict[str, _Array]:
        """Return the tensors by full name, from those of the declared network."""
        stored = {name: np.asarray(stored[name]) for name in self._declared.tensors()}
        recipes = self._recipes
        return {
            name: recipes[name](stored) if name in recipes else stored[name] for name in self.network.tensors()
        }


def rewrite(network: Network) -> Rewritten:
    """Return what an engine runs in place of a declared network."""
    return _Rewriter(network).run()


class _Rewriter:
    """Copies layers, replacing some by others; what nobody reads any more is dropped at the end."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._makers = {layer.output: layer for layer in network.layers}
        self._layers: dict[str, Layer] = {}
        self._recipes: dict[str, _Recipe] = {}

    def run(self) -> Rewritten:
        for layer in self._network.layers:
            if layer.kind == "channel_attention":
                own = layer.channels
                parts = [self._part(layer.inputs[0], first, first + own) for first in (0, own, 2 * own)]
                self._put(replace(layer, inputs=tuple(parts)))
            elif layer.kind == "conv" and self._is_sum_of_products(layer):
                self._sum_of_slices(layer)
            elif layer.kind == "conv" and layer.stride == 2 and self._is_shuffled(layer.inputs[0]):
                self._merge(layer)
            else:
                self._put(layer)
        needed = {self._network.output}
        kept = []
        for layer in reversed(self._layers.values()):
            if layer.output in needed:
                needed.update(layer.inputs)
                kept.append(layer)
        network = replace(self._network, layers=tuple(reversed(kept)))
        return Rewritten(network, self._network, self._recipes)

    def _put(self, layer: Layer) -> str:
        self._layers[layer.output] = layer
        return layer.output

    def _tensor(self, name: str, shape: Shape, recipe: _Recipe) -> Tensor:
        self._recipes[self._network.prefix + name] = recipe
        return Tensor(name, shape)

    def _name(self, tensor: Tensor | None) -> str:
        """Return the full name of a stored tensor."""
        assert tensor is not None
        return self._network.prefix + tensor.name

    # -- some channels of a tensor ----------------------------------------------------------------------------

    def _part(self, name: str, first: int, last: int) -> str:
        """Return a tensor of the channels first..last-1 of a tensor, made without the others."""
        output = f"{name}_{first}_{last}"
        if output in self._layers:
            return output
        layer = self._makers[name]
        if layer.kind == "slice_channels":
            return self._part(layer.inputs[0], layer.start + first, layer.start + last)
        if layer.kind in _CHANNELWISE:
            inputs = tuple(self._part(source, first, last) for source in layer.inputs)
            return self._put(replace(layer, inputs=inputs, output=output, channels=last - first))
        assert layer.weight is not None
        assert layer.bias is None
        weight, stored = layer.weight, self._name(layer.weight)
        sliced = self._tensor(
            f"{weight.name}[{first}:{last}]",
            (last - first, *weight.shape[1:]),
            lambda tensors: tensors[stored][first:last],
        )
        smaller = replace(layer, output=output, channels=last - first, weight=sliced)
        if layer.groups == 1:
            return self._put(smaller)
        source = self._part(layer.inputs[0], first, last)
        return self._put(replace(smaller, inputs=(source,), groups=last - first))

    def _is_sum_of_products(self, layer: Layer) -> bool:
        maker = self._makers.get(layer.inputs[0])
        return layer.kernel == (1, 1) and layer.groups == 1 and maker is not None and maker.kind == "mul"

    def _sum_of_slices(self, layer: Layer) -> None:
        """Run a 1x1 convolution slice by slice of its input channels."""
        source = layer.inputs[0]
        channels = self._makers[source].channels
        total = ""
        for first, last in pairwise([*range(0, channels, _SLICE), channels]):
            output = layer.output if (first, last) == (0, channels) else f"{layer.output}_{first}_{last}"
            weight = self._input_slice(layer, first, last)
            part = self._part(source, first, last)
            term = self._put(replace(layer, inputs=(part,), output=output, weight=weight))
            if total:
                output = layer.output if last == channels else f"{layer.output}_0_{last}"
                term = self._put(Layer("add", (total, term), output, layer.channels))
            total = term

    def _input_slice(self, layer: Layer, first: int, last: int) -> Tensor:
        """Return the weights of the input channels first..last-1 of a 1x1 convolution."""
        assert layer.weight is not None
        stored = self._name(layer.weight)
        return self._tensor(
            f"{layer.weight.name}[:,{first}:{last}]",
            (layer.channels, last - first, 1, 1),
            lambda tensors: tensors[stored][:, first:last],
        )

    # -- 1x1 convolution, pixel shuffle, strided convolution --------------------------------------------------

    def _is_shuffled(self, name: str) -> bool:
        """Whether a tensor is a 1x1 convolution, shuffled by 2."""
        shuffle = self._makers.get(name)
        if shuffle is None or shuffle.kind != "pixel_shuffle" or shuffle.factor != 2:
            return False
        maker = self._makers.get(shuffle.inputs[0])
        return maker is not None and maker.kind == "conv" and maker.kernel == (1, 1) and maker.groups == 1

    def _merge(self, layer: Layer) -> None:
        """Replace the three layers by one 2x2 convolution, which sees the cell of its output and those before it.

        The bias of the first layer is not there in the zero padding of the last one: its share is a convolution
        of ones.
        """
        shuffle = self._makers[layer.inputs[0]]
        inner = self._makers[shuffle.inputs[0]]
        assert layer.weight is not None
        assert inner.weight is not None
        names = self._name(layer.weight), self._name(inner.weight), self._name(inner.bias)
        name = f"{inner.weight.name}+{layer.weight.name}"
        channels = inner.weight.shape[1]
        cells = Layer(
            "conv",
            inner.inputs,
            f"{layer.output}_cells",
            layer.channels,
            weight=self._tensor(name, (layer.channels, channels, 2, 2), lambda tensors: _joined(tensors, *names)[0]),
            bias=layer.bias,
            kernel=(2, 2),
            padding=(1, 0, 1, 0),
        )
        share = self._tensor(
            f"{name} of ones", (layer.channels, 1, 2, 2), lambda tensors: _joined(tensors, *names)[1]
        )
        ones = self._put(Layer(ONES, inner.inputs, f"{layer.output}_ones", 1))
        inside = replace(cells, inputs=(ones,), output=f"{layer.output}_inside", weight=share, bias=None)
        self._put(Layer("add", (self._put(cells), self._put(inside)), layer.output, layer.channels))


def _joined(tensors: Mapping[str, _Array], strided: str, mixed: str, bias: str) -> tuple[_Array, _Array]:
    """Return the 2x2 weights of a strided 3x3 convolution of shuffled 1x1 ones, and the share of their bias."""
    outer = tensors[strided].astype(np.float64)  # (o, c, 3, 3)
    inner = tensors[mixed].astype(np.float64).reshape(outer.shape[1], 2, 2, -1)
    offset = tensors[bias].astype(np.float64).reshape(outer.shape[1], 2, 2)
    weight = np.zeros((outer.shape[0], inner.shape[3], 2, 2))
    share = np.zeros((outer.shape[0], 1, 2, 2))
    for y, x in product(range(3), range(3)):  # tap y is sample y - 1 of a cell; -1 is the last one of that before
        cell = min(y, 1), min(x, 1)
        within = (y - 1) % 2, (x - 1) % 2
        weight[:, :, *cell] += outer[:, :, y, x] @ inner[:, *within]
        share[:, 0, *cell] += outer[:, :, y, x] @ offset[:, *within]
    return weight.astype(np.float32), share.astype(np.float32)
