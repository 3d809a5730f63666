"""The networks of the decoder as data: layer by layer, without an engine."""

from __future__ import annotations

from collections.abc import Mapping

from jpegai.decoder.networks.filters import EICCI
from jpegai.decoder.networks.hyper import CONTEXT, HYPER_DECODERS, HYPER_SCALE_DECODERS
from jpegai.decoder.networks.layers import Input, Layer, Network, Shape, Tensor
from jpegai.decoder.networks.synthesis import SYNTHESIS

__all__ = ["NETWORKS", "Input", "Layer", "Network", "Shape", "Tensor"]

#: All networks by the name the specification gives them.
NETWORKS: Mapping[str, Network] = {
    network.name: network for network in (*HYPER_SCALE_DECODERS, *HYPER_DECODERS, *CONTEXT, *SYNTHESIS, *EICCI)
}
