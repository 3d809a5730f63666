"""Each float network against PyTorch executing the same declaration, in one interleaved run."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peer import Peer, find_interpreter
from jpegai.decoder.engines.float32 import Float32Engine
from jpegai.decoder.geometry import ceil_div, size_argument
from jpegai.decoder.models import ModelStore, file_name
from jpegai.decoder.networks import NETWORKS, Network

SIZES = ((384, 512), (1344, 2048))
MODEL = 1


def bank(network: Network) -> str | None:
    """Return the bank whose filter is measured."""
    return "bop" if network.file_kind == "eicci" else None


def layers_for_peer(network: Network) -> list[dict[str, Any]]:
    """Return the declaration in a form that needs nothing of this project."""
    result = []
    for layer in network.layers:
        entry = asdict(layer)
        for part in ("weight", "bias", "shifts", "mean", "variance"):
            entry[part] = entry[part]["name"] if entry[part] else None
        result.append(entry | {"divisor": layer.divisor})
    return result


def inputs_for(network: Network, height: int, width: int) -> dict[str, NDArray[np.float32]]:
    """Return random inputs of the size a picture gives."""
    rng = np.random.default_rng(0)
    shapes = {
        entry.name: (entry.channels, ceil_div(height, entry.subsampling), ceil_div(width, entry.subsampling))
        for entry in network.inputs
    }
    return {name: (4 * rng.standard_normal(shape)).astype(np.float32) for name, shape in shapes.items()}


def run(rounds: int = 5) -> None:
    """Print times and ratios of every network; rounds alternate between the engine and its peer."""
    store = ModelStore.open("test")
    engines = {threads: Float32Engine(store, threads=threads) for threads in (1, 2)}
    python = find_interpreter()
    peer = Peer(python) if python else None
    if peer is None:
        print("no PyTorch: its columns are left out")
    else:
        print(f"peer: PyTorch {peer.version}; ms, medians of {rounds} alternating rounds")
    print(f"{'network':20}{'picture':>11}{'ours 1':>9}{'ours 2':>9}{'torch 1':>9}{'torch 2':>9}"
          f"{'o2/t1':>8}{'o1/t1':>8}{'o2/t2':>8}{'difference':>12}")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        for height, width in SIZES:
            sums: dict[str, float] = {}
            for network in NETWORKS.values():
                if network.arithmetic != "float32":
                    continue
                times, difference = _measure(network, height, width, store, engines, peer, Path(folder), rounds)
                for name, seconds in times.items():
                    sums[name] = sums.get(name, 0.0) + seconds
                _row(network.name, f"{width}x{height}", times, f"{difference:.1e}")
            _row("sum", f"{width}x{height}", sums, "")
    if peer is not None:
        peer.close()


def _measure(
    network: Network,
    height: int,
    width: int,
    store: ModelStore,
    engines: dict[int, Float32Engine],
    peer: Peer | None,
    folder: Path,
    rounds: int,
) -> tuple[dict[str, float], float]:
    inputs = inputs_for(network, height, width)
    size = size_argument(network.size_argument, height, width)
    samples: dict[str, list[float]] = {}
    result = None
    if peer is not None:
        (folder / "layers.json").write_text(json.dumps(layers_for_peer(network)))
        tensors = store.tensors(file_name(network.file_kind, MODEL, bank(network)))
        prefix = len(network.prefix)
        np.savez(folder / "weights.npz", **{name[prefix:]: tensors[name] for name in network.tensors()})
        np.savez(folder / "input.npz", **inputs)
        peer.ask(load=str(folder / "layers.json"), weights=str(folder / "weights.npz"))
    repeats = 2 if height > 1000 else 5
    for turn in range(rounds + 1):
        for threads, engine in engines.items():
            run_network = engine.network(network.name, MODEL, bank(network))
            for _ in range(repeats):
                start = time.perf_counter()
                result = run_network(*inputs.values(), size=size)
                if turn:
                    samples.setdefault(f"ours {threads}", []).append(time.perf_counter() - start)
        for threads in engines if peer is not None else ():
            assert peer is not None
            job = {"input": str(folder / "input.npz"), "size": size, "threads": threads, "repeats": repeats}
            seconds = peer.ask(run=job | {"out": str(folder / "out.npy")})["seconds"]
            if turn:
                samples.setdefault(f"torch {threads}", []).extend(seconds)
    difference = float("nan")
    if peer is not None and result is not None:
        difference = float(np.abs(result - np.load(folder / "out.npy")).max())
    return {name: statistics.median(values) for name, values in samples.items()}, difference


def _row(name: str, picture: str, times: dict[str, float], difference: str) -> None:
    cells = "".join(
        f"{1e3 * times[column]:9.2f}" if column in times else f"{'-':>9}"
        for column in ("ours 1", "ours 2", "torch 1", "torch 2")
    )
    ratios = ""
    for ours, theirs in (("ours 2", "torch 1"), ("ours 1", "torch 1"), ("ours 2", "torch 2")):
        ratios += f"{times[ours] / times[theirs]:8.2f}" if theirs in times else f"{'-':>8}"
    print(f"{name:20}{picture:>11}{cells}{ratios}{difference:>12}", flush=True)
