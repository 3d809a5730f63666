"""From a declared network and its weights to an ONNX graph (sections 06.2 to 06.8).

One graph serves every picture size: height and width are symbolic, and where a network crops, the sizes are computed
in the graph from the input ``size``, int64 (h, w). What costs a pass over memory and can be a part of a convolution
is made one: the ``1 +`` of a gate becomes a bias of 1 of the gate's last convolution, and scaling by stored or fixed
numbers (batch normalisation, the way back to samples) goes into weights and bias of the convolution before; a pixel
shuffle in between does not mind. `jpegai.decoder.engines.rewrite` does what concerns more than two layers.

Only this module imports `onnx`, and only when a graph is built.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream.errors import UnsupportedError
from jpegai.decoder.engines.rewrite import ONES, rewrite
from jpegai.decoder.networks import Layer, Network, Tensor

if TYPE_CHECKING:
    import onnx

__all__ = ["IR_VERSION", "OPSET", "SIZE", "build_graph"]

#: Operator set and file version: old enough for every ONNX Runtime this project accepts.
OPSET = 17
IR_VERSION = 8
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
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, NDArray[Any]] = {}
        self.makers = {layer.output: layer for layer in self.network.layers}
        self.uses = Counter(name for layer in self.network.layers for name in layer.inputs)
        #: Scale and offset of each channel folded into a convolution, by its output.
        self.folded: dict[str, tuple[_Vector, _Vector]] = {}
        #: Gates that have their 1 in a folded offset.
        self.gates: set[str] = set()
        #: Tensors that stand for another one because their layer was folded away.
        self.aliases: dict[str, str] = {}

    def build(self, metadata: Mapping[str, str]) -> bytes:
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        self._fold()
        for layer in self.network.layers:
            _EMITTERS[layer.kind](self, layer)
        self._node("Identity", [self._name(self.network.output)], "output")
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
        graph = helper.make_graph(
            self.nodes,
            self.network.name,
            inputs,
            [output],
            [numpy_helper.from_array(value, name) for name, value in self.constants.items()],
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="jpegai"
        )
        helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString())

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

    def _node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, [output], name=f"{kind}_{output}", **attributes))
        return output

    def _constant(self, name: str, value: NDArray[Any]) -> str:
        self.constants.setdefault(name, value)
        return name

    def _limit(self, value: float) -> str:
        return self._constant(f"limit_{value:g}", np.array(value, np.float32))

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
        inputs = [self._name(layer.inputs[0]), self._constant(layer.weight.name, weight)]
        if layer.bias is not None or bias.any():
            inputs.append(self._constant(layer.weight.name.removesuffix("weight") + "bias", bias))
        kernel, stride = list(layer.kernel), [layer.stride] * 2
        if layer.kind == "conv_transpose":
            extra = 4 - layer.kernel[0]
            self._node(
                "ConvTranspose", inputs, layer.output, kernel_shape=kernel, strides=stride, pads=[1] * 4,
                output_padding=[extra, extra],
            )  # fmt: skip
        else:
            top, bottom, left, right = layer.padding
            self._node(
                "Conv", inputs, layer.output, kernel_shape=kernel, strides=stride, pads=[top, left, bottom, right],
                group=layer.groups,
            )  # fmt: skip

    def pixel_shuffle(self, layer: Layer) -> None:
        self._node("DepthToSpace", [self._name(layer.inputs[0])], layer.output, blocksize=layer.factor, mode="CRD")

    def crop(self, layer: Layer) -> None:
        divisor = layer.divisor
        ends = f"need_{divisor}"
        if not any(ends in node.output for node in self.nodes):
            up = self._constant(f"round_up_{divisor}", np.array([divisor - 1] * 2, np.int64))
            by = self._constant(f"divisor_{divisor}", np.array([divisor] * 2, np.int64))
            self._node("Div", [self._node("Add", [SIZE, up], f"raised_{divisor}"), by], ends)
        starts = self._constant("origin", np.zeros(2, np.int64))
        axes = self._constant("plane_axes", np.array([2, 3], np.int64))
        self._node("Slice", [self._name(layer.inputs[0]), starts, ends, axes], layer.output)

    def plain(self, layer: Layer) -> None:
        """Emit a layer that is an operator of ONNX."""
        self._node(_PLAIN[layer.kind], [self._name(name) for name in layer.inputs], layer.output)

    def relu6(self, layer: Layer) -> None:
        self._node("Clip", [self._name(layer.inputs[0]), self._limit(0), self._limit(6)], layer.output)

    def clamp(self, layer: Layer) -> None:
        limits = [self._limit(layer.low), self._limit(layer.high)]
        self._node("Clip", [self._name(layer.inputs[0]), *limits], layer.output)

    def mul_one_plus(self, layer: Layer) -> None:
        value, gate = layer.inputs
        if gate not in self.gates:
            gate = self._node("Add", [self._name(gate), self._limit(1)], f"{gate}_plus_one")
        self._node("Mul", [self._name(value), self._name(gate)], layer.output)

    def scale(self, layer: Layer) -> None:
        if layer.output in self.aliases:
            return
        scale, offset = (vector.astype(np.float32)[:, None, None] for vector in self._map(layer))
        scaled = [self._name(layer.inputs[0]), self._constant(f"{layer.output}_scale", scale)]
        product = self._node("Mul", scaled, f"{layer.output}_scaled")
        self._node("Add", [product, self._constant(f"{layer.output}_offset", offset)], layer.output)

    def ones(self, layer: Layer) -> None:
        shape = self._node("Shape", [self._name(layer.inputs[0])], f"{layer.output}_plane", start=2)
        one = self._constant("one_channel", np.array([1, 1], np.int64))
        self._node("Concat", [one, shape], f"{layer.output}_shape", axis=0)
        self._node("Expand", [self._limit(1), f"{layer.output}_shape"], layer.output)

    def layer_norm(self, layer: Layer) -> None:
        stored = [self._constant(tensor.name, self._stored(tensor)) for tensor in layer.tensors]
        last = self._node("Transpose", [self._name(layer.inputs[0])], f"{layer.output}_last", perm=[0, 2, 3, 1])
        self._node("LayerNormalization", [last, *stored], f"{layer.output}_normal", axis=-1, epsilon=layer.eps)
        self._node("Transpose", [f"{layer.output}_normal"], layer.output, perm=[0, 3, 1, 2])

    def attention(self, layer: Layer) -> None:
        """Queries and keys are not normalised: their products are divided by both norms, which is the same."""
        out, heads = layer.output, layer.heads
        shape = self._constant(
            f"heads_{heads}_{layer.channels}", np.array([heads, layer.channels // heads, -1], np.int64)
        )
        q, k, v = (self._node("Reshape", [self._name(x), shape], f"{x}_heads") for x in layer.inputs)
        norms = []
        for x in (q, k):
            norm = self._node("ReduceL2", [x], f"{x}_norm", axes=[2])
            norms.append(self._node("Max", [norm, self._limit(layer.eps)], f"{x}_length"))
        turned, lengths = (self._node("Transpose", [x], f"{x}_turned", perm=[0, 2, 1]) for x in (k, norms[1]))
        products = self._node("MatMul", [q, turned], f"{out}_products")
        lengths = self._node("Mul", [norms[0], lengths], f"{out}_lengths")
        cosines = self._node("Div", [products, lengths], f"{out}_cosines")
        temperature = self._constant(f"{out}_temperature", self._stored(layer.weight))
        scores = self._node("Mul", [cosines, temperature], f"{out}_scores")
        shares = self._node("Softmax", [scores], f"{out}_shares", axis=-1)
        mixed = self._node("MatMul", [shares, v], f"{out}_mixed")
        plane = self._node("Shape", [self._name(layer.inputs[0])], f"{out}_plane", start=2)
        channels = self._constant(f"channels_{layer.channels}", np.array([1, layer.channels], np.int64))
        self._node("Reshape", [mixed, self._node("Concat", [channels, plane], f"{out}_shape", axis=0)], out)

    def concat(self, layer: Layer) -> None:
        self._node("Concat", [self._name(name) for name in layer.inputs], layer.output, axis=1)

    def slice_channels(self, layer: Layer) -> None:
        stop = layer.start + layer.channels
        bounds = [self._constant(f"channel_{value}", np.array([value], np.int64)) for value in (layer.start, stop)]
        axis = self._constant("channel_axis", np.array([1], np.int64))
        self._node("Slice", [self._name(layer.inputs[0]), *bounds, axis], layer.output)


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
