"""What entropy decoding needs of one component: scale network, z frequencies, gains. All integers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.components import Component
from jpegai.decoder.engines.integer import IntegerNetwork
from jpegai.decoder.entropy.gains import gain_log
from jpegai.decoder.entropy.tables import z_cdf
from jpegai.decoder.models import ModelStore, file_name
from jpegai.decoder.models.cached import cached_tensors
from jpegai.decoder.networks import NETWORKS

__all__ = ["EntropyModel", "load_entropy_model"]


_FREQUENCIES = "hyper_entropy.freqs_int"
_GAINS = "vr_vec.c"


@dataclass(frozen=True, slots=True)
class EntropyModel:
    """The integer part of a model for one component.

    Attributes:
        scale_network: z (int8) to hyper scale (int16, 0..3967), its accumulators proved.
        cdf: (C, 63) cumulative z frequencies, 0..255 (section 04.4).
        gain_log: (C,) int32 log-domain gains (section 05.5.1).
    """

    scale_network: IntegerNetwork
    cdf: NDArray[np.uint8]
    gain_log: NDArray[np.int32]


def load_entropy_model(store: ModelStore, component: Component, model_id: int) -> EntropyModel:
    """Load (from the cache, where it is there) and prove the integer part of a model.

    Raises:
        ModelError: a tensor is missing or wrong, or an accumulator could overflow.
    """
    network = NETWORKS[component.scale_network]
    names = [*network.tensors(), _FREQUENCIES, _GAINS]
    tensors = cached_tensors(store, file_name(component.file_kind, model_id), names)
    return EntropyModel(IntegerNetwork(network, tensors), z_cdf(tensors[_FREQUENCIES]), gain_log(tensors[_GAINS]))
