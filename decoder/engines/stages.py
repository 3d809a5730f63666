"""How a network with attention is run: up to the last attention as a whole, the rest in bands of rows.

What follows the last attention is as local as any other network, and it is where the tensors are largest. In bands it
needs a fraction of the memory; each band is read with the margin that its convolutions reach, so results differ by
rounding alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil

from jpegai.decoder.engines.rewrite import rewrite
from jpegai.decoder.geometry import ceil_div
from jpegai.decoder.networks import Input, Network

__all__ = ["Strip", "activation_bytes", "multiply_adds", "runs", "stages", "strips"]

#: Bands of a local stage, and the rows that each must have: the margins that are computed twice cost time.
#: A fifth of a picture and its margin are less than a quarter, so what the last stage makes at twice the size fits
#: where the tensors of the first one were.
_BANDS, _ROWS = 5, 32


@dataclass(frozen=True, slots=True)
class Strip:
    """A band of a stage: it reads its input's rows `source`; `skip` of the rows it makes are thrown away first.

    `rows` of the output remain; `height` is the first part of the size argument.
    """

    source: tuple[int, int]
    height: int
    skip: int
    rows: tuple[int, int]


def stages(network: Network) -> tuple[Network, ...]:
    """Return the networks that run one after the other, each on the output of the one before.

    All but the first are local: they have a receptive field.
    """
    if not network.global_dependency:
        return (network,)
    layers = network.layers
    last = max(place for place, layer in enumerate(layers) if layer.kind == "channel_attention")
    for place in range(last, len(layers) - 1):
        behind = layers[place + 1 :]
        made = {layers[place].output} | {layer.output for layer in behind}
        if all(name in made for layer in behind for name in layer.inputs):
            head = replace(network, name=f"{network.name}.head", layers=layers[: place + 1])
            between = Input(head.output, layers[place].channels, int(head.subsampling[head.output]), "features")
            return head, replace(network, name=f"{network.name}.tail", inputs=(between,), layers=behind)
    return (network,)


def strips(stage: Network, rows: int, height: int) -> Iterator[Strip]:
    """Cut the work of a local stage, with an input of `rows` rows, for the size argument `height` of the whole."""
    ((before, after),) = stage.reach
    scale = stage.inputs[0].subsampling
    ratio = int(scale / stage.subsampling[stage.output])
    made = stage.output_size(height, scale)[0]
    count = _BANDS if rows >= _BANDS * _ROWS else 1
    for number in range(count):
        first, last = rows * number // count, rows * (number + 1) // count
        top, bottom = max(0, first + before), min(rows, last + after)
        kept = ratio * first, min(ratio * last, made)
        if kept[0] < kept[1]:
            yield Strip((top, bottom), min(height, scale * bottom) - scale * top, ratio * (first - top), kept)


def runs(
    network: Network, height: int, width: int, size: tuple[int, int] | None = None
) -> Iterator[tuple[Network, tuple[int, int, tuple[int, int] | None]]]:
    """Yield every run of a stage, in bands where there are any; its arguments are those of `Network.sizes`."""
    first, *others = stages(network)
    yield first, (height, width, size)
    for stage in others:
        assert size is not None
        scale = stage.inputs[0].subsampling
        columns = ceil_div(size[1], scale)
        for strip in strips(stage, ceil_div(size[0], scale), size[0]):
            top, bottom = strip.source
            yield stage, (bottom - top, columns, (strip.height, size[1]))


def multiply_adds(network: Network, height: int, width: int, size: tuple[int, int] | None = None) -> int:
    """Return the multiply-adds of a run as it is made, in bands where there are any; arguments as in `Network`."""
    return sum(stage.multiply_adds(*run) for stage, run in runs(network, height, width, size))


def activation_bytes(network: Network, height: int, width: int) -> int:
    """Return the bytes of float32 activations that live at once, at most, for an input of height x width."""
    first, *others = stages(network)
    peak = rewrite(first).network.activation_bytes(height, width)
    for stage in others:
        scale = Fraction(first.inputs[0].subsampling, stage.inputs[0].subsampling)
        rows, columns = ceil(height * scale), ceil(width * scale)
        spans = (strip.source for strip in strips(stage, rows, rows * stage.inputs[0].subsampling))
        tallest = max(bottom - top for top, bottom in spans)
        band = rewrite(stage).network.activation_bytes(tallest, columns)
        kept = 4 * stage.inputs[0].channels * columns * (rows + tallest)
        peak = max(peak, kept + band)
    return peak
