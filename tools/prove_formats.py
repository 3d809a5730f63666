"""The formats of all tensors of the exact engine as a Markdown document (docs/exact-formats.md)."""

from __future__ import annotations

from collections.abc import Iterator

from jpegai.decoder.engines.exact.declared import TensorFormat, tensor_formats
from jpegai.decoder.engines.formats import ONE
from jpegai.decoder.networks import NETWORKS, Layer, Network

__all__ = ["formats_document"]

_HEAD = """\
<!-- made by `jpegai models prove --formats`; do not edit -->
# Formats of the exact engine

The tensors of every float network, in the order in which they are made. What the columns mean, and the arithmetic
between the tensors, is in [exact-arithmetic.md](exact-arithmetic.md). Weights are stored under the name given, or names
that begin with it; shapes, strides and paddings are those of chapter 06 of the specification.

| range | meaning |
|---|---|
| ±2^r | rounded to an integer n, which stands for n / 2^16, and cut to magnitudes of at most 2^(r + 16) - 1 |
| a..b | follows from the clip or function that makes it |
| as inputs | values of the inputs, in another order or fewer |
| in *t* | not rounded: part of the sum that is rounded as *t* |

*dropped* are the lowest bits of its input that a convolution rounds off when it reads it.
"""


def formats_document() -> str:
    """Return the document."""
    parts = [_HEAD]
    for network in NETWORKS.values():
        if network.arithmetic == "float32":
            parts += ["\n", *_section(network)]
    return "".join(parts)


def _section(network: Network) -> Iterator[str]:
    yield f"## {network.name}\n\n"
    yield f"Weights begin with `{network.prefix}`.\n\n" if network.prefix else ""
    yield "| tensor | layer | weights | of | channels | range | dropped |\n|---|---|---|---|---|---|---|\n"
    formats = tensor_formats(network)
    for place, each in enumerate(formats):
        later = (other.name for other in formats[place:] if other.rule == "rounded")
        yield _row(network, each, next(later, ""))


def _row(network: Network, each: TensorFormat, rounded: str) -> str:
    layer = each.layer
    cells = [
        each.name,
        "input" if layer is None else _kind(layer),
        "" if layer is None or layer.weight is None else f"`{layer.weight.name}`",
        "" if layer is None else ", ".join(layer.inputs),
        str(network.channels[each.name]),
        _range(each, rounded),
        str(each.dropped or ""),
    ]
    return f"| {' | '.join(cells)} |\n"


def _range(each: TensorFormat, rounded: str) -> str:
    if each.bits is not None:
        return f"±2^{each.bits}"
    if each.rule == "exact":
        return f"in {rounded}"
    if each.rule == "order":
        return "as inputs"
    return f"{each.low // ONE}..{_number(each.high)}"


def _number(value: int) -> str:
    """Return a limit: of a format 2^r, whose largest value is one unit below; else the number."""
    return f"2^{(value + 1).bit_length() - 17}" if (value + 1) % ONE == 0 else str(value // ONE)


def _kind(layer: Layer) -> str:
    if layer.kind == "affine":
        return f"affine, times {layer.scale:g} plus {layer.offset:g}"
    if layer.kind == "slice_channels":
        return f"channels {layer.start}..{layer.start + layer.channels - 1}"
    if layer.kind in ("conv", "conv_transpose"):
        groups = f", {layer.groups} groups" if layer.groups > 1 else ""
        return f"{layer.kind} {layer.kernel[0]}x{layer.kernel[1]}{groups}"
    return layer.kind
