"""Which streams the decoder takes, and with which transform it decodes them."""

from __future__ import annotations

from jpegai.codestream import Codestream, ConformanceError, UnsupportedError
from jpegai.codestream.schema.pih import TRANSFORMS

__all__ = ["check", "choose_transform", "listed_transforms"]

#: Rules whose breach does not keep a stream from being decoded: limits on the number of regions, and grids of tiles
#: that differ between the components (07.9 D5, D7), depths that only change the rounding (10.15 P3), and a matrix that
#: is never inverted here (10.7).
_TOLERATED = {"R-12", "R-16", "R-20", "R-21", "R-33"}


def check(stream: Codestream) -> None:
    """Refuse what cannot be decoded, before any work.

    Raises:
        ConformanceError: a rule is broken that decoding needs.
    """
    for finding in stream.findings:
        if finding.severity == "E" and finding.rule not in _TOLERATED:
            raise ConformanceError(
                f"{finding.rule}: {finding.message}",
                file=stream.name,
                selector=finding.selector,
                bit_offset=finding.bit_offset,
            )


def listed_transforms(stream: Codestream) -> list[str]:
    """Return the transforms that the stream lists; the first one is the default (12.1)."""
    return [TRANSFORMS[stream.pih.synthesis_transform_id[i]] for i in stream.pih.synthesis_transform_id]


def choose_transform(stream: Codestream, asked: str | None, *, force: bool = False) -> str:
    """Return the transform to decode with: the one asked for, else the first one listed in the stream (12.2).

    Args:
        stream: the stream.
        asked: name of a transform.
        force: take it although the stream does not list it.

    Raises:
        UnsupportedError: the stream does not list it; the message names those that it does.
        ValueError: there is no such transform.
    """
    listed = listed_transforms(stream)
    chosen = asked.upper() if asked else listed[0]
    if chosen not in TRANSFORMS.values():
        raise ValueError(f"transform {asked!r} is none of {', '.join(TRANSFORMS.values())}")
    if chosen not in listed and not force:
        raise UnsupportedError(
            f"the stream does not list the transform {chosen}, which only --force applies",
            file=stream.name,
            selector="pih.synthesis_transform_id[0]",
            expected=chosen,
            found=", ".join(listed),
        )
    return chosen
