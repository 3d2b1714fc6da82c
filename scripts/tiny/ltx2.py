"""Tiny LTX-2 checkpoints: every component of the real ones, thousands of times smaller.

Components, classes and the layout are those of ``model_index.json`` in ``Lightricks/LTX-2``; the
values that tell generations apart are those of ``scripts/convert_ltx2_to_diffusers.py`` in
huggingface/diffusers. Kept real: the video's 32x32x8 compression and 128 latent channels, the
mel spectrogram's rate and bins, the vocoders' upsampling and rates. So sizes, frame counts and
the length of the sound are the real ones.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import common.runtime.libraries  # noqa: F401

import torch
from diffusers import (
    AutoencoderKLLTX2Audio,
    AutoencoderKLLTX2Video,
    FlowMatchEulerDiscreteScheduler,
    LTX2Pipeline,
    LTX2VideoTransformer3DModel,
)
from diffusers.pipelines.ltx2 import LTX2TextConnectors, LTX2Vocoder, LTX2VocoderWithBWE

from scripts.tiny import publish
from scripts.tiny.gemma import TEXT_DIM, TEXT_LAYERS, processor, text_encoder, tokenizer
from scripts.tiny.ltx2_second import save_folder, save_lora, save_single_file

SEED = 2
VIDEO_DIM = 16
AUDIO_DIM = 8
AUDIO_LATENT_CHANNELS = 2
LATENT_MEL_BINS = 16
"""64 mel bins, compressed four times, as in the real one."""
AUDIO_TOKEN_DIM = AUDIO_LATENT_CHANNELS * LATENT_MEL_BINS


@dataclass(frozen=True)
class Recipe:
    """What tells the published checkpoints apart."""

    is_ltx_2_3: bool = False
    distilled: bool = False


RECIPES = {
    "Lightricks/LTX-2": Recipe(),
    "diffusers/LTX-2.3-Diffusers": Recipe(is_ltx_2_3=True),
    "rootonchair/LTX-2-19b-distilled": Recipe(distilled=True),
    "diffusers/LTX-2.3-Distilled-Diffusers": Recipe(is_ltx_2_3=True, distilled=True),
}
SINGLE_FILES = "Lightricks/LTX-2.3"


def build(
    models_dir: Path, *, force: bool = False, repositories: Iterable[str] = tuple(RECIPES)
) -> list[Path]:
    """Put the tiny checkpoints into the cache; answer their folders.

    LTX-2.3's second stage is in a repository of its own, beside them.
    """
    wanted = list(repositories)
    if any(RECIPES[each].is_ltx_2_3 for each in wanted):
        publish(models_dir, SINGLE_FILES, Path(__file__), save_single_files, force=force)
    return [
        publish(models_dir, each, Path(__file__), partial(save, recipe=RECIPES[each]), force=force)
        for each in wanted
    ]


def save_single_files(folder: Path) -> None:
    """What a second stage takes of ``Lightricks/LTX-2.3``."""
    torch.manual_seed(SEED)
    save_single_file(folder / "ltx-2.3-spatial-upscaler-x2-1.1.safetensors")
    save_lora(
        folder / "ltx-2.3-22b-distilled-lora-384-1.1.safetensors", _transformer(is_ltx_2_3=True)
    )


def save(folder: Path, recipe: Recipe) -> None:
    """Write one checkpoint into ``folder``."""
    torch.manual_seed(SEED)
    pipeline = LTX2Pipeline(
        scheduler=_scheduler(recipe.distilled),
        vae=_video_vae(recipe.is_ltx_2_3),
        audio_vae=_audio_vae(),
        text_encoder=text_encoder(),
        tokenizer=tokenizer(),
        connectors=_connectors(recipe.is_ltx_2_3),
        transformer=_transformer(recipe.is_ltx_2_3),
        vocoder=_vocoder_2_3() if recipe.is_ltx_2_3 else _vocoder_2_0(),
        processor=processor() if recipe.is_ltx_2_3 else None,
    )
    for module in pipeline.components.values():
        if isinstance(module, torch.nn.Module):
            module.to(torch.bfloat16)
    pipeline.save_pretrained(folder, safe_serialization=True)
    _as_published(folder / "model_index.json", PROCESSOR if recipe.is_ltx_2_3 else {})
    if not recipe.is_ltx_2_3:
        save_folder(folder / "latent_upsampler")
        if not recipe.distilled:
            lora = folder / "ltx-2-19b-distilled-lora-384.safetensors"
            save_lora(lora, pipeline.transformer, TEXT_DIM * (TEXT_LAYERS + 1))


PROCESSOR = {"processor": ["transformers", "Gemma3Processor"]}
"""Part of LTX-2.3's index. Of its files there is none here: nothing may look for them."""


def _as_published(index: Path, more: dict[str, list[str]]) -> None:
    """Write the index as the hub has it: no empty entries, the tokenizer by its older name."""
    entries = json.loads(index.read_text())
    published = {name: entry for name, entry in entries.items() if entry != [None, None]}
    published["tokenizer"] = ["transformers", "GemmaTokenizerFast"]
    index.write_text(json.dumps(published | more, indent=2) + "\n")


def _scheduler(distilled: bool) -> FlowMatchEulerDiscreteScheduler:
    """``scheduler_config.json`` of the hub; the distilled one takes its sigmas as they are."""
    return FlowMatchEulerDiscreteScheduler(
        use_dynamic_shifting=not distilled,
        shift_terminal=None if distilled else 0.1,
        base_image_seq_len=1024,
        max_image_seq_len=4096,
        base_shift=0.95,
        max_shift=2.05,
    )


def _transformer(is_ltx_2_3: bool) -> LTX2VideoTransformer3DModel:
    return LTX2VideoTransformer3DModel(
        num_attention_heads=1,
        attention_head_dim=VIDEO_DIM,
        cross_attention_dim=VIDEO_DIM,
        audio_in_channels=AUDIO_TOKEN_DIM,
        audio_out_channels=AUDIO_TOKEN_DIM,
        audio_num_attention_heads=1,
        audio_attention_head_dim=AUDIO_DIM,
        audio_cross_attention_dim=AUDIO_DIM,
        num_layers=2,
        caption_channels=TEXT_DIM,
        rope_type="split",
        gated_attn=is_ltx_2_3,
        cross_attn_mod=is_ltx_2_3,
        audio_gated_attn=is_ltx_2_3,
        audio_cross_attn_mod=is_ltx_2_3,
        use_prompt_embeddings=not is_ltx_2_3,
        perturbed_attn=is_ltx_2_3,
    )


def _connectors(is_ltx_2_3: bool) -> LTX2TextConnectors:
    """2.0 hands both streams the text's own width; 2.3 projects to each stream's width."""
    return LTX2TextConnectors(
        caption_channels=TEXT_DIM,
        text_proj_in_factor=TEXT_LAYERS + 1,
        video_connector_num_attention_heads=2,
        video_connector_attention_head_dim=(VIDEO_DIM if is_ltx_2_3 else TEXT_DIM) // 2,
        video_connector_num_layers=1,
        video_gated_attn=is_ltx_2_3,
        audio_connector_num_attention_heads=2,
        audio_connector_attention_head_dim=(AUDIO_DIM if is_ltx_2_3 else TEXT_DIM) // 2,
        audio_connector_num_layers=1,
        audio_gated_attn=is_ltx_2_3,
        rope_type="split",
        per_modality_projections=is_ltx_2_3,
        video_hidden_dim=VIDEO_DIM,
        audio_hidden_dim=AUDIO_DIM,
        proj_bias=is_ltx_2_3,
    )


_DECODER_2_0: dict[str, Any] = {
    "block_out_channels": (8, 16, 32, 64),
    "decoder_block_out_channels": (8, 16, 32),
    "decoder_layers_per_block": (1,) * 4,
}
_DECODER_2_3: dict[str, Any] = {
    "block_out_channels": (8, 16, 32, 32),
    "decoder_block_out_channels": (8, 16, 16, 32),
    "decoder_layers_per_block": (1,) * 5,
    "decoder_spatio_temporal_scaling": (True,) * 4,
    "decoder_inject_noise": (False,) * 5,
    "upsample_type": ("spatiotemporal", "spatiotemporal", "temporal", "spatial"),
    "upsample_residual": (False,) * 4,
    "upsample_factor": (2, 2, 1, 2),
    "decoder_spatial_padding_mode": "zeros",
}


def _video_vae(is_ltx_2_3: bool) -> AutoencoderKLLTX2Video:
    return AutoencoderKLLTX2Video(
        layers_per_block=(1,) * 5,
        decoder_causal=False,
        spatial_compression_ratio=32,
        temporal_compression_ratio=8,
        **(_DECODER_2_3 if is_ltx_2_3 else _DECODER_2_0),
    )


def _audio_vae() -> AutoencoderKLLTX2Audio:
    """``base_channels`` is also the width of a packed latent, so it follows from the two above."""
    return AutoencoderKLLTX2Audio(
        base_channels=AUDIO_TOKEN_DIM,
        ch_mult=(1, 1, 1),
        num_res_blocks=1,
        latent_channels=AUDIO_LATENT_CHANNELS,
    )


def _vocoder_2_0() -> LTX2Vocoder:
    """100 mel frames a second, upsampled 240 times: 24 kHz."""
    return LTX2Vocoder(hidden_channels=64, resnet_kernel_sizes=[3], resnet_dilations=[[1]])


def _vocoder_2_3() -> LTX2VocoderWithBWE:
    """16 kHz, then bandwidth extension to 48 kHz."""
    return LTX2VocoderWithBWE(
        hidden_channels=64,
        resnet_kernel_sizes=[3],
        resnet_dilations=[[1]],
        bwe_hidden_channels=32,
        bwe_resnet_kernel_sizes=[3],
        bwe_resnet_dilations=[[1]],
    )
