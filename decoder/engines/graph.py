"""From a declared network and its weights to an ONNX graph (sections 06.2 to 06.8).

One graph serves every picture size: height and width are symbolic, and where a network crops, the sizes are computed
in the graph from the input ``size``, int64 (h, w). What costs a pass over memory and can be a part of a convolution
is made one: the ``1 +`` of a gate becomes a bias of 1 of the gate's last convolution, and scaling by stored or fixed
numbers (batch normalisation, the way back to samples) goes into weights and bias of the convolution before; a pixel
shuffle in between does not mind. `jpegai.decoder.engines.rewrite` does what concerns more than two layers.

`onnx` is imported only when a graph is built.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream.errors import UnsupportedError
from jpegai.decoder.engines.nodes import Nodes
from jpegai.decoder.engines.rewrite import ONES, rewrite
from jpegai.decoder.networks import Layer, Network, Tensor

__all__ = ["SIZE", "build_graph"]

#: Name of the input that carries the size argument.
SIZE = "size"

_Vector = NDArray[np.float64]


def build_graph(
    network: Network, tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str] | None = None
) -> bytes:
    """Return the ONNX model of a float network.

    Inputs are those of the network, float32 (1, C, H, W), and ``size`` where the network crops; the output is
    ``output``, float32 (1, C, H', W'), before the final crop to h x w.

    Args:
        network: a network in float32 arithmetic.
        tensors: weights by full name.
        metadata: key-value pairs stored in the model.

    Raises:
        UnsupportedError: a layer of a kind that this engine does not run.
    """
    for layer in network.layers:
        if layer.kind not in _EMITTERS or network.arithmetic != "float32":
            raise UnsupportedError(f"the float32 engine does not run {layer.kind} layers", found=network.name)
    return _GraphBuilder(network, tensors).build(metadata or {})


class _GraphBuilder:
    """Turns layers into nodes, one after the other."""

    def __init__(self, network: Network, tensors: Mapping[str, NDArray[Any]]) -> None:
        rewritten = rewrite(network)
        self.network, self.tensors = rewritten.network, rewritten.tensors(tensors)
        self.nodes = Nodes()
        self.makers = {layer.output: layer for layer in self.network.layers}
        self.uses = Counter(name for layer in self.network.layers for name in layer.inputs)
        #: Scale and offset of each channel folded into a convolution, by its output.
        self.folded: dict[str, tuple[_Vector, _Vector]] = {}
        #: Gates that have their 1 in a folded offset.
        self.gates: set[str] = set()
        #: Tensors that stand for another one because their layer was folded away.
        self.aliases: dict[str, str] = {}

    def build(self, metadata: Mapping[str, str]) -> bytes:
        from onnx import TensorProto, helper

        self._fold()
        for layer in self.network.layers:
            _EMITTERS[layer.kind](self, layer)
        self.nodes.add("Identity", [self._name(self.network.output)], "output")
        inputs = [
            helper.make_tensor_value_info(
                entry.name, TensorProto.FLOAT, [1, entry.channels, f"{entry.name}_h", f"{entry.name}_w"]
            )
            for entry in self.network.inputs
        ]
        if self.network.has_crops:
            inputs.append(helper.make_tensor_value_info(SIZE, TensorProto.INT64, [2]))
        channels = self.network.layers[-1].channels
        output = helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, channels, "output_h", "output_w"])
        return self.nodes.model(self.network.name, inputs, [output], metadata)

    # -- folding ----------------------------------------------------------------------------------------------

    def _fold(self) -> None:
        for layer in self.network.layers:
            if layer.kind == "mul_one_plus":
                if self._fold_into_conv(layer.inputs[1], np.ones(layer.channels), np.ones(layer.channels)):
                    self.gates.add(layer.inputs[1])
            elif layer.kind in _MAPS and self._fold_into_conv(layer.inputs[0], *self._map(layer)):
                self.aliases[layer.output] = self._name(layer.inputs[0])

    def _fold_into_conv(self, name: str, scale: _Vector, offset: _Vector) -> bool:
        """Make scale * x + offset a part of the convolution that makes `name`, if nobody else reads it."""
        while self.uses[name] == 1 and name in self.makers:
            maker = self.makers[name]
            if maker.kind in ("conv", "conv_transpose"):
                before = self.folded.get(name, (np.ones(maker.channels), np.zeros(maker.channels)))
                self.folded[name] = before[0] * scale, before[1] * scale + offset
                return True
            if maker.kind == "pixel_shuffle":
                scale, offset = (np.repeat(vector, maker.factor**2) for vector in (scale, offset))
            elif maker.output not in self.aliases:
                return False
            name = maker.inputs[0]
        return False

    def _map(self, layer: Layer) -> tuple[_Vector, _Vector]:
        """Return scale and offset of every channel of a layer that is nothing else."""
        if layer.kind == "batch_norm":
            weight, bias, mean, variance = (self._stored(tensor).astype(np.float64) for tensor in layer.tensors)
            scale = weight / np.sqrt(variance + layer.eps)
            return scale, bias - mean * scale
        if layer.kind == "scale_param":
            return np.full(layer.channels, np.float64(self._stored(layer.weight)[0])), np.zeros(layer.channels)
        return np.full(layer.channels, layer.scale), np.full(layer.channels, layer.offset)

    # -- small helpers ----------------------------------------------------------------------------------------

    def _stored(self, tensor: Tensor | None) -> NDArray[np.float32]:
        assert tensor is not None
        return np.asarray(self.tensors[self.network.prefix + tensor.name], np.float32)

    def _name(self, name: str) -> str:
        return self.aliases.get(name, name)

    # -- layers -----------------------------------------------------------------------------------------------

    def conv(self, layer: Layer) -> None:
        assert layer.weight is not None
        weight = self._stored(layer.weight)
        bias = self._stored(layer.bias) if layer.bias else np.zeros(layer.channels, np.float32)
        if layer.output in self.folded:
            scale, offset = self.folded[layer.output]
            outputs = (1, -1, 1, 1) if layer.kind == "conv_transpose" else (-1, 1, 1, 1)
            weight = (weight * scale.reshape(outputs)).astype(np.float32)
            bias = (bias * scale + offset).astype(np.float32)
        inputs = [self._name(layer.inputs[0]), self.nodes.constant(layer.weight.name, weight)]
        if layer.bias is not None or bias.any():
            inputs.append(self.nodes.constant(layer.weight.name.removesuffix("weight") + "bias", bias))
        kernel, stride = list(layer.kernel), [layer.stride] * 2
        if layer.kind == "conv_transpose":
            extra = 4 - layer.kernel[0]
            self.nodes.add(
                "ConvTranspose", inputs, layer.output, kernel_shape=kernel, strides=stride, pads=[1] * 4,
                output_padding=[extra, extra],
            )  # fmt: skip
        else:
            top, bottom, left, right = layer.padding
            self.nodes.add(
                "Conv", inputs, layer.output, kernel_shape=kernel, strides=stride, pads=[top, left, bottom, right],
                group=layer.groups,
            )  # fmt: skip

    def pixel_shuffle(self, layer: Layer) -> None:
        attributes = {"blocksize": layer.factor, "mode": "CRD"}
        self.nodes.add("DepthToSpace", [self._name(layer.inputs[0])], layer.output, **attributes)

    def crop(self, layer: Layer) -> None:
        nodes, divisor = self.nodes, layer.divisor
        ends = f"need_{divisor}"
        if ends not in nodes:
            up, by = (nodes.integers(f"size_{value}", value, value) for value in (divisor - 1, divisor))
            nodes.add("Div", [nodes.add("Add", [SIZE, up], f"raised_{divisor}"), by], ends)
        starts, axes = nodes.integers("origin", 0, 0), nodes.integers("plane_axes", 2, 3)
        nodes.add("Slice", [self._name(layer.inputs[0]), starts, ends, axes], layer.output)

    def plain(self, layer: Layer) -> None:
        """Emit a layer that is an operator of ONNX."""
        self.nodes.add(_PLAIN[layer.kind], [self._name(name) for name in layer.inputs], layer.output)

    def relu6(self, layer: Layer) -> None:
        self._clip(layer, 0, 6)

    def clamp(self, layer: Layer) -> None:
        self._clip(layer, layer.low, layer.high)

    def _clip(self, layer: Layer, low: float, high: float) -> None:
        limits = [self.nodes.number(limit) for limit in (low, high)]
        self.nodes.add("Clip", [self._name(layer.inputs[0]), *limits], layer.output)

    def mul_one_plus(self, layer: Layer) -> None:
        value, gate = layer.inputs
        if gate not in self.gates:
            gate = self.nodes.add("Add", [self._name(gate), self.nodes.number(1)], f"{gate}_plus_one")
        self.nodes.add("Mul", [self._name(value), self._name(gate)], layer.output)

    def scale(self, layer: Layer) -> None:
        if layer.output in self.aliases:
            return
        scale, offset = (vector.astype(np.float32)[:, None, None] for vector in self._map(layer))
        scaled = [self._name(layer.inputs[0]), self.nodes.constant(f"{layer.output}_scale", scale)]
        product = self.nodes.add("Mul", scaled, f"{layer.output}_scaled")
        self.nodes.add("Add", [product, self.nodes.constant(f"{layer.output}_offset", offset)], layer.output)

    def ones(self, layer: Layer) -> None:
        nodes, out = self.nodes, layer.output
        plane = nodes.plane(self._name(layer.inputs[0]), f"{out}_plane")
        shape = nodes.add("Concat", [nodes.integers("channels_1", 1, 1), plane], f"{out}_shape", axis=0)
        nodes.add("Expand", [nodes.number(1), shape], out)

    def layer_norm(self, layer: Layer) -> None:
        """Scale and offset of the channels are a depthwise convolution.

        So the way back to planes has one reader, and ONNX Runtime makes it a part of the reordering for convolutions.
        """
        nodes, out = self.nodes, layer.output
        last = nodes.add("Transpose", [self._name(layer.inputs[0])], f"{out}_last", perm=[0, 2, 3, 1])
        one = nodes.constant(f"ones_{layer.channels}", np.ones(layer.channels, np.float32))
        normal = nodes.add("LayerNormalization", [last, one], f"{out}_normal", axis=-1, epsilon=layer.eps)
        planes = nodes.add("Transpose", [normal], f"{out}_planes", perm=[0, 3, 1, 2])
        shapes = (-1, 1, 1, 1), (-1,)
        stored = [
            nodes.constant(tensor.name, self._stored(tensor).reshape(shape))
            for tensor, shape in zip(layer.tensors, shapes, strict=True)
        ]
        nodes.add("Conv", [planes, *stored], out, kernel_shape=[1, 1], group=layer.channels)

    def attention(self, layer: Layer) -> None:
        """Queries and keys are not normalised: their products are divided by both norms, which is the same.

        Sums over all positions are float32 within parts as long as the longer side of the plane; their sum, and all
        that is as small as these sums, is float64. So rounding hardly grows with the picture.
        """
        nodes, out, heads, own = self.nodes, layer.output, layer.heads, layer.channels // layer.heads
        values = self._name(layer.inputs[2])
        plane = nodes.plane(values, f"{out}_plane")
        count = nodes.add("ReduceMin", [plane], f"{out}_parts", keepdims=1)
        ends = nodes.integers(f"heads_{heads}_{own}_before", heads, own), nodes.integers("rest", -1)
        shape = nodes.add("Concat", [ends[0], count, ends[1]], f"{out}_parted", axis=0)
        parts, lengths = [], []
        for name in layer.inputs[:2]:
            x = nodes.add("Reshape", [self._name(name), shape], f"{name}_heads")
            parts.append(nodes.add("Transpose", [x], f"{name}_parts", perm=[0, 2, 1, 3]))
            squares = nodes.add("ReduceSumSquare", [x], f"{name}_part_squares", axes=[3], keepdims=0)
            norm = nodes.add("Sqrt", [nodes.exact_sum(squares, f"{name}_squares", 2, keepdims=True)], f"{name}_norm")
            lengths.append(nodes.add("Max", [norm, nodes.number(layer.eps, np.float64)], f"{name}_length"))
        turned = nodes.add("Transpose", [parts[1]], f"{out}_keys", perm=[0, 1, 3, 2])
        products = nodes.add("MatMul", [parts[0], turned], f"{out}_part_products")
        products = nodes.exact_sum(products, f"{out}_products", 1, keepdims=False)
        turned = nodes.add("Transpose", [lengths[1]], f"{out}_key_lengths", perm=[0, 2, 1])
        both = nodes.add("Mul", [lengths[0], turned], f"{out}_lengths")
        cosines = nodes.add("Div", [products, both], f"{out}_cosines")
        temperature = nodes.constant(f"{out}_temperature", self._stored(layer.weight).astype(np.float64))
        scores = nodes.add("Mul", [cosines, temperature], f"{out}_scores")
        shares = nodes.single(nodes.add("Softmax", [scores], f"{out}_exact_shares", axis=-1), f"{out}_shares")
        shape = nodes.integers(f"heads_{heads}_{own}", heads, own, -1)
        mixed = nodes.add("MatMul", [shares, nodes.add("Reshape", [values, shape], f"{out}_values")], f"{out}_mixed")
        nodes.as_planes(mixed, layer.channels, plane, out)

    def concat(self, layer: Layer) -> None:
        self.nodes.add("Concat", [self._name(name) for name in layer.inputs], layer.output, axis=1)

    def slice_channels(self, layer: Layer) -> None:
        bounds = [self.nodes.integers(f"channel_{end}", end) for end in (layer.start, layer.start + layer.channels)]
        axis = self.nodes.integers("channel_axis", 1)
        self.nodes.add("Slice", [self._name(layer.inputs[0]), *bounds, axis], layer.output)


#: Kinds of layers that are an operator of ONNX.
_PLAIN = {"relu": "Relu", "elu": "Elu", "sigmoid": "Sigmoid", "add": "Add", "mul": "Mul"}
#: Kinds of layers that scale each channel and add something to it.
_MAPS = ("affine", "scale_param", "batch_norm")

_EMITTERS: dict[str, Callable[[_GraphBuilder, Layer], None]] = {
    "conv": _GraphBuilder.conv,
    "conv_transpose": _GraphBuilder.conv,
    "pixel_shuffle": _GraphBuilder.pixel_shuffle,
    "crop": _GraphBuilder.crop,
    "relu6": _GraphBuilder.relu6,
    "clamp": _GraphBuilder.clamp,
    "mul_one_plus": _GraphBuilder.mul_one_plus,
    "concat": _GraphBuilder.concat,
    "slice_channels": _GraphBuilder.slice_channels,
    "layer_norm_channels": _GraphBuilder.layer_norm,
    "channel_attention": _GraphBuilder.attention,
    ONES: _GraphBuilder.ones,
    **dict.fromkeys(_PLAIN, _GraphBuilder.plain),
    **dict.fromkeys(_MAPS, _GraphBuilder.scale),
}
