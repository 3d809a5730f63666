"""What a generator of headers may choose, beyond the legal values of single elements, as data.

Names of the scope besides those of the schemas: ``most_side``, ``most_entries``, ``most_bytes`` (`testing.Sizes`).
"""

from __future__ import annotations

from dataclasses import dataclass

from jpegai.codestream.schema.values import Expression

__all__ = ["CHOICES", "INVERTIBLE", "Choice"]


@dataclass(frozen=True, slots=True)
class Choice:
    """Bounds of an element within its legal range; `holds` is a condition on the value ``v``, for short elements."""

    low: Expression | None = None
    high: Expression | None = None
    holds: Expression | None = None


def _choice(low: str | None = None, high: str | None = None, holds: str | None = None) -> Choice:
    return Choice(*(None if text is None else Expression(text) for text in (low, high, holds)))


def _exactly(value: str) -> Choice:
    return _choice(value, value)


def _regions(extent: str, smallest: int) -> str:
    """Most regions along an axis, minus 1."""
    return f"min(most_entries, ceil_div({extent}, {smallest} if edition == 'is' else 128)) - 1"


_CHROMA_HEIGHT = "ceil_div(img_height, s_ver)"
_CHROMA_WIDTH = "ceil_div(img_width, s_hor)"
_MASKABLE = "1 if EFE_linear_filter_enabled_flag and (best_cand_idx[0][0] or best_cand_idx[0][1]) else 0"

#: What rules over several elements (12.6) leave of the legal range, and what keeps streams small.
CHOICES = {
    #
    "synthesis_transform_id": _choice(holds="v not in {*synthesis_transform_id.values()}"),
    "img_width_minus64": _choice(high="most_side - 64"),
    "img_height_minus64": _choice(high="most_side - 64"),
    # no format is subsampled vertically alone
    "s_hor_minus1": _choice("s_ver_minus1"),
    "c_hor_minus1": _choice("c_ver_minus1"),
    #
    "num_ver_splits_minus1": _choice(high=_regions("img_height", 256)),
    "num_hor_splits_minus1": _choice(high=_regions("img_width", 512)),
    #
    "synthesis_tile_enable": _choice("c and synthesis_tile_enable[0]", "synthesis_tile_enable[0] if c else 1"),
    "synthesis_tile_size": _choice("synthesis_tile_size[0] if c else 1", "synthesis_tile_size[0] if c else 255"),
    "synthesis_tile_overlap": _choice(
        "synthesis_tile_overlap[0] if c else 0",
        "synthesis_tile_overlap[0] if c else"
        " 31 if 16 * synthesis_tile_size[0] >= max(img_width, img_height) else synthesis_tile_size[0] - 1",
    ),
    #
    "maxSymbol": _choice(high="65535 - minSymbol[s] if best_cand_idx[s][0] or best_cand_idx[s][1] else 65535"),
    "nl_maxSymbol": _choice(high="65535 - nl_minSymbol"),
    # R-57, and not too many tiles
    "icci_tile_size": _choice("min(255, ceil_div(max(img_width, img_height), 16 * most_entries))"),
    "icci_tile_overlap": _choice(
        high="min(icci_tile_size // 2, (min(16 * icci_tile_size, img_width, img_height) - 1) // 16)"
    ),
    #
    "mask1_enabled_flag": _choice(high=_MASKABLE),
    "mask2_enabled_flag": _choice(high=_MASKABLE),
    "bS": _choice(f"min(1023, ceil_div(max({_CHROMA_HEIGHT}, {_CHROMA_WIDTH}), most_entries))"),
    "len_mask_y": _exactly(f"ceil_div({_CHROMA_HEIGHT}, bS)"),
    "len_mask_x": _exactly(f"ceil_div({_CHROMA_WIDTH}, bS)"),
    #
    "nonlinearW": _choice(f"ceil_div({_CHROMA_WIDTH}, most_entries)"),
    "nonlinearH": _choice(f"ceil_div({_CHROMA_HEIGHT}, most_entries)"),
    "numTiles": _exactly(f"ceil_div({_CHROMA_HEIGHT}, nonlinearH) * ceil_div({_CHROMA_WIDTH}, nonlinearW)"),
    "candNum": _exactly("8 * numTiles"),
    "dm_size": _choice(high="most_bytes"),
}

_M = "colour_transform_matrix"
#: What a whole header keeps besides: R-16, the user matrix can be inverted.
INVERTIBLE = Expression(
    "colour_transform_idx != 2 or "
    + " + ".join(
        f"{_M}[0][{i}] * ({_M}[1][{(i + 1) % 3}] * {_M}[2][{(i + 2) % 3}]"
        f" - {_M}[1][{(i + 2) % 3}] * {_M}[2][{(i + 1) % 3}])"
        for i in range(3)
    )
    + " != 0"
)
