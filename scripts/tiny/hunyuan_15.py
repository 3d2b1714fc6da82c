"""Tiny HunyuanVideo 1.5 checkpoints: every component of the real ones, thousands of times smaller.

Components, classes and configurations are those of ``model_index.json`` in
``hunyuanvideo-community/HunyuanVideo-1.5-Diffusers-480p_t2v`` and ``-480p_i2v_step_distilled``, as
scripts/convert_hunyuan_video1_5_to_diffusers.py of huggingface/diffusers writes them. So are the
compression (16x16 pixels and 4 frames a latent), latent channels, number formats, shards, and the
108 tokens in front of a prompt.
"""

import json
from pathlib import Path
from typing import Any

import common.runtime.libraries  # noqa: F401

import torch
from diffusers import (
    AutoencoderKLHunyuanVideo15,
    ClassifierFreeGuidance,
    FlowMatchEulerDiscreteScheduler,
    HunyuanVideo15ImageToVideoPipeline,
    HunyuanVideo15Pipeline,
    HunyuanVideo15Transformer3DModel,
)
from transformers import (
    ByT5Tokenizer,
    Qwen2_5_VLTextConfig,
    Qwen2_5_VLTextModel,
    SiglipImageProcessor,
    SiglipVisionConfig,
    SiglipVisionModel,
    T5Config,
    T5EncoderModel,
)

from scripts.tiny import publish
from scripts.tiny.qwen import qwen_tokenizer

SEED = 35
TEXT_DIM, GLYPH_DIM, IMAGE_DIM = 32, 16, 24
SIGLIP_SIDE, SIGLIP_PATCH = 54, 2
"""27x27 patches: the 729 tokens of a picture that the pipelines count on."""
PREFIX = "hunyuanvideo-community/HunyuanVideo-1.5-Diffusers-"
TEXT, PICTURE = f"{PREFIX}480p_t2v", f"{PREFIX}480p_i2v_step_distilled"
SHARD_BYTES = 1_000_000
"""Small enough to cut the transformer and Qwen into several files, as the real ones are."""


def build(models_dir: Path, *, force: bool = False) -> list[Path]:
    """Put both tiny checkpoints into the cache; answer their folders."""
    source, recipes = Path(__file__), {TEXT: save_text, PICTURE: save_picture}
    return [
        publish(models_dir, repo_id, source, save, force=force) for repo_id, save in recipes.items()
    ]


def save_text(folder: Path) -> None:
    """Write a checkpoint that makes videos of texts: guided by 6, a shift of 5, in float32."""
    torch.manual_seed(SEED)
    pipeline = HunyuanVideo15Pipeline(**_parts("t2v"), **_sampling(guidance=6.0, shift=5.0))
    _save(pipeline, folder)


def save_picture(folder: Path) -> None:
    """Write the step-distilled one, which begins with a picture: in bfloat16."""
    torch.manual_seed(SEED + 1)
    parts = _parts("i2v", use_meanflow=True)
    for name in ("transformer", "vae", "text_encoder_2"):
        parts[name].to(torch.bfloat16)
    pipeline = HunyuanVideo15ImageToVideoPipeline(
        **parts,
        **_sampling(guidance=1.0, shift=7.0),
        image_encoder=_image_encoder().to(torch.bfloat16),
        feature_extractor=SiglipImageProcessor(
            size={"height": SIGLIP_SIDE, "width": SIGLIP_SIDE},
            image_mean=[0.5] * 3,
            image_std=[0.5] * 3,
        ),
    )
    _save(pipeline, folder)


def _sampling(guidance: float, shift: float) -> dict[str, Any]:
    return {
        "scheduler": FlowMatchEulerDiscreteScheduler(shift=shift),
        "guider": ClassifierFreeGuidance(guidance_scale=guidance),
    }


def _parts(task_type: str, *, use_meanflow: bool = False) -> dict[str, Any]:
    """Sides of 64 pixels take the place of 640, so that a picture's video is small too."""
    return {
        "text_encoder": _text_encoder().to(torch.bfloat16),
        "tokenizer": qwen_tokenizer(),
        "text_encoder_2": _text_encoder_2(),
        "tokenizer_2": ByT5Tokenizer(),
        "transformer": HunyuanVideo15Transformer3DModel(
            num_attention_heads=2,
            attention_head_dim=16,
            num_layers=2,
            text_embed_dim=TEXT_DIM,
            text_embed_2_dim=GLYPH_DIM,
            image_embed_dim=IMAGE_DIM,
            rope_axes_dim=(4, 6, 6),
            target_size=64,
            task_type=task_type,
            use_meanflow=use_meanflow,
        ).eval(),
        "vae": AutoencoderKLHunyuanVideo15(
            block_out_channels=(8, 8, 16, 64, 64), layers_per_block=1
        ).eval(),
    }


def _text_encoder() -> Qwen2_5_VLTextModel:
    """The language model out of Qwen2.5-VL; the pipeline takes the last layer's input but two."""
    config = Qwen2_5_VLTextConfig(
        vocab_size=len(qwen_tokenizer()),
        hidden_size=TEXT_DIM,
        intermediate_size=256,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_window_layers=4,
        rope_parameters={"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e6},
        bos_token_id=None,
        eos_token_id=None,
    )
    return Qwen2_5_VLTextModel(config).eval()


def _text_encoder_2() -> T5EncoderModel:
    """ByT5, which reads what a prompt has in quotation marks."""
    config = T5Config(
        vocab_size=len(ByT5Tokenizer()),
        d_model=GLYPH_DIM,
        d_kv=8,
        d_ff=32,
        num_layers=2,
        num_heads=2,
        feed_forward_proj="gated-gelu",
    )
    return T5EncoderModel(config).eval()


def _image_encoder() -> SiglipVisionModel:
    config = SiglipVisionConfig(
        hidden_size=IMAGE_DIM,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=SIGLIP_SIDE,
        patch_size=SIGLIP_PATCH,
    )
    return SiglipVisionModel(config).eval()


def _save(pipeline: Any, folder: Path) -> None:
    """With the class names that transformers 4 wrote."""
    pipeline.save_pretrained(folder, safe_serialization=True, max_shard_size=SHARD_BYTES)
    index = folder / "model_index.json"
    published = json.loads(index.read_text())
    published["tokenizer"] = ["transformers", "Qwen2TokenizerFast"]
    if "feature_extractor" in published:
        published["feature_extractor"] = ["transformers", "SiglipImageProcessor"]
    index.write_text(json.dumps(published, indent=2) + "\n")
