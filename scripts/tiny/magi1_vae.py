"""A tiny MAGI-1 autoencoder in the files and keys of ``ckpt/vae``, with the real compression."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from scripts.tiny.random_weights import norm, random_weights

LATENT_CHANNELS = 16
VAE_DIM = 256
"""A token of 4 x 8 x 8 voxels, one channel each."""
VAE_HIDDEN = 256

_VAE_CONFIG = {
    "video_size": 256,
    "video_length": 16,
    "patch_size": 8,
    "patch_length": 4,
    "in_chans": 3,
    "z_chans": LATENT_CHANNELS,
    "double_z": True,
    "embed_dim": VAE_DIM,
    "depth": 1,
    "num_heads": 4,
    "mlp_ratio": 1.0,
    "qkv_bias": True,
    "ln_in_attn": True,
    "conv_last_layer": True,
    "with_cls_token": True,
}
_VAE_POSITIONS = 1 + 4 * 32 * 32


def save_vae(folder: Path) -> None:
    """Write configuration and weights; a norm's weights are 1 as trained ones nearly are."""
    folder.mkdir(parents=True)
    config = {
        "_class_name": "ViTVAE",
        "_diffusers_version": "0.29.2",
        "ddconfig": _VAE_CONFIG,
        "model_type": "vit",
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    weights = random_weights(_vae_shapes()) | _ones(["encoder.norm", "decoder.norm"], VAE_DIM)
    save_file(weights, folder / "diffusion_pytorch_model.safetensors", metadata={"format": "pt"})


def _vae_shapes() -> dict[str, tuple[int, ...]]:
    """Keys of SandAI-org/MAGI-1, inference/model/vae/vae_module.py."""
    shapes: dict[str, tuple[int, ...]] = {
        "encoder.patch_embed.proj.weight": (VAE_DIM, 3, 4, 8, 8),
        "encoder.patch_embed.proj.bias": (VAE_DIM,),
        "encoder.last_layer.weight": (2 * LATENT_CHANNELS, VAE_DIM),
        "encoder.last_layer.bias": (2 * LATENT_CHANNELS,),
        "decoder.proj_in.weight": (VAE_DIM, LATENT_CHANNELS),
        "decoder.proj_in.bias": (VAE_DIM,),
        "decoder.last_layer.weight": (3, 1, 3, 3, 3),
        "decoder.last_layer.bias": (3,),
    }
    for part in ("encoder", "decoder"):
        shapes |= {
            f"{part}.cls_token": (1, 1, VAE_DIM),
            f"{part}.pos_embed": (1, _VAE_POSITIONS, VAE_DIM),
            **norm(f"{part}.norm", VAE_DIM),
            f"{part}.blocks.0.attn.qkv.weight": (3 * VAE_DIM, VAE_DIM),
            f"{part}.blocks.0.attn.qkv.bias": (3 * VAE_DIM,),
            f"{part}.blocks.0.attn.proj.weight": (VAE_DIM, VAE_DIM),
            f"{part}.blocks.0.attn.proj.bias": (VAE_DIM,),
            **norm(f"{part}.blocks.0.norm2", VAE_DIM),
            f"{part}.blocks.0.mlp.fc1.weight": (VAE_HIDDEN, VAE_DIM),
            f"{part}.blocks.0.mlp.fc1.bias": (VAE_HIDDEN,),
            f"{part}.blocks.0.mlp.fc2.weight": (VAE_DIM, VAE_HIDDEN),
            f"{part}.blocks.0.mlp.fc2.bias": (VAE_DIM,),
        }
    return shapes


def _ones(names: list[str], dim: int) -> dict[str, torch.Tensor]:
    return {f"{name}.weight": torch.ones(dim) for name in names}
