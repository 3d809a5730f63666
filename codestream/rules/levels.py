"""Profiles and levels (12.1, 12.3): what they allow, in one place."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LEVELS", "MODELS", "PROFILES", "SIZES", "Claim"]

#: Profiles by name, in the order of decoder_profile_id (the Draft calls the second ``main``). A profile allows the
#: transforms up to its own number as default: simple SOP; base BOP and SOP; high all three.
PROFILES = ("simple", "base", "high")

#: Largest coded size in samples by size class, the tens of level_idc; there is no class 0.
SIZES = (0, 6_220_800, 24_883_200, 99_532_800, 149_817_600, 398_131_200)

#: Models by edition and model class, the ones of level_idc.
MODELS = {
    "is": ((2,), (2, 3), (0, 1, 2, 3)),
    "dis": ((3,), (2, 3), (0, 1, 2, 3)),
}

#: All values of level_idc.
LEVELS = tuple(10 * size + models for size in range(1, len(SIZES)) for models in range(3))


@dataclass(frozen=True, slots=True)
class Claim:
    """What a stream is said to conform to, whatever its header says: decoder_profile_id and level_idc."""

    profile: int
    level: int

    def __str__(self) -> str:
        return f"{PROFILES[self.profile]} profile, level {self.level}"
