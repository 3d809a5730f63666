"""Tools header, FF83 (section 03.1): its enable flags, up to the first one that is set.

What follows a flag that is set is not declared yet; it stays in the payload.
"""

from __future__ import annotations

from collections.abc import Sequence

import construct

from jpegai.codestream.schema.base import U, When
from jpegai.codestream.schema.values import Expression

__all__ = ["TOOLS_HEADER_FLAGS"]

_SECTION = "03.1"
_FLAGS = (
    U("lsbs_enable_flag", 1, "latent space bias scaling, primary component", section=_SECTION, index=("0",)),
    U("lsbs_enable_flag", 1, "latent space bias scaling, secondary component", section=_SECTION, index=("1",)),
    U("EFE_linear_filter_enabled_flag", 1, "EFE linear filter", section=_SECTION),
    U("icci_enable_flag", 1, "eICCI filter", section=_SECTION, inferred=0),
    U("EFE_nonlinear_filter_enabled_flag", 1, "EFE non-linear filter", section=_SECTION),
    U("LEF_enabled_flag", 1, "LEF filter", section=_SECTION),
)
_PRESENT = {"icci_enable_flag": "not (s_ver == 2 and s_hor == 2)"}


def _chain(flags: Sequence[U]) -> tuple[construct.Construct, ...]:
    """Each flag is followed by the next one while it is 0."""
    if not flags:
        return ()
    flag = flags[0]
    place = "".join(f"[{index.text}]" for index in flag.index)
    # construct's own If: what follows a set flag is not absent, only unread
    rest = construct.If(Expression(f"not {flag.name}{place}"), construct.Struct(*_chain(flags[1:])))
    present = _PRESENT.get(flag.name)
    return (flag if present is None else When(present, flag), rest)


TOOLS_HEADER_FLAGS = construct.Struct(*_chain(_FLAGS))
