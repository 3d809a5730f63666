"""Synthesis networks (06.8): SOP, BOP and HOP, primary and secondary."""

from __future__ import annotations

from jpegai.decoder.networks.blocks import Builder
from jpegai.decoder.networks.layers import Input, Network

__all__ = ["SYNTHESIS"]

_LUMA = "luma samples, 0..255, not rounded"
_CHROMA = "U and V samples at luma resolution, 0..255, neutral 127.5, not rounded"


def _primary() -> Builder:
    return Builder(Input("y_hat", 160, 16, "latents of the primary component"))


def _secondary() -> Builder:
    return Builder(Input("y_hat_cat", 256, 16, "latents of the primary, then of the secondary component"), skip=True)


def _sop_primary() -> Network:
    net = _primary()
    x = net.light_residual_block("y_hat", "first_stage.0.0")
    x = net.crop(net.gate(net.up_shuffle(x, "first_stage.1", 64), "first_stage.2", 4), 3)
    x = net.gate(net.crop(net.up_shuffle(x, "conv2_t", 32), 2), "iact2", 2)
    x = net.gate(net.conv(x, "conv3", 32, 3, bias=True), "iact3", 2)
    net.samples(net.conv(x, "conv4", 16, 1), 4)
    return net.network("sop_prim", "sop_decoder_Y", "tile_luma", _LUMA)


def _sop_secondary() -> Network:
    net = _secondary()
    x = net.light_combine("y_hat_cat", "first_stage", 96)
    x = net.gate(net.crop(net.up_shuffle(x, "conv2_t", 32), 3), "iact2", 2)
    x = net.gate(net.conv(x, "conv3", 32, 3, bias=True), "iact3", 2)
    net.samples(net.conv(x, "conv4", 128, 1), 8)
    return net.network("sop_sec", "sop_decoder_UV", "tile_luma", _CHROMA)


def _bop_primary() -> Network:
    net = _primary()
    x = net.light_residual_block("y_hat", "first_stage.0.0")
    x = net.crop(net.gate(net.conv_transpose(x, "first_stage.1", 64, 4), "first_stage.2", 4), 3)
    x = net.gate(net.crop(net.conv_transpose(x, "conv2_t", 64, 4), 2), "iact2", 4)
    x = net.gate(net.conv(x, "conv3", 96, 3, bias=True), "iact3", 6)
    net.samples(net.conv(x, "conv4", 16, 1), 4)
    return net.network("bop_prim", "bop_decoder_Y", "tile_luma", _LUMA)


def _bop_secondary() -> Network:
    net = _secondary()
    x = net.light_combine("y_hat_cat", "first_stage", 96)
    x = net.gate(net.crop(net.conv_transpose(x, "conv2_t", 64, 4), 3), "iact2", 4)
    x = net.gate(net.conv(x, "conv3", 128, 3, bias=True), "iact3", 8)
    net.samples(net.conv(x, "conv4", 128, 1), 8)
    return net.network("bop_sec", "bop_decoder_UV", "tile_luma", _CHROMA)


def _hop_primary() -> Network:
    net = _primary()
    x = net.residual_block("y_hat", "first_stage.0.0")
    x = net.crop(net.gate(net.conv_transpose(x, "first_stage.1", 128, 3), "first_stage.2", 4), 3)
    x = net.crop(net.context_attention(net.conv_transpose(x, "conv2_t", 128, 3), "CAB"), 2)
    x = net.pixel_shuffle(net.conv(net.gate(x, "iact2", 4), "conv3_t", 512, 1, bias=True), 2)
    x = net.gate(net.crop(net.transformer(x, "TAM", halved=True), 1), "iact3", 4)
    net.samples(net.conv_transpose(x, "conv4_t", 1, 3), 1)
    return net.network("hop_prim", "hop_decoder_Y", "tile_luma", _LUMA)


def _hop_secondary() -> Network:
    net = _secondary()
    x = net.light_combine("y_hat_cat", "first_stage", 96)
    x = net.crop(net.context_attention(net.conv_transpose(x, "conv2_t", 64, 3), "CAB"), 3)
    x = net.pixel_shuffle(net.conv(net.gate(x, "iact2", 4), "conv3_t", 256, 1, bias=True), 2)
    x = net.gate(net.crop(net.transformer(x, "TAM", halved=False), 2), "iact3", 4)
    net.samples(net.conv_transpose(x, "conv4_t", 8, 3), 2)
    return net.network("hop_sec", "hop_decoder_UV", "tile_luma", _CHROMA)


SYNTHESIS = (
    _sop_primary(),
    _sop_secondary(),
    _bop_primary(),
    _bop_secondary(),
    _hop_primary(),
    _hop_secondary(),
)
