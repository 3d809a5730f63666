"""Networks of the eICCI post-filter (06.10)."""

from __future__ import annotations

from jpegai.decoder.networks.blocks import Builder
from jpegai.decoder.networks.layers import Input, Network

__all__ = ["EICCI"]

_PLANES = "wavelet planes: 16 of Y, then of U, then of V (08)"


def _start(first: str, suffix: str, blocks: int) -> tuple[Builder, str]:
    """Begin a network: what comes before its last convolutions."""
    net = Builder(Input("yuv16", 48, 4, _PLANES))
    x = net.relu(net.batch_norm(net.conv("yuv16", first, 48, 3, bias=True), f"BN{suffix}"))
    for number in range(blocks):
        x = net.rectangular_block(x, f"hidden_layer_{suffix}.{number}")
    return net, x


def _plane(net: Builder, x: str, conv: str, scale: str, first: int) -> str:
    """Correct the 16 input planes from `first` on."""
    correction = net.scale_param(net.conv(x, conv, 16, 3, bias=True), scale)
    return net.add(correction, net.slice_channels("yuv16", first, first + 16))


def _luma() -> Network:
    net, x = _start("conv_first_Y", "Y", 2)
    _plane(net, x, "conv_last_Y", "scaleY", 0)
    return net.network("eicci_Y", "eicci", "padded_tile", "wavelet planes of Y")


def _chroma() -> Network:
    net, x = _start("conv_firstUV", "UV", 4)
    planes = [_plane(net, x, f"conv_last_{c}", f"scale{c.upper()}", first) for c, first in (("u", 16), ("v", 32))]
    net.concat(*planes)
    return net.network("eicci_UV", "eicci", "padded_tile", "wavelet planes of U, then of V")


EICCI = (_luma(), _chroma())
