"""What a checkpoint can do: its capabilities, its limits, and what a request gets by default."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from common.contract.variants import Variant
from common.media.clip import VideoInput


class Capability(StrEnum):
    """What a checkpoint can do."""

    TEXT_TO_VIDEO = "text_to_video"
    IMAGE_TO_VIDEO = "image_to_video"
    LAST_IMAGE = "last_image"
    KEYFRAMES = "keyframes"
    REFERENCE_IMAGES = "reference_images"
    VIDEO_CONTINUATION = "video_continuation"
    VIDEO_TO_VIDEO = "video_to_video"
    CONTROL_VIDEO = "control_video"
    EXTEND = "extend"
    RETAKE = "retake"
    AUDIO = "audio"
    LORA = "lora"
    STEP_CACHE = "step_cache"
    FRAME_INTERPOLATION = "frame_interpolation"
    UPSCALING = "upscaling"
    LATENT_UPSCALING = "latent_upscaling"
    X4PLUS_UPSCALING = "x4plus_upscaling"
    TWO_STAGES = "two_stages"
    PROMPT_ENHANCEMENT = "prompt_enhancement"


@dataclass(frozen=True)
class Limits:
    """The range a checkpoint can make. Inside it requests are snapped, outside it refused.

    Sides are in pixels and multiples of ``size_multiple``; legal frame counts are
    ``frames_step * n + frames_offset``; ``fixed_fps`` set means that every accepted fps becomes
    this one. ``max_seconds`` bounds the length where a model knows time rather than frames.
    ``legal_steps`` are the only numbers of denoising steps; empty is every one in the range.
    """

    size_multiple: int
    min_side: int
    max_side: int
    max_pixels: int
    frames_step: int
    min_frames: int
    max_frames: int
    frames_offset: int = 1
    min_fps: float = 8
    max_fps: float = 60
    fixed_fps: float | None = None
    max_seconds: float | None = None
    min_steps: int = 1
    max_steps: int = 100
    legal_steps: tuple[int, ...] = ()
    max_guidance_scale: float = 20
    takes_negative_prompt: bool = True
    video_input: VideoInput | None = None
    """Set where a checkpoint continues videos."""
    needs_last_image: bool = False
    """Whether it was trained for two pictures, and does not begin with one alone."""
    tail_frames: int = 1
    """So many of its last frames a checkpoint sees of a video that it extends; of a short one
    fewer: as many as make whole latents."""


@dataclass(frozen=True)
class Defaults:
    """What a request gets that does not say."""

    width: int
    height: int
    num_frames: int
    fps: float
    num_inference_steps: int
    guidance_scale: float
    negative_prompt: str = ""
    guidance_scale_2: float | None = None
    """Of the second transformer, where a checkpoint has two that share the steps."""


@dataclass(frozen=True)
class Preset:
    """A level of quality, by one word: what it changes of a checkpoint's defaults.

    What is None stays the default; what a request says itself always wins.
    """

    size: tuple[int, int] | None = None
    """Width and height in pixels; of a picture's video, the area only."""
    num_inference_steps: int | None = None
    guidance_scale: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Of the model's own ones."""
    two_stages: bool = False
    """Whether a video gets a second stage, where that can be."""
    name: str = ""
    description: str = ""

    def applied(self, defaults: Defaults) -> Defaults:
        """What a request under this preset gets that does not say."""
        width, height = self.size or (defaults.width, defaults.height)
        return replace(
            defaults,
            width=width,
            height=height,
            num_inference_steps=self.num_inference_steps or defaults.num_inference_steps,
            guidance_scale=_or(self.guidance_scale, defaults.guidance_scale),
        )


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


@dataclass(frozen=True)
class TwoStages:
    """How a checkpoint makes a video at half of its sides first; ``extra`` has the files."""

    num_inference_steps: int
    """Of the second stage."""
    takes_lora: bool
    """Whether that runs with a LoRA."""


@dataclass(frozen=True)
class VideoVariant(Variant):
    """One checkpoint that makes videos, and what it can do."""

    capabilities: frozenset[Capability]
    limits: Limits
    defaults: Defaults
    presets: tuple[Preset, ...] = ()
    """All legal for this checkpoint."""
    two_stages: TwoStages | None = None
