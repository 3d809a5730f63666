"""What the declared networks cost: parameters, multiply-adds and memory, from the declarations (section 06.12)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from jpegai.decoder.components import COMPONENTS, network_names
from jpegai.decoder.networks import NETWORKS, Network

__all__ = [
    "NOTE",
    "PUBLISHED",
    "SPECIFIED",
    "Complexity",
    "all_decoders",
    "all_networks",
    "decoder_complexity",
    "decoder_networks",
    "network_complexity",
]

#: kMAC per pixel of a decoder with each transform as section 06.12 states it, rounded.
SPECIFIED: Mapping[str, float] = {"SOP": 7.23, "BOP": 14.32, "HOP": 148.48}
#: kMAC per pixel that the designers published for a decoder with each transform (SIMPLE, BASE, HIGH).
PUBLISHED: Mapping[str, int] = {"SOP": 8, "BOP": 23, "HOP": 214}

#: Why the counts are not those that were published.
NOTE = """\
Counted as in section 06.12: the multiply-adds of convolutions and attention per luma sample of a large picture in one
piece, those of a transposed convolution per position of its input, for these are the products that are made. The
figures published for the decoders are higher; the specification does not say how they were counted. Per position of
the output, as many counting tools do it, a transposed convolution with stride 2 has four times as many multiply-adds;
that would explain most of the difference of BOP and HOP (column "by output"). To that count the published figures add
5 % for SOP, 7 % for BOP and 9 % for HOP. Not counted here, and possibly there: norms, gates and other element-wise
work, the overlap of tiles, padding, and the post-filters (eICCI has 9.07 kMAC per pixel)."""

#: Samples along each side of the picture that memory is counted for: a multiple of every subsampling, so that the count
#: per sample is that of any large picture.
_SIDE = 1024


@dataclass(frozen=True, slots=True)
class Complexity:
    """What a network or a decoder costs, per luma sample of a large picture in one piece.

    Attributes:
        name: of the network, or of the transform.
        parameters: stored numbers.
        macs: multiply-adds per luma sample, a transposed convolution counted per input position (06.12).
        macs_by_output: the same with transposed convolutions counted per output position, as many counting tools do.
        attention: multiply-adds of `macs` that are products of attention.
        memory: bytes per luma sample of the float32 activations that live at once, at most; the input is not counted.
    """

    name: str
    parameters: int
    macs: Fraction
    macs_by_output: Fraction
    attention: Fraction
    memory: Fraction


def network_complexity(network: Network) -> Complexity:
    """Return what one network costs."""
    transposed, attention = (
        [layer for layer in network.layers if layer.kind == kind] for kind in ("conv_transpose", "channel_attention")
    )
    macs = network.macs_per_sample()
    side = _SIDE // network.inputs[0].subsampling
    return Complexity(
        network.name,
        network.parameters(),
        macs,
        macs + sum((layer.stride**2 - 1) * network.macs(layer) for layer in transposed),
        sum(map(network.macs, attention), Fraction(0)),
        Fraction(network.activation_bytes(side, side), _SIDE**2),
    )


def decoder_networks(transform: str) -> tuple[str, ...]:
    """Return the networks of a decoder with a transform: both hyper decoders, context model and synthesis."""
    return (*(component.scale_network for component in COMPONENTS), *network_names(transform))


def decoder_complexity(transform: str) -> Complexity:
    """Return what a decoder costs; its networks run one after the other, so its memory is that of the largest."""
    parts = [network_complexity(NETWORKS[name]) for name in decoder_networks(transform)]
    return Complexity(
        transform,
        sum(part.parameters for part in parts),
        sum((part.macs for part in parts), Fraction(0)),
        sum((part.macs_by_output for part in parts), Fraction(0)),
        sum((part.attention for part in parts), Fraction(0)),
        max(part.memory for part in parts),
    )


def all_networks() -> list[Complexity]:
    """Return what each of the declared networks costs."""
    return [network_complexity(network) for network in NETWORKS.values()]


def all_decoders() -> list[Complexity]:
    """Return what a decoder costs with each of the transforms."""
    return [decoder_complexity(transform) for transform in PUBLISHED]
