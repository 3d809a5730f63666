"""Nodes and constants of an ONNX graph, while it is built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx

__all__ = ["IR_VERSION", "OPSET", "Nodes"]

#: Operator set and file version: old enough for every ONNX Runtime this project accepts.
OPSET = 17
IR_VERSION = 8


class Nodes:
    """Collects nodes; every method adds some and returns the name of the output."""

    def __init__(self) -> None:
        self.constants: dict[str, NDArray[Any]] = {}
        self._nodes: list[onnx.NodeProto] = []
        self._made: set[str] = set()

    def __contains__(self, name: str) -> bool:
        """Whether a node makes this."""
        return name in self._made

    def add(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Add a node."""
        from onnx import helper

        self._nodes.append(helper.make_node(kind, inputs, [output], name=f"{kind}_{output}", **attributes))
        self._made.add(output)
        return output

    def constant(self, name: str, value: NDArray[Any]) -> str:
        """Add a constant, once."""
        self.constants.setdefault(name, value)
        return name

    def integers(self, name: str, *values: int) -> str:
        """Add a constant of int64, once."""
        return self.constant(name, np.array(values, np.int64))

    def number(self, value: float, dtype: type[np.floating[Any]] = np.float32) -> str:
        """Add a number, once."""
        return self.constant(f"{np.dtype(dtype).name}_{value:g}", np.array(value, dtype))

    def exact_sum(self, x: str, output: str, axis: int, *, keepdims: bool) -> str:
        """Add the sum over an axis, in float64."""
        from onnx import TensorProto

        terms = self.add("Cast", [x], f"{output}_terms", to=TensorProto.DOUBLE)
        return self.add("ReduceSum", [terms, self.integers(f"axis_{axis}", axis)], output, keepdims=int(keepdims))

    def single(self, x: str, output: str) -> str:
        """Add a conversion to float32."""
        from onnx import TensorProto

        return self.add("Cast", [x], output, to=TensorProto.FLOAT)

    def plane(self, x: str, output: str) -> str:
        """Add height and width of a tensor."""
        return self.add("Shape", [x], output, start=2)

    def as_planes(self, x: str, channels: int, plane: str, output: str) -> str:
        """Give values in the order of (1, C, H, W) that shape."""
        before = self.integers(f"channels_{channels}", 1, channels)
        return self.add("Reshape", [x, self.add("Concat", [before, plane], f"{output}_shape", axis=0)], output)

    def model(
        self,
        name: str,
        inputs: Sequence[onnx.ValueInfoProto],
        outputs: Sequence[onnx.ValueInfoProto],
        metadata: Mapping[str, str],
    ) -> bytes:
        """Return the model, checked."""
        import onnx
        from onnx import helper, numpy_helper

        constants = [numpy_helper.from_array(value, name) for name, value in self.constants.items()]
        model = helper.make_model(
            helper.make_graph(self._nodes, name, inputs, outputs, constants),
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="jpegai",
        )
        helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString())
