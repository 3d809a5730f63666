"""Building networks: a recorder that names tensors, and the blocks of section 06.3."""

from __future__ import annotations

from typing import Any

from jpegai.decoder.networks.layers import Input, Layer, Network, Tensor

__all__ = ["Builder"]


class Builder:
    """Collects layers; every method adds one layer or block and returns the name of its output.

    `skip` is the flag of all crops of the network (06.4).
    """

    def __init__(self, *inputs: Input, skip: bool = False) -> None:
        self.inputs = inputs
        self.skip = skip
        self.layers: list[Layer] = []
        self._channels = {entry.name: entry.channels for entry in inputs}

    def _add(self, kind: str, inputs: tuple[str, ...], channels: int, **facts: Any) -> str:
        output = f"t{len(self.layers) + 1}"
        self.layers.append(Layer(kind, inputs, output, channels, **facts))
        self._channels[output] = channels
        return output

    # -- layers of 06.2 ---------------------------------------------------------------------------------------

    def conv(
        self,
        x: str,
        name: str,
        channels: int,
        kernel: int | tuple[int, int],
        *,
        stride: int = 1,
        groups: int = 1,
        bias: bool = False,
        corner: bool = False,
    ) -> str:
        """Convolution with the size kept, or halved by a stride; `corner` pads right and bottom only (06.3.8).

        `kernel` is the side, or height and width.
        """
        sides = (kernel, kernel) if isinstance(kernel, int) else kernel
        tall, wide = (side // 2 for side in sides)
        return self._add(
            "conv",
            (x,),
            channels,
            weight=Tensor(f"{name}.weight", (channels, self._channels[x] // groups, *sides)),
            bias=Tensor(f"{name}.bias", (channels,)) if bias else None,
            kernel=sides,
            stride=stride,
            padding=(0, tall, 0, wide) if corner else (tall, tall, wide, wide),
            groups=groups,
        )

    def conv_transpose(self, x: str, name: str, channels: int, kernel: int) -> str:
        """Transposed convolution with bias that doubles the size."""
        return self._add(
            "conv_transpose",
            (x,),
            channels,
            weight=Tensor(f"{name}.weight", (self._channels[x], channels, kernel, kernel)),
            bias=Tensor(f"{name}.bias", (channels,)),
            kernel=(kernel, kernel),
            stride=2,
        )

    def int_conv(self, x: str, name: str, channels: int, kernel: int) -> str:
        """Integer convolution with clamped input and a shift per channel (06.5)."""
        return self._add(
            "int_conv",
            (x,),
            channels,
            weight=Tensor(f"{name}.weight", (channels, self._channels[x], kernel, kernel), "int8"),
            bias=Tensor(f"{name}.bias", (channels,), "int32"),
            shifts=Tensor(f"{name}.per_channel_shifts", (1, channels, 1, 1), "int8"),
            kernel=(kernel, kernel),
            padding=(kernel // 2,) * 4,
            low=-128,
            high=127,
        )

    def pixel_shuffle(self, x: str, factor: int) -> str:
        """Channels to positions."""
        return self._add("pixel_shuffle", (x,), self._channels[x] // factor**2, factor=factor)

    def crop(self, x: str, depth: int, sd: int = 2) -> str:
        """Crop to the size the argument asks for at this depth (06.4)."""
        return self._add("crop", (x,), self._channels[x], depth=depth, sd=sd, skip=self.skip)

    def relu(self, x: str) -> str:
        """max(x, 0)."""
        return self._add("relu", (x,), self._channels[x])

    def relu6(self, x: str) -> str:
        """min(max(x, 0), 6)."""
        return self._add("relu6", (x,), self._channels[x])

    def absolute(self, x: str) -> str:
        """|x|."""
        return self._add("abs", (x,), self._channels[x])

    def clamp(self, x: str, low: float, high: float) -> str:
        """Limit to low..high."""
        return self._add("clamp", (x,), self._channels[x], low=low, high=high)

    def elu(self, x: str) -> str:
        """X where it is positive, else exp(x) - 1."""
        return self._add("elu", (x,), self._channels[x])

    def sigmoid(self, x: str) -> str:
        """1 / (1 + exp(-x))."""
        return self._add("sigmoid", (x,), self._channels[x])

    def scale_param(self, x: str, name: str) -> str:
        """X times a stored number."""
        return self._add("scale_param", (x,), self._channels[x], weight=Tensor(name, (1,)))

    def batch_norm(self, x: str, name: str) -> str:
        """Batch normalisation with stored statistics."""
        parts = ("weight", "bias", "running_mean", "running_var")
        weight, bias, mean, variance = (Tensor(f"{name}.{part}", (self._channels[x],)) for part in parts)
        facts = {"weight": weight, "bias": bias, "mean": mean, "variance": variance, "eps": 1e-5}
        return self._add("batch_norm", (x,), self._channels[x], **facts)

    def layer_norm(self, x: str, name: str) -> str:
        """Normalisation over the channels of each position."""
        weight, bias = (Tensor(f"{name}.{part}", (self._channels[x],)) for part in ("weight", "bias"))
        return self._add("layer_norm_channels", (x,), self._channels[x], weight=weight, bias=bias, eps=1e-5)

    def attention(self, x: str, name: str, heads: int = 4) -> str:
        """Attention between channels, from queries, keys and values that are concatenated (06.3.5, step 2)."""
        temperature = Tensor(f"{name}.temperature", (heads, 1, 1))
        channels = self._channels[x] // 3
        return self._add("channel_attention", (x,), channels, weight=temperature, heads=heads, eps=1e-12)

    def add(self, a: str, b: str) -> str:
        """A + b."""
        return self._add("add", (a, b), self._channels[a])

    def mul(self, a: str, b: str) -> str:
        """A * b."""
        return self._add("mul", (a, b), self._channels[a])

    def mul_one_plus(self, a: str, b: str) -> str:
        """A * (1 + b)."""
        return self._add("mul_one_plus", (a, b), self._channels[a])

    def concat(self, *parts: str) -> str:
        """Channels one after the other."""
        return self._add("concat", parts, sum(self._channels[part] for part in parts))

    def slice_channels(self, x: str, start: int, stop: int) -> str:
        """Channels start..stop-1."""
        return self._add("slice_channels", (x,), stop - start, start=start)

    # -- blocks of 06.3 ---------------------------------------------------------------------------------------

    def light_residual_block(self, x: str, name: str) -> str:
        """X + relu(conv3x3(x)) (06.3.1)."""
        inner = self.relu(self.conv(x, f"{name}.conv1", self._channels[x], 3, bias=True))
        return self.add(inner, x)

    def residual_block(self, x: str, name: str) -> str:
        """X + conv3x3(relu(conv3x3(x))) (06.3.2)."""
        inner = self.relu(self.conv(x, f"{name}.conv1", self._channels[x], 3, bias=True))
        return self.add(self.conv(inner, f"{name}.conv2", self._channels[x], 3, bias=True), x)

    def gate(self, x: str, name: str, groups: int) -> str:
        """ResAU: x * (1 + conv1x1(conv3x3(relu6(x)))) (06.3.3)."""
        channels = self._channels[x]
        inner = self.conv(self.relu6(x), f"{name}.conv", channels, 3, groups=groups)
        return self.mul_one_plus(x, self.conv(inner, f"{name}.conv2", channels, 1))

    def context_attention(self, x: str, name: str) -> str:
        """CAB: x + trunk * mask, the mask made at half the size; x has even sides (06.3.4)."""
        channels = self._channels[x]
        trunk = self.residual_block(x, f"{name}.residual_trunk.0")
        trunk = self.residual_block(trunk, f"{name}.residual_trunk.1")
        mask = self.conv(x, f"{name}.subscale", channels, 3, stride=2, bias=True)
        mask = self.residual_block(mask, f"{name}.residual_mask2.0")
        mask = self.residual_block(mask, f"{name}.residual_mask3.0")
        mask = self.sigmoid(self.conv_transpose(mask, f"{name}.upscale", channels, 3))
        return self.add(self.mul(trunk, mask), x)

    def transformer_block(self, x: str, name: str) -> str:
        """TAB: attention between channels, then a gated feed-forward part, each added to its input (06.3.5)."""
        channels = self._channels[x]
        inner = self.layer_norm(x, f"{name}.prep_data.norm1")
        inner = self.conv(inner, f"{name}.prep_data.conv1", 3 * channels, 1)
        inner = self.conv(inner, f"{name}.prep_data.conv2", 3 * channels, 3, groups=3 * channels)
        x = self.add(x, self.conv(self.attention(inner, f"{name}.attn"), f"{name}.attn.project_out", channels, 1))
        inner = self.conv(self.layer_norm(x, f"{name}.ffn.norm1"), f"{name}.ffn.project_in", 8 * channels, 1)
        inner = self.conv(inner, f"{name}.ffn.dwconv", 8 * channels, 3, groups=8 * channels)
        first = self.slice_channels(inner, 0, 4 * channels)
        second = self.slice_channels(inner, 4 * channels, 8 * channels)
        return self.add(x, self.conv(self.mul(self.elu(first), second), f"{name}.ffn.project_out", channels, 1))

    def transformer(self, x: str, name: str, *, halved: bool) -> str:
        """TAM: two transformer blocks, at half the size when `halved`; x has even sides then (06.3.6)."""
        channels = self._channels[x]
        if halved:
            x = self.conv(x, f"{name}.ds_conv", channels, 3, stride=2, bias=True)
        for number in (0, 1):
            x = self.transformer_block(x, f"{name}.TABs.{number}")
        return self.conv_transpose(x, f"{name}.us_conv", channels, 3) if halved else x

    def rectangular_block(self, x: str, name: str) -> str:
        """RectBlock: x + scale * (a 1x3 and a 3x1 convolution, each with batch normalisation) (06.10)."""
        channels = self._channels[x]
        inner = self.batch_norm(self.conv(x, f"{name}.conv1", channels, (1, 3), bias=True), f"{name}.BN1")
        inner = self.conv(self.relu(inner), f"{name}.conv2", channels, (3, 1), bias=True)
        return self.add(x, self.scale_param(self.batch_norm(inner, f"{name}.BN2"), f"{name}.scale"))

    def light_combine(self, x: str, name: str, own: int) -> str:
        """48 channels mixed from all, then the last `own` channels unchanged (06.3.7)."""
        channels = self._channels[x]
        mixed = self.conv(x, f"{name}.conv1", 48, 3, bias=True)
        return self.concat(mixed, self.slice_channels(x, channels - own, channels))

    def up_shuffle(self, x: str, name: str, channels: int) -> str:
        """UpPS: 2x2 convolution, then a pixel shuffle by 2 (06.3.8)."""
        return self.pixel_shuffle(self.conv(x, f"{name}.conv", 4 * channels, 2, corner=True), 2)

    def samples(self, x: str, factor: int) -> str:
        """Pixel shuffle to samples (none with the factor 1), back to 0..255, clipped (06.8)."""
        if factor > 1:
            x = self.pixel_shuffle(x, factor)
        x = self._add("affine", (x,), self._channels[x], scale=128.0, offset=127.5)
        return self.clamp(x, 0.0, 255.0)

    def network(
        self, name: str, file_kind: str, size_argument: str, units: str, prefix: str = "", arithmetic: str = "float32"
    ) -> Network:
        """Return the network collected so far; `units` says what its output is."""
        return Network(name, file_kind, prefix, arithmetic, size_argument, self.inputs, tuple(self.layers), units)
