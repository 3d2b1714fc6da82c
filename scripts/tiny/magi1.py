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
CONDITION_DIM = DIM // 4
MAX_TOKENS = 800
SHARD_BYTES = 200_000
"""Small enough for several files and an index, as the real weights have."""


@dataclass(frozen=True)
class Recipe:
    """What tells the models apart."""

    distilled: bool

    @property
    def weights(self) -> str:
        """Folder of the weights."""
        return f"inference_weight{'.distill' if self.distilled else ''}"


RECIPES = {"4.5B_distill": Recipe(distilled=True), "4.5B_base": Recipe(distilled=False)}


def build(models_dir: Path, *, force: bool = False) -> list[Path]:
    """Put the tiny repository into the cache; answer the folder of each of its models."""
    snapshot = publish(models_dir, REPO_ID, Path(__file__), save, force=force)
    return [snapshot / "ckpt" / "magi" / name for name in RECIPES]


def save(folder: Path) -> None:
    """Write the whole repository into ``folder``."""
    torch.manual_seed(SEED)
    parts = folder / "ckpt"
    for name, recipe in RECIPES.items():
        _save_transformer(parts / "magi" / name, recipe)
    save_vae(parts / "vae")
    save_text_encoder(parts / "t5" / "t5-v1_1-xxl")
    _save_special_tokens(parts / "special_tokens.npz")


def _save_transformer(folder: Path, recipe: Recipe) -> None:
    weights = folder / recipe.weights
    weights.mkdir(parents=True)
    save_torch_state_dict(
        random_weights(_transformer_shapes()),
        weights,
        filename_pattern="model{suffix}.safetensors",
        max_shard_size=SHARD_BYTES,
    )
    (folder / "config.json").write_text(json.dumps(_transformer_config(recipe), indent=2) + "\n")


def _transformer_shapes() -> dict[str, tuple[int, ...]]:
    """Keys of SandAI-org/MAGI-1, inference/model/dit/dit_model.py."""
    shapes: dict[str, tuple[int, ...]] = {
        "x_embedder.weight": (DIM, LATENT_CHANNELS, 1, 2, 2),
        "t_embedder.mlp.0.weight": (CONDITION_DIM, 256),
        "t_embedder.mlp.0.bias": (CONDITION_DIM,),
        "t_embedder.mlp.2.weight": (CONDITION_DIM, CONDITION_DIM),
        "t_embedder.mlp.2.bias": (CONDITION_DIM,),
        "y_embedder.null_caption_embedding": (MAX_TOKENS, TEXT_DIM),
        "y_embedder.y_proj_xattn.0.weight": (DIM, TEXT_DIM),
        "y_embedder.y_proj_xattn.0.bias": (DIM,),
        "y_embedder.y_proj_adaln.0.weight": (CONDITION_DIM, TEXT_DIM),
        "y_embedder.y_proj_adaln.0.bias": (CONDITION_DIM,),
        "rope.bands": (HEAD_DIM // 8,),
        **norm("videodit_blocks.final_layernorm", DIM),
        "final_linear.linear.weight": (4 * LATENT_CHANNELS, DIM),
    }
    for layer in range(LAYERS):
        block = _block_shapes()
        shapes |= {f"videodit_blocks.layers.{layer}.{key}": block[key] for key in block}
    return shapes


def _block_shapes() -> dict[str, tuple[int, ...]]:
    queries, keys = HEADS * HEAD_DIM, KV_GROUPS * HEAD_DIM
    norms = ("q_layernorm", "k_layernorm", "q_layernorm_xattn", "k_layernorm_xattn")
    shapes: dict[str, tuple[int, ...]] = {
        "ada_modulate_layer.proj.0.weight": (2 * DIM, CONDITION_DIM),
        "ada_modulate_layer.proj.0.bias": (2 * DIM,),
        **norm("self_attention.linear_qkv.layer_norm", DIM),
        "self_attention.linear_qkv.q.weight": (queries, DIM),
        "self_attention.linear_qkv.qx.weight": (queries, DIM),
        "self_attention.linear_qkv.k.weight": (keys, DIM),
        "self_attention.linear_qkv.v.weight": (keys, DIM),
        "self_attention.linear_kv_xattn.weight": (2 * keys, DIM),
        "self_attention.linear_proj.weight": (DIM, 2 * queries),
        **norm("self_attn_post_norm", DIM),
        **norm("mlp.layer_norm", DIM),
        "mlp.linear_fc1.weight": (FFN_DIM, DIM),
        "mlp.linear_fc2.weight": (DIM, FFN_DIM),
        **norm("mlp_post_norm", DIM),
    }
    for name in norms:
        shapes |= norm(f"self_attention.{name}", HEAD_DIM)
    return shapes


def _transformer_config(recipe: Recipe) -> dict[str, Any]:
    """In the form of example/4.5B/4.5B_distill_config.json."""
    return {
        "model_config": {
            "model_name": "videodit_ardf",
            "num_layers": LAYERS,
            "hidden_size": DIM,
            "ffn_hidden_size": FFN_DIM,
            "num_attention_heads": HEADS,
            "num_query_groups": KV_GROUPS,
            "kv_channels": HEAD_DIM,
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
