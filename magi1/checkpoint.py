"""Reads MAGI-1's published transformers: their files, their names, their FP8 weights.

On the hub (``sand-ai/MAGI-1``) a model is a folder like ``ckpt/magi/4.5B_distill`` with the weights
in ``inference_weight[.fp8][.distill]``: one ``model.safetensors``, or several with an index.
Layout: SandAI-org/MAGI-1, inference/infra/checkpoint/checkpointing.py.
"""

import json
import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from common.errors import CheckpointError
from magi1.configuration import OFFICIAL, MagiConfig, read
from magi1.transformer import MagiTransformer3DModel

_SINGLE = "model.safetensors"
_INDEX = "model.safetensors.index.json"

_NAMES = {
    "x_embedder": "patch_embed",
    "t_embedder.mlp.0": "time_embed.linear_1",
    "t_embedder.mlp.2": "time_embed.linear_2",
    "y_embedder.null_caption_embedding": "caption_embed.null_caption",
    "y_embedder.y_proj_xattn.0": "caption_embed.text_proj",
    "y_embedder.y_proj_adaln.0": "caption_embed.condition_proj",
    "rope.bands": "rope.bands",
    "videodit_blocks.final_layernorm": "norm_out",
    "final_linear.linear": "proj_out",
}
"""Official names outside the blocks, and ours."""

_BLOCK_NAMES = {
    "ada_modulate_layer.proj.0": "gates",
    "self_attention.linear_qkv.layer_norm": "attn.norm",
    "self_attention.linear_qkv.q": "attn.to_q",
    "self_attention.linear_qkv.k": "attn.to_k",
    "self_attention.linear_qkv.v": "attn.to_v",
    "self_attention.linear_qkv.qx": "attn.to_text_q",
    "self_attention.linear_kv_xattn": "attn.to_text_kv",
    "self_attention.q_layernorm": "attn.norm_q",
    "self_attention.k_layernorm": "attn.norm_k",
    "self_attention.q_layernorm_xattn": "attn.norm_text_q",
    "self_attention.k_layernorm_xattn": "attn.norm_text_k",
    "self_attention.linear_proj": "attn.to_out",
    "self_attn_post_norm": "norm_attn",
    "mlp.layer_norm": "ffn.norm",
    "mlp.linear_fc1": "ffn.up",
    "mlp.linear_fc2": "ffn.down",
    "mlp_post_norm": "norm_ffn",
}
"""Official names below ``videodit_blocks.layers.N``, and ours below ``blocks.N``."""

_BLOCK = re.compile(r"videodit_blocks\.layers\.(\d+)\.(.+)")
_SCALES = ("weight_scale", "input_scale", "smooth_scale")


def load(
    folder: Path, *, dtype: torch.dtype, device: torch.device | str = "cpu"
) -> tuple[MagiTransformer3DModel, MagiConfig]:
    """Load a model's folder: its transformer with blocks in ``dtype``, and its configuration.

    Raises:
        CheckpointError: missing, incomplete, or of another model.
    """
    config = find_config(folder)
    return load_transformer(folder, config, dtype=dtype, device=device), config


def find_config(folder: Path) -> MagiConfig:
    """The folder's ``config.json``; without one, what is known of the official folder's name.

    Raises:
        CheckpointError: the file is damaged, or there is none and the name is unknown.
    """
    if (folder / "config.json").exists():
        return read(folder / "config.json")
    if folder.name in OFFICIAL:
        return OFFICIAL[folder.name]
    raise CheckpointError(f"{folder.name} has no config.json and is no official MAGI-1 model.")


def load_transformer(
    folder: Path, config: MagiConfig, *, dtype: torch.dtype, device: torch.device | str = "cpu"
) -> MagiTransformer3DModel:
    """Fill a transformer of this configuration with the folder's weights, FP8 dequantized.

    Weights go to ``device`` one by one; the norms and embeddings of ``_keep_in_fp32_modules``
    in float32.

    Raises:
        CheckpointError: missing, incomplete, or of another size.
    """
    with torch.device("meta"):
        model: MagiTransformer3DModel = MagiTransformer3DModel(**config.transformer.as_dict())
    try:
        state = _read(_weights_folder(folder, config), dtype, str(device))
        model.load_state_dict(state, strict=True, assign=True)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as exc:
        if isinstance(exc, torch.OutOfMemoryError):
            raise
        raise CheckpointError(f"the weights of {folder.name} are incomplete or damaged.") from exc
    model.requires_grad_(False).eval()
    return model


def _weights_folder(folder: Path, config: MagiConfig) -> Path:
    if (folder / _SINGLE).exists() or (folder / _INDEX).exists():
        return folder
    fp8 = ".fp8" if config.fp8 else ""
    distilled = ".distill" if config.sampling.distilled else ""
    return folder / f"inference_weight{fp8}{distilled}"


def _read(folder: Path, dtype: torch.dtype, device: str) -> dict[str, torch.Tensor]:
    """Every tensor under our name and in its final format."""
    with ExitStack() as stack:
        files = {
            path: stack.enter_context(safe_open(path, framework="pt", device=device))
            for path in _files(folder)
        }
        where = {key: file for file in files.values() for key in file.keys()}  # noqa: SIM118
        state = {}
        for key in where:
            if key.rpartition(".")[2] in _SCALES:
                continue
            name = our_name(key)
            target = torch.float32 if _stays_float32(name) else dtype
            state[name] = _tensor(where, key).to(target)
        return state


def _files(folder: Path) -> list[Path]:
    index = folder / _INDEX
    if not index.exists():
        return [folder / _SINGLE]
    weight_map: dict[str, str] = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
    return [folder / name for name in sorted(set(weight_map.values()))]


def our_name(key: str) -> str:
    """The name of an official key in ``MagiTransformer3DModel``.

    Raises:
        KeyError: MAGI-1 has no such key.
    """
    if key in _NAMES:
        return _NAMES[key]
    module, _, kind = key.rpartition(".")
    inside = _BLOCK.fullmatch(module)
    if inside is None:
        return f"{_NAMES[module]}.{kind}"
    return f"blocks.{inside[1]}.{_BLOCK_NAMES[inside[2]]}.{kind}"


def _stays_float32(name: str) -> bool:
    return not set(name.split(".")).isdisjoint(MagiTransformer3DModel._keep_in_fp32_modules)


def _tensor(where: dict[str, Any], key: str) -> torch.Tensor:
    weight: torch.Tensor = where[key].get_tensor(key)
    if weight.dtype != torch.float8_e4m3fn:
        return weight
    module = key.removesuffix("weight")
    scales = {
        name: where[module + name].get_tensor(module + name)
        for name in _SCALES
        if module + name in where
    }
    return dequantize(weight, **scales)


def dequantize(
    weight: torch.Tensor,
    weight_scale: torch.Tensor,
    input_scale: torch.Tensor,
    smooth_scale: torch.Tensor | None = None,
) -> torch.Tensor:
    """The float32 weight that an FP8 layer of the official files stands for.

    That layer divides its input by a scale (``smooth_scale`` channel by channel, else
    ``input_scale``), rounds it to FP8, and multiplies the product by ``input_scale`` and
    ``weight_scale``, one number each: W = w * weight_scale * input_scale / divisor. Only the
    rounding of the input is left out.

    Source: ``PerTensorQuantizedFp8Linear`` and ``PerChannelQuantizedFp8Linear`` in
    SandAI-org/MAGI-1, inference/model/dit/dit_module.py.

    Args:
        weight: float8_e4m3fn, shape [1, out, in].
        weight_scale: shape [1].
        input_scale: shape [1] or [in]; the product is multiplied by its first number.
        smooth_scale: shape [1, in].
    """
    divisor = input_scale if smooth_scale is None else smooth_scale
    gain = weight_scale.flatten()[0] * input_scale.flatten()[0] / divisor.flatten()
    return weight.squeeze(0).float() * gain.float()
