"""Hyper scale decoder (06.5), hyper decoder (06.6) and context model (06.7)."""

from __future__ import annotations

from jpegai.decoder.networks.blocks import Builder
from jpegai.decoder.networks.layers import Input, Network

__all__ = ["CONTEXT", "HYPER_DECODERS", "HYPER_SCALE_DECODERS"]

#: Component letters of the checkpoint files, channels, size argument, skip flag.
_COMPONENTS = (("Y", 160, "luma", False), ("UV", 96, "half", True))
_Z = "hyper latents, integers -31..31"
_PSI = "explicit prediction, four phases"


def _hyper_scale_decoder(component: str, channels: int, size_argument: str, skip: bool) -> Network:
    net = Builder(Input("z_hat", channels, 64, _Z), skip=skip)
    x = net.relu(net.int_conv("z_hat", "conv1", channels, 1))
    x = net.relu(net.int_conv(x, "depthwise", channels, 3))
    x = net.crop(net.pixel_shuffle(net.int_conv(x, "pointwise", 16 * channels, 1), 4), 4, 4)
    net.clamp(net.absolute(x), 0, 3967)
    units = "scale in the log domain, 1/128 of a sigma level, 0..3967"
    name, kind, prefix = f"hyper_scale_decoder_{component}", f"common_{component}", "hyper_scale_decoder."
    return net.network(name, kind, size_argument, units, prefix, "integer")


def _hyper_decoder(component: str, channels: int, size_argument: str, skip: bool) -> Network:
    net = Builder(Input("z_hat", channels, 64, _Z), skip=skip)
    x = net.conv("z_hat", "conv1", channels, 1)
    x = net.relu6(net.crop(net.conv_transpose(x, "conv2", channels, 4), 5))
    x = net.relu6(net.conv(x, "conv3", channels, 3, bias=True))
    net.conv(x, "conv4", 4 * channels, 3, bias=True)
    return net.network(f"hyper_decoder_{component}", f"common_{component}", size_argument, _PSI, "hyper_decoder.")


def _context(phase: int) -> Network:
    channels = 160
    own = Input("psi_slice", channels, 32, _PSI)
    known = Input("prev", phase * channels, 32, "latents of the phases before")
    net = Builder(*([known] if phase else []), own)
    x = own.name
    if phase:
        x = net.conv("prev", f"MCM.{phase}.conv.0", channels, 1)
        x = net.conv(x, f"MCM.{phase}.conv.1", channels, 3, groups=5, bias=True)
        x = net.concat(x, own.name)
    for number in (1, 2):
        x = net.relu(net.conv(x, f"MCM.{phase}.fusion_pred_net.conv{number}", channels, 1))
    net.conv(x, f"MCM.{phase}.fusion_pred_net.conv3", channels, 1)
    return net.network(f"mcm_phase{phase}", "common_Y", "luma", "prediction of the latents of a phase", "context.")


HYPER_SCALE_DECODERS = tuple(_hyper_scale_decoder(*component) for component in _COMPONENTS)
HYPER_DECODERS = tuple(_hyper_decoder(*component) for component in _COMPONENTS)
CONTEXT = tuple(_context(phase) for phase in range(4))
