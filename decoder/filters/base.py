"""What all filters have in common: what they take, what they give, and what they need beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.engines.formats import Saturations
from jpegai.decoder.filters.planes import Samples, Window, WindowPlanes
from jpegai.decoder.workers import Workers

__all__ = ["EicciNetworks", "Filter", "Pictures", "Resampling", "Supplies", "given"]

#: ``networks(kind, index)`` gives the network ``eicci_Y`` or ``eicci_UV`` of model `index` of the set; it is called
#: with (48, h, w) coefficients of samples on 0..1 and returns the 16 (Y) or 32 (U, V) filtered ones: float32, or int32
#: with 16 fraction bits.
EicciNetworks = Callable[[str, int], Callable[[Samples], Samples]]
#: ``resample(plane, target, workers)`` makes a whole plane of another (height, width): bicubic in a direction that
#: grows, else linear (10.5).
Resampling = Callable[[Samples, tuple[int, int], Workers], Samples]

_Supply = TypeVar("_Supply")


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """The two pictures that travel through the chain (8.1.3)."""

    main: WindowPlanes
    alternative: WindowPlanes | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Supplies:
    """What filters need beside the planes; what no filter of the stream needs may be left out.

    Attributes:
        workers: threads of the loops.
        networks: gives the networks of eICCI.
        scale: (hl, wl) integers, the whole channel `Lef.channel` of the primary component's scale1 (05.8.2).
        resample: changes the size of chroma planes, for eICCI in 4:2:2.
        saturations: counts the samples of int32 planes that leave the format.
    """

    workers: Workers
    networks: EicciNetworks | None = None
    scale: NDArray[np.integer[Any]] | None = None
    resample: Resampling | None = None
    saturations: Saturations | None = None

    def saturated(self, tensor: str, count: int) -> None:
        """Count samples that were cut; may be called from every worker."""
        if self.saturations is not None:
            self.saturations.add(tensor, count)


class Filter(Protocol):
    """One filter with its parameters."""

    @property
    def name(self) -> str:
        """Stage name of its result in dumps."""

    def reads(self, window: Window) -> Window:
        """Return the input that an output window needs, in luma samples of the whole picture."""

    def memory(self, window: Window) -> int:
        """Return the bytes of the arrays that making `window` takes beside the input; those of networks apart."""

    def apply(self, pictures: Pictures, window: Window, supplies: Supplies) -> Pictures:
        """Filter.

        Args:
            pictures: the input, of at least `reads(window)`; never written.
            window: what to make, as `PictureShape.around` gives it.
            supplies: what the filter needs beside it.

        Returns:
            The window; planes that the filter does not change may be those of the input.
        """


def given(supply: _Supply | None, what: str) -> _Supply:
    """Return a supply that a filter needs.

    Raises:
        ValueError: the caller left it out.
    """
    if supply is None:
        raise ValueError(f"a filter of the stream needs {what}")
    return supply
