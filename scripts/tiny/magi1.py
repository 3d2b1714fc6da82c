"""A tiny MAGI-1 checkpoint: the folders, files and keys of ``sand-ai/MAGI-1`` on the hub.

Written key by key, not saved from our own classes: it is the official layout that our loading
code must read. Compression (8x8 pixels and 4 frames a latent), patch size, latent channels,
chunks and the length of captions are the real ones. The real folders of transformers have no
``config.json``; the tiny ones say in the official form how small they are.

The special tokens are no part of the hub's repository, but of SandAI-org/MAGI-1: they lie where
``scripts/download_models.sh`` puts them.
"""

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import save_torch_state_dict

from scripts.tiny import publish
from scripts.tiny.magi1_text import TEXT_DIM, save_text_encoder
from scripts.tiny.magi1_vae import LATENT_CHANNELS, save_vae
from scripts.tiny.random_weights import norm, random_weights

SEED = 24
REPO_ID = "sand-ai/MAGI-1"
LAYERS = 3
"""The first and the last block are never quantized."""
DIM = 64
FFN_DIM = 128
HEADS = 8
KV_GROUPS = 4
HEAD_DIM = 8
MAX_TOKENS = 800
SHARD_BYTES = 200_000
"""Small enough for several files and an index, as the real weights have."""


@dataclass(frozen=True)
class Geometry:
    """How small the transformer is; the defaults are those of the tests and the demo."""

    layers: int = LAYERS
    dim: int = DIM
    ffn_dim: int = FFN_DIM
    heads: int = HEADS
    kv_groups: int = KV_GROUPS
    head_dim: int = HEAD_DIM

    @property
    def condition_dim(self) -> int:
        """Width of what the gates are made from."""
        return self.dim // 4


TINY = Geometry()


@dataclass(frozen=True)
class Recipe:
    """What tells the models apart."""

    distilled: bool

    @property
    def weights(self) -> str:
        """Folder of the weights."""
        return f"inference_weight{'.distill' if self.distilled else ''}"


RECIPES = {"4.5B_distill": Recipe(distilled=True), "4.5B_base": Recipe(distilled=False)}


def build(models_dir: Path, *, force: bool = False, geometry: Geometry = TINY) -> list[Path]:
    """Put the tiny repository into the cache; answer the folder of each of its models."""
    write = partial(save, geometry=geometry)
    snapshot = publish(models_dir, REPO_ID, Path(__file__), write, force=force)
    return [snapshot / "ckpt" / "magi" / name for name in RECIPES]


def save(folder: Path, geometry: Geometry = TINY) -> None:
    """Write the whole repository into ``folder``."""
    torch.manual_seed(SEED)
    parts = folder / "ckpt"
    for name, recipe in RECIPES.items():
        _save_transformer(parts / "magi" / name, recipe, geometry)
    save_vae(parts / "vae")
    save_text_encoder(parts / "t5" / "t5-v1_1-xxl")
    _save_special_tokens(parts / "special_tokens.npz")


def _save_transformer(folder: Path, recipe: Recipe, geometry: Geometry) -> None:
    weights = folder / recipe.weights
    weights.mkdir(parents=True)
    save_torch_state_dict(
        random_weights(_transformer_shapes(geometry)),
        weights,
        filename_pattern="model{suffix}.safetensors",
        max_shard_size=SHARD_BYTES,
    )
    config = _transformer_config(recipe, geometry)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def _transformer_shapes(geometry: Geometry) -> dict[str, tuple[int, ...]]:
    """Keys of SandAI-org/MAGI-1, inference/model/dit/dit_model.py."""
    dim, condition_dim = geometry.dim, geometry.condition_dim
    shapes: dict[str, tuple[int, ...]] = {
        "x_embedder.weight": (dim, LATENT_CHANNELS, 1, 2, 2),
        "t_embedder.mlp.0.weight": (condition_dim, 256),
        "t_embedder.mlp.0.bias": (condition_dim,),
        "t_embedder.mlp.2.weight": (condition_dim, condition_dim),
        "t_embedder.mlp.2.bias": (condition_dim,),
        "y_embedder.null_caption_embedding": (MAX_TOKENS, TEXT_DIM),
        "y_embedder.y_proj_xattn.0.weight": (dim, TEXT_DIM),
        "y_embedder.y_proj_xattn.0.bias": (dim,),
        "y_embedder.y_proj_adaln.0.weight": (condition_dim, TEXT_DIM),
        "y_embedder.y_proj_adaln.0.bias": (condition_dim,),
        "rope.bands": (geometry.head_dim // 8,),
        **norm("videodit_blocks.final_layernorm", dim),
        "final_linear.linear.weight": (4 * LATENT_CHANNELS, dim),
    }
    block = _block_shapes(geometry)
    for layer in range(geometry.layers):
        shapes |= {f"videodit_blocks.layers.{layer}.{key}": block[key] for key in block}
    return shapes


def _block_shapes(geometry: Geometry) -> dict[str, tuple[int, ...]]:
    dim, ffn_dim, condition_dim = geometry.dim, geometry.ffn_dim, geometry.condition_dim
    queries = geometry.heads * geometry.head_dim
    keys = geometry.kv_groups * geometry.head_dim
    norms = ("q_layernorm", "k_layernorm", "q_layernorm_xattn", "k_layernorm_xattn")
    shapes: dict[str, tuple[int, ...]] = {
        "ada_modulate_layer.proj.0.weight": (2 * dim, condition_dim),
        "ada_modulate_layer.proj.0.bias": (2 * dim,),
        **norm("self_attention.linear_qkv.layer_norm", dim),
        "self_attention.linear_qkv.q.weight": (queries, dim),
        "self_attention.linear_qkv.qx.weight": (queries, dim),
        "self_attention.linear_qkv.k.weight": (keys, dim),
        "self_attention.linear_qkv.v.weight": (keys, dim),
        "self_attention.linear_kv_xattn.weight": (2 * keys, dim),
        "self_attention.linear_proj.weight": (dim, 2 * queries),
        **norm("self_attn_post_norm", dim),
        **norm("mlp.layer_norm", dim),
        "mlp.linear_fc1.weight": (ffn_dim, dim),
        "mlp.linear_fc2.weight": (dim, ffn_dim),
        **norm("mlp_post_norm", dim),
    }
    for name in norms:
        shapes |= norm(f"self_attention.{name}", geometry.head_dim)
    return shapes


def _transformer_config(recipe: Recipe, geometry: Geometry) -> dict[str, Any]:
    """In the form of example/4.5B/4.5B_distill_config.json."""
    return {
        "model_config": {
            "model_name": "videodit_ardf",
            "num_layers": geometry.layers,
            "hidden_size": geometry.dim,
            "ffn_hidden_size": geometry.ffn_dim,
            "num_attention_heads": geometry.heads,
            "num_query_groups": geometry.kv_groups,
            "kv_channels": geometry.head_dim,
            "layernorm_epsilon": 1e-6,
            "apply_layernorm_1p": True,
            "x_rescale_factor": 1,
            "half_channel_vae": False,
            "params_dtype": "torch.bfloat16",
            "patch_size": 2,
            "t_patch_size": 1,
            "in_channels": LATENT_CHANNELS,
            "out_channels": LATENT_CHANNELS,
            "cond_hidden_ratio": 0.25,
            "caption_channels": TEXT_DIM,
            "caption_max_length": MAX_TOKENS,
            "xattn_cond_hidden_ratio": 1.0,
            "cond_gating_ratio": 1.0,
            "gated_linear_unit": False,
        },
        "runtime_config": {
            "cfg_number": 1 if recipe.distilled else 3,
            "cfg_t_range": [0.0, 0.0217, 0.1, 0.3, 0.999],
            "prev_chunk_scales": [1.5, 1.5, 1.5, 1.0, 1.0],
            "text_scales": [7.5, 7.5, 7.5, 0.0, 0.0],
            "noise2clean_kvrange": [5, 4, 3, 2],
            "clean_chunk_kvrange": 1,
            "clean_t": 0.9999,
            "num_steps": 16 if recipe.distilled else 64,
            "window_size": 4,
            "fps": 24,
            "chunk_width": 6,
        },
        "engine_config": {
            "fp8_quant": False,
            "distill_nearly_clean_chunk_threshold": 0.3,
            "shortcut_mode": "8,16,16",
            "distill": recipe.distilled,
        },
    }


def _save_special_tokens(path: Path) -> None:
    """Keys, number and format of example/assets/special_tokens.npz."""
    random = np.random.default_rng(SEED)
    counts = {"caption_token": 1, "logo_token": 1, "other_tokens": 100}
    tokens: dict[str, Any] = {
        name: random.standard_normal((count, TEXT_DIM)) for name, count in counts.items()
    }
    np.savez(path, **tokens)
