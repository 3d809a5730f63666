"""Hyper scale decoders from floats to the integers of the standard, and back (sections 06.5, 09.5.3).

What is float here is the network as it is trained: convolutions with ReLU between them, whose output times 128 is the
hyper scale. The integers that stand for it are chosen so that nothing can go wrong in a decoder: weights fit 8 bits,
biases and accumulators 32 bits whatever the input, shifts are 0..31. Rounding to nearest is folded into the biases.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream.errors import ModelError
from jpegai.decoder.engines.integer import ACCUMULATOR_LIMIT, accumulator_bounds
from jpegai.decoder.models.layout import shape_text
from jpegai.decoder.networks import Layer, Network

__all__ = [
    "OUTPUT_STEP",
    "FloatLayer",
    "Quantised",
    "QuantisedLayer",
    "RangeOrigin",
    "dequantise",
    "float_layers",
    "quantise",
]

RangeOrigin = Literal["declared", "calibrated", "proved", "output"]
"""Where the range of a layer's output comes from; ``output``: the last layer, whose unit the standard fixes."""

OUTPUT_STEP = 1 / 128
"""What a unit of the hyper scale stands for in the float network (06.5)."""

_Z_LIMIT = 31  # z is -31..31 (06.5)
_WEIGHT_LOW, _WEIGHT_HIGH = -128, 127
_ACTIVATION_HIGH = 127
_MAX_SHIFT = 31

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FloatLayer:
    """A convolution of the float network.

    Attributes:
        layer: the integer layer that will stand for it.
        name: name of its tensors, without the last part (``hyper_scale_decoder.conv1``).
        weight: (output channels, input channels, height, width of the kernel).
        bias: (output channels,), 0 where the network has none.
        input_range: inputs above are cut off to this value in the float network too; None where nothing is cut.
    """

    layer: Layer
    name: str
    weight: _Floats
    bias: _Floats
    input_range: float | None


@dataclass(frozen=True)
class QuantisedLayer:
    """How a layer came out; arrays are by output channel.

    Attributes:
        name: name of its tensors, without the last part.
        range: the largest output that had to be held, in units of the float network.
        origin: where that comes from.
        step: what a unit of the output stands for in the float network.
        bits: uint8, bits that the weights take with their sign; 0 where all are 0.
        shifts: int8, 0..31.
        bounds: int64, below 2^31: what no accumulator exceeds in size (`accumulator_bounds`).
    """

    name: str
    range: float
    origin: RangeOrigin
    step: float
    bits: NDArray[np.uint8]
    shifts: NDArray[np.int8]
    bounds: NDArray[np.int64]


@dataclass(frozen=True)
class Quantised:
    """An integer hyper scale decoder: its tensors by full name, and how its layers came out."""

    tensors: Mapping[str, NDArray[Any]]
    layers: tuple[QuantisedLayer, ...]


def float_layers(network: Network, floats: Mapping[str, NDArray[Any]]) -> tuple[FloatLayer, ...]:
    """Return the convolutions of a float hyper scale decoder, checked.

    Args:
        network: the declaration of the integer network.
        floats: tensors by full name: ``<layer>.weight``, of any floating-point type; where there are some,
            ``<layer>.bias``; and ``<layer>.input_range`` of one element, for all but the first layer.

    Raises:
        ModelError: a tensor is missing, of another shape or not finite, or a range is not above 0.
    """
    result: list[FloatLayer] = []
    for layer in network.layers:
        if layer.kind != "int_conv":
            continue
        assert layer.weight is not None
        assert layer.bias is not None
        name = network.prefix + layer.weight.name.removesuffix(".weight")
        weight = _finite(floats, f"{name}.weight", layer.weight.shape)
        absent = np.zeros(layer.channels)
        bias = _finite(floats, f"{name}.bias", layer.bias.shape) if f"{name}.bias" in floats else absent
        limit = float(_finite(floats, f"{name}.input_range", (1,))[0]) if f"{name}.input_range" in floats else None
        if limit is not None and (limit <= 0 or not result):
            wanted = "a range above 0" if result else "no range of z, which is -31..31"
            raise ModelError("not a range of inputs", selector=f"{name}.input_range", expected=wanted, found=limit)
        result.append(FloatLayer(layer, name, weight, bias, limit))
    return tuple(result)


def _finite(floats: Mapping[str, NDArray[Any]], name: str, shape: tuple[int, ...]) -> _Floats:
    """Return a tensor as float64, checked."""
    if name not in floats:
        raise ModelError("the tensor is missing", selector=name)
    array = np.asarray(floats[name])
    if array.dtype.kind != "f":
        raise ModelError("wrong type", selector=name, expected="floating point", found=array.dtype.name)
    if array.shape != shape:
        raise ModelError("wrong shape", selector=name, expected=shape_text(shape), found=shape_text(array.shape))
    with np.errstate(over="ignore"):  # a float64 beyond the range becomes infinite, which is refused
        array = array.astype(np.float32)
    finite = np.isfinite(array).reshape(len(array), -1).all(axis=1)
    if not finite.all():
        raise ModelError("holds values that are not finite", selector=f"{name}, channel {finite.argmin()}")
    return array.astype(np.float64)


def quantise(
    network: Network, floats: Mapping[str, NDArray[Any]], calibrated: Sequence[float] | None = None
) -> Quantised:
    """Return the integer network that stands for a float one.

    The unit of each layer's output is chosen first, so that its range takes 0..127, what the next layer can take in:

    - a range that the next layer declares (``input_range``) is met exactly, and cut off where the float network does;
    - else the unit is a power of two that holds the largest output seen in a calibration (`calibrated`);
    - else one that holds the largest output that z of -31..31 can make: safe, and as a rule too wide to be exact.

    Then each output channel takes the largest shift with which its weights fit 8 bits and its accumulator is proved to
    fit 32, and the bias takes in half a unit, so that the shift rounds to nearest.

    Args:
        network: the declaration of the integer network.
        floats: as `float_layers`.
        calibrated: for all layers but the last the largest output that was seen, in units of the float network.

    Raises:
        ModelError: as `float_layers`; or weight or bias of a channel, which is named, are too large for the unit of the
            layer's output.
    """
    layers = float_layers(network, floats)
    tensors: dict[str, NDArray[Any]] = {}
    reports: list[QuantisedLayer] = []
    step = 1.0
    reach = np.full(network.inputs[0].channels, float(_Z_LIMIT))
    smallest = -reach
    for place, each in enumerate(layers):
        reach = _largest_outputs(each, smallest, reach)
        smallest = np.zeros_like(reach)
        following = layers[place + 1] if place + 1 < len(layers) else None
        seen = calibrated[place] if calibrated is not None and following is not None else None
        limit, origin, unit = _output_range(following, seen, float(reach.max(initial=0)))
        reach = np.minimum(reach, unit * _ACTIVATION_HIGH)
        weight, bias, shifts, bounds = _fit(each, step, unit, reports[-1].origin if reports else None)
        tensors |= {
            f"{each.name}.weight": weight.reshape(each.weight.shape).astype(np.int8),
            f"{each.name}.bias": bias.astype(np.int32),
            f"{each.name}.per_channel_shifts": shifts[None, :, None, None],
            f"{each.name}.is_quantized": np.ones(1, np.bool_),
        }
        reports.append(QuantisedLayer(each.name, limit, origin, unit, _bits(weight), shifts, bounds))
        step = unit
    return Quantised(tensors, tuple(reports))


def _largest_outputs(each: FloatLayer, low: _Floats, high: _Floats) -> _Floats:
    """Return the largest output of each channel after the ReLU, from the limits of each input channel."""
    taps = each.weight.reshape(len(each.weight), len(high), -1)
    raised = np.maximum(taps, 0).sum(axis=2) @ high + np.minimum(taps, 0).sum(axis=2) @ low
    outputs: _Floats = np.maximum(raised + each.bias, 0)
    return outputs


def _output_range(following: FloatLayer | None, seen: float | None, largest: float) -> tuple[float, RangeOrigin, float]:
    """Return the range of a layer's output, where it comes from, and the unit that makes it 0..127."""
    if following is None:
        return largest, "output", OUTPUT_STEP
    if following.input_range is not None:
        return following.input_range, "declared", following.input_range / _ACTIVATION_HIGH
    limit = min(seen, largest) if seen else largest
    # the next power of two; what rounds to 127 is still held
    mantissa, exponent = math.frexp(limit / (_ACTIVATION_HIGH + 0.5))
    unit = math.ldexp(1.0, exponent - (mantissa == 0.5)) if limit else 1.0
    return limit, "calibrated" if seen else "proved", unit


def _fit(
    each: FloatLayer, step: float, unit: float, origin: RangeOrigin | None
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int8], NDArray[np.int64]]:
    """Return weight (output channels, products), bias, shifts and bounds of a layer.

    `step` is the unit of its input, `unit` that of its output; `origin` that of the range of its input, None of z.
    """
    weight, bias = each.weight.reshape(len(each.weight), -1) * (step / unit), each.bias / unit
    shifts = _shifts_of_weights(weight)
    if (shifts < 0).any():
        channel = int(np.argmin(shifts))
        largest = float(weight[channel][np.abs(weight[channel]).argmax()])
        hint = "; a calibration, or a declared range of its input, makes it smaller" if origin == "proved" else ""
        raise ModelError(
            f"a weight is too large for 8 bits{hint}",
            selector=f"{each.name}.weight, channel {channel}",
            expected=f"{_WEIGHT_LOW}..{_WEIGHT_HIGH} units of the output for each unit of the input",
            found=f"{largest:.6g}",
        )
    low, high = int(each.layer.low), int(each.layer.high)
    integers = np.zeros(weight.shape, np.int64)
    offsets, bounds = np.zeros(len(weight), np.int64), np.zeros(len(weight), np.int64)
    undecided = np.arange(len(weight))
    while undecided.size:
        shift = shifts[undecided].astype(np.int64)
        integers[undecided] = np.rint(np.ldexp(weight[undecided], shift[:, None]))
        exact = np.ldexp(bias[undecided], shift)
        # a bias beyond what is possible is refused below; here it must only not overflow 64 bits
        offsets[undecided] = np.floor(np.clip(exact, -(2.0**62), 2.0**62) + 0.5) + ((1 << shift) >> 1)
        bounds[undecided] = accumulator_bounds(integers[undecided], offsets[undecided], low, high)
        undecided = undecided[bounds[undecided] >= ACCUMULATOR_LIMIT]
        hopeless = undecided[shifts[undecided] == 0]
        if hopeless.size:
            raise ModelError(
                "a bias is too large: the accumulator could overflow 32 bits",
                selector=f"{each.name}.bias, channel {hopeless[0]}",
                expected=f"a bound below {ACCUMULATOR_LIMIT} units of the output",
                found=f"{abs(bias[hopeless[0]]):.6g}",
            )
        shifts[undecided] -= 1
    return integers, offsets, shifts, bounds


def _shifts_of_weights(weight: _Floats) -> NDArray[np.int8]:
    """Return for each channel the largest shift with which its weights fit 8 bits, -1 if none; 0 if all are 0."""
    largest, smallest = weight.max(axis=1, initial=0), weight.min(axis=1, initial=0)
    scales = np.ldexp(1.0, np.arange(_MAX_SHIFT + 1))[:, None]
    fits = (np.rint(largest * scales) <= _WEIGHT_HIGH) & (np.rint(smallest * scales) >= _WEIGHT_LOW)
    return np.where((largest == 0) & (smallest == 0), 0, fits.sum(axis=0) - 1).astype(np.int8)


def _bits(weight: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return the bits of two's complement that the weights of each channel take; 0 where all are 0."""
    size = np.maximum(weight, -weight - 1).max(axis=1)
    bits: NDArray[np.uint8] = np.where(weight.any(axis=1), np.frexp(size)[1] + 1, 0).astype(np.uint8)
    return bits


def dequantise(network: Network, tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the float network that an integer one stands for, by full name, in the layout of section 09.5.3.

    Units of the layers between are those of the integers; the cut of their outputs at 127 is declared as
    ``input_range``; half a unit of each shift is taken out of the biases, which all layers have. `quantise` gives an
    integer network of the same outputs, as long as biases are below 2^24, what float32 holds exactly.

    Args:
        network: the declaration of the integer network.
        tensors: its tensors by full name.
    """
    layers = [layer for layer in network.layers if layer.kind == "int_conv"]
    result: dict[str, NDArray[Any]] = {}
    for layer in layers:
        assert layer.weight is not None
        name = network.prefix + layer.weight.name.removesuffix(".weight")
        unit = OUTPUT_STEP if layer is layers[-1] else 1.0
        shifts = np.asarray(tensors[f"{name}.per_channel_shifts"]).reshape(-1).astype(np.int64)
        weight = np.asarray(tensors[f"{name}.weight"], np.float64)
        bias = np.asarray(tensors[f"{name}.bias"]).astype(np.int64) - ((1 << shifts) >> 1)
        scale = unit * np.ldexp(1.0, -shifts)
        result |= {
            f"{name}.weight": (weight * scale[:, None, None, None]).astype(np.float32),
            f"{name}.bias": (bias * scale).astype(np.float32),
            f"{name}.per_channel_shifts": np.zeros((1, layer.channels, 1, 1), np.int8),
            f"{name}.is_quantized": np.zeros(1, np.bool_),
        }
        if layer is not layers[0]:
            result[f"{name}.input_range"] = np.array([layer.high], np.float32)
    return result
