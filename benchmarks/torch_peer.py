"""Run declared networks with PyTorch: the peer of the network measurements, started with an interpreter that has it.

It imports nothing of this project. Each command is one JSON line on the standard input, each answer one on the output:

    {"load": "file.json", "weights": "file.npz"}             declared layers and tensors
    {"run": {"input": "file.npz", "size": [h, w], "threads": n, "repeats": k, "out": "file.npy"}}
    {"save": {"tensors": "file.npz", "out": "file.pth"}}      write a checkpoint as the reference does
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F


def convolution(layer: dict[str, Any], x: torch.Tensor, tensors: dict[str, torch.Tensor]) -> torch.Tensor:
    weight = tensors[layer["weight"]]
    bias = tensors[layer["bias"]] if layer["bias"] else None
    if layer["kind"] == "conv_transpose":
        return F.conv_transpose2d(x, weight, bias, stride=2, padding=1, output_padding=4 - layer["kernel"][0])
    top, bottom, left, right = layer["padding"]
    if top == bottom and left == right:
        return F.conv2d(x, weight, bias, layer["stride"], (top, left), groups=layer["groups"])
    return F.conv2d(F.pad(x, (left, right, top, bottom)), weight, bias, groups=layer["groups"])


def normalised(layer: dict[str, Any], x: torch.Tensor, tensors: dict[str, torch.Tensor]) -> torch.Tensor:
    weight, bias = tensors[layer["weight"]], tensors[layer["bias"]]
    if layer["kind"] == "batch_norm":
        return F.batch_norm(x, tensors[layer["mean"]], tensors[layer["variance"]], weight, bias, eps=layer["eps"])
    return F.layer_norm(x.permute(0, 2, 3, 1), weight.shape, weight, bias, layer["eps"]).permute(0, 3, 1, 2)


def attention(layer: dict[str, Any], x: torch.Tensor, tensors: dict[str, torch.Tensor]) -> torch.Tensor:
    heads, channels = layer["heads"], layer["channels"]
    q, k, v = (part.reshape(heads, channels // heads, -1) for part in x.chunk(3, 1))
    q, k = F.normalize(q, dim=-1), F.normalize(k, dim=-1)
    shares = (q @ k.transpose(-2, -1) * tensors[layer["weight"]]).softmax(-1)
    return (shares @ v).reshape(1, channels, *x.shape[2:])


def run(
    layers: list[dict[str, Any]], tensors: dict[str, torch.Tensor], values: dict[str, torch.Tensor], size: Any
) -> torch.Tensor:
    """Run the layers as they are written; this is what the reference software does."""
    result = None
    for layer in layers:
        inputs = [values[name] for name in layer["inputs"]]
        x = inputs[0]
        kind = layer["kind"]
        if kind in ("conv", "conv_transpose"):
            result = convolution(layer, x, tensors)
        elif kind in ("batch_norm", "layer_norm_channels"):
            result = normalised(layer, x, tensors)
        elif kind == "channel_attention":
            result = attention(layer, x, tensors)
        elif kind == "relu":
            result = F.relu(x)
        elif kind == "relu6":
            result = F.relu6(x)
        elif kind == "elu":
            result = F.elu(x)
        elif kind == "sigmoid":
            result = torch.sigmoid(x)
        elif kind == "mul":
            result = x * inputs[1]
        elif kind == "scale_param":
            result = x * tensors[layer["weight"]]
        elif kind == "add":
            result = x + inputs[1]
        elif kind == "mul_one_plus":
            result = x * (1 + inputs[1])
        elif kind == "concat":
            result = torch.cat(inputs, 1)
        elif kind == "slice_channels":
            result = x[:, layer["start"] : layer["start"] + layer["channels"]]
        elif kind == "pixel_shuffle":
            result = F.pixel_shuffle(x, layer["factor"])
        elif kind == "crop":
            rows, columns = (-(-length // layer["divisor"]) for length in size)
            result = x[:, :, :rows, :columns]
        elif kind == "affine":
            result = x * layer["scale"] + layer["offset"]
        elif kind == "clamp":
            result = torch.clamp(x, layer["low"], layer["high"])
        else:
            raise ValueError(kind)
        values[layer["output"]] = result
    assert result is not None
    return result


def main() -> None:
    layers: list[dict[str, Any]] = []
    tensors: dict[str, torch.Tensor] = {}
    print(json.dumps({"torch": torch.__version__}), flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        if "load" in command:
            layers = json.loads(Path(command["load"]).read_text())
            tensors = {name: torch.from_numpy(array) for name, array in np.load(command["weights"]).items()}
            answer: dict[str, Any] = {}
        elif "save" in command:
            arrays = np.load(command["save"]["tensors"])
            torch.save({name: torch.from_numpy(arrays[name]) for name in arrays}, command["save"]["out"])
            answer = {}
        else:
            job = command["run"]
            torch.set_num_threads(job["threads"])
            inputs = {name: torch.from_numpy(array[None]) for name, array in np.load(job["input"]).items()}
            seconds = []
            with torch.inference_mode():
                for _ in range(job["repeats"]):
                    start = time.perf_counter()
                    result = run(layers, tensors, dict(inputs), job["size"])
                    seconds.append(time.perf_counter() - start)
            np.save(job["out"], result[0].numpy())
            answer = {"seconds": seconds}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
