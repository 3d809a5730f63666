"""What a difference in a stage means."""

from __future__ import annotations

from dataclasses import dataclass

from jpegai.decoder.components import COMPONENTS
from jpegai.decoder.recorder import POINTS, STAGES, stage_of

__all__ = ["MAKERS", "Maker", "meaning", "order", "part_of"]


@dataclass(frozen=True, slots=True)
class Maker:
    """What makes a stage from earlier ones: in words, and its sections of the specification."""

    words: str
    sections: str


#: What makes each stage.
MAKERS = {
    "z": Maker("entropy decoding of the hyper latents", "04, 05.3"),
    "quality_map": Maker("entropy decoding of the quality map", "05.6"),
    "hyper_scale": Maker("the hyper scale decoder, a network of integers", "05.4, 06.5"),
    "scale0": Maker("gain, displacement and quality map applied to the scales", "05.7"),
    "scale1": Maker("residual variance scaling", "05.8"),
    "sigma_index": Maker("the quantisation of the scales to sigma indices", "05.8"),
    "coded_mask": Maker("the skip mode, which says what is coded", "05.9"),
    "cube_flags": Maker("the cube flags", "05.9"),
    "grfs_flags": Maker("the channel flags of residual variance scaling", "05.8"),
    "rvs_block_sigma": Maker("the block activity of residual variance scaling", "05.7.2"),
    "lsbs_block_sigma": Maker("the block activity of latent bias scaling", "05.7.2"),
    "residual": Maker("entropy decoding of the residual", "04, 05.9"),
    "residual_dequantised": Maker("the dequantisation of the residual", "05.10"),
    "psi": Maker("the hyper decoder network", "06, 07.4"),
    "prediction": Maker("the prediction of the latents by the context networks", "06.7"),
    "latents": Maker("prediction and residual added up, region by region", "06.7, 07.5"),
    "latents_scaled": Maker("latent bias scaling", "05.11"),
    "planes": Maker("the synthesis network, cropped to the display size", "06.8, 07.6"),
    "filter_input": Maker("the conversion of chroma to the source format", "10.4, 10.5"),
    "efe_linear": Maker("the post-filter EFE linear", "08"),
    "filter_EFElinear_alt": Maker("the second picture of EFE linear", "08"),
    "eicci": Maker("the post-filter eICCI", "08"),
    "efe_nonlinear": Maker("the post-filter EFE non-linear", "08"),
    "lef": Maker("the post-filter LEF", "08"),
    "output": Maker("the colour transform", "10.4, 10.7"),
    "picture": Maker("the rounding to samples", "10.1, 10.10"),
}
_POINTS = {1: "entropy decoding", 2: "the latents", 3: "the samples"}
_NAMES = [component.name for component in COMPONENTS]


def order(name: str) -> tuple[int, int, str]:
    """Return what sorts results in the order in which a decode makes them."""
    component = name.partition(".")[0]
    return STAGES.index(stage_of(name)), _NAMES.index(component) if component in _NAMES else 0, name


def part_of(name: str) -> str:
    """Return what a result belongs to, in words: `` of the primary component``, `` of plane 0``, or nothing."""
    first, _, last = name.rpartition(".")
    component = name.partition(".")[0]
    if component in _NAMES:
        return f" of the {component} component"
    return f" of plane {last}" if first and last.isdecimal() else ""


def meaning(name: str, before: list[str]) -> str:
    """Return what it means that results differ from this one on.

    Args:
        name: the first result that differs.
        before: the results that were compared before it, which agree.
    """
    maker = MAKERS[stage_of(name)]
    words = f"{maker.words} (section {maker.sections}){part_of(name)}"
    agreed = []
    for point, title in _POINTS.items():
        found = [stage for stage in dict.fromkeys(map(stage_of, before)) if stage in POINTS[point]]
        if found:
            agreed.append(f"{title} ({found[0]} to {found[-1]})" if len(found) > 1 else f"{title} ({found[0]})")
    if not agreed:
        return f"Nothing before it was compared; what differs is {words}, or something earlier."
    text = " and ".join([", ".join(agreed[:-1]), agreed[-1]] if len(agreed) > 1 else agreed)
    verb = "agrees" if len(agreed) == 1 and not agreed[0].startswith("the ") else "agree"
    return f"{text[0].upper()}{text[1:]} {verb}; the decoders part in {words}."
