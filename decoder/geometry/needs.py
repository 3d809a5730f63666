"""What an area of the latents needs of the regions (section 07.8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

from jpegai.decoder.geometry.areas import Area, Span
from jpegai.decoder.geometry.regions import Region

__all__ = ["Needs", "needs"]

_NOTHING = Area(Span(0, 0), Span(0, 0))


@dataclass(frozen=True, slots=True)
class Needs:
    """What is done for one component.

    Attributes:
        coded: the regions whose residual is decoded; each wholly, for it is sequential.
        residual: the latents whose residual is used.
        regions: those that paste psi cells or latents, as far as these are wanted, in the order of pasting.
    """

    coded: tuple[Region, ...]
    residual: Area
    regions: tuple[Region, ...]

    @property
    def core(self) -> Area:
        """The smallest rectangle that holds all latents whose residual is decoded."""
        return reduce(Area.joined, (region.core for region in self.coded), _NOTHING)


def needs(grid: Sequence[Region], latents: Area, *, context: bool) -> Needs:
    """Return what latents need.

    Args:
        grid: the regions of the picture, in the order of pasting.
        latents: the latents wanted.
        context: whether the component has a context model, which reads around each latent.
    """
    owners = [region.narrowed(_NOTHING, latents) for region in grid]
    # latents that no region pastes (07.9 D2) have a residual all the same
    residual, cells = latents, _NOTHING
    for owner in owners:
        if not owner.paste.empty:
            read = owner.latents if context else owner.paste
            residual, cells = residual.joined(read), cells.joined(read.covered_by(2))
    narrowed = (region.narrowed(cells, latents) for region in grid)
    return Needs(
        tuple(region for region in grid if not region.core.intersect(residual).empty),
        residual,
        tuple(region for region in narrowed if not (region.psi.empty and region.paste.empty)),
    )
