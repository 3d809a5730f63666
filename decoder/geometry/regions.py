"""Regions: what each reads, computes and pastes (sections 07.3 to 07.5)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from jpegai.decoder.geometry.areas import Area, Span
from jpegai.decoder.geometry.sizes import ceil_div

__all__ = ["AxisRegion", "Overlap", "Region", "axis_regions", "regions"]

_SIDE = 128  # regions begin at multiples of so many samples
_LATENT, _CELL, _HYPER = 16, 32, 64  # samples of a latent, a psi cell, a z position
_REACH = 3  # cells that the context model reads around one (06.11)


@dataclass(frozen=True, slots=True)
class Overlap:
    """How far dependent regions reach over their borders (07.4); 0 for independent ones.

    Attributes:
        hyper: hyper_decoder_overlap_in_latent_samples, in units of two z positions.
        context: mcm_overlap_in_latent_samples, in psi cells.
        trim: latents at an inner side of the window that are computed and not pasted (07.5).
    """

    hyper: int = 0
    context: int = 0
    trim: int = 0

    @classmethod
    def dependent(cls, hyper: int = 2, context: int = 8) -> Overlap:
        """Return the overlap of dependent regions with these values of the two elements."""
        return cls(hyper, context, 1)


@dataclass(frozen=True, slots=True)
class AxisRegion:
    """One row or column of regions, along its axis.

    Attributes:
        samples: what it covers, without overlap.
        image: samples its hyper decoder works for; the end may lie behind the picture.
        hyper: z positions it reads.
        psi: cells it pastes; the first one is the first that its hyper decoder makes.
        latents: window of its context model.
        paste: latents it pastes.
    """

    samples: Span
    image: Span
    hyper: Span
    psi: Span
    latents: Span
    paste: Span

    @property
    def core(self) -> Span:
        """The latents it covers, without overlap."""
        return self.samples.covered_by(_LATENT)


def axis_regions(length: int, count: int, overlap: Overlap) -> tuple[AxisRegion, ...]:
    """Return the regions of one axis.

    Args:
        length: samples of the picture along the axis.
        count: number of regions, at most `length` / 128, rounded up.
        overlap: how far they reach over their borders.
    """
    side = (length + _SIDE - 1) // _SIDE // count * _SIDE
    if side == 0:
        raise ValueError(f"{count} regions do not fit in {length} samples")
    latents, cells, hyper = (ceil_div(length, unit) for unit in (_LATENT, _CELL, _HYPER))
    result = []
    for k in range(count):
        first, last = k == 0, k == count - 1
        samples = Span(k * side, length if last else (k + 1) * side)

        def extended(unit: int, more: int, end: int, k: int = k, first: bool = first, last: bool = last) -> Span:
            """Return the region in a unit, `more` further at inner sides; both ends are clipped (07.9 D3)."""
            start = 0 if first else max(0, k * side // unit - more)
            return Span(start, end if last else min(end, (k + 1) * side // unit + more))

        reach = 64 * 2 * overlap.hyper
        image = Span(0 if first else max(0, samples.start - reach), length if last else samples.stop + reach)
        read = extended(_HYPER, 2 * overlap.hyper, hyper)
        wanted = extended(_CELL, overlap.context, cells)
        made = min(2 * read.size, ceil_div(image.size, _CELL))
        window = extended(_LATENT, 2 * overlap.context, latents)
        paste = Span(
            window.start + (0 if image.start == 0 else overlap.trim),
            window.stop - (0 if image.stop >= length else overlap.trim),
        )
        psi = Span(wanted.start, wanted.start + min(wanted.size, made))
        result.append(AxisRegion(samples, image, read, psi, window, paste))
    return tuple(result)


@dataclass(frozen=True, slots=True)
class Region:
    """One region of the grid. What later regions paste over entirely is neither computed nor pasted.

    Attributes:
        index: its number in raster order.
        samples: what it covers, without overlap.
        core: latents whose residual is coded for it.
        hyper: z positions that its hyper decoder reads.
        size: height and width in samples that its hyper decoder works for, its size argument.
        psi: cells it pastes.
        cells: the same cells in the output of its hyper decoder.
        latents: window of its context model; it begins at even rows and columns.
        paste: latents it pastes.
    """

    index: int
    samples: Area
    core: Area
    hyper: Area
    size: tuple[int, int]
    psi: Area
    cells: Area
    latents: Area
    paste: Area

    def narrowed(self, psi: Area, paste: Area) -> Region:
        """Return the region as far as some of its psi cells and of its latents are wanted of it (07.8).

        Args:
            psi: the cells wanted; those that it pastes are made.
            paste: the latents wanted; the same.
        """
        psi, paste = self.psi.intersect(psi), self.paste.intersect(paste)
        cells = psi.within(self.psi)
        rows, columns = (
            _hyper_run(span.within(-own.start), read, length)
            for span, own, read, length in (
                (cells.rows, self.cells.rows, self.hyper.rows, self.size[0]),
                (cells.columns, self.cells.columns, self.hyper.columns, self.size[1]),
            )
        )
        read = Area(_latents_needed(paste.rows), _latents_needed(paste.columns))
        return replace(
            self,
            hyper=Area(rows[0], columns[0]),
            size=(rows[1], columns[1]),
            psi=psi,
            cells=Area(rows[2], columns[2]),
            latents=self.latents.intersect(read),
            paste=paste,
        )


def regions(height: int, width: int, rows: int, columns: int, overlap: Overlap) -> tuple[Region, ...]:
    """Return the regions of a picture in raster order, the order in which they are pasted.

    Args:
        height: coded height.
        width: coded width.
        rows: number of rows of regions, at most `height` / 128, rounded up.
        columns: the same for columns.
        overlap: how far they reach over their borders.
    """
    axes = [_runs(axis_regions(length, n, overlap)) for length, n in ((height, rows), (width, columns))]
    return tuple(
        Region(
            index,
            Area(row.samples, column.samples),
            Area(row.core, column.core),
            Area(row.hyper, column.hyper),
            (row.size, column.size),
            Area(row.psi, column.psi),
            Area(row.cells, column.cells),
            Area(row.latents, column.latents),
            Area(row.paste, column.paste),
        )
        for index, (row, column) in enumerate(itertools.product(*axes))
    )


@dataclass(frozen=True, slots=True)
class _Run:
    """The attributes of `Region` along one axis."""

    samples: Span
    core: Span
    hyper: Span
    size: int
    psi: Span
    cells: Span
    latents: Span
    paste: Span


def _runs(axis: Sequence[AxisRegion]) -> list[_Run]:
    """Return what is left of the regions of an axis without what later ones paste over."""
    result = []
    psis, pastes = _survivors([region.psi for region in axis]), _survivors([region.paste for region in axis])
    for region, psi, paste in zip(axis, psis, pastes, strict=True):
        hyper, size, cells = _hyper_run(psi.within(region.psi.start), region.hyper, region.image.size)
        result.append(
            _Run(
                region.samples,
                region.core,
                hyper,
                size,
                psi,
                cells,
                region.latents.intersect(_latents_needed(paste)),
                paste,
            )
        )
    return result


def _survivors(pastes: Sequence[Span]) -> list[Span]:
    """Return the span of what later pastes leave of each; empty where they leave nothing."""
    result = []
    for number, paste in enumerate(pastes):
        left = set(range(*paste)).difference(*(range(*later) for later in pastes[number + 1 :]))
        result.append(Span(min(left), max(left) + 1) if left else Span(paste.start, paste.start))
    return result


def _hyper_run(cells: Span, hyper: Span, size: int) -> tuple[Span, int, Span]:
    """Return what a run of the hyper decoder for some cells takes: z positions, size argument; and the cells in it.

    Args:
        cells: the cells wanted, in the output of a run that reads `hyper`.
        hyper: z positions at hand.
        size: samples they are to be decoded for; only the end of the last position may be cut.
    """
    read = Span(0, hyper.size).intersect(_hyper_needed(cells))
    stop = size if read.stop == hyper.size else _HYPER * read.stop
    return read.within(-hyper.start), stop - _HYPER * read.start, cells.within(2 * read.start)


def _hyper_needed(cells: Span) -> Span:
    """Return the z positions that the hyper decoder makes cells of (07.8), both counted from its first."""
    first, last = cells.start, cells.stop - 1
    return Span(first // 2 - (1 if first % 2 else 2), last // 2 + (2 if last % 2 else 1) + 1)


def _latents_needed(paste: Span) -> Span:
    """Return the latents that the context model makes those that are pasted of."""
    cells = paste.covered_by(2)
    return Span(2 * (cells.start - _REACH), 2 * (cells.stop + _REACH))
