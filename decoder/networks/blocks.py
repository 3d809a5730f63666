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
        kernel: int,
        *,
        groups: int = 1,
        bias: bool = False,
        corner: bool = False,
    ) -> str:
        """Convolution with the size kept; `corner` pads the right and the bottom only (06.3.8)."""
        side = kernel // 2
        return self._add(
            "conv",
            (x,),
            channels,
            weight=Tensor(f"{name}.weight", (channels, self._channels[x] // groups, kernel, kernel)),
            bias=Tensor(f"{name}.bias", (channels,)) if bias else None,
            kernel=kernel,
            padding=(0, side, 0, side) if corner else (side,) * 4,
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
            kernel=kernel,
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
            kernel=kernel,
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

    def add(self, a: str, b: str) -> str:
        """A + b."""
        return self._add("add", (a, b), self._channels[a])

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

    def gate(self, x: str, name: str, groups: int) -> str:
        """ResAU: x * (1 + conv1x1(conv3x3(relu6(x)))) (06.3.3)."""
        channels = self._channels[x]
        inner = self.conv(self.relu6(x), f"{name}.conv", channels, 3, groups=groups)
        return self.mul_one_plus(x, self.conv(inner, f"{name}.conv2", channels, 1))

    def light_combine(self, x: str, name: str, own: int) -> str:
        """48 channels mixed from all, then the last `own` channels unchanged (06.3.7)."""
        channels = self._channels[x]
        mixed = self.conv(x, f"{name}.conv1", 48, 3, bias=True)
        return self.concat(mixed, self.slice_channels(x, channels - own, channels))

    def up_shuffle(self, x: str, name: str, channels: int) -> str:
        """UpPS: 2x2 convolution, then a pixel shuffle by 2 (06.3.8)."""
        return self.pixel_shuffle(self.conv(x, f"{name}.conv", 4 * channels, 2, corner=True), 2)

    def samples(self, x: str, factor: int) -> str:
        """Pixel shuffle to samples, back to 0..255, clipped (06.8)."""
        x = self.pixel_shuffle(x, factor)
        x = self._add("affine", (x,), self._channels[x], scale=128.0, offset=127.5)
        return self.clamp(x, 0.0, 255.0)

    def network(
        self, name: str, file_kind: str, size_argument: str, units: str, prefix: str = "", arithmetic: str = "float32"
    ) -> Network:
        """Return the network collected so far; `units` says what its output is."""
        return Network(name, file_kind, prefix, arithmetic, size_argument, self.inputs, tuple(self.layers), units)
