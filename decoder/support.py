"""Which streams the decoder takes, and with which transform it decodes them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from jpegai.codestream import Codestream, ConformanceError, UnsupportedError
from jpegai.codestream.schema.pih import TRANSFORMS

__all__ = ["check", "choose_transform"]

#: Rules whose breach does not keep a stream from being decoded: limits on the number of regions, and grids of tiles
#: that differ between the components (07.9 D5, D7).
_TOLERATED = {"R-20", "R-21", "R-33"}


def check(stream: Codestream, regions: Mapping[str, Collection[int]] | None = None) -> None:
    """Refuse what cannot be decoded, before any work.

    Args:
        stream: the stream.
        regions: kind of segment to the regions that are read of it; None for all.

    Raises:
        ConformanceError: a rule is broken that decoding needs.
    """
    for finding in stream.findings if regions is None else stream.findings_about(regions):
        if finding.severity == "E" and finding.rule not in _TOLERATED:
            raise ConformanceError(
                f"{finding.rule}: {finding.message}",
                file=stream.name,
                selector=finding.selector,
                bit_offset=finding.bit_offset,
            )


def choose_transform(stream: Codestream, asked: str | None) -> str:
    """Return the transform to decode with: the one asked for, else the first one listed in the stream (12.2).

    Raises:
        UnsupportedError: the stream does not list it; the message names those that it does.
    """
    listed = [TRANSFORMS[stream.pih.synthesis_transform_id[i]] for i in stream.pih.synthesis_transform_id]
    chosen = asked.upper() if asked else listed[0]
    if chosen not in listed:
        raise UnsupportedError(
            f"the stream does not list the transform {chosen} (--transform)",
            file=stream.name,
            selector="pih.synthesis_transform_id[0]",
            expected=chosen,
            found=", ".join(listed),
        )
    return chosen
