"""A LoRA on a transformer while it learns, by PEFT, and as the file that others read.

The names in the file are those of Wan's original code behind ``diffusion_model.``, as published
Wan LoRAs have them: diffusers, ComfyUI and the services here read them.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import common.runtime.libraries  # noqa: F401

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import Linear as LoraLinear
from peft.tuners.lora import LoraLayer
from peft.tuners.tuners_utils import cast_adapter_dtype
from safetensors.torch import save_file
from torch import nn

from common.runtime.linear_fp8 import Fp8Linear

TARGETS = r"blocks\.\d+\.(attn[12]\.to_(q|k|v|out\.0)|ffn\.net\.(0\.proj|2))"
"""What published Wan LoRAs change: the attentions and the feed-forward of every block."""
PREFIX = "diffusion_model."
_ORIGINAL = (
    (r"\.attn1\.to_out\.0", ".self_attn.o"),
    (r"\.attn2\.to_out\.0", ".cross_attn.o"),
    (r"\.attn1\.to_", ".self_attn."),
    (r"\.attn2\.to_", ".cross_attn."),
    (r"\.ffn\.net\.0\.proj", ".ffn.0"),
    (r"\.ffn\.net\.2", ".ffn.2"),
)
"""From diffusers' names to those of Wan-Video/Wan2.1, wan/modules/model.py."""


class Adapter:
    """A LoRA of ``rank`` within ``transformer``; alpha is the rank, so that its scale is 1."""

    def __init__(self, transformer: nn.Module, rank: int, seed: int) -> None:
        self._transformer = transformer
        config = LoraConfig(r=rank, lora_alpha=rank, target_modules=TARGETS)
        config._register_custom_module({Fp8Linear: LoraLinear})
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)  # of where it begins
            inject_adapter_in_model(config, transformer)
        # PEFT gives what it injects the dtype of the weights beside it: bfloat16 on a GPU.
        cast_adapter_dtype(transformer, "default")

    def parameters(self) -> list[nn.Parameter]:
        """All that learns, in float32."""
        return [each for each in self._transformer.parameters() if each.requires_grad]

    @contextmanager
    def silent(self) -> Iterator[None]:
        """The transformer as it was before, for as long as this lasts."""
        layers = [layer for _, layer in _layers(self._transformer)]
        for layer in layers:
            layer.enable_adapters(False)
        try:
            yield
        finally:
            for layer in layers:
                layer.enable_adapters(True)

    def tensors(self) -> dict[str, torch.Tensor]:
        """By the names of the file: ``lora_A`` [rank, in] and ``lora_B`` [out, rank]."""
        return {
            f"{PREFIX}{original_name(name)}.{half}.weight": weight.detach().cpu().clone()
            for name, layer in _layers(self._transformer)
            for half in ("lora_A", "lora_B")
            for weight in layer.get_submodule(half).parameters()
        }

    def remove(self) -> None:
        """Leave the very modules that were there before."""
        for name, layer in _layers(self._transformer):
            parent, _, child = name.rpartition(".")
            setattr(self._transformer.get_submodule(parent), child, layer.get_base_layer())
        if hasattr(self._transformer, "peft_config"):
            del self._transformer.peft_config


@contextmanager
def learning(transformer: nn.Module, rank: int, seed: int = 0) -> Iterator[Adapter]:
    """An adapter that is gone afterwards, whatever happens."""
    adapter = Adapter(transformer, rank, seed)
    try:
        yield adapter
    finally:
        adapter.remove()


def original_name(name: str) -> str:
    """Of a module of ``WanTransformer3DModel``, in Wan's own code."""
    for pattern, replacement in _ORIGINAL:
        name = re.sub(pattern, replacement, name)
    return name


def save(tensors: Mapping[str, torch.Tensor], path: Path, told: Mapping[str, str]) -> None:
    """In bfloat16, as LoRAs are published; ``told`` is the file's metadata."""
    halved = {name: tensor.to(torch.bfloat16) for name, tensor in tensors.items()}
    save_file(halved, path, metadata={"format": "pt", **told})


def _layers(transformer: nn.Module) -> list[tuple[str, Any]]:
    return [each for each in transformer.named_modules() if isinstance(each[1], LoraLayer)]
