"""What every tensor of a network is in the exact engine, layer by layer: the table of docs/exact-formats.md.

It follows from the declaration and the ranges alone. What the engine does in one pass has the same formats.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from jpegai.decoder.engines.exact.ranges import INPUT_RANGES, RANGES
from jpegai.decoder.engines.exact.weights import dropped_bits
from jpegai.decoder.engines.formats import FRACTION, ONE
from jpegai.decoder.networks import Layer, Network

__all__ = ["TensorFormat", "tensor_formats"]

_MAPS = ("affine", "scale_param", "batch_norm")
_ORDER = ("crop", "pixel_shuffle")
_CONVOLUTIONS = ("conv", "conv_transpose")


@dataclass(frozen=True, slots=True)
class TensorFormat:
    """A tensor of a network.

    Attributes:
        name: in the declaration.
        layer: what makes it; None for an input.
        rule: ``input``; ``rounded`` to its range, values beyond which are cut and counted; ``exact``, never rounded:
            the layer is part of the one behind it; ``limited`` by a clip or a function; ``order``: values of its
            inputs.
        low, high: smallest and largest value, with 16 fraction bits; of ``exact`` those of where it is rounded.
        bits: the range, of ``input`` and ``rounded``.
        dropped: bits that a convolution drops of its input.
    """

    name: str
    layer: Layer | None
    rule: str
    low: int
    high: int
    bits: int | None = None
    dropped: int = 0


def tensor_formats(network: Network) -> list[TensorFormat]:
    """Return the formats of a float network: inputs first, then layer by layer."""
    made: dict[str, TensorFormat] = {}
    for entry in network.inputs:
        made[entry.name] = _with_range(entry.name, None, "input", INPUT_RANGES[entry.name])
    table = RANGES[network.name]
    parts: dict[str, str] = {}  # tensors between a convolution and where its result is rounded
    for layer in network.layers:
        name, inputs = layer.output, [made[each] for each in layer.inputs]
        low, high = min(each.low for each in inputs), max(each.high for each in inputs)
        dropped = 0
        if layer.kind in _CONVOLUTIONS:
            chain = _chain(network, layer)
            last = next(each for each in reversed(chain) if each in table)
            parts |= dict.fromkeys(chain[: chain.index(last) + 1], last)
            dropped = 0 if chain == [name] and layer.depthwise else dropped_bits(low, high)
        if parts.get(name, name) != name:
            made[name] = _with_range(name, layer, "exact", table[parts[name]], dropped)
        elif layer.kind in (*_ORDER, "concat", "slice_channels"):
            made[name] = TensorFormat(name, layer, "order", low, high)
        elif layer.kind in ("relu", "relu6", "clamp", "elu", "sigmoid"):
            made[name] = TensorFormat(name, layer, "limited", *_limits(layer, low, high))
        else:
            made[name] = _with_range(name, layer, "rounded", table[name], dropped)
    return list(made.values())


def _with_range(name: str, layer: Layer | None, rule: str, bits: int, dropped: int = 0) -> TensorFormat:
    limit = (1 << (bits + FRACTION)) - 1
    return TensorFormat(name, layer, rule, -limit, limit, None if rule == "exact" else bits, dropped)


def _chain(network: Network, layer: Layer) -> list[str]:
    """Return the results of a convolution and of the maps, one pixel shuffle and crops right behind it."""
    uses = Counter(name for each in network.layers for name in each.inputs)
    chain, kinds = [layer.output], [*_MAPS, *_ORDER]
    while chain[-1] != network.output and uses[chain[-1]] == 1:
        after = next(each for each in network.layers if chain[-1] in each.inputs)
        if after.kind not in kinds:
            break
        if after.kind in _ORDER and "pixel_shuffle" in kinds:
            kinds.remove("pixel_shuffle")
        chain.append(after.output)
    return chain


def _limits(layer: Layer, low: int, high: int) -> tuple[int, int]:
    if layer.kind == "sigmoid":
        return 0, ONE
    if layer.kind == "elu":
        return -ONE, high
    floor = 0 if layer.kind != "clamp" else int(layer.low * ONE)
    ceiling = {"relu": high, "relu6": 6 * ONE}.get(layer.kind, int(layer.high * ONE))
    return max(floor, min(low, ceiling)), min(ceiling, max(high, floor))
