"""Analytic models, the common files without the context model: hyper encoder, z tables, scales, gains (21.3, 21.4).

The hyper encoder measures the log energy of groups of coefficients in every 16x16 block and transforms the 4x4
blocks of a 64x64 area; z is that, rounded. The hyper scale decoder inverts it in integers.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.models.analytic_basis import (
    CHROMA_STEP,
    LUMA_STEP,
    NEIGHBOURS,
    ZC,
    ZY,
    Array,
    Fills,
    radius,
    round_to,
)
from jpegai.decoder.models.test_models import GAIN_COLUMNS

__all__ = ["CHROMA", "LUMA", "Component", "fills", "z_decays"]

_H = np.array([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, -1, 1], [1, -1, 1, -1]]) / 2
_KNOTS = 2.0 ** (np.arange(16) - 4.5)  # θ_t
_LEAK = 0.01  # slope of the leaky ReLU (06.2)
_VARIANTS = 3  # nv
_KAPPA = math.log(54.82 / 0.11) / 31
_BETA = math.log2(1.2533)
_PHASE = {(0, 0): 0, (1, 1): 1, (0, 1): 2, (1, 0): 3}  # context phase by parity of row and column (06.7.1)


@dataclass(frozen=True)
class Component:
    """The numbers in which luma and chroma differ; tuples over m are by model index."""

    frequencies: NDArray[np.int64]
    """(u, v) of every latent channel."""
    group: tuple[int, ...]
    """Group g of every latent channel, -1 for DC."""
    theta: Array
    """Θ[t, g]: transform over the groups."""
    theta_64: tuple[tuple[int, ...], ...]
    """64·Θ, rounded."""
    z_step: tuple[int, ...]
    """Z by m."""
    z_peak: tuple[int, ...]
    """c_0 by m: the most frequent symbol of z channel 0."""
    z_sigma: Array
    """σ_z[t, p, q]."""
    step: tuple[int, ...]
    """Δ or Δc by m."""
    dc_spread: float
    """Standard deviation of an unpredicted DC, in 8-bit units times 16."""
    spectrum: tuple[float, float]
    """Level and slope of λ over log2 r."""
    gain: tuple[float, float]
    """Level and slope of the integer log gain over r."""

    @property
    def groups(self) -> int:
        """G."""
        return len(self.theta)

    @property
    def used_z(self) -> int:
        """nz: the z channels that are not always 0."""
        return 16 * self.groups


def _orientation(u: int, v: int) -> int:
    """Luma group of a coefficient: 0 vertical, 1 horizontal, 2 diagonal; -1 for DC."""
    if (u, v) == (0, 0):
        return -1
    return 0 if u > 2 * v else 1 if v > 2 * u else 2


LUMA = Component(
    frequencies=ZY,
    group=tuple(_orientation(u, v) for u, v in ZY.tolist()),
    theta=np.array([[1, 1, 1], [1, -1, 0], [1, 1, -2]]) / np.sqrt([[3], [2], [6]]),
    theta_64=((37, 37, 37), (45, -45, 0), (26, 26, -52)),
    z_step=(2, 1, 1, 1),
    z_peak=(3, 9, 14, 19),
    z_sigma=np.array(
        [
            [[9, 3.8, 2.2, 2.2], [3.8, 1.75, 1.4, 1.25], [2.2, 1.4, 1.15, 1], [2.2, 1.25, 1, 0.9]],
            [[2.2, 1.2, 0.9, 0.8], [1.2, 0.6, 0.5, 0.5], [0.9, 0.5, 0.45, 0.4], [0.8, 0.5, 0.4, 0.35]],
            [[1.3, 0.6, 0.5, 0.45], [0.6, 0.4, 0.33, 0.33], [0.5, 0.33, 0.3, 0.3], [0.45, 0.33, 0.3, 0.3]],
        ]
    ),
    step=LUMA_STEP,
    dc_spread=850,
    spectrum=(3.85, -1.48),
    gain=(220.5, -32),
)
CHROMA = Component(
    frequencies=np.concatenate([ZC, ZC]),
    group=tuple(-1 if k == 0 else component for component in (0, 1) for k in range(len(ZC))),
    theta=np.array([[1, 1], [1, -1]]) / np.sqrt(2),
    theta_64=((45, 45), (45, -45)),
    z_step=(4, 2, 2, 1),
    z_peak=(0, 0, 2, 6),
    z_sigma=np.array(
        [
            [[6, 3, 2, 2], [3, 1.5, 1.3, 1.2], [2, 1.3, 1.1, 1], [2, 1.2, 1, 0.9]],
            [[3, 1.5, 1, 1], [1.5, 0.8, 0.7, 0.7], [1, 0.7, 0.6, 0.6], [1, 0.7, 0.6, 0.5]],
        ]
    ),
    step=CHROMA_STEP,
    dc_spread=300,
    spectrum=(2.25, -1.3),
    gain=(330.5, -120),
)


def fills(component: Component, m: int) -> Fills:
    """Return the tensors of a common file (without the context model) of model index `m`."""
    return {
        "vr_vec.c": functools.partial(_gains, component, m),
        "hyper_entropy.freqs_int": functools.partial(_z_frequencies, component, m),
        **_hyper_encoder(component, m),
        **_hyper_scale_decoder(component, m),
    }


def _gains(component: Component, m: int, w: Array) -> None:
    """Section 21.4, gain: low frequencies finer, high ones coarser."""
    level, slope = component.gain
    w[:, GAIN_COLUMNS[m]] = np.floor(level + slope * radius(component.frequencies)) / 128


def z_decays(component: Component, m: int) -> list[int]:
    """A_z of the used z channels: factor of the frequency from one symbol to the next, times 256 (21.3)."""
    exact = np.rint(256 * np.exp(-math.sqrt(2) * component.z_step[m] / component.z_sigma))
    return [int(a) for a in np.clip(exact, 4, 250).ravel()]


def _z_frequencies(component: Component, m: int, w: Array) -> None:
    """Section 21.3, freqs_int: two-sided geometric distributions."""
    w[:] = 1
    w[component.used_z :, 31] = 2**24
    for z, decay in enumerate(z_decays(component, m)):
        geometric = [2**24]
        for _ in range(62):
            geometric.append((geometric[-1] * decay) >> 8)
        peak = 31 if z else component.z_peak[m]
        w[z] += np.array(geometric)[np.abs(np.arange(63) - peak)]


def _hyper_encoder(component: Component, m: int) -> Fills:
    """Section 21.3."""
    groups = component.groups

    def mean_magnitude(w: Array) -> None:
        for g in range(groups):
            members = np.array(component.group) == g
            w[16 * g : 16 * g + 16, members, 1, 1] = round_to(np.array(1 / members.sum()), 20)

    def thresholds(w: Array) -> None:
        w[: 16 * groups] = np.tile(round_to(-_KNOTS, 20), groups)

    slopes = 1 / _KNOTS  # s_t, and s_-1 in front
    weights = np.diff(slopes, prepend=_LEAK * slopes[15]) / 0.99

    def log_energy(w: Array) -> None:
        for g in range(groups):
            w[g, 16 * g : 16 * g + 16, 1, 1] = round_to(weights, 20)

    def log_offset(w: Array) -> None:
        w[:groups] = round_to(np.array(-np.sum(weights * _LEAK * (_KNOTS[0] - _KNOTS))), 20)

    def gather(w: Array) -> None:
        for (a, b), g in product(NEIGHBOURS, range(groups)):
            w[groups * (2 * a + b) + g, g, a + 1, b + 1] = 1

    def keep(w: Array) -> None:
        for i in range(4 * groups):
            w[i, i, 1, 1] = 1

    def transform(w: Array) -> None:
        for t, p, q in product(range(groups), range(4), range(4)):
            for (a, b), (a2, b2), g in product(NEIGHBOURS, NEIGHBOURS, range(groups)):
                value = _H[p, 2 * a + a2] * _H[q, 2 * b + b2] * component.theta[t, g] / component.z_step[m]
                w[16 * t + 4 * p + q, groups * (2 * a2 + b2) + g, a + 1, b + 1] = value
        w[:] = round_to(w, 20)

    def centre(w: Array) -> None:
        w[0] = -31

    return {
        "hyper_encoder.conv1.weight": mean_magnitude,
        "hyper_encoder.conv1.bias": thresholds,
        "hyper_encoder.conv2.weight": log_energy,
        "hyper_encoder.conv2.bias": log_offset,
        "hyper_encoder.conv3.weight": gather,
        "hyper_encoder.conv4.weight": keep,
        "hyper_encoder.conv5.weight": transform,
        "hyper_encoder.conv5.bias": centre,
    }


def _hyper_scale_decoder(component: Component, m: int) -> Fills:
    """Section 21.4."""
    used = component.used_z
    shift = 5 - int(math.log2(component.z_step[m]))

    def offset_weight(w: Array) -> None:
        for z in range(used):
            w[z, z] = 1

    def offset_bias(w: Array) -> None:
        w[:used] = 31

    @functools.cache
    def inverse() -> Array:
        """Return w[(4·row + col)·G + g, 16t + 4p + q] of the inverse transform."""
        signs = 4 * np.einsum("pr,qc->rcpq", _H, _H)
        theta = np.array(component.theta_64, np.float64)
        matrix: Array = np.einsum("rcpq,tg->rcgtpq", signs, theta).reshape(used, used)
        return matrix

    def inverse_weight(w: Array) -> None:
        for v in range(_VARIANTS):
            w[v * used : (v + 1) * used, :used, 1, 1] = inverse()

    def inverse_bias(w: Array) -> None:
        centred = -31 * inverse()[:, 1:].sum(axis=1) + 2 ** (shift - 1)
        for v in range(_VARIANTS):
            w[v * used : (v + 1) * used] = centred - ((9 * v) << shift)

    def inverse_shift(w: Array) -> None:
        w[:] = shift

    envelope = functools.cache(lambda: _spectral_envelope(component, m))

    def envelope_weight(w: Array) -> None:
        w[:, :, 0, 0] = envelope()[0]

    def envelope_bias(w: Array) -> None:
        w[:] = envelope()[1]

    def envelope_shift(w: Array) -> None:
        w[:] = 1

    return {
        "hyper_scale_decoder.conv1.weight": offset_weight,
        "hyper_scale_decoder.conv1.bias": offset_bias,
        "hyper_scale_decoder.depthwise.weight": inverse_weight,
        "hyper_scale_decoder.depthwise.bias": inverse_bias,
        "hyper_scale_decoder.depthwise.per_channel_shifts": inverse_shift,
        "hyper_scale_decoder.pointwise.weight": envelope_weight,
        "hyper_scale_decoder.pointwise.bias": envelope_bias,
        "hyper_scale_decoder.pointwise.per_channel_shifts": envelope_shift,
    }


def _spectral_envelope(component: Component, m: int) -> tuple[Array, Array]:
    """Return weight (16·C, C) and bias (16·C) of the pointwise layer: the rules of the table in 21.4."""
    channels, groups, used = len(component.frequencies), component.groups, component.used_z
    weight, bias = np.zeros((16 * channels, channels)), np.zeros(16 * channels)
    level, slope = component.spectrum
    log_radius = np.log2(np.maximum(radius(component.frequencies), 1))
    for k, position in product(range(channels), range(16)):
        output = 16 * k + position
        phase = _PHASE[position // 4 % 2, position % 2]
        if component.group[k] >= 0:
            lam = level + slope * log_radius[k] + _BETA
            if component is LUMA:
                u, v = component.frequencies[k].tolist()
                lam += _CONTEXT_GAIN.get((min(u, v), max(u, v)), _NO_GAIN)[phase]
            variant, bias[output] = _sigma_bias(lam)
            weight[output, variant * used + position * groups + component.group[k]] = 111
        elif component is LUMA and phase > 0:
            variant, bias[output] = _sigma_bias(level + _BETA + _PREDICTED_DC[phase])
            weight[output, variant * used + position * groups + np.arange(2)] = 56, 55
        else:
            bias[output] = round(_sigma_units(math.log2(component.dc_spread * 1.2533 / component.step[m])))
    return weight, bias


_CONTEXT_GAIN = {
    (0, 1): (-0.1, 0, -0.9, -0.9),
    (1, 1): (0, -0.15, -0.4, -0.4),
    (0, 2): (0, 0, -0.1, -0.1),
}
"""δ_φ of predicted luma coefficients, by the two frequencies in ascending order."""
_NO_GAIN = (0.0, 0.0, 0.0, 0.0)
_PREDICTED_DC = (0.0, 1.2, 0.2, 0.2)


def _sigma_units(lam: float) -> float:
    """Return log2 sigma in the units of the pointwise accumulator: twice 1/128 of a sigma level."""
    return 2 * 128 * (lam * math.log(2) - math.log(0.11)) / _KAPPA


def _sigma_bias(lam: float) -> tuple[int, int]:
    """Return v(λ) and B(λ, v)."""
    exact = [_sigma_units(lam - 4.5 + 9 * v / 8) for v in range(_VARIANTS)]
    variant = next((v for v in range(_VARIANTS) if exact[v] >= -256), _VARIANTS - 1)
    return variant, round(exact[variant])
