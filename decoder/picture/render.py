"""From planes to the samples of a picture: chroma formats, colour transform, rounding (sections 10.4 to 10.7)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from jpegai.decoder.picture import colour
from jpegai.decoder.picture.fixed import FULL
from jpegai.decoder.picture.formats import Frame, PictureFormat, Planes, Samples, chroma_shape, is_fixed
from jpegai.decoder.picture.resample import Resampler, conversion_reads, convert_chroma
from jpegai.decoder.picture.signalling import Rendering
from jpegai.decoder.workers import Workers

__all__ = ["convert", "decoded_planes", "empty_samples", "render", "rendering_reads", "round_planes"]

#: Samples that are resampled and converted together: few enough to stay in the cache.
_STRIP = 1 << 17


def rendering_reads(frame: Frame, rendering: Rendering) -> Frame:
    """Return the planes in the format of the source that the samples of a frame are made of.

    It is what `render` must be given, in the same format, so that it makes the frame as it is in the whole picture.
    """
    space, _ = rendering.decoded
    target = rendering.target
    if space == "rgb":
        if target.space == "yuv":
            frame = conversion_reads(frame, "444", target.chroma)
        return conversion_reads(frame, rendering.source, "444")
    return conversion_reads(frame, rendering.source, target.chroma)


def render(
    planes: Planes, chroma: str, rendering: Rendering, workers: Workers, frame: Frame | None = None
) -> Samples:
    """Return the samples of the picture in the format asked for.

    Args:
        planes: Y, U and V on 0..255, float32 or fixed-point int32: as decoded and cropped, or behind the filters.
        chroma: chroma format of the planes, that of coding or of the source.
        rendering: what the stream says and what is asked for.
        workers: rows are shared among them.
        frame: where the planes lie in the picture, by default all of it.

    Returns:
        (3, H, W) uint8 or uint16 for 4:4:4, a view of interleaved samples for RGB; else three planes.
    """
    target = rendering.target
    if rendering.transform == "bt709" and target.space == "rgb":
        if rendering.source == "444":
            # what was coded subsampled grows on 0..255 (10.4.4)
            return _rgb_samples(planes, chroma, 255, target, workers, frame)
        if rendering.source == chroma:
            return _rgb_samples(planes, chroma, _growth(planes), target, workers, frame)
    decoded = decoded_planes(planes, chroma, rendering, workers, frame)
    return round_planes(convert(decoded, *rendering.decoded, target, workers, frame), target, workers)


def decoded_planes(
    planes: Planes, chroma: str, rendering: Rendering, workers: Workers, frame: Frame | None = None
) -> Planes:
    """Return the decoded picture before rounding, clipped to 0..255 (10.4.6); arguments as `render`."""
    planes = convert_chroma(planes, chroma, rendering.source, workers, frame)
    if rendering.transform == "bt709":
        return _rgb_planes(planes, rendering.source, workers, frame)
    if rendering.user is not None:
        return colour.user_transform(planes, rendering.user, workers)
    full = np.int32(FULL) if is_fixed(planes[0]) else np.float32(255)
    y, u, v = (np.clip(plane, 0 * full, full) for plane in planes)
    return y, u, v


def convert(
    planes: Planes, space: str, chroma: str, target: PictureFormat, workers: Workers, frame: Frame | None = None
) -> Planes:
    """Return planes in another colour space and chroma format (10.5, 10.6).

    Args:
        planes: on 0..255.
        space: their colour space.
        chroma: their chroma format.
        target: what is wanted; its depth has no part in this.
        workers: rows are shared among them.
        frame: where the planes lie in the picture, by default all of it.
    """
    if target.space == "rgb":
        return planes if space == "rgb" else _rgb_planes(planes, chroma, workers, frame)
    if space == "rgb":
        planes, chroma = colour.rgb_to_yuv(planes, workers), "444"
    return convert_chroma(planes, chroma, target.chroma, workers, frame)


def empty_samples(target: PictureFormat, height: int, width: int) -> Samples:
    """Return uninitialised samples: RGB as a (3, H, W) view of interleaved samples, 4:4:4 in one array, else planes."""
    if target.space == "rgb":
        return np.empty((height, width, 3), target.dtype).transpose(2, 0, 1)
    if target.chroma == "444":
        return np.empty((3, height, width), target.dtype)
    u, v = (np.empty(chroma_shape(target.chroma, height, width), target.dtype) for _ in range(2))
    return np.empty((height, width), target.dtype), u, v


def round_planes(planes: Planes, target: PictureFormat, workers: Workers) -> Samples:
    """Return planes on 0..255 of the target's colour space and chroma format as its samples (10.10)."""
    samples = empty_samples(target, *planes[0].shape)
    if target.space == "rgb":
        assert isinstance(samples, np.ndarray)
        colour.interleave(planes, target.peak, samples.transpose(1, 2, 0), workers)
    else:
        for plane, rounded in zip(planes, samples, strict=True):
            colour.round_plane(plane, target.peak, rounded, workers)
    return samples


def _growth(planes: Planes) -> int:
    """Return the range on which chroma of a subsampled source grows within the colour transform.

    It is 1 (10.6); integers are not divided for it, as that would change nothing but their roundings.
    """
    return 255 if is_fixed(planes[0]) else 1


def _rgb_samples(
    planes: Planes, chroma: str, scale: float, target: PictureFormat, workers: Workers, frame: Frame | None
) -> Samples:
    """Return RGB samples of YUV planes whose chroma is resampled on 0..`scale` where it is subsampled."""
    samples = empty_samples(target, *planes[0].shape)
    assert isinstance(samples, np.ndarray)
    rows = samples.transpose(1, 2, 0)
    if chroma == "444":
        colour.yuv_to_samples(planes, 255, target.peak, rows, workers)
    else:
        _strips(
            planes,
            chroma,
            255 / scale,
            workers,
            frame,
            lambda strip, first, last: colour.yuv_to_samples(strip, scale, target.peak, rows[first:last], Workers(1)),
        )
    return samples


def _rgb_planes(planes: Planes, chroma: str, workers: Workers, frame: Frame | None) -> Planes:
    """Return clipped RGB of YUV planes."""
    if chroma == "444":
        return colour.yuv_to_rgb(planes, workers)
    out = np.empty((3, *planes[0].shape), planes[0].dtype)
    scale = _growth(planes)

    def emit(strip: Planes, first: int, last: int) -> None:
        out[:, first:last] = colour.yuv_to_rgb(strip, Workers(1), chroma=scale)

    _strips(planes, chroma, 255 / scale, workers, frame, emit)
    return out[0], out[1], out[2]


def _strips(
    planes: Planes,
    chroma: str,
    divisor: float,
    workers: Workers,
    frame: Frame | None,
    emit: Callable[[Planes, int, int], None],
) -> None:
    """Call `emit(planes, first, last)` with strips of rows, chroma divided and resampled to the size of luma."""
    luma, u, v = planes
    height, width = luma.shape
    frame = frame or Frame.whole(height, width)
    fixed = is_fixed(luma)
    resampler = Resampler(chroma_shape(chroma, *frame.size), frame.size, frame.part(chroma), frame.area, fixed=fixed)
    rows_of_strip = max(8, _STRIP // width)

    def run(first: int, last: int) -> None:
        strip = np.empty((2, rows_of_strip, width), luma.dtype)
        for start in range(first, last, rows_of_strip):
            stop = min(start + rows_of_strip, last)
            for plane, rows in zip((u, v), strip, strict=True):
                resampler.rows(plane, start, stop, rows, divisor)
            emit((luma[start:stop], strip[0, : stop - start], strip[1, : stop - start]), start, stop)

    workers.split(run, height, rows_of_strip)
