"""What a decode asks of an engine, whichever it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream import Finding
from jpegai.decoder.engines.formats import Saturations
from jpegai.decoder.networks import Network
from jpegai.decoder.workers import Workers

__all__ = ["Engine", "LoadedNetwork"]


class LoadedNetwork(Protocol):
    """A network ready to run. Thread-safe."""

    @property
    def network(self) -> Network:
        """Its declaration."""

    @property
    def exact(self) -> bool:
        """Whether it makes the same integers on every machine, as docs/exact-arithmetic.md defines them."""

    @property
    def warning(self) -> Finding | None:
        """What a picture made with it has to say of it."""

    def __call__(
        self, *inputs: NDArray[Any], size: tuple[int, int] | None = None, saturations: Saturations | None = None
    ) -> NDArray[Any]:
        """Run it on (C, H, W) arrays of the engine's numbers; see `Float32Network` and `ExactNetwork`."""


class Engine(Protocol):
    """Runs the declared networks of a model store, on its own kind of numbers.

    Attributes:
        dtype: of psi, latents and planes: float32, or int32 in the fixed point of `jpegai.decoder.engines.formats`.
    """

    dtype: type[np.float32 | np.int32]

    def network(self, name: str, index: int, bank: str | None = None) -> LoadedNetwork:
        """Return a network of a model, loaded on its first use; several may be loaded at once from several threads.

        Args:
            name: of the network.
            index: model_id, or of an eICCI network the index of the filter within `bank`.
            bank: ``bop`` or ``hop`` for an eICCI network.

        Raises:
            ModelError: weights are missing or wrong.
        """

    def prepare(self, network: Network, tensors: Mapping[str, NDArray[np.float32]]) -> LoadedNetwork:
        """Return a network that is no part of the models, with weights by full name, ready to run."""

    def loaded(self, networks: Iterable[tuple[str, int, str | None]]) -> bool:
        """Return whether all these networks are loaded; each is given as to `network`."""

    def integers(self, values: NDArray[np.int8]) -> NDArray[Any]:
        """Return integers as numbers of this engine."""

    def latents(self, values: NDArray[np.float32], saturations: Saturations, workers: Workers) -> NDArray[Any]:
        """Return the dequantised residual, float32 (C, h, w), as numbers of this engine."""
