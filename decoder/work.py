"""The work of a decode, counted before it is made: how much of each kind every stage has.

What takes time is one of a few kinds of work. Each is counted in a unit of its own, and takes about the same time per
unit wherever it occurs; so a decode is predicted from rates that are measured once (`jpegai.decoder.prediction`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import prod

from jpegai.codestream import Codestream
from jpegai.codestream.payloads import ThreadPayload
from jpegai.decoder.components import COMPONENTS
from jpegai.decoder.engines.rewrite import rewrite
from jpegai.decoder.engines.stages import runs, stages
from jpegai.decoder.filters.chain import FilterChain
from jpegai.decoder.filters.planes import Window
from jpegai.decoder.geometry import ceil_div
from jpegai.decoder.networks import NETWORKS, Layer, Network
from jpegai.decoder.outline import Outline, network_runs
from jpegai.decoder.plan import Plan

__all__ = ["KINDS", "Work", "decode_work", "filter_work", "load_work", "network_work", "run_work"]

#: Kind of work to amount, in the unit of `KINDS`.
Work = Counter[str]

_MACS, _NUMBERS = "MAC", "number"

#: What a stage takes whatever the picture, by stage.
_STARTS = {
    "entropy": "start of entropy",
    "scales and masks": "start of scales",
    "MCM": "start of context",
    "colour": "start of colour",
    "rest": "start of decode",
}

#: Kinds of work, and what each is counted in.
KINDS: Mapping[str, str] = {
    "dense convolution": _MACS,
    "1x1 convolution": _MACS,
    "grouped convolution": _MACS,
    "depthwise convolution": _MACS,
    "transposed convolution": _MACS,
    "transposed spread": _NUMBERS,
    "integer convolution": _MACS,
    "attention": _NUMBERS,
    "layer norm": _NUMBERS,
    "exponential": _NUMBERS,
    "pixel shuffle": _NUMBERS,
    "element-wise": _NUMBERS,
    "in and out": _NUMBERS,
    "layer": "layer",
    "loading": "network",
    "loading weights": "parameter",
    "entropy symbols": "symbol",
    "entropy": "latent",
    "scales and masks": "latent",
    "context": "latent",
    "colour": "sample",
    "efe_linear": "sample",
    "eicci": "sample",
    "efe_nonlinear": "sample",
    "lef": "sample",
    **dict.fromkeys(_STARTS.values(), "decode"),
    "rest": "sample",
}

#: Layers that engines make a part of the layer before them.
_FOLDED = ("relu", "batch_norm", "scale_param", "affine")
_PLAIN = {
    "pixel_shuffle": "pixel shuffle",
    "channel_attention": "attention",
    "layer_norm_channels": "layer norm",
    "elu": "exponential",
    "sigmoid": "exponential",
}
#: Bits of a coded symbol, at least, as a rule: how many there are is known only when they are decoded.
_SYMBOL_BITS = 2


def network_work(network: Network, height: int, width: int, size: tuple[int, int] | None = None) -> Work:
    """Return the work of a run of a network, layer by layer; arguments as in `Network.sizes`."""
    sizes = network.sizes(height, width, size)
    work: Work = Counter()
    for layer in network.layers:
        work.update(dict(_layer_work(network, layer, sizes)))
    if network.arithmetic == "integer":  # its other layers are passes of the stage that it belongs to
        return Counter({kind: amount for kind, amount in work.items() if kind == "integer convolution"})
    ends = [*(entry.name for entry in network.inputs), network.output]
    work["in and out"] += sum(network.channels[name] * prod(sizes[name]) for name in ends)
    return work


def _layer_work(
    network: Network, layer: Layer, sizes: Mapping[str, tuple[int, int]]
) -> Iterator[tuple[str, int]]:
    read, made = prod(sizes[layer.inputs[0]]), prod(sizes[layer.output])
    if layer.kind in _FOLDED:
        return
    yield "layer", 1
    if layer.kind == "int_conv":
        yield "integer convolution", network.products(layer) * made
    elif layer.kind == "conv_transpose":
        yield "transposed convolution", network.products(layer) * read
        yield "transposed spread", layer.channels * prod(layer.kernel) * read
    elif layer.kind == "conv":
        yield _convolution(network, layer), network.products(layer) * made
    else:
        yield _PLAIN.get(layer.kind, "element-wise"), layer.channels * made


def _convolution(network: Network, layer: Layer) -> str:
    if layer.groups > 1:
        alone = layer.groups == network.channels[layer.inputs[0]]
        return "depthwise convolution" if alone else "grouped convolution"
    return "1x1 convolution" if layer.kernel == (1, 1) else "dense convolution"


def run_work(
    network: Network, height: int, width: int, size: tuple[int, int] | None = None, *, engine: str = "float32"
) -> Work:
    """Return the work of a run of a network as an engine makes it; further arguments as in `Network.sizes`.

    The float32 engine rewrites networks and runs those with attention in bands.
    """
    if engine != "float32" or network.arithmetic != "float32":
        return network_work(network, height, width, size)
    work: Work = Counter()
    for stage, run in runs(network, height, width, size):
        work += network_work(rewrite(stage).network, *run)
    return work


def decode_work(stream: Codestream, outline: Outline, *, engine: str = "float32", threads: int = 1) -> dict[str, Work]:
    """Return the work of every stage of a decode, under the names of `Picture.times`; ``rest`` is what has no stage.

    Args:
        stream: the stream; headers and tables of it are read.
        outline: what the decode comes to (`Decoder.plan`).
        engine: what runs the networks.
        threads: threads of the decoder: the threads of a payload are decoded side by side.
    """
    plan = outline.plan
    held, samples = prod(plan.held.shape), prod(plan.samples.shape)
    latents = held * sum(component.channels for component in COMPONENTS)
    own: dict[str, dict[str, int]] = {
        "entropy": {"entropy symbols": _symbols(stream, plan, threads), "entropy": latents},
        "scales and masks": {"scales and masks": latents},
        "hyper decoder": {},
        "MCM": {"context": latents},
        "synthesis": {},
        "colour": {"colour": samples},
        "rest": {"rest": samples},
    }
    work = {stage: Counter(amounts) for stage, amounts in own.items()}
    for stage, start in _STARTS.items():
        work[stage][start] = 1
    for name, rows, columns, size in network_runs(plan):
        stage = _stage(name)
        if stage in work:
            work[stage] += run_work(NETWORKS[name], rows, columns, size, engine=engine)
    return work | filter_work(plan.filters, Window.of(plan.filtered), engine=engine)


def filter_work(chain: FilterChain, window: Window, *, engine: str = "float32") -> dict[str, Work]:
    """Return the work of every filter that is on, for a window of what the chain makes."""
    work = {each.name: Counter({each.name: prod(window.shape)}) for each in chain.filters}
    for name, rows, columns in chain.network_calls(window):
        work[_stage(name)] += run_work(NETWORKS[name], rows, columns, engine=engine)
    return work


def load_work(networks: Iterable[str]) -> Work:
    """Return the work of loading networks, by name, with a cache that has them."""
    parts = [network for name in networks for network in stages(NETWORKS[name])]
    return Counter({"loading": len(parts), "loading weights": sum(network.parameters() for network in parts)})


def _stage(network: str) -> str:
    """Return the stage in which a network runs."""
    starts = {"hyper_scale_": "scales and masks", "hyper_decoder_": "hyper decoder", "mcm_": "MCM", "eicci_": "eicci"}
    return next((stage for start, stage in starts.items() if network.startswith(start)), "synthesis")


def _symbols(stream: Codestream, plan: Plan, threads: int) -> int:
    """Estimate the symbols that the busiest of the decoder's threads decodes, from the bytes of the payloads."""

    def parts(payload: Sequence[ThreadPayload], positions: int) -> list[int]:
        most = ceil_div(positions, max(1, len(payload)))
        return [min(most, 8 * len(thread.data) // _SYMBOL_BITS) for thread in payload]

    channels = [component.channels for component in COMPONENTS]
    residual = []
    for component, needs in zip(COMPONENTS, plan.needs, strict=True):
        payloads = stream.regions(component.residual_segment)
        for region in needs.coded:
            residual += parts(payloads.get(region.index, ()), component.channels * prod(region.core.shape))
    calls = parts(stream.threads("soz"), sum(channels) * prod(plan.hyper)), residual
    return sum(max(max(call, default=0), sum(call) // threads) for call in calls)
