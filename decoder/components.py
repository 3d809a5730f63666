"""The two components and what belongs to them."""

from __future__ import annotations

from dataclasses import dataclass

from jpegai.codestream.schema.pih import CHANNELS

__all__ = ["COMPONENTS", "Component", "network_names", "synthesis_names"]


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
    Component("primary", "sorp", "common_Y", "hyper_scale_decoder_Y", "hyper_decoder_Y", CHANNELS[0]),
    Component("secondary", "sors", "common_UV", "hyper_scale_decoder_UV", "hyper_decoder_UV", CHANNELS[1]),
)


def network_names(transform: str) -> tuple[str, ...]:
    """Return the float networks of a decode with this transform, in the order in which they run."""
    primary, secondary = COMPONENTS
    phases = tuple(f"mcm_phase{phase}" for phase in range(4))
    return (primary.hyper_network, *phases, secondary.hyper_network, *synthesis_names(transform))


def synthesis_names(transform: str) -> tuple[str, str]:
    """Return the synthesis networks of a transform, of the primary and of the secondary component."""
    return f"{transform.lower()}_prim", f"{transform.lower()}_sec"
