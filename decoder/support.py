"""Which streams the decoder takes: what is not built yet, as data, in the order of the syntax."""

from __future__ import annotations

from dataclasses import dataclass

from jpegai.codestream import Codestream, ConformanceError, UnsupportedError
from jpegai.codestream.schema.pih import TRANSFORMS
from jpegai.codestream.schema.values import Expression

__all__ = ["check", "choose_transform"]


@dataclass(frozen=True, slots=True)
class Unbuilt:
    """An element, when it asks for something that is not built, and what that is."""

    selector: str
    asked: Expression
    what: str


def _unbuilt(group: str, *rows: tuple[str, str, str]) -> tuple[Unbuilt, ...]:
    return tuple(Unbuilt(f"{group}.{name}", Expression(asked), what) for name, asked, what in rows)


_TOOLS_HEADER = _unbuilt(
    "ton",
    ("EFE_linear_filter_enabled_flag", "EFE_linear_filter_enabled_flag", "the EFE linear filter"),
    ("icci_enable_flag", "icci_enable_flag", "the eICCI filter"),
    ("EFE_nonlinear_filter_enabled_flag", "EFE_nonlinear_filter_enabled_flag", "the EFE non-linear filter"),
    ("LEF_enabled_flag", "LEF_enabled_flag", "the LEF filter"),
)

#: Rules whose breach does not keep a stream from being decoded: limits on the number of regions, and grids of tiles
#: that differ between the components (07.9 D5, D7).
_TOLERATED = {"R-20", "R-21", "R-33"}


def check(stream: Codestream) -> None:
    """Refuse what cannot be decoded, before any work.

    Raises:
        UnsupportedError: an element asks for something that is not built; the first one is named.
        ConformanceError: a rule is broken that decoding needs.
    """
    for row in _TOOLS_HEADER:
        if row.asked.evaluate(stream.ton):
            _refuse(stream, row.selector, row.what)
    for finding in stream.findings:
        if finding.severity == "E" and finding.rule not in _TOLERATED:
            raise ConformanceError(
                f"{finding.rule}: {finding.message}",
                file=stream.name,
                selector=finding.selector,
                bit_offset=finding.bit_offset,
            )


def _refuse(stream: Codestream, selector: str, what: str) -> None:
    field = stream.fields.get(selector)
    raise UnsupportedError(
        f"{what} cannot be decoded yet",
        file=stream.name,
        selector=selector,
        bit_offset=field.offset if field is not None and field.bits else None,
        found=field.value if field is not None else None,
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
