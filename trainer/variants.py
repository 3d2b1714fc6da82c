"""The checkpoints that a LoRA can be trained for: their limits and defaults. No torch here."""

from dataclasses import dataclass, replace
from enum import StrEnum

from common.contract import Variant


class Capability(StrEnum):
    """What can be trained for a checkpoint."""

    LORA = "lora"


@dataclass(frozen=True)
class Limits:
    """What a checkpoint learns from, and how much at a time."""

    size_multiple: int
    """Of width and height, in pixels."""
    min_side: int
    max_pixels: int
    """Of a frame."""
    frames_step: int
    max_frames: int
    """Of a clip; what is longer is cut."""
    fps: float
    """Clips are read at this rate, the checkpoint's own."""
    max_clips: int
    max_rank: int
    max_steps: int


@dataclass(frozen=True)
class Defaults:
    """What a training gets that does not say."""

    rank: int
    steps: int
    learning_rate: float
    flow_shift: float
    """As the checkpoint's service samples."""
    guidance_scale: float
    num_inference_steps: int
    """Of the video that shows what was learnt, as the two above."""


@dataclass(frozen=True)
class TrainingVariant(Variant):
    """One checkpoint that LoRAs are trained for."""

    capabilities: frozenset[Capability]
    limits: Limits
    defaults: Defaults


_LORA = frozenset({Capability.LORA})
_LIMITS = Limits(
    size_multiple=16,
    min_side=128,
    max_pixels=832 * 480,
    frames_step=4,  # 4 frames a latent, after a first one of its own
    max_frames=81,
    fps=16,
    max_clips=200,
    max_rank=128,
    max_steps=20_000,
)
_DEFAULTS = Defaults(
    rank=16,
    steps=1000,
    learning_rate=1e-4,
    flow_shift=5.0,
    guidance_scale=5.0,
    num_inference_steps=50,
)
"""Rank and rate: examples/training_control and the LoRA scripts of diffusers; steps are ours."""

T2V_1_3B = TrainingVariant(
    "Wan-AI/Wan2.1-T2V-1.3B-Diffusers",
    "0fad780a534b6463e45facd96134c9f345acfa5b",
    _LORA,
    _LIMITS,
    replace(_DEFAULTS, flow_shift=8.0, guidance_scale=6.0),
)
T2V_14B = TrainingVariant(
    "Wan-AI/Wan2.1-T2V-14B-Diffusers",
    "38ec498cb3208fb688890f8cc7e94ede2cbd7f68",
    _LORA,
    replace(_LIMITS, max_pixels=1280 * 720),
    _DEFAULTS,
)
TI2V_5B = TrainingVariant(
    "Wan-AI/Wan2.2-TI2V-5B-Diffusers",
    "b8fff7315c768468a5333511427288870b2e9635",
    _LORA,
    replace(_LIMITS, size_multiple=32, max_pixels=1280 * 704, max_frames=121, fps=24),
    _DEFAULTS,
)
VARIANTS = (T2V_1_3B, T2V_14B, TI2V_5B)
"""Numbers as the services that make videos with them have them."""
