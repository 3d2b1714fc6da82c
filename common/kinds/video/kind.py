"""Videos, as the core sees them."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from common.base.settings import MIB, Settings
from common.contract import Intake, Kind, Preparer, Publisher, Work
from common.kinds.video import files, fusing, sameness, sizing
from common.kinds.video.afterwards import CAPABILITIES
from common.kinds.video.options import VideoOptions
from common.kinds.video.requests import GenerateRequest
from common.kinds.video.resolved import ResolvedRequest
from common.kinds.video.result import ClipView, ResultView, VideoResult
from common.kinds.video.second_stage import SecondStage
from common.kinds.video.two_stages import offer
from common.kinds.video.upscaler import ResolvedUpscaler
from common.kinds.video.upscalers import latent_upscaler, x4plus_upscaler
from common.kinds.video.variants import Capability, VideoVariant

_OPENAI = "common.kinds.video.openai"


class VideoKind(Kind):
    """Videos from words, pictures and videos, with sound where the model makes it."""

    name = "video"
    noun = "video"
    less = "a lower resolution or fewer frames"
    sized_by = "resolution"

    request = GenerateRequest
    option_bodies = frozenset({"GenerateRequest", "CreateVideo"})
    uploads: Mapping[str, str] = {
        "image": "PNG, JPEG, WebP, GIF, AVIF, HEIC or BMP; an animation's first frame.",
        "last_image": "Likewise: the last frame, on models that list `last_image`.",
        "video": "MP4, MOV, MKV or WebM. With `strength` it is made anew; without, models that"
        " list `video_continuation` go on from its first frames, and `duration` and `num_frames`"
        " count what is new; those that list `control_video` follow it.",
    }
    batch_examples: Mapping[str, Any] = {
        "requests": {
            "summary": "Whole requests",
            "value": {
                "name": "animals",
                "requests": [
                    {"prompt": "A cat walking on a beach", "seed": 1},
                    {"prompt": "A dog in the snow", "duration": 3},
                ],
            },
        },
        "varied": {
            "summary": "One request with two prompts and three seeds: six videos",
            "value": {
                "request": {"duration": 3, "resolution": "1024x576"},
                "prompts": ["A cat walking on a beach", "A dog in the snow"],
                "seeds": [1, 2, 3],
            },
        },
    }

    resolved = ResolvedRequest
    nothing = ResolvedRequest(
        prompt="",
        negative_prompt="",
        width=1,
        height=1,
        num_frames=1,
        fps=1,
        seed=0,
        num_inference_steps=1,
        guidance_scale=1,
    )
    result = VideoResult
    result_view = ResultView
    clip_view = ClipView

    files = (files.VIDEO, files.THUMBNAIL, files.SPRITESHEET)
    routers = (
        "common.kinds.video.routes_presets:router",
        "common.kinds.video.routes_loras:router",
        *(f"{_OPENAI}.{name}:router" for name in ("routes_sync", "routes_videos")),
        f"{_OPENAI}.routes_content:router",
        "common.api.openai.models:router",
    )
    """/v1/videos/sync is no video's id."""
    takes: Mapping[str, str] = {"edit": "video.mp4"}
    routes: Mapping[str, str] = {"POST /v1/videos": "the same for clients of OpenAI's Videos API"}
    creating = ("/v1/videos(/[^/]+/remix)?",)
    waiting = ("/v1/videos/sync",)
    tags: tuple[Mapping[str, str], ...] = (
        {"name": "OpenAI", "description": "The same jobs, for clients of OpenAI's Videos API."},
    )

    page = Path(__file__).with_name("page")

    def page_limits(self, settings: Settings) -> Mapping[str, int]:
        """Of the pictures and videos that a video begins with."""
        return {
            "max_video_bytes": int(settings.max_input_video_mb * MIB),
            "max_image_pixels": settings.max_image_pixels,
            "max_json_bytes": int(min(settings.max_json_mb, settings.max_body_mb) * MIB),
        }

    def bounded(self, variant: VideoVariant, settings: Settings) -> VideoVariant:
        """With what comes after any model, and before it by the operator's own endpoint.

        And with the operator's longest video, if that is shorter; and with a second stage where
        its files are there now.
        """
        helped = {Capability.PROMPT_ENHANCEMENT} if settings.prompt_help_url else frozenset()
        stages = variant if settings.two_stages else replace(variant, two_stages=None, extra=None)
        can = variant.capabilities | CAPABILITIES | helped
        if not isinstance(offer(stages, settings), SecondStage):
            can -= {Capability.TWO_STAGES}
        if isinstance(latent_upscaler(stages, settings), ResolvedUpscaler):
            can |= {Capability.LATENT_UPSCALING}
        if isinstance(x4plus_upscaler(settings), ResolvedUpscaler):
            can |= {Capability.X4PLUS_UPSCALING}
        variant = replace(stages, capabilities=can)
        most = settings.max_duration_seconds
        if most is None:
            return variant
        seconds = min(most, variant.limits.max_seconds or most)
        return replace(variant, limits=replace(variant.limits, max_seconds=seconds))

    def intake(
        self, model: str, options: type[VideoOptions], variant: VideoVariant, settings: Settings
    ) -> Intake:
        """Reads what a video may begin with, and resolves."""
        from common.kinds.video.intake import VideoIntake

        return VideoIntake.of(model, options, variant, settings)

    def publisher(self, settings: Settings) -> Publisher:
        """Encodes."""
        from common.kinds.video.publisher import VideoPublisher

        return VideoPublisher.of(settings)

    def preparer(self, variant: VideoVariant, settings: Settings) -> Preparer | None:
        """Has prompts rewritten; None where the model does that by itself."""
        if not settings.prompt_help_url and Capability.PROMPT_ENHANCEMENT in variant.capabilities:
            return None
        from common.kinds.video.prompt_help.preparer import PromptHelp

        return PromptHelp.of(settings)

    def usual(self, variant: VideoVariant) -> Iterator[ResolvedRequest]:
        return sizing.usual(variant)

    def shape(self, request: ResolvedRequest) -> str:
        return sizing.shape(request)

    def beside(self, request: ResolvedRequest) -> int:
        return sizing.beside(request)

    def smaller(
        self, variant: VideoVariant, request: ResolvedRequest
    ) -> Iterator[Iterator[tuple[str, ResolvedRequest]]]:
        return sizing.smaller(variant, request)

    def work(self, request: ResolvedRequest, cost: float) -> Work:
        return sizing.work(request, cost)

    def decisive(self, request: ResolvedRequest, settings: Settings) -> Mapping[str, Any] | None:
        return sameness.decisive(request, settings)

    def together(self, request: ResolvedRequest) -> str | None:
        return fusing.together(request)


VIDEO_KIND = VideoKind()
