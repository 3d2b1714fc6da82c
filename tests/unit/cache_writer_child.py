"""Writes one large entry into the cache at argv[1]; says when it begins, and may be killed."""

import sys
from pathlib import Path

import torch
from torch import nn

from common.contract import Quantization
from common.runtime.cache import WeightCache
from common.runtime.cache_recipe import Recipe
from common.runtime.quantization import quantize_

RECIPE = Recipe("transformer", {"made": "by a child"})
LAYERS = 32


def model() -> nn.Module:
    """32 MiB of quantized weights."""
    torch.manual_seed(0)
    layers = nn.Sequential(*(nn.Linear(1024, 1024) for _ in range(LAYERS))).to(torch.bfloat16)
    quantize_(layers, Quantization.FP8)
    return layers


def main() -> None:
    """Write it when a line comes in; stay until the next."""
    torch.set_num_threads(1)
    cache, layers = WeightCache(Path(sys.argv[1])), model()
    print("ready", flush=True)
    sys.stdin.readline()
    cache.store(RECIPE, layers, [str(index) for index in range(LAYERS)])
    print("done", flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    main()
