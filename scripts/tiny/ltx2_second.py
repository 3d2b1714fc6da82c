"""What LTX-2's second stage takes, tiny: an upsampler of latents, and the LoRA that distils.

Layouts: of ``latent_upsampler/`` in Lightricks/LTX-2; of the single file in Lightricks/LTX-2.3,
whose header has the configuration; of the LoRA, with a pair for every linear layer of the
transformer, and in LTX-2.0's one for what takes the text encoder's layers together. Its bytes say
so: they are those of such a file to the last thousand.
"""

import json
from pathlib import Path

import common.runtime.libraries  # noqa: F401

import torch
from diffusers import LTX2VideoTransformer3DModel
from diffusers.pipelines.ltx2.latent_upsampler import LTX2LatentUpsamplerModel
from safetensors.torch import save_file
from torch import nn

RANK = 4
SCALE = 0.05
SEED = 23
CHANNELS = 32
"""The fewest that its norms of 32 groups take; 1024 in the real one."""

ORIGINAL = {
    "av_cross_attn_video_scale_shift.": "av_ca_video_scale_shift_adaln_single.",
    "av_cross_attn_video_a2v_gate.": "av_ca_a2v_gate_adaln_single.",
    "av_cross_attn_audio_scale_shift.": "av_ca_audio_scale_shift_adaln_single.",
    "av_cross_attn_audio_v2a_gate.": "av_ca_v2a_gate_adaln_single.",
    "prompt_adaln.": "prompt_adaln_single.",
    "time_embed.": "adaln_single.",
    "proj_in.": "patchify_proj.",
}
"""How names begin in diffusers, after ``audio_`` or nothing, and in ltx_core/model/transformer."""


def save_folder(folder: Path) -> None:
    """The upsampler as diffusers has it, with the blur that it does not use."""
    _upsampler(rational=True).save_pretrained(folder, safe_serialization=True)


def save_single_file(path: Path) -> None:
    """The upsampler as its authors have it."""
    config = {
        "in_channels": 128,
        "mid_channels": CHANNELS,
        "num_blocks_per_stage": 1,
        "dims": 3,
        "spatial_upsample": True,
        "temporal_upsample": False,
        "spatial_scale": 2.0,
        "rational_resampler": False,
    }
    tensors = _upsampler(rational=False).state_dict()
    save_file(tensors, path, {"config": json.dumps(config)})


def _upsampler(*, rational: bool) -> LTX2LatentUpsamplerModel:
    model = LTX2LatentUpsamplerModel(
        mid_channels=CHANNELS, num_blocks_per_stage=1, use_rational_resampler=rational
    )
    upsampler: LTX2LatentUpsamplerModel = model.to(torch.bfloat16)
    return upsampler


def save_lora(path: Path, transformer: LTX2VideoTransformer3DModel, text_dim: int = 0) -> None:
    """Write a LoRA for ``transformer`` and, where ``text_dim`` says so, for what feeds it text."""
    generator = torch.Generator("cpu").manual_seed(SEED)
    tensors: dict[str, torch.Tensor] = {}

    def add(name: str, columns: int, rows: int) -> None:
        rank = min(RANK, rows, columns)
        for part, sides in (("A", (rank, columns)), ("B", (rows, rank))):
            values = SCALE * torch.randn(sides, generator=generator)
            tensors[f"{name}.lora_{part}.weight"] = values.bfloat16()

    for name, layer in transformer.named_modules():
        if isinstance(layer, nn.Linear):
            original = f"diffusion_model.{original_name(name)}"
            add(original, layer.in_features, layer.out_features)
    if text_dim:
        add("text_embedding_projection.aggregate_embed", text_dim, 8)
    save_file(tensors, path)


def original_name(name: str) -> str:
    """The name of a layer in the code that LTX-2 was published with."""
    front = "audio_" if name.startswith("audio_") else ""
    rest = name.removeprefix(front)
    for theirs, ours in ORIGINAL.items():
        if rest.startswith(theirs) or rest + "." == theirs:
            return f"{front}{ours}{rest[len(theirs) :]}".rstrip(".")
    return name
