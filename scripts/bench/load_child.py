"""One load in a process of its own: ``python -m scripts.bench.load_child``; answers in JSON.

It is what ``scripts.bench.load`` starts: nothing that one load leaves behind may help the next.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import common.runtime.libraries  # noqa: F401

import torch
from diffusers import WanTransformer3DModel
from torch import nn

from common.contract import Quantization
from common.runtime.cache import WeightCache
from common.runtime.components import Component, PendingComponent, Treatment
from common.runtime.devices import pick_device
from common.runtime.keep_dit import keep_transformer
from common.runtime.loading import build
from common.runtime.quantization import quantize_, quantize_linear, weight_bytes
from scripts.bench.high_water import peak_bytes, reset_peak
from scripts.bench.load_files import CHUNK_BYTES, write_checkpoint

GIB = 2**30
DTYPE = torch.bfloat16
MAX_LAYERS = 40


def main() -> None:
    """Do one thing and say how long it took and what it held."""
    args = _arguments()
    device = pick_device(args.device)
    answer = TASKS[args.task](args, device)
    json.dump(answer, sys.stdout)


def make(args: argparse.Namespace, _device: torch.device) -> dict[str, Any]:
    """As many of the 14B's layers as fit ``--gib``, at their real width."""
    args.folder.mkdir(parents=True)
    layers, shapes = 0, _shapes(args.folder, 1)
    while layers < MAX_LAYERS and _bytes(shapes) <= args.gib * GIB:
        layers += 1
        chosen, shapes = shapes, _shapes(args.folder, layers + 1)
    if not layers:
        sys.exit(f"one layer and the embeddings take {_bytes(shapes) / GIB:.2f} GiB")
    _shapes(args.folder, layers)
    write_checkpoint(args.folder, chosen)
    return {"layers": layers, "bytes": _bytes(chosen)}


def _shapes(folder: Path, layers: int) -> dict[str, tuple[int, ...]]:
    """The class's defaults are the 14B."""
    config = {"_class_name": "WanTransformer3DModel", "num_layers": layers}
    (folder / "config.json").write_text(json.dumps(config))
    module = build(WanTransformer3DModel, folder, DTYPE).module
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


def _bytes(shapes: dict[str, tuple[int, ...]]) -> int:
    return sum(torch.Size(shape).numel() * DTYPE.itemsize for shape in shapes.values())


def pread(args: argparse.Namespace, _device: torch.device) -> dict[str, Any]:
    """The bare reading of the same bytes into memory that nobody has touched yet."""
    total = sum(path.stat().st_size for path in args.files)
    started = time.perf_counter()
    memory = torch.empty(total, dtype=torch.uint8).numpy().data
    at = 0
    for path in args.files:
        descriptor = os.open(path, os.O_RDONLY)
        offset = 0
        while count := os.preadv(descriptor, [memory[at : at + CHUNK_BYTES]], offset):
            at, offset = at + count, offset + count
        os.close(descriptor)
    return {"seconds": time.perf_counter() - started, "bytes": at}


def ours(args: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    """The loader; with ``--cache`` it keeps what it quantized, or reads what was kept."""
    treatment = Treatment(device, DTYPE, args.scheme, keep_transformer())
    component = Component("transformer", WanTransformer3DModel, args.folder)
    cache = WeightCache(args.cache) if args.cache else None

    def load() -> nn.Module:
        with PendingComponent(component, treatment, cache) as pending:
            answer["from_cache"] = pending.from_cache
            return pending.load(lambda _count: None)

    answer: dict[str, Any] = {}
    return _measured(load, args.scheme, device) | answer


def diffusers(args: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    """The library's way: all of it in memory, then onto the device, then quantized."""

    def load() -> nn.Module:
        folder = str(args.folder)
        module: Any = WanTransformer3DModel.from_pretrained(folder, torch_dtype=DTYPE)
        module.to(device)
        if args.scheme is not Quantization.NONE:
            quantize_(module, args.scheme, keep_transformer())
        model: nn.Module = module
        return model

    return _measured(load, args.scheme, device)


def _measured(
    load: Callable[[], nn.Module], scheme: Quantization, device: torch.device
) -> dict[str, Any]:
    _import_everything(scheme, device)
    before = reset_peak(device)
    started = time.perf_counter()
    module = load()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    seconds = time.perf_counter() - started
    peak = peak_bytes(device) - before
    return {"seconds": seconds, "peak": peak, "final": weight_bytes(module)}


def _import_everything(scheme: Quantization, device: torch.device) -> None:
    """Imports and the start of the GPU take seconds, whatever is loaded."""
    layer = nn.Linear(64, 64).to(device, DTYPE)
    if scheme is not Quantization.NONE:
        quantize_linear(layer, scheme)


TASKS: dict[str, Callable[[argparse.Namespace, torch.device], dict[str, Any]]] = {
    "make": make,
    "pread": pread,
    "ours": ours,
    "diffusers": diffusers,
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--files", type=Path, nargs="+")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--gib", type=float, default=2)
    parser.add_argument("--scheme", type=Quantization, default=Quantization.FP8)
    parser.add_argument("--device", default="auto")
    return parser.parse_args()


if __name__ == "__main__":
    main()
