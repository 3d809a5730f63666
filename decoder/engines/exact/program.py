"""From a declared network and its weights to the steps of the exact engine (06.2 to 06.10).

Clips, pixel shuffles, crops, sums and gates right behind a convolution are done in the same pass; so are maps of a
channel (batch normalisation, stored and fixed scales), which go into the weights in float64 before these become
integers. What is done in one pass gives the integers that layer by layer would give.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream.errors import UnsupportedError
from jpegai.decoder.engines.exact import lines, tiles
from jpegai.decoder.engines.exact.attention import Gram, Mix
from jpegai.decoder.engines.exact.convolution import Convolution, Part
from jpegai.decoder.engines.exact.ranges import RANGES, input_range, tensor_range
from jpegai.decoder.engines.exact.steps import Concat, Depthwise, Elementwise, LayerNorm, Slice, Span
from jpegai.decoder.engines.exact.weights import dropped_bits, integer_weights
from jpegai.decoder.engines.formats import FRACTION, ONE
from jpegai.decoder.networks import Layer, Network, Tensor

__all__ = ["AnyStep", "LocalStep", "build_steps"]

Float64 = NDArray[np.float64]
#: Steps whose rows depend on some rows of what they read, and all steps.
LocalStep = Convolution | Depthwise | Elementwise | LayerNorm | Concat | Slice | Mix
AnyStep = LocalStep | Gram

_MAPS = ("affine", "scale_param", "batch_norm")
_CLIPS = ("relu", "relu6", "clamp")


def build_steps(
    network: Network, tensors: Mapping[str, NDArray[Any]], *, allow_unproved: bool = False
) -> list[AnyStep]:
    """Return the steps of a float network.

    Args:
        network: a network in float32 arithmetic.
        tensors: weights by full name.
        allow_unproved: make steps of weights that are too large for the formats, too (`integer_weights`).

    Raises:
        ModelError: weights are too large for the formats; layer and channel are named.
        UnsupportedError: a layer of a kind that this engine does not run.
    """
    steps = _Builder(network, tensors, allow_unproved).build()
    for bound in (bound for step in steps for bound in step.bounds()):
        if not (bound.holds or allow_unproved):
            raise bound.error()
    return steps


class _Builder:
    """Turns layers into steps, in order."""

    def __init__(self, network: Network, tensors: Mapping[str, NDArray[Any]], allow_unproved: bool) -> None:
        self.network, self.tensors, self.allow_unproved = network, tensors, allow_unproved
        self.uses = Counter(name for layer in network.layers for name in layer.inputs)
        self.uses[network.output] += 1
        self.readers = {name: layer for layer in network.layers for name in layer.inputs}
        self.ranges: dict[str, Span] = {
            entry.name: _symmetric(input_range(entry.name)) for entry in network.inputs
        }
        #: Clips that are left to the convolutions that read them: tensor to source and limits.
        self.clipped: dict[str, tuple[str, Span]] = {}
        self.steps: list[AnyStep] = []
        self.done: set[str] = set()

    def build(self) -> list[AnyStep]:
        for layer in self.network.layers:
            if layer.output not in self.done:
                emit = _EMITTERS.get(layer.kind)
                if emit is None or self.network.arithmetic != "float32":
                    raise UnsupportedError(
                        f"the exact engine does not run {layer.kind} layers", found=self.network.name
                    )
                emit(self, layer)
                self.done.add(layer.output)
        return self.steps

    # -- small helpers ----------------------------------------------------------------------------------------

    def _stored(self, tensor: Tensor | None) -> Float64:
        assert tensor is not None
        return np.asarray(self.tensors[self.network.prefix + tensor.name], np.float32).astype(np.float64)

    def _format(self, name: str) -> Span:
        return _symmetric(tensor_range(self.network.name, name))

    def _limits(self, layer: Layer, source: Span) -> Span:
        """Return what a clip makes of a range."""
        low, high = {"relu": (0, source[1]), "relu6": (0, 6 * ONE)}.get(
            layer.kind, (int(layer.low * ONE), int(layer.high * ONE))
        )
        return max(low, min(source[0], high)), min(high, max(source[1], low))

    def _next(self, name: str, *kinds: str) -> Layer | None:
        """Return the only layer that reads a tensor, if it is of one of these kinds."""
        layer = self.readers.get(name)
        return layer if layer is not None and self.uses[name] == 1 and layer.kind in kinds else None

    def _map(self, layer: Layer) -> tuple[Float64, Float64]:
        """Return scale and offset of every channel; single operations of float64, in this order."""
        if layer.kind == "batch_norm":
            weight, bias, mean, variance = (self._stored(tensor) for tensor in layer.tensors)
            with np.errstate(invalid="ignore", divide="ignore"):  # what is no number is refused with its channel
                scale = weight / np.sqrt(variance + layer.eps)
            return scale, bias - mean * scale
        if layer.kind == "scale_param":
            return np.full(layer.channels, self._stored(layer.weight)[0]), np.zeros(layer.channels)
        return np.full(layer.channels, layer.scale), np.full(layer.channels, layer.offset)

    # -- layers -----------------------------------------------------------------------------------------------

    def conv(self, layer: Layer) -> None:
        transposed = layer.kind == "conv_transpose"
        assert layer.weight is not None
        weight = self._stored(layer.weight)
        if transposed:
            weight = weight.swapaxes(0, 1)
        bias = self._stored(layer.bias) if layer.bias else np.zeros(layer.channels)
        name, shuffle, cropped = layer.output, 1, False
        while (after := self._next(name, *_MAPS, "pixel_shuffle", "crop")) is not None:
            if after.kind in _MAPS:
                scale, offset = (np.repeat(vector, shuffle**2) for vector in self._map(after))
                weight, bias = weight * scale[:, None, None, None], bias * scale + offset
            elif after.kind == "crop":
                cropped = True
            elif cropped or shuffle > 1:
                break
            else:
                shuffle = after.factor
            self.done.add(name := after.output)
        self._convolution(layer, weight, bias, name, shuffle)

    def _convolution(self, layer: Layer, weight: Float64, bias: Float64, name: str, shuffle: int) -> None:
        """Add the step for a layer whose result is called `name` so far; what follows it may be taken in."""
        assert layer.weight is not None
        named = self.network.prefix + layer.weight.name
        source, clip = self.clipped.get(layer.inputs[0], (layer.inputs[0], self.ranges[layer.inputs[0]]))
        alone = layer.depthwise and name == layer.output
        transposed = layer.kind == "conv_transpose"
        parts = (_transposed_parts if transposed else _part)(layer, weight)
        dropped = 0 if alone else dropped_bits(*clip)
        matrices = [part.weights for part in parts]
        weights = integer_weights(matrices, bias, clip, named, dropped, allow_unproved=self.allow_unproved)
        format_ = self._format(self._formatted(layer, name))
        if alone:
            self.ranges[name] = format_
            self.steps.append(Depthwise(source, name, weights, format_, named))
            return
        active = final = format_
        if (after := self._next(name, *_CLIPS)) is not None:
            active = final = self._limits(after, format_)
            self.done.add(name := after.output)
        mode, other, gate_bound = lines.NONE, None, 0
        after = self._next(name, "add", "mul_one_plus")
        if after is not None and self._known(after, name):
            if after.kind == "add":
                mode, other = lines.ADD, next(each for each in after.inputs if each != name)
            else:
                mode, other = lines.GATE, after.inputs[0]
                gate_bound = _largest(active) * _largest(self.ranges[other])
            final = self._format(after.output)
            self.done.add(name := after.output)
        if (after := self._next(name, "crop")) is not None:
            self.done.add(name := after.output)
        self.ranges[name] = final
        pairs = zip(parts, weights.matrices, strict=True)
        parts = tuple(replace(part, weights=tiles.arrange(matrix)) for part, matrix in pairs)
        weights = replace(weights, matrices=())
        stride, factor = (1, layer.stride * shuffle) if transposed else (layer.stride, shuffle)
        self.steps.append(
            Convolution(
                source, name, weights, parts, layer.channels // shuffle**2, stride, factor,
                shuffle, clip, (*format_, *active, *final), mode, other, named, _kind(layer), gate_bound,
            )
        )  # fmt: skip

    def _formatted(self, layer: Layer, name: str) -> str:
        """Return the tensor between a layer and `name` that has an entry in the table: the last one."""
        table = RANGES.get(self.network.name, {})
        chain = [layer.output]
        while chain[-1] != name:
            chain.append(self.readers[chain[-1]].output)
        return next((each for each in reversed(chain) if each in table), layer.output)

    def _known(self, after: Layer, name: str) -> bool:
        """Return whether the other input of a layer is there already, and `name` the one that may be fused."""
        others = [each for each in after.inputs if each != name]
        if len(others) != 1 or others[0] not in self.ranges or others[0] in self.clipped:
            return False
        return after.kind == "add" or after.inputs[1] == name

    def clip(self, layer: Layer) -> None:
        source = layer.inputs[0]
        limits = self._limits(layer, self.ranges[source])
        readers = [each for each in self.network.layers if layer.output in each.inputs]
        self.ranges[layer.output] = limits
        if source not in self.clipped and readers and all(map(_reads_clipped, readers)):
            self.clipped[layer.output] = source, limits
            return
        self.steps.append(Elementwise("clip", (source,), layer.output, limits))

    def crop(self, layer: Layer) -> None:
        self.ranges[layer.output] = limits = self.ranges[layer.inputs[0]]
        self.steps.append(Elementwise("clip", layer.inputs, layer.output, limits))

    def pair(self, layer: Layer) -> None:
        self.ranges[layer.output] = format_ = self._format(layer.output)
        first, second = (_largest(self.ranges[name]) for name in layer.inputs)
        bound = 0 if layer.kind == "add" else first * second
        self.steps.append(Elementwise(layer.kind, layer.inputs, layer.output, format_, bound))

    def function(self, layer: Layer) -> None:
        high = self.ranges[layer.inputs[0]][1]
        self.ranges[layer.output] = limits = (0, ONE) if layer.kind == "sigmoid" else (-ONE, high)
        self.steps.append(Elementwise(layer.kind, layer.inputs, layer.output, limits))

    def concat(self, layer: Layer) -> None:
        lows, highs = zip(*(self.ranges[name] for name in layer.inputs), strict=True)
        self.ranges[layer.output] = min(lows), max(highs)
        self.steps.append(Concat(layer.inputs, layer.output))

    def slice_channels(self, layer: Layer) -> None:
        self.ranges[layer.output] = self.ranges[layer.inputs[0]]
        self.steps.append(Slice(layer.inputs[0], layer.output, (layer.start, layer.start + layer.channels)))

    def layer_norm(self, layer: Layer) -> None:
        assert layer.weight is not None
        format_ = self.ranges[layer.output] = self._format(layer.output)
        source = layer.inputs[0]
        channels, largest = layer.channels, _largest(self.ranges[source])
        # the sum of squares times the channels, and the square of the sum: both are at most this
        bound = channels * channels * largest * largest
        weight, bias = self._stored(layer.weight), self._stored(layer.bias)
        named = self.network.prefix + layer.weight.name
        self.steps.append(LayerNorm(source, layer.output, weight, bias, layer.eps, format_, bound, named))

    def attention(self, layer: Layer) -> None:
        format_ = self._format(layer.output)
        source = layer.inputs[0]
        magnitude = _largest(self.ranges[source])
        gram = Gram(source, layer.output, layer.channels, layer.heads, magnitude)
        values = f"{layer.output} values"
        self.steps.append(Slice(source, values, (2 * layer.channels, 3 * layer.channels)))
        self.steps.append(gram)
        assert layer.weight is not None
        temperature, named = self._stored(layer.weight).reshape(-1), self.network.prefix + layer.weight.name
        self.steps.append(Mix(values, layer.output, gram, temperature, format_, named))
        self.ranges[layer.output] = format_


_EMITTERS: Mapping[str, Callable[[_Builder, Layer], None]] = {
    "conv": _Builder.conv,
    "conv_transpose": _Builder.conv,
    "crop": _Builder.crop,
    "concat": _Builder.concat,
    "slice_channels": _Builder.slice_channels,
    "layer_norm_channels": _Builder.layer_norm,
    "channel_attention": _Builder.attention,
    **dict.fromkeys(_CLIPS, _Builder.clip),
    **dict.fromkeys(("add", "mul", "mul_one_plus"), _Builder.pair),
    **dict.fromkeys(("elu", "sigmoid"), _Builder.function),
}


def _symmetric(bits: int) -> Span:
    limit = (1 << (bits + FRACTION)) - 1
    return -limit, limit


def _largest(span: Span) -> int:
    return max(abs(span[0]), abs(span[1]))


def _reads_clipped(layer: Layer) -> bool:
    """Whether a layer limits its input when it reads it."""
    return layer.kind == "conv" and not layer.depthwise


def _kind(layer: Layer) -> str:
    """Return the kind of a convolution, as rates are measured."""
    if layer.kind == "conv_transpose":
        return "transposed"
    if layer.groups > 1:
        return "grouped"
    return "pointwise" if layer.kernel == (1, 1) else "dense"


def _part(layer: Layer, weight: Float64) -> tuple[Part, ...]:
    """Return a convolution as one product: weights (M, C, kh, kw) to (G, M, C kh kw)."""
    tall, wide = layer.kernel
    matrix = weight.reshape(layer.groups, len(weight) // layer.groups, -1)
    return (Part(-layer.padding[0], tall, -layer.padding[2], wide, matrix, 0, 0),)


def _transposed_parts(layer: Layer, weight: Float64) -> tuple[Part, ...]:
    """Return the four phases of a transposed convolution: out[2 i - 1 + t] += x[i] w[t] in each direction."""
    phases = [_phase(layer.kernel[axis]) for axis in (0, 1)]
    parts = []
    for across, (column, right) in enumerate(phases[1]):
        for down, (row, under) in enumerate(phases[0]):
            taken = weight[:, :, under][:, :, :, right]
            matrix = taken.reshape(1, len(weight), -1)
            parts.append(Part(row, len(under), column, len(right), matrix, down, across))
    return tuple(parts)


def _phase(side: int) -> list[tuple[int, list[int]]]:
    """Return for outputs 2 m and 2 m + 1 the first input position relative to m, and the taps from there on."""
    even = [tap for tap in (3, 1) if tap < side]
    return [(1 - len(even), even), (0, [2, 0])]
