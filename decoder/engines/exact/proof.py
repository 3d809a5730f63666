"""Certificates: what is proved of every sum of a network with the weights it has.

A certificate follows from the weights, the declaration, the ranges and the code that makes the steps, and is kept in
the cache under a hash of these. It says nothing that loading the network would not find out again: an engine never
trusts a file for what it can compute.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from jpegai.codestream.errors import JpegAIError
from jpegai.decoder import cache
from jpegai.decoder.engines import integer
from jpegai.decoder.engines.exact import attention, program, ranges, steps, weights
from jpegai.decoder.engines.exact.weights import Bound
from jpegai.decoder.models import ModelStore
from jpegai.decoder.models.official import official_files
from jpegai.decoder.networks import NETWORKS, Network

__all__ = ["Certificate", "provable", "prove"]

_CODE = tuple(
    Path(str(file)).read_bytes
    for file in (__file__, *(module.__file__ for module in (attention, integer, program, ranges, steps, weights)))
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is proved of a network.

    Attributes:
        network: its name.
        file: the official file with its weights.
        place: where that file is.
        sums: every kind of sum, in the order in which they are made.
    """

    network: str
    file: str
    place: str
    sums: tuple[Bound, ...]

    @property
    def failures(self) -> tuple[Bound, ...]:
        """The sums that are not proved."""
        return tuple(each for each in self.sums if not each.holds)

    def check(self) -> None:
        """Raise ModelError, which names file, layer, channel and bound, where a sum is not proved."""
        for each in self.failures:
            raise each.error().locate(file=self.place)


def provable(store: ModelStore, names: tuple[str, ...] = ()) -> Iterator[tuple[Network, str]]:
    """Yield the networks that a store has weights of, and the official files of these.

    Args:
        store: the models.
        names: of networks; by default all.
    """
    there = set(store.files())
    for network in NETWORKS.values():
        for entry in official_files().values():
            if entry.kind == network.file_kind and entry.name in there and (not names or network.name in names):
                yield network, entry.name


def prove(store: ModelStore, network: Network, file: str) -> Certificate:
    """Return what is proved of a network with the weights of a file, from the cache where it is there.

    Sums that are not proved are in the certificate like the others (`Certificate.failures`).

    Raises:
        ModelError: weights are missing or are no numbers, or a shift is out of range; file and layer are named.
    """
    names = list(network.tensors())

    def make() -> bytes:
        tensors = {name: store.tensors(file)[name] for name in names}
        try:
            sums = _bounds(network, tensors)
        except JpegAIError as error:
            raise error.locate(file=store.place(file)) from None
        return json.dumps([asdict(each) for each in sums]).encode()

    table = ranges.INPUT_RANGES, ranges.RANGES.get(network.name)
    key = cache.content_key(
        store.digest(file, names), repr(network), repr(network.layers), repr(table), *(read() for read in _CODE)
    )
    rows = json.loads(bytes(cache.get_or_make("proofs", key, make)))
    sums = (Bound(**{**row, "bounds": tuple(row["bounds"]), "fraction": tuple(row["fraction"])}) for row in rows)
    return Certificate(network.name, file, store.place(file), tuple(sums))


def _bounds(network: Network, tensors: Mapping[str, NDArray[Any]]) -> list[Bound]:
    """Return the bounds of all sums, whether they hold or not."""
    if network.arithmetic == "float32":
        made = program.build_steps(network, tensors, allow_unproved=True)
        return [bound for step in made for bound in step.bounds()]
    sums = []
    for layer in network.layers:
        if layer.kind == "int_conv":
            assert layer.weight is not None
            bounds = tuple(map(int, integer.layer_bounds(layer, network.prefix, tensors)))
            name = network.prefix + layer.weight.name
            sums.append(Bound(name, layer.kind, bounds, limit=integer.ACCUMULATOR_LIMIT - 1))
    if all(each.holds for each in sums):
        integer.IntegerNetwork(network, tensors)  # shifts too
    return sums
