"""JPEG AI for Pillow: importing this module, or calling `register_jpegai_opener`, lets `PIL.Image.open` read it.

Headers are read when a file is opened, samples are decoded when they are first needed. Pillow's RGB has 8 bits, so
pictures of other depths and formats are converted. Models are those of ``JPEGAI_MODELS``, else the built-in analytic
ones.
"""

from __future__ import annotations

import functools
import os
import threading
from typing import Any

from PIL import Image, ImageFile

from jpegai.codestream import Codestream, JpegAIError
from jpegai.decoder.decoder import Decoder

__all__ = ["JpegAIImageFile", "register_jpegai_opener"]

#: Start of codestream, then the marker of the picture header, which comes first (01.4).
_MAGIC = b"\xff\x80\xff\x82"

_lock = threading.Lock()


@functools.cache
def _decoder(models: str) -> Decoder:
    return Decoder(models, max_pixels=1 << 32)  # Pillow has checked the size against `Image.MAX_IMAGE_PIXELS`


class JpegAIImageFile(ImageFile.ImageFile):
    """An image whose `info` holds the values of the picture header by name, and ``edition``."""

    format = "JPEGAI"
    format_description = "JPEG AI (ISO/IEC 6048-1)"

    def _open(self) -> None:
        assert self.fp is not None
        try:
            self._stream: Codestream | None = Codestream.parse(self.fp.read(), name=str(self.filename) or None)
        except JpegAIError as error:
            raise SyntaxError(str(error)) from error
        header = self._stream.pih
        self._mode = "RGB"
        self._size = header.display_width, header.display_height
        self.info.update(header, edition=self._stream.edition)
        self.tile = []

    def load(self) -> Any:
        """Decode the samples, once.

        Raises:
            OSError: they cannot be decoded; the message says why.
        """
        with _lock:
            stream, self._stream = self._stream, None
        if stream is not None:
            try:
                decoder = _decoder(os.environ.get("JPEGAI_MODELS", "analytic"))
                self.im = Image.fromarray(decoder.decode(stream, format="rgb444:8").rgb).im
            except JpegAIError as error:
                self._stream = stream
                raise OSError(str(error)) from error
            if self._exclusive_fp and self.fp is not None:
                self.fp.close()
            self.fp = None
        return super().load()


def register_jpegai_opener() -> None:
    """Register the format with Pillow, under the extension ``.jai``."""
    Image.register_open(JpegAIImageFile.format, JpegAIImageFile, lambda prefix: prefix.startswith(_MAGIC))
    Image.register_extension(JpegAIImageFile.format, ".jai")


register_jpegai_opener()
