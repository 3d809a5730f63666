"""Writing the float networks as ONNX files that other people's tools run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegai.decoder.engines.graph import SIZE, build_graph
from jpegai.decoder.models import ModelStore
from jpegai.decoder.models.official import OfficialFile, official_files
from jpegai.decoder.networks import NETWORKS, Network
from jpegai.decoder.output import atomic_file

__all__ = ["EXPORTABLE", "export_networks", "tensors_sha256"]

#: The networks that can be exported: those in float arithmetic.
EXPORTABLE = tuple(name for name, network in NETWORKS.items() if network.arithmetic == "float32")
_BUILT_IN = "Apache-2.0 (weights made by formula)"
_BROUGHT = "graph: Apache-2.0; weights: terms of whoever owns them"


def tensors_sha256(network: Network, tensors: Mapping[str, NDArray[Any]]) -> str:
    """Return the identity of a network's weights.

    It is the SHA-256 of, for each tensor in the order of the layers, the line ``name dtype shape`` (shape with x
    between the lengths) and the elements in C order, little-endian.
    """
    digest = hashlib.sha256()
    for name, tensor in network.tensors().items():
        array = np.ascontiguousarray(tensors[name])
        digest.update(f"{name} {tensor.dtype} {'x'.join(map(str, array.shape))}\n".encode())
        digest.update(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
    return digest.hexdigest()


def export_networks(folder: Path, store: ModelStore, names: Iterable[str] = EXPORTABLE) -> list[Path]:
    """Write the networks of all models and a README; return the files written.

    They are ``m<index>/<network>.onnx``, and for the filters ``<bank><index>/<network>.onnx``.

    Raises:
        ModelError: weights are missing or wrong.
        OSError: the folder cannot be written.
    """
    names = list(names)
    written = []
    for network, source in _sources(names):
        tensors = store.tensors(source.name)
        metadata = {
            "network": network.name,
            "model": f"{Path(store.name).name}, {f'bank {source.bank}, ' if source.bank else ''}index {source.index}",
            "models_sha256": tensors_sha256(network, tensors),
            "size_argument": network.size_argument if network.has_crops else "none",
            "input_units": "; ".join(f"{entry.name}: {entry.units}" for entry in network.inputs),
            "output_units": network.output_units,
            "license": _BUILT_IN if store.built_in else _BROUGHT,
        }
        path = folder / f"{source.bank or 'm'}{source.index}" / f"{network.name}.onnx"
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path) as file:
            file.write(build_graph(network, tensors, metadata))
        written.append(path)
    with atomic_file(folder / "README.md") as file:
        file.write(_readme(names, store).encode())
    return [*written, folder / "README.md"]


def _sources(names: Iterable[str]) -> Iterator[tuple[Network, OfficialFile]]:
    """Return every network with every file that has weights for it."""
    for name in names:
        network = NETWORKS[name]
        yield from ((network, file) for file in official_files().values() if file.kind == network.file_kind)


def _readme(names: list[str], store: ModelStore) -> str:
    rows = []
    for name in names:
        network = NETWORKS[name]
        inputs = ", ".join(
            f"`{entry.name}` 1x{entry.channels}x(h/{entry.subsampling})x(w/{entry.subsampling})"
            for entry in network.inputs
        )
        size = f"`{SIZE}` ({network.size_argument})" if network.has_crops else "-"
        rows.append(f"| `{name}` | {inputs} | {size} | {network.layers[-1].channels} | {network.output_units} |")
    return _README.format(models=Path(store.name).name, rows="\n".join(rows))


_README = """# JPEG AI networks as ONNX files

Models: {models}. `m0` to `m3` are the four model indices (`model_id` of the picture header), `bop0` to `hop9` the
eICCI filters of the two banks. Every file runs with ONNX Runtime alone, at any picture size. Inputs are float32, batch
first; sizes are rounded up. Where a network crops, `size` is int64 (h, w): for `luma` and `tile_luma` the size in luma
samples, for `half` half of it, rounded up. The output is called `output`; it may be a few rows and columns larger than
h x w, which are cut off.

| network | inputs | size | output channels | output |
|---|---|---|---|---|
{rows}

The metadata of a file name the network, the model, the SHA-256 of the weights, the meaning of `size`, units and
licence.

## From latents to luma

`jpegai dump picture.jai dump.npz --transform bop` writes the latents of a picture. The model index is in its header.

```python
import numpy as np
import onnxruntime

dump = np.load("dump.npz")
latents = dump["primary.latents"]
height, width = dump["primary.planes"].shape[1:]

session = onnxruntime.InferenceSession("m2/bop_prim.onnx", providers=["CPUExecutionProvider"])
feed = {{"y_hat": latents[None], "size": np.array([height, width])}}
output = session.run(["output"], feed)[0]
luma = output[0, 0, :height, :width]

print("largest difference:", np.abs(luma - dump["primary.planes"][0]).max())
```

(The size is the coded size; it is the size of the planes where nothing is cut off for display.)
"""
