"""Reads the official autoencoder checkpoint (``ckpt/vae`` of sand-ai/MAGI-1) into ours.

Official names: SandAI-org/MAGI-1, inference/model/vae/vae_module.py. Only what every published
checkpoint has is supported; anything else its configuration may ask for is refused.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from common.base.errors import CheckpointError
from common.runtime.weights import damaged, missing
from magi1.vae import AutoencoderKLMagi

WEIGHTS = "diffusion_pytorch_model.safetensors"

_REQUIRED: Mapping[str, Any] = {
    "double_z": True,
    "ln_in_attn": True,
    "conv_last_layer": True,
    "with_cls_token": True,
    "use_rope": False,
    "use_final_proj": False,
    "norm_code": False,
}
"""What every published checkpoint has."""
_OFFICIAL_DEFAULTS = {**_REQUIRED, "ln_in_attn": False, "conv_last_layer": False}
"""What a ``ddconfig`` means that does not say."""

_CONFIG_NAMES = {
    "video_size": "sample_size",
    "video_length": "sample_frames",
    "patch_size": "patch_size",
    "patch_length": "patch_frames",
    "in_chans": "in_channels",
    "z_chans": "latent_channels",
    "embed_dim": "hidden_size",
    "depth": "num_layers",
    "num_heads": "num_attention_heads",
    "mlp_ratio": "mlp_ratio",
    "qkv_bias": "qkv_bias",
}
"""The official ``ddconfig`` beside our own configuration."""

_KEY_NAMES = (
    (r"\.blocks\.(\d+)\.attn\.qkv\.", r".transformer.blocks.\1.attention.to_qkv."),
    (r"\.blocks\.(\d+)\.attn\.proj\.", r".transformer.blocks.\1.attention.to_out."),
    (r"\.blocks\.(\d+)\.norm2\.", r".transformer.blocks.\1.norm."),
    (r"\.blocks\.(\d+)\.mlp\.fc1\.", r".transformer.blocks.\1.linear_in."),
    (r"\.blocks\.(\d+)\.mlp\.fc2\.", r".transformer.blocks.\1.linear_out."),
    (r"^(encoder|decoder)\.norm\.", r"\1.transformer.norm."),
    (r"\.cls_token$", ".transformer.class_token"),
    (r"^encoder\.patch_embed\.proj\.", "encoder.patch_embed."),
    (r"^encoder\.last_layer\.", "encoder.proj_out."),
    (r"^decoder\.last_layer\.", "decoder.conv_out."),
)
"""Official key, as a pattern, and ours; what no pattern fits keeps its name."""

_POSITIONS = ".pos_embed"


def config_from_official(config: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of ``AutoencoderKLMagi`` for a ``ddconfig``.

    Raises:
        CheckpointError: it asks for a part that no published checkpoint has.
    """
    for name, value in _REQUIRED.items():
        if config.get(name, _OFFICIAL_DEFAULTS[name]) != value:
            raise CheckpointError(f"this autoencoder is of an unknown kind: {name} is not {value}.")
    return {ours: config[name] for name, ours in _CONFIG_NAMES.items() if name in config}


def state_dict_from_official(
    weights: Mapping[str, torch.Tensor], grid: tuple[int, int, int]
) -> dict[str, torch.Tensor]:
    """Weights under our names, and in our shapes.

    Args:
        weights: as in the official file.
        grid: latent frames, rows and columns of the clip that positions are learned for. The
            official file has them flat, [1, 1 + T * H * W, dim], the class token's first.
    """
    renamed: dict[str, torch.Tensor] = {}
    for key, weight in weights.items():
        if key.endswith(_POSITIONS):
            prefix = key.removesuffix(_POSITIONS) + ".transformer"
            renamed[f"{prefix}.class_position"] = weight[:, :1]
            table = weight[:, 1:].transpose(1, 2)
            renamed[f"{prefix}.positions"] = table.reshape(1, -1, *grid)
        else:
            renamed[_our_key(key)] = weight
    return renamed


def _our_key(key: str) -> str:
    for pattern, name in _KEY_NAMES:
        ours, found = re.subn(pattern, name, key)
        if found:
            return ours
    return key


def load_vae(folder: Path, *, device: torch.device, dtype: torch.dtype) -> AutoencoderKLMagi:
    """Read ``ckpt/vae`` of the hub's checkpoint, and work in the official tiles.

    Raises:
        CheckpointError: a file is missing, damaged, or of another model.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))["ddconfig"]
        weights = load_file(folder / WEIGHTS)
    except FileNotFoundError as exc:
        raise missing(folder, f"{folder.name} lacks config.json or {WEIGHTS}") from exc
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as exc:
        raise damaged(folder, "a file of the autoencoder cannot be read") from exc
    vae = load_official_vae(config, weights)
    vae.to(device, dtype)
    vae.enable_tiling()
    return vae


def load_official_vae(
    config: Mapping[str, Any], weights: Mapping[str, torch.Tensor]
) -> AutoencoderKLMagi:
    """The autoencoder that an official ``ddconfig`` and its weights describe.

    The weights are taken over, not copied, in the number format that they have.

    Raises:
        CheckpointError: weights are missing, superfluous, or of another size.
    """
    with torch.device("meta"):
        vae: AutoencoderKLMagi = AutoencoderKLMagi(**config_from_official(config))
    renamed = state_dict_from_official(weights, vae.decoder.transformer.grid)
    try:
        vae.load_state_dict(renamed, strict=True, assign=True)
    except RuntimeError as exc:
        raise CheckpointError("the autoencoder's weights do not fit its configuration.") from exc
    vae.eval().requires_grad_(False)
    return vae
