"""Tiny Wan2.1 and Wan2.2 checkpoints: every component of the real ones, thousands of times smaller.

The components and their classes are those of ``model_index.json`` in
``Wan-AI/Wan2.1-T2V-14B-Diffusers`` and ``Wan-AI/Wan2.1-I2V-14B-480P-Diffusers``, in
``Wan-AI/Wan2.1-VACE-14B-diffusers`` with a second branch, and with a second
transformer in ``Wan-AI/Wan2.2-T2V-A14B-Diffusers`` and ``-I2V-A14B-``. Compression
(8x8 pixels and 4 frames a latent), patch size and latent channels are the real ones, so sizes,
frame counts and the order of calls are too. The 1.3B keeps its 12 attention heads, by which
it is told from the 14B.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import common.runtime.libraries  # noqa: F401

import torch
from diffusers import (
    AutoencoderKLWan,
    UniPCMultistepScheduler,
    WanImageToVideoPipeline,
    WanPipeline,
    WanTransformer3DModel,
    WanVACEPipeline,
    WanVACETransformer3DModel,
)
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    UMT5Config,
    UMT5EncoderModel,
)

from scripts.tiny import publish
from scripts.tiny.tokenizers import t5_tokenizer

BOUNDARY_T2V, BOUNDARY_I2V = 0.875, 0.9
"""``boundary_ratio`` of the published ``model_index.json``. Not asked of the model: in the image of
another service, whose tiny checkpoint is made from these parts, its package is not there."""

SEED = 21
TEXT_DIM = 32
IMAGE_DIM = 16
LATENT_CHANNELS = 16
I2V_CHANNELS = 36
"""Noise (16), encoded picture (16) and its mask (4), concatenated."""

_PUBLISHED_NAMES = {
    "tokenizer": ["transformers", "T5TokenizerFast"],
    "image_processor": ["transformers", "CLIPImageProcessor"],
}
"""Class names in the published ``model_index.json``; transformers 5 saves others for them."""


def build(models_dir: Path, *, force: bool = False) -> list[Path]:
    """Put the tiny checkpoints of Wan2.1 and Wan2.2 into the cache; answer their folders."""
    return [
        *build_2_1(models_dir, force=force),
        *build_vace(models_dir, force=force),
        *build_2_2(models_dir, force=force),
    ]


def build_2_1(models_dir: Path, *, force: bool = False) -> list[Path]:
    """The 14B, the 1.3B, and the 14B for pictures."""
    recipes = {
        "Wan-AI/Wan2.1-T2V-14B-Diffusers": lambda folder: save_t2v(folder, num_heads=2),
        "Wan-AI/Wan2.1-T2V-1.3B-Diffusers": lambda folder: save_t2v(folder, num_heads=12),
        "Wan-AI/Wan2.1-I2V-14B-480P-Diffusers": save_i2v,
    }
    return _published(models_dir, recipes, force=force)


def build_vace(models_dir: Path, *, force: bool = False) -> list[Path]:
    """VACE, the 14B and the 1.3B."""
    recipes = {
        "Wan-AI/Wan2.1-VACE-14B-diffusers": lambda folder: save_vace(folder, num_heads=2),
        "Wan-AI/Wan2.1-VACE-1.3B-diffusers": lambda folder: save_vace(folder, num_heads=12),
    }
    return _published(models_dir, recipes, force=force)


def build_2_2(models_dir: Path, *, force: bool = False) -> list[Path]:
    """The A14B for text, and the one for pictures: two transformers each."""
    recipes = {
        "Wan-AI/Wan2.2-T2V-A14B-Diffusers": save_t2v_a14b,
        "Wan-AI/Wan2.2-I2V-A14B-Diffusers": save_i2v_a14b,
    }
    return _published(models_dir, recipes, force=force)


def _published(
    models_dir: Path, recipes: Mapping[str, Callable[[Path], None]], *, force: bool
) -> list[Path]:
    source = Path(__file__)
    return [
        publish(models_dir, repo_id, source, save, force=force) for repo_id, save in recipes.items()
    ]


def save_t2v(folder: Path, *, num_heads: int) -> None:
    """Write a text-to-video checkpoint into ``folder``."""
    torch.manual_seed(SEED)
    pipeline = WanPipeline(
        tokenizer=t5_tokenizer(),
        text_encoder=_text_encoder(),
        vae=_vae(),
        scheduler=_scheduler(),
        transformer=_transformer(LATENT_CHANNELS, num_heads, image_dim=None),
    )
    _save(pipeline, folder)


def save_i2v(folder: Path) -> None:
    """Write an image-to-video checkpoint into ``folder``."""
    torch.manual_seed(SEED)
    pipeline = WanImageToVideoPipeline(
        tokenizer=t5_tokenizer(),
        text_encoder=_text_encoder(),
        vae=_vae(),
        scheduler=_scheduler(),
        image_processor=CLIPImageProcessorPil(),
        image_encoder=_image_encoder(),
        transformer=_transformer(I2V_CHANNELS, 2, image_dim=IMAGE_DIM),
    )
    _save(pipeline, folder)


def save_vace(folder: Path, *, num_heads: int) -> None:
    """Write a checkpoint of text, pictures and parts of videos into ``folder``."""
    torch.manual_seed(SEED + 3)
    pipeline = WanVACEPipeline(
        tokenizer=t5_tokenizer(),
        text_encoder=_text_encoder(),
        vae=_vae(),
        scheduler=_scheduler(),
        transformer=WanVACETransformer3DModel(
            num_attention_heads=num_heads,
            attention_head_dim=12,
            num_layers=2,
            ffn_dim=64,
            text_dim=TEXT_DIM,
            vace_layers=[0, 1],
        ),
    )
    _save(pipeline, folder)


def save_t2v_a14b(folder: Path) -> None:
    """Write Wan2.2's text-to-video checkpoint of two transformers into ``folder``."""
    torch.manual_seed(SEED + 1)
    pipeline = WanPipeline(
        tokenizer=t5_tokenizer(),
        text_encoder=_text_encoder(),
        vae=_vae(),
        scheduler=_scheduler(),
        transformer=_transformer(LATENT_CHANNELS, 2, image_dim=None),
        transformer_2=_transformer(LATENT_CHANNELS, 2, image_dim=None),
        boundary_ratio=BOUNDARY_T2V,
    )
    _save(pipeline, folder)


def save_i2v_a14b(folder: Path) -> None:
    """Write its image-to-video checkpoint, which has no image encoder, into ``folder``."""
    torch.manual_seed(SEED + 2)
    pipeline = WanImageToVideoPipeline(
        tokenizer=t5_tokenizer(),
        text_encoder=_text_encoder(),
        vae=_vae(),
        scheduler=_scheduler(),
        transformer=_transformer(I2V_CHANNELS, 2, image_dim=None),
        transformer_2=_transformer(I2V_CHANNELS, 2, image_dim=None),
        boundary_ratio=BOUNDARY_I2V,
    )
    _save(pipeline, folder, absent=("image_encoder", "image_processor"))


def _text_encoder() -> UMT5EncoderModel:
    config = UMT5Config(
        vocab_size=len(t5_tokenizer()), d_model=TEXT_DIM, d_kv=8, d_ff=64, num_layers=2, num_heads=4
    )
    return UMT5EncoderModel(config).eval()


def _vae() -> AutoencoderKLWan:
    return AutoencoderKLWan(base_dim=4, z_dim=LATENT_CHANNELS, num_res_blocks=1)


def _transformer(in_channels: int, num_heads: int, image_dim: int | None) -> WanTransformer3DModel:
    return WanTransformer3DModel(
        in_channels=in_channels,
        out_channels=LATENT_CHANNELS,
        num_attention_heads=num_heads,
        attention_head_dim=12,
        num_layers=2,
        ffn_dim=64,
        text_dim=TEXT_DIM,
        image_dim=image_dim,
        added_kv_proj_dim=num_heads * 12 if image_dim else None,
    )


def _scheduler() -> UniPCMultistepScheduler:
    return UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
    )


def _image_encoder() -> CLIPVisionModelWithProjection:
    config = CLIPVisionConfig(
        hidden_size=IMAGE_DIM,
        intermediate_size=32,
        projection_dim=IMAGE_DIM,
        num_hidden_layers=3,
        num_attention_heads=2,
        image_size=224,
        patch_size=14,
    )
    return CLIPVisionModelWithProjection(config).eval()


def _save(
    pipeline: WanPipeline | WanImageToVideoPipeline | WanVACEPipeline,
    folder: Path,
    absent: Sequence[str] = (),
) -> None:
    """Save in float32, as the published weights are; loading casts them.

    ``absent`` are parts that the published index names as ``[null, null]``; others it leaves out.
    """
    pipeline.save_pretrained(folder, safe_serialization=True)
    index = folder / "model_index.json"
    entries = json.loads(index.read_text()) | _PUBLISHED_NAMES
    named = {*pipeline.components, "boundary_ratio"}
    kept = {k: v for k, v in entries.items() if k in named or k.startswith("_")}
    published = {k: v for k, v in kept.items() if v not in (None, [None, None])}
    published |= {name: [None, None] for name in absent}
    index.write_text(json.dumps(published, indent=2) + "\n")
