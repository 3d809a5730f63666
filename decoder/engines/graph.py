"""From a declared network and its weights to an ONNX graph (sections 06.2 to 06.8).

One graph serves every picture size: height and width are symbolic, and where a network crops, the sizes are computed
in the graph from the input ``size``, int64 (h, w). Two things are folded because they cost a pass over memory each:
the ``1 +`` of a gate goes into a bias of 1 of the gate's last convolution, and the final scaling to samples into the
weights of the last convolution (a pixel shuffle in between does not mind).

Only this module imports `onnx`, and only when a graph is built.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream.errors import UnsupportedError
from jpegai.decoder.networks import Layer, Network

if TYPE_CHECKING:
    import onnx

__all__ = ["IR_VERSION", "OPSET", "SIZE", "build_graph"]

#: Operator set and file version: old enough for every ONNX Runtime this project accepts.
OPSET = 17
IR_VERSION = 8
#: Name of the input that carries the size argument.
SIZE = "size"


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
    return _GraphBuilder(network, tensors).build(metadata or {})


class _GraphBuilder:
    """Turns layers into nodes, one after the other."""

    def __init__(self, network: Network, tensors: Mapping[str, NDArray[Any]]) -> None:
        self.network = network
        self.tensors = tensors
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, NDArray[Any]] = {}
        self.makers = {layer.output: layer for layer in network.layers}
        self.uses = Counter(name for layer in network.layers for name in layer.inputs)
        #: Scale and offset folded into a convolution, by its output.
        self.folded: dict[str, tuple[float, float]] = {}
        #: Tensors that stand for another one because their layer was folded away.
        self.aliases: dict[str, str] = {}

    def build(self, metadata: Mapping[str, str]) -> bytes:
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        self._fold()
        for layer in self.network.layers:
            emit = _EMITTERS.get(layer.kind)
            if emit is None or self.network.arithmetic != "float32":
                raise UnsupportedError(f"the float32 engine does not run {layer.kind} layers", found=self.network.name)
            emit(self, layer)
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
            if layer.kind == "mul_one_plus" and self._only_for(layer.inputs[1], "conv"):
                self.folded[layer.inputs[1]] = (1.0, 1.0)
            elif layer.kind == "affine" and self._only_for(layer.inputs[0], "pixel_shuffle"):
                source = self.makers[layer.inputs[0]].inputs[0]
                if self._only_for(source, "conv"):
                    self.folded[source] = (layer.scale, layer.offset)
                    self.aliases[layer.output] = layer.inputs[0]

    def _only_for(self, name: str, kind: str) -> bool:
        """Whether `name` is made by a layer of this kind and used once."""
        maker = self.makers.get(name)
        return maker is not None and maker.kind == kind and self.uses[name] == 1

    # -- small helpers ----------------------------------------------------------------------------------------

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
        weight = np.asarray(self.tensors[self.network.prefix + layer.weight.name], np.float32)
        bias = np.zeros(layer.channels, np.float32)
        if layer.bias is not None:
            bias = np.asarray(self.tensors[self.network.prefix + layer.bias.name], np.float32)
        scale, offset = self.folded.get(layer.output, (1.0, 0.0))
        inputs = [self._name(layer.inputs[0]), self._constant(layer.weight.name, weight * np.float32(scale))]
        if layer.bias is not None or offset:
            folded = bias * np.float32(scale) + np.float32(offset)
            inputs.append(self._constant(layer.weight.name.removesuffix("weight") + "bias", folded))
        kernel, stride = [layer.kernel] * 2, [layer.stride] * 2
        if layer.kind == "conv_transpose":
            extra = 4 - layer.kernel
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

    def relu(self, layer: Layer) -> None:
        self._node("Relu", [self._name(layer.inputs[0])], layer.output)

    def relu6(self, layer: Layer) -> None:
        self._node("Clip", [self._name(layer.inputs[0]), self._limit(0), self._limit(6)], layer.output)

    def clamp(self, layer: Layer) -> None:
        limits = [self._limit(layer.low), self._limit(layer.high)]
        self._node("Clip", [self._name(layer.inputs[0]), *limits], layer.output)

    def add(self, layer: Layer) -> None:
        self._node("Add", [self._name(name) for name in layer.inputs], layer.output)

    def mul_one_plus(self, layer: Layer) -> None:
        value, gate = layer.inputs
        if gate not in self.folded:
            gate = self._node("Add", [self._name(gate), self._limit(1)], f"{gate}_plus_one")
        self._node("Mul", [self._name(value), self._name(gate)], layer.output)

    def affine(self, layer: Layer) -> None:
        if layer.output not in self.aliases:
            scaled = [self._name(layer.inputs[0]), self._limit(layer.scale)]
            product = self._node("Mul", scaled, f"{layer.output}_scaled")
            self._node("Add", [product, self._limit(layer.offset)], layer.output)

    def concat(self, layer: Layer) -> None:
        self._node("Concat", [self._name(name) for name in layer.inputs], layer.output, axis=1)

    def slice_channels(self, layer: Layer) -> None:
        stop = layer.start + layer.channels
        bounds = [self._constant(f"channel_{value}", np.array([value], np.int64)) for value in (layer.start, stop)]
        axis = self._constant("channel_axis", np.array([1], np.int64))
        self._node("Slice", [self._name(layer.inputs[0]), *bounds, axis], layer.output)


_EMITTERS: dict[str, Callable[[_GraphBuilder, Layer], None]] = {
    "conv": _GraphBuilder.conv,
    "conv_transpose": _GraphBuilder.conv,
    "pixel_shuffle": _GraphBuilder.pixel_shuffle,
    "crop": _GraphBuilder.crop,
    "relu": _GraphBuilder.relu,
    "relu6": _GraphBuilder.relu6,
    "clamp": _GraphBuilder.clamp,
    "add": _GraphBuilder.add,
    "mul_one_plus": _GraphBuilder.mul_one_plus,
    "affine": _GraphBuilder.affine,
    "concat": _GraphBuilder.concat,
    "slice_channels": _GraphBuilder.slice_channels,
}
