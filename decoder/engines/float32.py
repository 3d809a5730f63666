"""The float32 engine: declared networks as ONNX graphs, run by ONNX Runtime.

It promises the tolerances of section 12.6.6, over threads, bands and processors; equal bits are not its promise.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.codestream.errors import LimitError, ModelError, UnsupportedError
from jpegai.decoder import cache
from jpegai.decoder.engines import graph, nodes, rewrite
from jpegai.decoder.engines.formats import Saturations
from jpegai.decoder.engines.loaded import Loaded
from jpegai.decoder.engines.stages import stages, strips
from jpegai.decoder.models import ModelStore
from jpegai.decoder.networks import Network
from jpegai.decoder.workers import Workers

# ONNX Runtime reports usage over the network unless this is set before it is imported; a picture decoder must not
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

# what it looked for and did not find on this machine is not a warning about anybody's picture
onnxruntime.set_default_logger_severity(3)

__all__ = ["PROVIDERS", "Float32Engine", "Float32Network", "open_network"]

#: Setting to execution provider.
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class Float32Network:
    """A network ready to run. Thread-safe.

    `sessions` are those of its stages (`jpegai.decoder.engines.stages`).
    """

    exact = False
    warning = None

    def __init__(self, network: Network, sessions: Sequence[onnxruntime.InferenceSession]) -> None:
        self.network = network
        self._stages = list(zip(stages(network), sessions, strict=True))

    def __call__(
        self,
        *inputs: NDArray[np.float32],
        size: tuple[int, int] | None = None,
        saturations: Saturations | None = None,
    ) -> NDArray[np.float32]:
        """Run the network.

        Args:
            inputs: (C, H, W) float32, C-contiguous, in the order of the declaration.
            size: the size argument (h, w) of section 06.4, for networks that crop.
            saturations: not used: float32 has no formats that could cut a value.

        Returns:
            (C, H', W') float32, before the final crop to h x w.

        Raises:
            LimitError: the memory does not suffice.
            ModelError: ONNX Runtime refuses the graph or the shapes.
        """
        if self.network.has_crops and size is None:
            raise ValueError(f"{self.network.name} needs its size argument")
        (first, session), *others = self._stages
        try:
            result = _run(first, session, inputs, size)
            for stage, session in others:
                assert size is not None
                result = _run_in_strips(stage, session, result, size)
        except Exception as error:  # the runtime's errors share no base but Exception
            raise _translated(error, f"{self.network.name} cannot be run") from error
        return result


def _run(
    stage: Network,
    session: onnxruntime.InferenceSession,
    inputs: Sequence[NDArray[np.float32]],
    size: tuple[int, int] | None,
) -> NDArray[np.float32]:
    feed: dict[str, NDArray[np.generic]] = {
        entry.name: array[None] for entry, array in zip(stage.inputs, inputs, strict=True)
    }
    if stage.has_crops:
        feed[graph.SIZE] = np.array(size, np.int64)
    result: NDArray[np.float32] = session.run(None, feed)[0][0]
    return result


def _run_in_strips(
    stage: Network, session: onnxruntime.InferenceSession, x: NDArray[np.float32], size: tuple[int, int]
) -> NDArray[np.float32]:
    height, width = size
    out = np.empty((stage.layers[-1].channels, *stage.output_size(height, width)), np.float32)
    for strip in strips(stage, x.shape[1], height):
        piece = np.ascontiguousarray(x[:, slice(*strip.source)])
        made = _run(stage, session, (piece,), (strip.height, width))
        first, last = strip.rows
        out[:, first:last] = made[:, strip.skip : strip.skip + last - first]
    return out


class Float32Engine:
    """Loads the float networks of a model store; each graph is built once and kept in the cache.

    Args:
        store: where weights come from.
        threads: threads of each network.
        provider: ``cpu`` or ``cuda``.

    Raises:
        UnsupportedError: the provider is not part of the installed ONNX Runtime.
    """

    dtype: type[np.float32 | np.int32] = np.float32

    def __init__(self, store: ModelStore, *, threads: int, provider: str = "cpu") -> None:
        name = PROVIDERS.get(provider)
        if name is None or name not in onnxruntime.get_available_providers():
            raise UnsupportedError(f"the installed ONNX Runtime has no provider '{provider}'")
        self._store = store
        self._providers = [name]
        self._options = onnxruntime.SessionOptions()
        self._options.intra_op_num_threads = threads
        self._options.inter_op_num_threads = 1
        self._options.log_severity_level = 4
        # the networks run one after the other: threads that spin while they wait would take the processors from the
        # next one, and from the compiled loops between them
        self._options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # all networks take their memory from one arena; remembered patterns of earlier sizes would keep a second copy
        # of it
        _share_arena()
        self._options.add_session_config_entry("session.use_env_allocators", "1")
        self._options.enable_mem_pattern = False
        self._loaded = Loaded(self._load)

    def network(self, name: str, index: int, bank: str | None = None) -> Float32Network:
        """Return a network of a model, loaded on its first use; several may be loaded at once from several threads.

        Args:
            name: of the network.
            index: model_id, or of an eICCI network the index of the filter within `bank`.
            bank: ``bop`` or ``hop`` for an eICCI network.

        Raises:
            ModelError: weights are missing or wrong.
        """
        return self._loaded.get(name, index, bank)

    def loaded(self, networks: Iterable[tuple[str, int, str | None]]) -> bool:
        """Return whether all these networks are loaded; each is given as to `network`."""
        return self._loaded.has(networks)

    def integers(self, values: NDArray[np.int8]) -> NDArray[np.float32]:
        """Return integers as float32."""
        return values.astype(np.float32)

    def latents(self, values: NDArray[np.float32], saturations: Saturations, workers: Workers) -> NDArray[np.float32]:
        """Return the dequantised residual as it is."""
        return values

    def prepare(self, network: Network, tensors: Mapping[str, NDArray[np.float32]]) -> Float32Network:
        """Return a network that is no part of the models, ready to run; nothing of it is kept.

        Args:
            network: its declaration.
            tensors: its weights by full name.
        """
        return self._ready(network, [graph.build_graph(stage, tensors) for stage in stages(network)])

    def _load(self, network: Network, file: str) -> Float32Network:
        return self._ready(network, [load_graph(stage, self._store, file) for stage in stages(network)])

    def _ready(self, network: Network, contents: Iterable[bytes | memoryview]) -> Float32Network:
        try:
            sessions = [
                onnxruntime.InferenceSession(bytes(content), self._options, providers=self._providers)
                for content in contents
            ]
        except Exception as error:  # the runtime's errors share no base but Exception
            raise _translated(error, f"the graph of {network.name} cannot be loaded") from error
        return Float32Network(network, sessions)


def open_network(network: Network, tensors: Mapping[str, NDArray[Any]]) -> Float32Network:
    """Return a network of one stage with weights of the caller's, which belong to no store; nothing is cached.

    Args:
        network: in float32 arithmetic.
        tensors: weights by full name.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    content = graph.build_graph(network, tensors)
    session = onnxruntime.InferenceSession(content, options, providers=[PROVIDERS["cpu"]])
    return Float32Network(network, [session])


#: Bytes of address space that the arena begins with; memory is taken as they are written. In one piece freed tensors
#: join to room for larger ones: grown piece by piece, the arena keeps a piece for every size that a network has, which
#: takes up to twice as much.
_ARENA = 1 << 30


@functools.cache
def _share_arena() -> None:
    """Register the process-wide arena, once; beyond what it begins with it doubles (strategy 0)."""
    memory = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    settings = onnxruntime.OrtArenaCfg({"max_mem": 0, "arena_extend_strategy": 0, "initial_chunk_size_bytes": _ARENA})
    # somebody else in the process may have registered one before: then that one serves
    with contextlib.suppress(Exception):
        onnxruntime.create_and_register_allocator(memory, settings)


def load_graph(network: Network, store: ModelStore, file: str) -> memoryview:
    """Return the ONNX model of a network with the weights of an official file, from the cache where it is there.

    The key covers the weights, the declaration and the code that makes the graph; `onnx` is needed only to make it.
    """
    names = list(network.tensors())
    code = [Path(path).read_bytes() for path in (graph.__file__, nodes.__file__, rewrite.__file__)]
    key = cache.content_key(store.digest(file, names), repr(network), repr(network.layers), *code)
    make: Callable[[], bytes] = lambda: graph.build_graph(network, store.tensors(file))  # noqa: E731
    return cache.get_or_make("graphs", key, make)


def _translated(error: Exception, what: str) -> LimitError | ModelError:
    text = " ".join(str(error).split())
    if "llocat" in text or "bad_alloc" in text:
        return LimitError(f"{what}: not enough memory (--max-memory makes the bands thinner)")
    return ModelError(f"{what}: {text}")
