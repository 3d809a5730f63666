"""Small networks and a chain of filters that are timed to learn how fast a machine does each kind of work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.filters.chain import FilterChain
from jpegai.decoder.filters.tables import KNOTS
from jpegai.decoder.networks import Input, Network
from jpegai.decoder.networks.blocks import Builder

__all__ = ["PROBES", "SIZE", "filter_chain", "weights"]

#: Rows and columns of the tensors of most probes: those at a quarter of a picture of 768x512. Passes over the memory of
#: smaller tensors would be faster than in the networks of real pictures.
SIZE = 128, 192
_HALF = 64, 96
_SMALL = 4, 4
_MADE_UP = "made up"

#: Adds layers behind a tensor, of which they get the name, under a name of their own.
_Layers = Callable[[Builder, str, str], str]


def _probe(name: str, count: int, layers: _Layers, channels: int = 64) -> Network:
    """Return a network of the same layers some times over."""
    net = Builder(Input("x", channels, 1, _MADE_UP))
    x = "x"
    for number in range(count):
        x = layers(net, x, f"{number}")
    return net.network(name, "common_Y", "luma", _MADE_UP, f"{name}.")


def _behind(layers: _Layers, channels: int = 64) -> _Layers:
    """Put a 1x1 convolution before layers: what stands between convolutions costs changes of layout, too."""
    return lambda net, x, name: layers(net, net.conv(x, name, channels, 1), name)


#: The probes, and rows and columns of their input.
PROBES: Sequence[tuple[Network, tuple[int, int]]] = (
    (_probe("nothing", 1, lambda net, x, _: net.relu(x)), SIZE),
    (_probe("small", 12, lambda net, x, name: net.conv(x, name, 16, 1), 16), _SMALL),
    (_probe("1x1", 6, lambda net, x, name: net.conv(x, name, 64, 1)), SIZE),
    (_probe("dense", 1, lambda net, x, name: net.conv(x, name, 64, 3)), SIZE),
    (_probe("grouped", 2, lambda net, x, name: net.conv(x, name, 64, 3, groups=4)), SIZE),
    (_probe("depthwise", 6, lambda net, x, name: net.conv(x, name, 64, 3, groups=64)), SIZE),
    (_probe("gates", 2, lambda net, x, name: net.gate(x, name, 4)), SIZE),
    (_probe("limits", 4, _behind(lambda net, x, _: net.relu6(x))), SIZE),
    (_probe("exponential", 2, _behind(lambda net, x, _: net.elu(x))), SIZE),
    (_probe("norm", 1, _behind(lambda net, x, name: net.layer_norm(x, f"{name}.norm"), 128)), SIZE),
    (_probe("attention", 1, _behind(lambda net, x, name: net.attention(x, f"{name}.attn"), 192)), SIZE),
    (_probe("transformer", 1, lambda net, x, name: net.transformer_block(x, name)), _HALF),
    (_probe("shuffle", 1, _behind(lambda net, x, _: net.pixel_shuffle(x, 2), 256)), _HALF),
    (_probe("transposed", 1, lambda net, x, name: net.conv_transpose(x, name, 64, 4)), _HALF),
    (_probe("deep", 1, lambda net, x, name: net.conv_transpose(x, name, 32, 4), 160), _HALF),
)


def weights(network: Network, rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
    """Make weights that keep the numbers of a network small."""
    return {
        name: (rng.standard_normal(tensor.shape) / sqrt(max(1, prod(tensor.shape[1:])))).astype(np.float32)
        for name, tensor in network.tensors().items()
    }


def filter_chain(height: int, width: int) -> FilterChain:
    """Return all four filters for a picture in 4:4:4, as a header might ask for them."""
    pih = {
        **{"img_height": height, "img_width": width, "display_height": height, "display_width": width},
        **dict.fromkeys(("s_ver", "s_hor", "c_ver", "c_hor"), 1),
        **{"model_id": 0, "synthesis_transform_id": [1]},
    }
    return FilterChain.from_header({**_EFE_LINEAR, **_EICCI, **_efe_nonlinear(height, width), **_LEF}, pih)


#: The code of a weight of 0, to which symbols are added, and small taps of one kernel.
_NOTHING, _TAPS = 32767, [[1] * 3] * 3
_EFE_LINEAR = {
    "EFE_linear_filter_enabled_flag": 1,
    "best_cand_idx": [[0, 0], [1, 1]],  # the first set is that of the alternative picture
    "fL": [[], [3, 3]],
    "B1": [12750, 12750],
    "minSymbol": [0, _NOTHING],
    "weightsC": [[], [[[_TAPS]], [[_TAPS]]]],
    "weightsY": [[], [[_TAPS], [_TAPS]]],
}
_EICCI = {
    "icci_enable_flag": 1,
    "icci_tile_enable_flag": 0,
    "icci_use": [[1, 1, 1]],
    "icci_use_shortList": [0],
    "icci_model_signalled_idx_Y": [0],
    "icci_model_signalled_idx_UV": [0],
}
_LEF = {"LEF_enabled_flag": 1, "LEF_chIdx": 0}


def _efe_nonlinear(height: int, width: int) -> dict[str, Any]:
    """Return a filter of one tile."""
    return {
        "EFE_nonlinear_filter_enabled_flag": 1,
        "mask1_enabled_flag": 0,
        **dict.fromkeys(("nonLinear_enabled_U_flag", "nonLinear_enabled_V_flag"), 1),
        **{"nonlinearH": height, "nonlinearW": width, "numTiles": 1, "minLuma": [0], "maxLuma": [25500]},
        **{"candNum": [KNOTS, KNOTS], "A1": [[1] * KNOTS] * 2, "nl_minSymbol": _NOTHING},
    }
