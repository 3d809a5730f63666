"""From planes to the samples of a picture: chroma formats, colour transform, rounding (sections 10.4 to 10.7)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from jpegai.decoder.picture import colour
from jpegai.decoder.picture.formats import PictureFormat, Planes, Samples, chroma_shape
from jpegai.decoder.picture.resample import Resampler, convert_chroma
from jpegai.decoder.picture.signalling import Rendering
from jpegai.decoder.workers import Workers

__all__ = ["convert", "decoded_planes", "empty_samples", "render", "round_planes"]

#: Samples that are resampled and converted together: few enough to stay in the cache.
_STRIP = 1 << 17


def render(planes: Planes, chroma: str, rendering: Rendering, workers: Workers) -> Samples:
    """Return the samples of the picture in the format asked for.

    Args:
        planes: float32 Y, U and V on 0..255: as decoded and cropped, or behind the filters.
        chroma: chroma format of the planes, that of coding or of the source.
        rendering: what the stream says and what is asked for.
        workers: rows are shared among them.

    Returns:
        (3, H, W) uint8 or uint16 for 4:4:4, a view of interleaved samples for RGB; else three planes.
    """
    target = rendering.target
    if rendering.transform == "bt709" and target.space == "rgb":
        if rendering.source == "444":
            # what was coded subsampled grows on 0..255 (10.4.4)
            return _rgb_samples(planes, 255, target, workers)
        if rendering.source == chroma:
            # a subsampled source grows within the colour transform, on 0..1 (10.6)
            return _rgb_samples(planes, 1, target, workers)
    decoded = decoded_planes(planes, chroma, rendering, workers)
    return round_planes(convert(decoded, *rendering.decoded, target, workers), target, workers)


def decoded_planes(planes: Planes, chroma: str, rendering: Rendering, workers: Workers) -> Planes:
    """Return the decoded picture before rounding, float32 clipped to 0..255 (10.4.6); arguments as `render`."""
    planes = convert_chroma(planes, chroma, rendering.source, workers)
    if rendering.transform == "bt709":
        return _rgb_planes(planes, workers)
    if rendering.user is not None:
        return colour.user_transform(planes, rendering.user, workers)
    y, u, v = (np.clip(plane, np.float32(0), np.float32(255)) for plane in planes)
    return y, u, v


def convert(planes: Planes, space: str, chroma: str, target: PictureFormat, workers: Workers) -> Planes:
    """Return planes in another colour space and chroma format (10.5, 10.6).

    Args:
        planes: float32 on 0..255.
        space: their colour space.
        chroma: their chroma format.
        target: what is wanted; its depth has no part in this.
        workers: rows are shared among them.
    """
    if target.space == "rgb":
        return planes if space == "rgb" else _rgb_planes(planes, workers)
    if space == "rgb":
        planes, chroma = colour.rgb_to_yuv(planes, workers), "444"
    return convert_chroma(planes, chroma, target.chroma, workers)


def empty_samples(target: PictureFormat, height: int, width: int) -> Samples:
    """Return uninitialised samples: RGB as a (3, H, W) view of interleaved samples, 4:4:4 in one array, else planes."""
    if target.space == "rgb":
        return np.empty((height, width, 3), target.dtype).transpose(2, 0, 1)
    if target.chroma == "444":
        return np.empty((3, height, width), target.dtype)
    u, v = (np.empty(chroma_shape(target.chroma, height, width), target.dtype) for _ in range(2))
    return np.empty((height, width), target.dtype), u, v


def round_planes(planes: Planes, target: PictureFormat, workers: Workers) -> Samples:
    """Return float32 planes on 0..255 of the target's colour space and chroma format as its samples (10.10)."""
    samples = empty_samples(target, *planes[0].shape)
    if target.space == "rgb":
        assert isinstance(samples, np.ndarray)
        colour.interleave(planes, target.peak, samples.transpose(1, 2, 0), workers)
    else:
        for plane, rounded in zip(planes, samples, strict=True):
            colour.round_plane(plane, target.peak, rounded, workers)
    return samples


def _rgb_samples(planes: Planes, chroma: float, target: PictureFormat, workers: Workers) -> Samples:
    """Return RGB samples of YUV planes whose chroma is resampled on 0..`chroma` where it is smaller than luma."""
    samples = empty_samples(target, *planes[0].shape)
    assert isinstance(samples, np.ndarray)
    rows = samples.transpose(1, 2, 0)
    if planes[0].shape == planes[1].shape:
        colour.yuv_to_samples(planes, 255, target.peak, rows, workers)
    else:
        _strips(
            planes,
            255 / chroma,
            workers,
            lambda strip, first, last: colour.yuv_to_samples(strip, chroma, target.peak, rows[first:last], Workers(1)),
        )
    return samples


def _rgb_planes(planes: Planes, workers: Workers) -> Planes:
    """Return clipped float32 RGB of YUV planes whose chroma is resampled on 0..1 where it is smaller than luma."""
    if planes[0].shape == planes[1].shape:
        return colour.yuv_to_rgb(planes, workers)
    out = np.empty((3, *planes[0].shape), np.float32)

    def emit(strip: Planes, first: int, last: int) -> None:
        out[:, first:last] = colour.yuv_to_rgb(strip, Workers(1), chroma=1)

    _strips(planes, 255, workers, emit)
    return out[0], out[1], out[2]


def _strips(planes: Planes, divisor: float, workers: Workers, emit: Callable[[Planes, int, int], None]) -> None:
    """Call `emit(planes, first, last)` with strips of rows, chroma divided and resampled to the size of luma."""
    luma, u, v = planes
    height, width = luma.shape
    resampler = Resampler((u.shape[0], u.shape[1]), (height, width))
    rows_of_strip = max(8, _STRIP // width)

    def run(first: int, last: int) -> None:
        strip = np.empty((2, rows_of_strip, width), np.float32)
        for start in range(first, last, rows_of_strip):
            stop = min(start + rows_of_strip, last)
            for plane, rows in zip((u, v), strip, strict=True):
                resampler.rows(plane, start, stop, rows, divisor)
            emit((luma[start:stop], strip[0, : stop - start], strip[1, : stop - start]), start, stop)

    workers.split(run, height, rows_of_strip)
