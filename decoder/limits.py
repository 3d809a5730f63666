"""Limits on what a decode takes: judged is what it will hold, of a window as of the whole picture."""

from __future__ import annotations

from jpegai.codestream import Codestream, LimitError
from jpegai.decoder.filters.chain import FilterChain
from jpegai.decoder.filters.planes import Window
from jpegai.decoder.geometry import Area, Span
from jpegai.decoder.grids import place

__all__ = ["check_eicci", "check_held", "check_picture", "check_synthesised"]

_LATENT = 16


def check_picture(stream: Codestream, most: int) -> None:
    """Refuse the decode of a whole picture with more than `most` coded samples.

    Raises:
        LimitError: it has more.
    """
    coded = Area.whole(stream.pih.img_height, stream.pih.img_width)
    _check(stream, coded, most, "the picture is larger than the limit (--max-pixels); a window of it may fit (--roi)")


def check_synthesised(stream: Codestream, samples: Area, most: int) -> None:
    """Refuse a window for which more than `most` samples are made.

    Raises:
        LimitError: they are more.
    """
    _check(stream, samples, most, "what is synthesised for the window is larger than the limit (--max-pixels)")


def check_held(stream: Codestream, latents: Area, most: int) -> None:
    """Refuse a window whose regions have more than `most` samples: their residual is decoded wholly.

    Raises:
        LimitError: they have more.
    """
    rows, columns = (Span(_LATENT * span.start, _LATENT * span.stop) for span in (latents.rows, latents.columns))
    samples = Area(rows, columns).intersect(Area.whole(stream.pih.img_height, stream.pih.img_width))
    _check(stream, samples, most, "the regions that the window needs are larger than the limit (--max-pixels)")


def check_eicci(stream: Codestream, filters: FilterChain, filtered: Area, most: int) -> None:
    """Refuse eICCI where its tiles read more than `most` samples together for what the filters make.

    Raises:
        LimitError: they read more.
    """
    if filters.eicci is None:
        return
    work = filters.eicci.work(filters.reads(Window.of(filtered)))
    if work > most:
        raise LimitError(
            "the overlap of eICCI's tiles multiplies the work beyond the limit (--max-pixels)",
            file=stream.name,
            selector="ton.icci_tile_overlap",
            bit_offset=stream.fields["ton.icci_tile_overlap"].offset,
            expected=f"tiles of at most {most} samples together",
            found=work,
        )


def _check(stream: Codestream, samples: Area, most: int, message: str) -> None:
    height, width = samples.shape
    if height * width > most:
        raise LimitError(
            message,
            **place(stream, "img_width_minus64"),
            expected=f"at most {most} samples",
            found=f"{width} x {height} = {width * height}",
        )
