"""The chain of post-filters, from the planes in output format to the planes that the colour transform takes (8.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jpegai.decoder.engines.formats import FRACTION_BITS
from jpegai.decoder.filters.base import Filter, Pictures, Supplies
from jpegai.decoder.filters.efe_linear import EfeLinear
from jpegai.decoder.filters.efe_nonlinear import EfeNonlinear
from jpegai.decoder.filters.eicci import SELECTIONS, Eicci
from jpegai.decoder.filters.lef import Lef
from jpegai.decoder.filters.planes import PictureShape, Window, WindowPlanes
from jpegai.decoder.recorder import Recorder

__all__ = ["FilterChain"]

#: Name in dumps of the alternative picture.
_ALTERNATIVE = "filter_EFElinear_alt"


@dataclass(frozen=True, slots=True, eq=False)
class FilterChain:
    """The filters of a stream, in the order in which they run (8.1.2); None for those that are off."""

    picture: PictureShape
    efe_linear: EfeLinear | None
    eicci: Eicci | None
    efe_nonlinear: EfeNonlinear | None
    lef: Lef | None

    @classmethod
    def from_header(
        cls,
        ton: Mapping[str, Any],
        pih: Mapping[str, Any],
        transform: str | None = None,
        eicci_selection: str = SELECTIONS[0],
    ) -> FilterChain:
        """Read the filters from the tools header.

        Args:
            ton: values of the tools header under the names of chapter 03; empty where a stream has none.
            pih: values of the picture header.
            transform: the synthesis transform really used; by default the first one of the stream.
            eicci_selection: ``reference`` or ``per-tile`` (8.8 D3).

        Raises:
            ConformanceError: a filter cannot be applied as transmitted (8.7).
        """
        return cls(
            PictureShape.from_header(pih),
            EfeLinear.from_header(ton, pih),
            Eicci.from_header(ton, pih, transform, eicci_selection),
            EfeNonlinear.from_header(ton, pih),
            Lef.from_header(ton, pih),
        )

    @property
    def filters(self) -> tuple[Filter, ...]:
        """The filters that are on, in order."""
        every: tuple[Filter | None, ...] = self.efe_linear, self.eicci, self.efe_nonlinear, self.lef
        return tuple(each for each in every if each is not None)

    @property
    def on(self) -> bool:
        """Whether any filter is on."""
        return bool(self.filters)

    def memory(self, window: Window) -> int:
        """Return the bytes that `apply` takes at most beside its input; activations of networks apart."""
        windows = self._windows(window)[1:]
        return sum(each.memory(target) for each, target in zip(self.filters, windows, strict=True))

    def reads(self, window: Window) -> Window:
        """Return which part of the input a window of the output needs; all are whole-picture luma coordinates."""
        return self._windows(window)[0]

    def network_calls(self, window: Window) -> list[tuple[str, int, int]]:
        """Return every run of a network for a window of the output: its name, rows and columns of what it reads."""
        targets = self._windows(window)[1:]
        pairs = zip(self.filters, targets, strict=True)
        return [call for each, target in pairs if isinstance(each, Eicci) for call in each.calls(target)]

    def apply(self, planes: WindowPlanes, window: Window, supplies: Supplies, recorder: Recorder) -> WindowPlanes:
        """Run the filters that are on.

        Args:
            planes: the input, of at least `reads(window)`; never written.
            window: what to make, as `PictureShape.around` gives it; `picture.whole` for all.
            supplies: what the filters need.
            recorder: gets the time of each filter and its planes under the stage names (``efe_linear.0`` ...).

        Returns:
            The main picture after the last filter; arrays that no filter changed are those of the input.

        Raises:
            ValueError: the window or the planes are not as they should be, or a supply is missing.
        """
        if self.picture.around(window) != window:
            raise ValueError(f"{window} has odd sides or leaves the picture")
        if not planes.hold(self.reads(window), self.picture):
            raise ValueError(f"the planes do not hold {self.reads(window)}")
        pictures = Pictures(planes)
        for each, target in zip(self.filters, self._windows(window)[1:], strict=True):
            if recorder.stops_before(each.name):
                break
            before = pictures
            with recorder.stage(each.name):
                pictures = each.apply(before, target, supplies)
            _record(recorder, each.name, pictures.main)
            if pictures.alternative is not None and before.alternative is None:
                _record(recorder, _ALTERNATIVE, pictures.alternative)
        return pictures.main.crop(window, self.picture)

    def _windows(self, window: Window) -> list[Window]:
        """Return what each filter is given, and after the last one the window."""
        windows = [window]
        for each in reversed(self.filters):
            windows.append(each.reads(windows[-1]))
        return windows[::-1]


def _record(recorder: Recorder, name: str, planes: WindowPlanes) -> None:
    for index, plane in enumerate(planes):
        recorder.add(f"{name}.{index}", plane[None], FRACTION_BITS[name] if plane.dtype == np.int32 else None)
