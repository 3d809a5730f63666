"""The two components and what belongs to them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["COMPONENTS", "Component", "network_names"]


@dataclass(frozen=True, slots=True)
class Component:
    """Names that belong to one component."""

    name: str
    residual_segment: str
    file_kind: str
    scale_network: str
    hyper_network: str
    channels: int


COMPONENTS = (
    Component("primary", "sorp", "common_Y", "hyper_scale_decoder_Y", "hyper_decoder_Y", 160),
    Component("secondary", "sors", "common_UV", "hyper_scale_decoder_UV", "hyper_decoder_UV", 96),
)


def network_names(transform: str) -> tuple[str, ...]:
    """Return the float networks of a decode with this transform, in the order in which they run."""
    primary, secondary = COMPONENTS
    phases = tuple(f"mcm_phase{phase}" for phase in range(4))
    synthesis = tuple(f"{transform.lower()}_{part}" for part in ("prim", "sec"))
    return (primary.hyper_network, *phases, secondary.hyper_network, *synthesis)
