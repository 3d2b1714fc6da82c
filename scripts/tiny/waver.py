"""Tiny checkpoints of what stands in for Waver 1.0, thousands of times smaller than the real ones.

Wan-AI/Wan2.2-TI2V-5B-Diffusers: components, classes and values of its ``model_index.json`` and of
its ``vae/config.json`` (huggingface/diffusers, scripts/convert_wan_to_diffusers.py). Compression
(16x16 pixels and 4 frames a latent, half of it by patches), 48 latent channels, residual blocks,
patch size and a timestep for each token are the real ones, so sizes, frame counts and the order of
calls are too. Wan-AI/Wan2.1-T2V-1.3B-Diffusers is the one of ``wan21``.
"""

import json
from functools import partial
from pathlib import Path

import common.runtime.libraries  # noqa: F401

import torch
from diffusers import AutoencoderKLWan, UniPCMultistepScheduler, WanPipeline, WanTransformer3DModel
from transformers import UMT5Config, UMT5EncoderModel

from scripts.tiny import publish, wan21
from scripts.tiny.tokenizers import t5_tokenizer

SEED = 22
LATENT_CHANNELS = 48
PATCH_SIZE = 2
PIXEL_CHANNELS = 3 * PATCH_SIZE**2
TEXT_DIM = 32
_TOKENIZER = {"tokenizer": ["transformers", "T5TokenizerFast"]}
"""Its class in the published ``model_index.json``; transformers 5 saves another for it."""


def build(models_dir: Path, *, force: bool = False) -> list[Path]:
    """Put the two tiny checkpoints into the cache; answer their folders."""
    recipes = (
        ("Wan-AI/Wan2.2-TI2V-5B-Diffusers", Path(__file__), save_ti2v),
        (
            "Wan-AI/Wan2.1-T2V-1.3B-Diffusers",
            Path(wan21.__file__),
            partial(wan21.save_t2v, num_heads=12),
        ),
    )
    return [publish(models_dir, *recipe, force=force) for recipe in recipes]


def save_ti2v(folder: Path) -> None:
    """Write a checkpoint for text and image to video into ``folder``."""
    torch.manual_seed(SEED)
    pipeline = WanPipeline(
        tokenizer=t5_tokenizer(),
        text_encoder=_text_encoder(),
        vae=_vae(),
        scheduler=UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=5.0
        ),
        transformer=_transformer(),
        expand_timesteps=True,
    )
    pipeline.save_pretrained(folder, safe_serialization=True)  # in float32; loading casts it
    index = folder / "model_index.json"
    published = json.loads(index.read_text()) | _TOKENIZER
    index.write_text(json.dumps(published, indent=2) + "\n")


def _text_encoder() -> UMT5EncoderModel:
    config = UMT5Config(
        vocab_size=len(t5_tokenizer()), d_model=TEXT_DIM, d_kv=8, d_ff=64, num_layers=2, num_heads=4
    )
    return UMT5EncoderModel(config).eval()


def _vae() -> AutoencoderKLWan:
    return AutoencoderKLWan(
        base_dim=4,
        decoder_base_dim=8,
        z_dim=LATENT_CHANNELS,
        num_res_blocks=2,
        is_residual=True,
        in_channels=PIXEL_CHANNELS,
        out_channels=PIXEL_CHANNELS,
        patch_size=PATCH_SIZE,
        scale_factor_spatial=16,
        latents_mean=torch.linspace(-0.3, 0.5, LATENT_CHANNELS).tolist(),
        latents_std=torch.linspace(0.4, 1.4, LATENT_CHANNELS).tolist(),
    )


def _transformer() -> WanTransformer3DModel:
    return WanTransformer3DModel(
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        num_attention_heads=2,
        attention_head_dim=12,
        num_layers=2,
        ffn_dim=64,
        text_dim=TEXT_DIM,
    )
