"""What a plan comes to: bytes of the file, runs of networks, multiply-adds, and what is worth knowing about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jpegai.codestream import Codestream
from jpegai.codestream.extent import bytes_read
from jpegai.decoder.components import COMPONENTS, synthesis_names
from jpegai.decoder.engines.stages import multiply_adds
from jpegai.decoder.filters.eicci import SELECTIONS
from jpegai.decoder.filters.planes import Window
from jpegai.decoder.geometry import Area, size_argument
from jpegai.decoder.networks import NETWORKS
from jpegai.decoder.picture.signalling import Rendering
from jpegai.decoder.plan import Plan
from jpegai.decoder.windows import window_roi

__all__ = ["Outline", "network_runs", "outline", "plan_macs", "rectangle"]

#: Name, rows and columns of the first input, size argument (of networks that crop).
Run = tuple[str, int, int, tuple[int, int] | None]


@dataclass(frozen=True, slots=True)
class Outline:
    """A decode before it is made.

    Attributes:
        plan: the plan.
        windows: what is cut from its window: several ones where they are decoded together.
        file_bytes: bytes of the file.
        bytes: first byte and the byte behind the last of every part of the file that is read.
        threads: kind of residual segment to the threads of each of its regions that is decoded.
        macs: multiply-adds by network.
        whole_macs: those of a decode of the whole picture at once, all networks together.
        notes: what keeps the plan from being smaller, and whose place in the whole picture matters.
    """

    plan: Plan
    windows: tuple[Area, ...]
    file_bytes: int
    bytes: tuple[tuple[int, int], ...]
    threads: Mapping[str, Mapping[int, int]]
    macs: Mapping[str, int]
    whole_macs: int
    notes: tuple[str, ...]

    @property
    def bytes_read(self) -> int:
        """How many bytes of the file are read."""
        return sum(last - first for first, last in self.bytes)

    @property
    def share(self) -> dict[str, float]:
        """What part of a decode of the whole picture it is, by bytes, multiply-adds and samples."""
        height, width = self.plan.display
        rows, columns = self.plan.window.shape
        return {
            "bytes": self.bytes_read / max(1, self.file_bytes),
            "macs": sum(self.macs.values()) / max(1, self.whole_macs),
            "samples": rows * columns / (height * width),
        }

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it; rectangles are [x, y, width, height]."""
        plan = self.plan
        return {
            "picture": {"width": plan.display[1], "height": plan.display[0]},
            "transform": plan.transform,
            "window": rectangle(plan.window),
            "windows": [rectangle(window) for window in self.windows],
            "filtered": rectangle(plan.filtered),
            "unfiltered": rectangle(plan.unfiltered),
            "synthesised": rectangle(plan.samples),
            "margins": margins(plan.window, plan.samples),
            "latents": rectangle(plan.used),
            "z_for_scales": rectangle(plan.scaling.hyper),
            "components": {
                component.name: {
                    "regions_read": list(plan.coded[component.residual_segment]),
                    "threads": {str(region): n for region, n in self.threads[component.residual_segment].items()},
                    "residual": rectangle(part.residual),
                    "regions": [
                        {
                            "region": region.index,
                            "z": rectangle(region.hyper) if not region.psi.empty else None,
                            "psi": rectangle(region.psi) if not region.psi.empty else None,
                            "context": rectangle(region.latents) if not region.paste.empty and index == 0 else None,
                            "latents": rectangle(region.paste) if not region.paste.empty else None,
                        }
                        for region in part.regions
                    ],
                    "synthesis": [
                        {"samples": rectangle(piece.core), "latents": rectangle(piece.latents)}
                        for piece in plan.synthesis[index]
                    ],
                }
                for index, (component, part) in enumerate(zip(COMPONENTS, plan.needs, strict=True))
            },
            "file_bytes": self.file_bytes,
            "bytes_read": self.bytes_read,
            "bytes": [list(part) for part in self.bytes],
            "macs": dict(self.macs),
            "macs_total": sum(self.macs.values()),
            "macs_whole": self.whole_macs,
            "memory": plan.memory,
            "share": self.share,
            "notes": list(self.notes),
        }


def rectangle(area: Area) -> list[int]:
    """Return x, y, width and height."""
    return list(window_roi(area))


def margins(inner: Area, outer: Area) -> dict[str, int]:
    """Return how much further `outer` reaches on each side."""
    return {
        "left": inner.columns.start - outer.columns.start,
        "top": inner.rows.start - outer.rows.start,
        "right": outer.columns.stop - inner.columns.stop,
        "bottom": outer.rows.stop - inner.rows.stop,
    }


def network_runs(plan: Plan) -> Iterator[Run]:
    """Yield every run of a network that the walk makes."""
    for index, component in enumerate(COMPONENTS):
        yield _sized(component.scale_network, plan.scaling.hyper, plan.scaling.size)
        for region in plan.needs[index].regions:
            if not region.psi.empty:
                yield _sized(component.hyper_network, region.hyper, region.size)
            if index == 0 and not region.paste.empty:
                cells = region.latents.covered_by(2).shape
                for phase in range(4):
                    yield f"mcm_phase{phase}", *cells, None
        for piece in plan.synthesis[index]:
            yield synthesis_names(plan.transform)[index], *piece.latents.shape, piece.size
    for call in plan.filters.network_calls(Window.of(plan.filtered)):
        yield *call, None


def _sized(name: str, area: Area, size: tuple[int, int]) -> Run:
    return name, *area.shape, size_argument(NETWORKS[name].size_argument, *size)


def outline(
    stream: Codestream, plan: Plan, whole: Plan, rendering: Rendering, windows: tuple[Area, ...]
) -> Outline:
    """Return what a plan comes to.

    Args:
        stream: the stream as the decode reads it (`Codestream.only`).
        plan: the plan.
        whole: the plan of its whole picture.
        rendering: how the picture is made of the planes.
        windows: what is cut from the window of the plan.
    """
    threads = {
        kind: {number: len(each) for number, each in stream.regions(kind).items() if number in regions}
        for kind, regions in plan.coded.items()
    }
    macs = plan_macs(plan)
    parts = bytes_read(stream, plan.coded)
    notes = tuple(_notes(stream, plan, rendering))
    whole_macs = sum(plan_macs(whole).values())
    return Outline(plan, windows, len(stream.data), parts, threads, macs, whole_macs, notes)


def plan_macs(plan: Plan) -> dict[str, int]:
    """Return the multiply-adds of a decode by network."""
    macs: dict[str, int] = {}
    for (name, rows, columns, size), times in Counter(network_runs(plan)).items():
        macs[name] = macs.get(name, 0) + times * multiply_adds(NETWORKS[name], rows, columns, size)
    return macs


def _notes(stream: Codestream, plan: Plan, rendering: Rendering) -> Iterator[str]:
    if plan.whole:
        return
    filters = plan.filters
    if len(plan.regions) == 1:
        yield "the picture has one region: its residual is decoded whole, for its threads are sequential"
    if any(NETWORKS[name].global_dependency for name in synthesis_names(plan.transform)):
        tiled = any(stream.pih.synthesis_tile_enable.values())
        what = "the tiles of the window are" if tiled else "the picture has no synthesis tiles and is"
        yield f"{plan.transform} has attention over whole tiles: {what} synthesised whole"
    if filters.eicci is not None:
        if filters.picture.source != (1, 1):
            yield "eICCI resamples the chroma of the whole picture"
        elif len(filters.eicci.tiles) > 1 and filters.eicci.selection == SELECTIONS[0]:
            yield "tiles of eICCI read what earlier tiles have written: the chain of these is computed too"
    if filters.lef is not None:
        yield "LEF finds its scales by the place in the whole picture"
    if rendering.coded != rendering.source or not rendering.sample_by_sample:
        yield "chroma is resampled or converted by its place in the whole picture"
