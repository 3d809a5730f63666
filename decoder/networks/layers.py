"""What a network is: layer records, and everything that follows from them without running it (section 06.2).

A network is a list of layers in execution order; each reads named tensors and makes one. Engines, exported graphs,
checkpoint checks, parameter and operation counts, receptive fields and memory estimates all come from this one list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from math import ceil, prod

from jpegai.decoder.geometry import ceil_div

__all__ = ["Input", "Layer", "Network", "Shape", "Tensor"]

Shape = tuple[int, ...]

#: Layers of one input whose output may take its place in memory.
_ELEMENTWISE = ("relu", "relu6", "elu", "sigmoid", "abs", "clamp", "affine", "scale_param", "batch_norm")


@dataclass(frozen=True, slots=True)
class Tensor:
    """A stored tensor: name in the checkpoint, without the network's prefix, shape and dtype."""

    name: str
    shape: Shape
    dtype: str = "float32"


@dataclass(frozen=True, slots=True)
class Input:
    """An input of a network: name, channels, its sub-sampling relative to luma, and what its numbers are."""

    name: str
    channels: int
    subsampling: int
    units: str


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer (06.2). What a kind does not use keeps its default.

    Attributes:
        kind: ``conv``, ``conv_transpose``, ``int_conv``, ``pixel_shuffle``, ``crop``, ``relu``, ``relu6``, ``elu``,
            ``sigmoid``, ``abs``, ``clamp``, ``add``, ``mul``, ``mul_one_plus``, ``concat``, ``slice_channels``,
            ``affine``, ``scale_param``, ``batch_norm``, ``layer_norm_channels``, ``channel_attention``.
        inputs: names of the tensors it reads.
        output: name of the tensor it makes.
        channels: channels of the output.
        weight, bias, shifts, mean, variance: its stored tensors; `weight` is the parameter of a ``scale_param`` and
            the temperature of a ``channel_attention``.
        kernel: height and width of the kernel.
        stride: stride of a convolution, up-sampling factor of a transposed one.
        padding: zeros added at the top, bottom, left and right.
        groups: groups of a convolution.
        factor: factor of a pixel shuffle.
        depth, sd, skip: parameters of a crop (06.4).
        low, high: limits of a clamp, and of the input of an ``int_conv``.
        scale, offset: of an affine map.
        start: first channel of a slice.
        heads: heads of a ``channel_attention``.
        eps: what keeps a division from zero: added to the variance of a norm, smallest norm of an attention.
    """

    kind: str
    inputs: tuple[str, ...]
    output: str
    channels: int
    weight: Tensor | None = None
    bias: Tensor | None = None
    shifts: Tensor | None = None
    mean: Tensor | None = None
    variance: Tensor | None = None
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    groups: int = 1
    factor: int = 1
    depth: int = 0
    sd: int = 2
    skip: bool = False
    low: float = 0.0
    high: float = 0.0
    scale: float = 1.0
    offset: float = 0.0
    start: int = 0
    heads: int = 1
    eps: float = 0.0

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The stored tensors the layer uses."""
        stored = self.weight, self.bias, self.shifts, self.mean, self.variance
        return tuple(tensor for tensor in stored if tensor is not None)

    @property
    def depthwise(self) -> bool:
        """Whether it is a 3x3 convolution of every channel with itself."""
        return self.kind == "conv" and self.kernel == (3, 3) and self.stride == 1 and 1 < self.groups == self.channels

    @property
    def divisor(self) -> int:
        """What a crop divides the size argument by: D of 06.4."""
        return 1 << (self.depth - 1 if self.skip and self.depth >= 4 else self.depth)

    @property
    def upsampling(self) -> Fraction:
        """Size of the output relative to the first input."""
        if self.kind == "conv_transpose":
            return Fraction(self.stride)
        if self.kind == "pixel_shuffle":
            return Fraction(self.factor)
        return Fraction(1, self.stride)

    def reads(self, first: int, last: int, axis: int) -> tuple[int, int]:
        """Return which input positions (zero padding included) the output positions first..last need.

        `axis` is 0 for rows, 1 for columns. What an attention reads of all positions is left out: its weights
        (`Network.global_dependency`).
        """
        side, before = self.kernel[axis], self.padding[2 * axis]
        if self.kind in ("conv", "int_conv"):
            return first * self.stride - before, last * self.stride - before + side - 1
        if self.kind == "conv_transpose":  # out[2i - 1 + t] += x[i] * w[t]
            return -((side - 2 - first) // 2), (last + 1) // 2
        if self.kind == "pixel_shuffle":
            return first // self.factor, last // self.factor
        return first, last


@dataclass(frozen=True)
class Network:
    """A network: its layers, and where their tensors are.

    Attributes:
        name: as in the specification's tables (``bop_prim``).
        file_kind: kind of checkpoint file (09.5).
        prefix: put before the tensor names.
        arithmetic: ``float32`` or ``integer``.
        size_argument: what the (h, w) of a call means (06.4): ``luma``, ``half``, ``tile_luma``, ``padded_tile``.
        inputs: in call order.
        layers: in execution order; the last one makes the output.
        output_units: what the numbers of the output are.
    """

    name: str
    file_kind: str
    prefix: str
    arithmetic: str
    size_argument: str
    inputs: tuple[Input, ...]
    layers: tuple[Layer, ...] = field(repr=False)
    output_units: str

    @property
    def output(self) -> str:
        """Name of the tensor that is the result."""
        return self.layers[-1].output

    @property
    def has_crops(self) -> bool:
        """Whether the result depends on the size argument."""
        return any(layer.kind == "crop" for layer in self.layers)

    @property
    def global_dependency(self) -> bool:
        """Whether every output depends on all positions of the input: the receptive field is unbounded (06.11)."""
        return any(layer.kind == "channel_attention" for layer in self.layers)

    def tensors(self) -> Mapping[str, Tensor]:
        """Return the stored tensors by full name."""
        return {self.prefix + tensor.name: tensor for layer in self.layers for tensor in layer.tensors}

    @cached_property
    def subsampling(self) -> Mapping[str, Fraction]:
        """Sub-sampling of every tensor relative to luma."""
        known = {entry.name: Fraction(entry.subsampling) for entry in self.inputs}
        for layer in self.layers:
            known[layer.output] = known[layer.inputs[0]] / layer.upsampling
        return known

    @cached_property
    def channels(self) -> Mapping[str, int]:
        """Channels of every tensor."""
        known = {entry.name: entry.channels for entry in self.inputs}
        return known | {layer.output: layer.channels for layer in self.layers}

    def parameters(self) -> int:
        """Return the number of stored numbers (06.12)."""
        return sum(prod(tensor.shape) for tensor in self.tensors().values())

    def products(self, layer: Layer) -> int:
        """Return the multiply-adds of a layer per position: of its input if it is transposed, else of its output."""
        if layer.kind in ("conv", "int_conv", "conv_transpose"):
            return self.channels[layer.inputs[0]] * layer.channels * prod(layer.kernel) // layer.groups
        return 2 * layer.channels**2 // layer.heads if layer.kind == "channel_attention" else 0

    def macs(self, layer: Layer) -> Fraction:
        """Return the multiply-adds of a layer per luma sample of a large picture (06.12)."""
        positions = self.subsampling[layer.inputs[0] if layer.kind == "conv_transpose" else layer.output]
        return self.products(layer) / positions**2

    def macs_per_sample(self) -> Fraction:
        """Return the multiply-adds of the network per luma sample."""
        return sum((self.macs(layer) for layer in self.layers), Fraction(0))

    def sizes(
        self, height: int, width: int, size: tuple[int, int] | None = None
    ) -> Mapping[str, tuple[int, int]]:
        """Return rows and columns of every tensor of a run.

        Args:
            height: rows of the first input; the others have the size that belongs to it.
            width: columns of the first input.
            size: the size argument (06.4), for networks that crop.
        """
        base = self.subsampling[self.inputs[0].name]
        sizes = {entry.name: (ceil(height * base / entry.subsampling), ceil(width * base / entry.subsampling))
                 for entry in self.inputs}  # fmt: skip
        for layer in self.layers:
            rows, columns = sizes[layer.inputs[0]]
            made = ceil(rows * layer.upsampling), ceil(columns * layer.upsampling)
            if layer.kind == "crop":
                assert size is not None
                made = ceil_div(size[0], layer.divisor), ceil_div(size[1], layer.divisor)
            sizes[layer.output] = made
        return sizes

    def multiply_adds(self, height: int, width: int, size: tuple[int, int] | None = None) -> int:
        """Return the multiply-adds of a run; arguments as in `sizes`."""
        sizes = self.sizes(height, width, size)
        return sum(
            self.products(layer) * prod(sizes[layer.inputs[0] if layer.kind == "conv_transpose" else layer.output])
            for layer in self.layers
        )

    def receptive_field(self, source: str | None = None, axis: int = 0) -> list[tuple[int, int]]:
        """Return, per phase of the output, the offsets (first, last) of the input positions it needs (06.11).

        Offsets are relative to the input position that covers the output; zero padding at borders is not counted.
        `source` names the input, by default the first; `axis` is 0 for rows, 1 for columns. An input that the output
        does not depend on gives no entry. Of a network with `global_dependency` it is the convolutional part alone.
        """
        source = source or self.inputs[0].name
        ratio = self.subsampling[source] / self.subsampling[self.output]
        phases = max(1, int(ratio))
        step = int(1 / ratio) if ratio < 1 else 1
        far = 1 << 12  # a position away from any border, a multiple of every factor
        spans = []
        for phase in range(phases):
            position = far * phases + phase
            needed = {self.output: (position, position)}
            for layer in reversed(self.layers):
                if layer.output not in needed:
                    continue
                low, high = layer.reads(*needed[layer.output], axis)
                for name in layer.inputs:
                    old = needed.get(name, (low, high))
                    needed[name] = min(low, old[0]), max(high, old[1])
            if source in needed:
                low, high = needed[source]
                spans.append((low - far * step, high - far * step))
        return spans

    @cached_property
    def reach(self) -> list[tuple[int, int]]:
        """Return the offsets of all phases together, one span per input; the same along both axes."""
        result = []
        for entry in self.inputs:
            spans = self.receptive_field(entry.name)
            result.append((min(low for low, _ in spans), max(high for _, high in spans)))
        return result

    def activation_bytes(self, height: int, width: int) -> int:
        """Return the bytes of float32 activations that live at once, at most, for an input of height x width.

        A tensor lives from the layer that makes it to the last one that reads it; element-wise layers of one
        input work in place. The input of the call belongs to the caller and is not counted.
        """
        base = self.subsampling[self.inputs[0].name]

        def size(name: str) -> int:
            scale = base / self.subsampling[name]
            return 4 * self.channels[name] * ceil(height * scale) * ceil(width * scale)

        last_use = {name: turn for turn, layer in enumerate(self.layers) for name in layer.inputs}
        last_use[self.output] = len(self.layers)
        alive: dict[str, int] = {}
        peak = 0
        for turn, layer in enumerate(self.layers):
            in_place = len(layer.inputs) == 1 and layer.kind in _ELEMENTWISE
            if in_place and last_use[layer.inputs[0]] == turn:
                alive.pop(layer.inputs[0], None)
            alive[layer.output] = size(layer.output)
            peak = max(peak, sum(alive.values()))
            alive = {name: count for name, count in alive.items() if last_use.get(name, turn) > turn}
        return peak

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the size of the output for a size argument (06.4): after crops, before the final crop to h x w."""
        # the last crop fixes the size; what follows only scales it
        sizes: dict[str, tuple[int, int]] = {}
        full = self.inputs[0].subsampling // (2 if self.size_argument == "half" else 1)
        for entry in self.inputs:
            sizes[entry.name] = ceil_div(height, full), ceil_div(width, full)
        for layer in self.layers:
            rows, columns = sizes[layer.inputs[0]]
            if layer.kind == "crop":
                sizes[layer.output] = ceil_div(height, layer.divisor), ceil_div(width, layer.divisor)
            else:
                scale = layer.upsampling
                sizes[layer.output] = ceil(rows * scale), ceil(columns * scale)
        return sizes[self.output]
