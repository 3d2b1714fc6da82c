"""What a MAGI-1 checkpoint says about itself: the official ``config.json``, as frozen values.

The file has three sections, ``model_config``, ``runtime_config`` and ``engine_config``
(SandAI-org/MAGI-1, inference/common/config.py; examples below example/). Names below are the
field's usual ones; ``read`` holds the only place where the official names occur.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from common.runtime.live_weights import Naming
from common.runtime.weights import damaged, refused

SCALES = ("weight_scale", "input_scale", "smooth_scale")
"""Last parts of the names beside a weight in FP8: numbers that it is multiplied by when read."""


@dataclass(frozen=True)
class TransformerConfig:
    """Geometry of the transformer; the defaults are those of the 4.5B models.

    ``num_key_value_heads`` below ``num_attention_heads`` is grouped-query attention, equal to it
    multi-head attention. ``double_channels`` feeds the latents twice, one copy behind the other,
    and keeps the first half of what comes out (24B).
    """

    num_layers: int = 34
    hidden_size: int = 3072
    ffn_hidden_size: int = 12288
    num_attention_heads: int = 24
    num_key_value_heads: int = 8
    attention_head_dim: int = 128
    in_channels: int = 16
    out_channels: int = 16
    patch_size: int = 2
    patch_size_t: int = 1
    caption_channels: int = 4096
    caption_max_length: int = 800
    caption_ratio: float = 1.0
    condition_ratio: float = 0.25
    norm_eps: float = 1e-6
    zero_centered_norm: bool = True
    gated_ffn: bool = False
    double_channels: bool = False
    latent_rescale: float = 1.0

    @property
    def latent_channels(self) -> int:
        """Channels of the latents that go in and come out."""
        return self.in_channels // 2 if self.double_channels else self.in_channels

    def as_dict(self) -> dict[str, Any]:
        """Keyword arguments of ``MagiTransformer3DModel``."""
        return asdict(self)


@dataclass(frozen=True)
class SamplingConfig:
    """How a checkpoint is sampled; the defaults are those of the 4.5B base model.

    A chunk is ``chunk_width`` latent frames (24 frames of video); ``window_size`` chunks are
    denoised at once. A chunk attends to itself and chunks before it: ``noise_to_clean_kv_range``
    counts them, first for its noisiest steps; ``clean_kv_range`` for a clean chunk, where -1
    takes the last of the former. Without any range a chunk attends to everything before it.

    ``distilled`` models are told the size of their steps. ``guidance_passes`` is 3 with guidance
    by text and by previous chunks, or 1; their scales hold from each ``guidance_t`` on.
    """

    num_inference_steps: int = 64
    window_size: int = 4
    chunk_width: int = 6
    clean_t: float = 0.9999
    noise_to_clean_kv_range: tuple[int, ...] = (5, 4, 3, 2)
    clean_kv_range: int = 1
    guidance_passes: int = 3
    guidance_t: tuple[float, ...] = (0.0, 0.0217, 0.1, 0.3, 0.999)
    previous_scales: tuple[float, ...] = (1.5, 1.5, 1.5, 1.0, 1.0)
    text_scales: tuple[float, ...] = (7.5, 7.5, 7.5, 0.0, 0.0)
    distilled: bool = False
    nearly_clean_t: float = 0.3
    shortcut_mode: str = "8,16,16"


@dataclass(frozen=True)
class MagiConfig:
    """A whole checkpoint: its transformer, how to sample it, and what its weights look like."""

    transformer: TransformerConfig
    sampling: SamplingConfig
    fp8: bool = False


def read(path: Path) -> MagiConfig:
    """Read a ``config.json`` in the official form.

    Raises:
        CheckpointError: it is missing, no JSON, or lacks a field.
    """
    try:
        sections = json.loads(path.read_text(encoding="utf-8"))
        return parse(sections)
    except (OSError, ValueError, KeyError, TypeError) as exc:
        where = f"{path.parent.name}/{path.name}"
        raise damaged(path.parent, f"{where} cannot be read") from exc


def parse(sections: dict[str, dict[str, Any]]) -> MagiConfig:
    """Turn the three official sections into ours.

    Fields that the official code has a default for may be left out.

    Raises:
        KeyError: a size is missing.
        ValueError: its guidance takes neither three passes nor one.
    """
    if sections["runtime_config"]["cfg_number"] not in (1, 3):
        raise ValueError("cfg_number is neither 1 nor 3")
    engine = sections.get("engine_config", {})
    return MagiConfig(
        transformer=_transformer(sections["model_config"]),
        sampling=_sampling(sections["runtime_config"], engine),
        fp8=engine.get("fp8_quant", False),
    )


def _transformer(model: dict[str, Any]) -> TransformerConfig:
    return TransformerConfig(
        num_layers=model["num_layers"],
        hidden_size=model["hidden_size"],
        ffn_hidden_size=model["ffn_hidden_size"],
        num_attention_heads=model["num_attention_heads"],
        num_key_value_heads=model.get("num_query_groups", 1),
        attention_head_dim=model["kv_channels"],
        in_channels=model.get("in_channels", 4),
        out_channels=model.get("out_channels", 4),
        patch_size=model.get("patch_size", 2),
        patch_size_t=model.get("t_patch_size", 1),
        caption_channels=model.get("caption_channels", 4096),
        caption_max_length=model.get("caption_max_length", 800),
        caption_ratio=model.get("xattn_cond_hidden_ratio", 1.0),
        condition_ratio=model.get("cond_hidden_ratio", 0.25),
        norm_eps=model.get("layernorm_epsilon", 1e-6),
        zero_centered_norm=model.get("apply_layernorm_1p", False),
        gated_ffn=model.get("gated_linear_unit", False),
        double_channels=model.get("half_channel_vae", False),
        latent_rescale=model.get("x_rescale_factor", 1.0),
    )


def _sampling(runtime: dict[str, Any], engine: dict[str, Any]) -> SamplingConfig:
    return SamplingConfig(
        num_inference_steps=runtime.get("num_steps", 64),
        window_size=runtime.get("window_size", 4),
        chunk_width=runtime.get("chunk_width", 6),
        clean_t=runtime.get("clean_t", 1.0),
        noise_to_clean_kv_range=tuple(runtime.get("noise2clean_kvrange", ())),
        clean_kv_range=runtime.get("clean_chunk_kvrange", -1),
        guidance_passes=runtime["cfg_number"],
        guidance_t=tuple(runtime.get("cfg_t_range", (0.0, 0.0217, 0.1, 0.3, 0.999))),
        previous_scales=tuple(runtime.get("prev_chunk_scales", (1.5,) * 5)),
        text_scales=tuple(runtime.get("text_scales", (7.5,) * 5)),
        distilled=engine.get("distill", False),
        nearly_clean_t=engine.get("distill_nearly_clean_chunk_threshold", 0.3),
        shortcut_mode=engine.get("shortcut_mode", "8,16,16"),
    )


_24B = TransformerConfig(
    num_layers=48,
    hidden_size=6144,
    ffn_hidden_size=16384,
    num_attention_heads=48,
    in_channels=32,
    out_channels=32,
    gated_ffn=True,
    double_channels=True,
    latent_rescale=0.1,
)
_DISTILLED = SamplingConfig(num_inference_steps=16, guidance_passes=1, distilled=True)

OFFICIAL = {
    "4.5B_base": MagiConfig(TransformerConfig(), SamplingConfig()),
    "4.5B_distill": MagiConfig(TransformerConfig(), _DISTILLED),
    "4.5B_distill_quant": MagiConfig(TransformerConfig(), _DISTILLED, fp8=True),
    "24B_base": MagiConfig(_24B, SamplingConfig(num_inference_steps=32)),
    "24B_distill": MagiConfig(_24B, _DISTILLED),
    "24B_distill_quant": MagiConfig(_24B, _DISTILLED, fp8=True),
}
"""The published models, named as their folders are (SandAI-org/MAGI-1, example/*/*_config.json).

The weights' folders hold no ``config.json``. Distilled ones take 16 steps here; 8, 12, 32 and 64
work too (the 4.5B example says 64).
"""


def find_config(folder: Path) -> MagiConfig:
    """The folder's ``config.json``; without one, what is known of the official folder's name.

    Raises:
        CheckpointError: the file is damaged, or there is none and the name is unknown.
    """
    if (folder / "config.json").exists():
        return read(folder / "config.json")
    if folder.name in OFFICIAL:
        return OFFICIAL[folder.name]
    reason = f"{folder.name} has no config.json and is no official MAGI-1 model"
    raise refused(folder, reason)


def weights_folder(folder: Path, config: MagiConfig) -> Path:
    """Where a model's files are: ``inference_weight[.fp8][.distill]`` in it, or the folder itself.

    Source: SandAI-org/MAGI-1, inference/infra/checkpoint/checkpointing.py.
    """
    naming = Naming.TRANSFORMERS
    if any((folder / name).exists() for name in naming.in_order):
        return folder
    fp8 = ".fp8" if config.fp8 else ""
    distilled = ".distill" if config.sampling.distilled else ""
    return folder / f"inference_weight{fp8}{distilled}"
