"""Gains of the latent channels: from the model and the picture header to scales and divisors (section 05.5)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream.errors import ConformanceError, ModelError

__all__ = ["KAPPA", "TINY", "Gains", "check_added", "gain_log", "linear_gain"]

KAPPA = 0.20036548400207613
"""Width of one sigma step in the log domain, ln(54.82 / 0.11) / 31 (05.1)."""

TINY = np.float32(1e-9)
"""What is added to every divisor (05.5.2)."""

_LEAST_GAIN, _GREATEST_GAIN = -2048, 2047
_LEAST_ADDED, _GREATEST_ADDED = -8192, 8191


@dataclass(frozen=True, slots=True)
class Gains:
    """Gains of the channels of a component at one displacement (05.5).

    Attributes:
        log: int32 (C,): L, in steps of kappa / 128; added to the hyper scale (05.7.1).
        linear: uint32 (C,): m, the linear gain times 1024.
        scaler: float32 (C,): m / 1024, what an encoder multiplies with.
        divisor: float32 (C,): scaler + 1e-9 in binary32, what divides the decoded integers (05.10).
    """

    log: NDArray[np.int32]
    linear: NDArray[np.uint32]
    scaler: NDArray[np.float32]
    divisor: NDArray[np.float32]

    @classmethod
    def at(cls, gain_log: NDArray[np.int32], beta_log: int) -> Gains:
        """Return the gains of a component at a displacement.

        Args:
            gain_log: int32 (C,), what `gain_log` returns.
            beta_log: beta_displacement_log_plus_2048 - 2048 of the component (05.5.1).

        Raises:
            ConformanceError: a sum leaves -8192..8191 (rule R-96).
        """
        log = gain_log + np.int32(beta_log)
        linear = linear_gain(log)
        scaler = (linear / 1024.0).astype(np.float32)
        return cls(log, linear, scaler, scaler + TINY)


def gain_log(gain_unit: NDArray[np.float32]) -> NDArray[np.int32]:
    """Return the log-domain gains of a model, in steps of kappa / 128 (05.5.1).

    Args:
        gain_unit: float32 (C, 18): the checkpoint's ``quantizer.gain_unit.c``, in units of kappa.

    Returns:
        int32 (C,), -2048..2047.

    Raises:
        ModelError: another shape, a value that is no number or too large, or more than one column in use.
    """
    if gain_unit.ndim != 2 or 0 in gain_unit.shape or gain_unit.dtype != np.float32:
        raise ModelError(
            "the gain unit is not a table of gains",
            expected="float32 (channels, columns)",
            found=f"{gain_unit.dtype} {gain_unit.shape}",
        )
    if not np.isfinite(gain_unit).all():
        raise ModelError("the gain unit holds a value that is not finite")
    # A column is in use if its mean is not zero; exact sums, so the order of summation cannot matter.
    used = [column for column in range(gain_unit.shape[1]) if math.fsum(gain_unit[:, column].tolist()) != 0.0]
    if len(used) > 1:
        raise ModelError("the gain unit has more than one column in use", expected=1, found=used)
    steps = np.rint(gain_unit[:, used[0] if used else 0].astype(np.float64) * 128.0)
    if steps.max() > _GREATEST_GAIN:
        channel = int(steps.argmax())
        raise ModelError(
            f"the gain of channel {channel} is too large",
            expected=f"at most {_GREATEST_GAIN} after multiplication by 128",
            found=float(steps[channel]),
        )
    return np.maximum(steps, _LEAST_GAIN).astype(np.int32)


def linear_gain(log: NDArray[np.int32]) -> NDArray[np.uint32]:
    """Return the linear gain times 1024 (05.5.2).

    Args:
        log: int32 (C,): L, in steps of kappa / 128.

    Returns:
        uint32 (C,): m = round(1024 exp(L kappa / 128)), correctly rounded for L in -4096..4094.

    Raises:
        ConformanceError: an L leaves -8192..8191 (rule R-96).
    """
    check_added(log)
    linear: NDArray[np.float64] = np.rint(1024.0 * np.exp(log * KAPPA / 128.0))
    return linear.astype(np.uint32)


def check_added(log: NDArray[np.int32]) -> None:
    """Check L, which is added to the hyper scale (05.7.1).

    Raises:
        ConformanceError: a value leaves -8192..8191 (rule R-96).
    """
    for value in (log.min(initial=0), log.max(initial=0)):
        if not _LEAST_ADDED <= value <= _GREATEST_ADDED:
            raise ConformanceError(
                "what is added to the scale is out of range (R-96)",
                expected=f"{_LEAST_ADDED}..{_GREATEST_ADDED}",
                found=int(value),
                rule="R-96",
            )
