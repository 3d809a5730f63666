"""LEF: luma sharpened where a channel of the scale tensor is large (section 8.6)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream.schema.pih import CHANNELS
from jpegai.decoder.engines.rounding import divided
from jpegai.decoder.filters.base import Pictures, Supplies, given
from jpegai.decoder.filters.fixed import WHITE, is_fixed
from jpegai.decoder.filters.planes import Float32, PictureShape, Samples, Window, WindowPlanes
from jpegai.decoder.filters.tables import LEF_FACTORS, LEF_THRESHOLDS
from jpegai.decoder.filters.values import require
from jpegai.decoder.jit import kernel
from jpegai.decoder.workers import grain

__all__ = ["Lef", "nearest_index"]

_HUNDREDTHS = 100
_BLUR = 64  # what the weights of the blur add up to


def nearest_index(count: int, length: int) -> NDArray[np.int64]:
    """Return for each of `length` positions the nearest of `count` entries, in float32 (8.6.2): int64 (length,)."""
    step = np.float32(count) / np.float32(length)
    nearest: NDArray[np.int64] = np.floor(np.arange(length, dtype=np.float32) * step).astype(np.int64)
    return nearest.clip(max=count - 1)


@dataclass(frozen=True, slots=True, eq=False)
class Lef:
    """Parameters of the filter.

    Attributes:
        picture: format of the whole picture.
        channel: channel of the primary component's scale1 that drives it, 0..159.
        thresholds: scales from which the factors apply.
        factors: how much detail is amplified; 1 below the first threshold.
    """

    name: ClassVar[str] = "lef"

    picture: PictureShape
    channel: int
    thresholds: tuple[int, int, int]
    factors: tuple[float, float, float]

    @classmethod
    def from_header(cls, ton: Mapping[str, Any], pih: Mapping[str, Any]) -> Lef | None:
        """Read the filter from the tools header; None where it is off.

        Raises:
            ConformanceError: LEF_chIdx above 159 (R-69).
        """
        if not ton.get("LEF_enabled_flag", 0):
            return None
        channel, model_id = ton["LEF_chIdx"], pih["model_id"]
        require(0 <= channel < CHANNELS[0], "R-69", "LEF_chIdx", f"0..{CHANNELS[0] - 1}", channel)
        return cls(PictureShape.from_header(pih), channel, LEF_THRESHOLDS[model_id], LEF_FACTORS[model_id])

    def reads(self, window: Window) -> Window:
        """Return the input that an output window needs: one luma sample around it."""
        return self.picture.around(window.grown(1, 1))

    def memory(self, window: Window) -> int:
        """Return the bytes of luma."""
        return 4 * math.prod(window.shape)

    def apply(self, pictures: Pictures, window: Window, supplies: Supplies) -> Pictures:
        """Sharpen luma of the main picture, and clip it to 0..255."""
        planes = pictures.main
        kept = planes.crop(window, self.picture)
        scale = given(supplies.scale, "a channel of scale1")
        out = np.empty(window.shape, planes.y.dtype)
        fixed = is_fixed(out)
        gains = self._gains(fixed=fixed)[np.searchsorted(self.thresholds, scale, side="right")]
        rows = nearest_index(scale.shape[0], self.picture.height)[window.top : window.bottom]
        columns = nearest_index(scale.shape[1], self.picture.width)[window.left : window.right]
        place = window.top - planes.window.top, window.left - planes.window.left
        frame = Window(1, 1, self.picture.height - 1, self.picture.width - 1) & window
        inner = frame.moved(window.top, window.left)
        limits = (inner.top, inner.left, inner.bottom, max(inner.left, inner.right))

        def pieces(first: int, last: int) -> None:
            gain = np.empty(window.shape[1], gains.dtype)
            _sharpen_rows(planes.y, out, gains, rows, columns, gain, *place, *limits, fixed, first, last)

        supplies.workers.split(pieces, len(out), grain(out.shape[1]))
        return Pictures(WindowPlanes(out, kept.u, kept.v, window), pictures.alternative)

    def _gains(self, *, fixed: bool) -> NDArray[Any]:
        """Return the factors by the number of thresholds reached; for int32 planes hundredths."""
        gains = np.array([1.0, *self.factors])
        return np.rint(_HUNDREDTHS * gains).astype(np.int64) if fixed else gains.astype(np.float32)


@kernel
def _clipped(y: np.float32) -> np.float32:
    return min(max(y, np.float32(0)), np.float32(1))


@kernel
def _keep(luma: Samples, out: Samples, fixed: bool) -> None:
    """Clip a row of samples that are not blurred."""
    scale = np.float32(255)
    for t in range(out.size):
        if fixed:
            out[t] = min(max(luma[t], 0), WHITE)
        else:
            out[t] = _clipped(luma[t] / scale) * scale


@kernel
def _sharpen(above: Float32, centre: Float32, below: Float32, gain: Float32, out: Float32) -> None:
    """Make a row of samples (8.6.5) of rows that begin one sample before it and end one behind it."""
    scale = np.float32(255)
    for t in range(out.size):
        around = above[t] + above[t + 1] + above[t + 2] + centre[t]
        around += centre[t + 2] + below[t] + below[t + 1] + below[t + 2]
        own = centre[t + 1]
        blurred = _clipped((np.float32(5) * around + np.float32(24) * own) * np.float32(1 / 64) / scale)
        out[t] = _clipped(blurred + (own / scale - blurred) * gain[t]) * scale


@kernel
def _sharpen_fixed(above: Samples, centre: Samples, below: Samples, gain: NDArray[np.int64], out: Samples) -> None:
    """Make a row of fixed-point samples; with gains below 2^7 and samples up to 2^31, all stays below 2^46."""
    for t in range(out.size):
        own = np.int64(centre[t + 1])
        around = np.int64(above[t]) + above[t + 1] + above[t + 2] + centre[t]
        around = around + centre[t + 2] + below[t] + below[t + 1] + below[t + 2]
        blurred = min(max(5 * around + 24 * own, 0), _BLUR * WHITE)
        sharp = _HUNDREDTHS * blurred + (_BLUR * own - blurred) * gain[t]
        out[t] = divided(min(max(sharp, 0), _HUNDREDTHS * _BLUR * WHITE), _HUNDREDTHS * _BLUR)


@kernel
def _sharpen_rows(
    luma: Samples,
    out: Samples,
    gains: NDArray[Any],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    gain: NDArray[Any],
    top: int,
    left: int,
    inner_top: int,
    inner_left: int,
    inner_bottom: int,
    inner_right: int,
    fixed: bool,
    first: int,
    last: int,
) -> None:
    """Make rows first..last-1 of `out`, whose corner is (top, left) of `luma`; outside `inner` nothing is blurred."""
    width = out.shape[1]
    for row in range(first, last):
        y = top + row
        if row == first or rows[row] != rows[row - 1]:
            for column in range(width):
                gain[column] = gains[rows[row], columns[column]]
        begin, end = (inner_left, inner_right) if inner_top <= row < inner_bottom else (width, width)
        _keep(luma[y, left : left + begin], out[row, :begin], fixed)
        if begin < end:
            # loops over views vectorise: their index cannot be negative
            x, stop = left + begin - 1, left + end + 1
            above, centre, below = luma[y - 1, x:stop], luma[y, x:stop], luma[y + 1, x:stop]
            if fixed:
                _sharpen_fixed(above, centre, below, gain[begin:end], out[row, begin:end])
            else:
                _sharpen(above, centre, below, gain[begin:end], out[row, begin:end])
        _keep(luma[y, left + end : left + width], out[row, end:], fixed)
