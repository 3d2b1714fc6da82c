"""Tiny HunyuanVideo checkpoints: every component of the real ones, thousands of times smaller.

The components and their classes are those of ``model_index.json`` in
``hunyuanvideo-community/HunyuanVideo``, which ``FastVideo/FastHunyuan-diffusers`` shares. So are
the compression (8x8 pixels and 4 frames a latent), patch size, latent channels, number formats,
shards, and the 95 tokens of the prompt's template.
"""

import json
from pathlib import Path

import common.runtime.libraries  # noqa: F401

import torch
from diffusers import (
    AutoencoderKLHunyuanVideo,
    FlowMatchEulerDiscreteScheduler,
    HunyuanVideoPipeline,
    HunyuanVideoTransformer3DModel,
)
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, LlamaConfig, LlamaModel

from scripts.tiny import hunyuan_15, publish
from scripts.tiny.llama import clip_tokenizer, llama_tokenizer, write_clip, write_llama

SEED = 34
TEXT_DIM = 32
POOLED_DIM = 16
REPOSITORIES = ("FastVideo/FastHunyuan-diffusers", "hunyuanvideo-community/HunyuanVideo")
SHARD_BYTES = 200_000
"""Small enough to cut transformer and Llama into several files, as the real ones are."""


def build(models_dir: Path, *, force: bool = False) -> list[Path]:
    """Put the tiny checkpoints into the cache, those of 1.5 last; answer their folders."""
    source = Path(__file__)
    first = [publish(models_dir, repo_id, source, save, force=force) for repo_id in REPOSITORIES]
    return [*first, *hunyuan_15.build(models_dir, force=force)]


def save(folder: Path) -> None:
    """Write a checkpoint into ``folder``."""
    torch.manual_seed(SEED)
    pipeline = HunyuanVideoPipeline(
        text_encoder=_text_encoder().to(torch.float16),
        tokenizer=llama_tokenizer(),
        transformer=_transformer().to(torch.bfloat16),
        vae=_vae().to(torch.float16),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=7.0),
        text_encoder_2=_text_encoder_2().to(torch.float16),
        tokenizer_2=clip_tokenizer(),
    )
    pipeline.save_pretrained(folder, safe_serialization=True, max_shard_size=SHARD_BYTES)
    _as_published(folder)


def _text_encoder() -> LlamaModel:
    """The pipeline takes what goes into the last layer but one."""
    config = LlamaConfig(
        vocab_size=len(llama_tokenizer()),
        hidden_size=TEXT_DIM,
        intermediate_size=256,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        rope_theta=500000.0,
        rms_norm_eps=1e-5,
        bos_token_id=None,
        eos_token_id=None,
    )
    return LlamaModel(config).eval()


def _text_encoder_2() -> CLIPTextModel:
    """An ``eos_token_id`` of 2 is published: the last token is then the one with the highest id."""
    config = CLIPTextConfig(
        vocab_size=len(clip_tokenizer()),
        hidden_size=POOLED_DIM,
        intermediate_size=32,
        projection_dim=POOLED_DIM,
        num_hidden_layers=2,
        num_attention_heads=2,
        bos_token_id=0,
        eos_token_id=2,
    )
    return CLIPTextModel(config).eval()


def _transformer() -> HunyuanVideoTransformer3DModel:
    return HunyuanVideoTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=16,
        num_layers=2,
        num_single_layers=2,
        num_refiner_layers=2,
        text_embed_dim=TEXT_DIM,
        pooled_projection_dim=POOLED_DIM,
        rope_axes_dim=(4, 6, 6),
    )


def _vae() -> AutoencoderKLHunyuanVideo:
    return AutoencoderKLHunyuanVideo(
        block_out_channels=(2, 4, 4, 4), layers_per_block=1, norm_num_groups=2
    )


def _as_published(folder: Path) -> None:
    """Class names, CLIP's names and the tokenizers' files as transformers 4 wrote them."""
    index = folder / "model_index.json"
    published = json.loads(index.read_text())
    published["tokenizer"] = ["transformers", "LlamaTokenizerFast"]
    published["tokenizer_2"] = ["transformers", "CLIPTokenizer"]
    index.write_text(json.dumps(published, indent=2) + "\n")
    clip = folder / "text_encoder_2" / "model.safetensors"
    weights = {f"text_model.{name}": tensor for name, tensor in load_file(clip).items()}
    save_file(weights, clip, metadata={"format": "pt"})
    write_llama(folder / "tokenizer")
    write_clip(folder / "tokenizer_2")
