"""A tiny LoRA in the exact layout of lightx2v/Wan2.1-Distill-Loras. Its numbers are random.

The layout is that of ModelTC/LightX2V, tools/extract/lora_extractor.py, which writes the
difference of two checkpoints in the original names of Wan2.1's code: a pair of matrices for each
linear layer, and the difference itself for biases (``diff_b``), modulation tables (``diff_m``) and
small weights (``diff``): norms, the patch embedding, the head.
"""

from pathlib import Path

import common.runtime.libraries  # noqa: F401

import torch
from diffusers import WanTransformer3DModel
from safetensors.torch import save_file

RANK = 4
SCALE = 0.05
SEED = 22

TOP = {
    "condition_embedder.time_embedder.linear_1": "time_embedding.0",
    "condition_embedder.time_embedder.linear_2": "time_embedding.2",
    "condition_embedder.text_embedder.linear_1": "text_embedding.0",
    "condition_embedder.text_embedder.linear_2": "text_embedding.2",
    "condition_embedder.time_proj": "time_projection.1",
    "condition_embedder.image_embedder.norm1": "img_emb.proj.0",
    "condition_embedder.image_embedder.ff.net.0.proj": "img_emb.proj.1",
    "condition_embedder.image_embedder.ff.net.2": "img_emb.proj.3",
    "condition_embedder.image_embedder.norm2": "img_emb.proj.4",
    "proj_out": "head.head",
}
INSIDE = {
    "attn1.": "self_attn.",
    "attn2.": "cross_attn.",
    "to_out.0": "o",
    "to_q": "q",
    "to_k": "k",
    "to_v": "v",
    "add_k_proj": "k_img",
    "add_v_proj": "v_img",
    "norm_added_k": "norm_k_img",
    "ffn.net.0.proj": "ffn.0",
    "ffn.net.2": "ffn.2",
    "norm2": "norm3",
}
"""Names in diffusers to those in Wan-Video/Wan2.1, wan/modules/model.py."""

DIRECT = {".weight": ".diff", ".bias": ".diff_b", ".modulation": ".diff_m"}


def save_lora(path: Path, transformer: WanTransformer3DModel) -> None:
    """Write a LoRA that changes every tensor of ``transformer`` to ``path``."""
    generator = torch.Generator("cpu").manual_seed(SEED)
    tensors: dict[str, torch.Tensor] = {}
    for name, parameter in transformer.named_parameters():
        key = f"diffusion_model.{original_name(name)}"
        tensors |= _change(key, parameter.shape, generator)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path)


def original_name(name: str) -> str:
    """The name of a parameter in the code that Wan2.1 was published with."""
    owner, _, leaf = name.rpartition(".")
    if leaf == "scale_shift_table":
        return f"{owner or 'head'}.modulation"
    if owner.startswith("blocks."):
        for theirs, ours in INSIDE.items():
            owner = owner.replace(theirs, ours)
    return f"{TOP.get(owner, owner)}.{leaf}"


def _change(key: str, shape: torch.Size, generator: torch.Generator) -> dict[str, torch.Tensor]:
    def random(*sides: int) -> torch.Tensor:
        return (SCALE * torch.randn(sides, generator=generator)).bfloat16()

    base, _, leaf = key.rpartition(".")
    if len(shape) != 2 or base.endswith("head.head"):
        return {base + DIRECT[f".{leaf}"]: random(*shape)}
    return {
        f"{base}.lora_up.weight": random(shape[0], RANK),
        f"{base}.lora_down.weight": random(RANK, shape[1]),
    }
