"""What decides how much memory and time a video takes, and how to ask for less."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from common.contract.work import Work
from common.kinds.video.resolved import ResolvedRequest
from common.kinds.video.step_cache import way_of
from common.kinds.video.upscaler import Upscaler
from common.kinds.video.variants import Capability, Limits, Preset, VideoVariant

_SMALLER = (0.75, 0.5, 0.25)
_PLAIN = Preset()
FLOW_BYTES = 120
"""Of a pixel of the model's frame: motions, where each leads in two frames, what is there."""
LARGER_BYTES = 60
"""Of a pixel of a larger frame: in float32 as it is made, averaged and corrected."""
X4PLUS_SCALE = 4
X4PLUS_BYTES = 3 * 2**29
"""Its weights in float32, and activations of one tile: 1.4 GB were measured on two cores."""


def usual(variant: VideoVariant) -> Iterator[ResolvedRequest]:
    """The job that says nothing, and those that say a preset only."""
    return (usual_request(variant, preset) for preset in (_PLAIN, *variant.presets))


def usual_request(variant: VideoVariant, preset: Preset = _PLAIN) -> ResolvedRequest:
    """A job that says nothing but its preset; from a picture where the checkpoint takes one."""
    defaults = preset.applied(variant.defaults)
    pictures = Capability.IMAGE_TO_VIDEO in variant.capabilities
    return ResolvedRequest(
        prompt="",
        negative_prompt=defaults.negative_prompt,
        width=defaults.width,
        height=defaults.height,
        num_frames=defaults.num_frames,
        fps=defaults.fps,
        seed=0,
        num_inference_steps=defaults.num_inference_steps,
        guidance_scale=defaults.guidance_scale,
        image=Path("picture") if pictures else None,
        last_image=Path("picture") if variant.limits.needs_last_image else None,
        options=dict(preset.options),
    )


def shape(request: ResolvedRequest) -> str:
    """All that decides a job's peak; prompts and seeds do not."""
    options = json.dumps(request.options, sort_keys=True, default=str)
    flags = [
        "image" if request.begins else "",
        "source" if request.frames_shown > request.video_frames + 1 else "",
        f"pictures {count}" if (count := request.guides) else "",
        f"references {count}" if (count := len(request.reference_images)) else "",
        "audio" if request.generate_audio else "",
        "helped" if request.awaits_help else "",
        "guided" if request.guidance_scale > 1 else "",
        f"two stages {stage.size_bytes}" if (stage := request.second_stage) else "",
        f"{one.name} {one.size_bytes}" if (one := request.upscaler) else "",
        f"loras {loras}" if (loras := sum(each.size_bytes for each in request.loras)) else "",
        hashlib.sha256(options.encode()).hexdigest()[:8],
    ]
    size = f"{request.width}x{request.height}x{request.clip_frames}"
    return " ".join([size, *filter(None, flags)])


def beside(request: ResolvedRequest) -> int:
    """Bytes of one frame's way from the model to the encoder, where it is refined."""
    scale = request.larger_afterwards
    file = request.width * request.height * request.upscaling_scale**2
    interpolating = file // scale**2 * FLOW_BYTES if request.frame_interpolation_exp else 0
    if request.upscaler is not None and request.upscaler.name is Upscaler.X4PLUS:
        drawn = request.width * request.height * X4PLUS_SCALE**2  # whatever is made of it
        return interpolating + drawn * LARGER_BYTES + X4PLUS_BYTES
    return interpolating + (file * LARGER_BYTES if scale > 1 else 0)


def work(request: ResolvedRequest, cost: float) -> Work:
    """Its size is in pixels of all frames."""
    pixels = request.width * request.height * request.clip_frames
    if not request.needs_model:
        alone = f"refined {request.frame_interpolation_exp} {request.upscaling_scale}"
        alone += f" {request.upscaler.name}" if request.upscaler else ""
        return Work(float(pixels), pixels, 1, alone)
    way = "enlarged" if request.enlarges_latents else way_of(request)
    return Work(cost, pixels, request.steps_taken, way)


def smaller(
    variant: VideoVariant, request: ResolvedRequest
) -> Iterator[Iterator[tuple[str, ResolvedRequest]]]:
    """By its picture, then by its length; a video that stays as it is has neither to give."""
    if request.strength == 0:
        return
    ways: tuple[Callable[[Limits, ResolvedRequest], Iterator[tuple[str, ResolvedRequest]]], ...]
    ways = (_by_size, _by_length)
    for way in ways:
        yield way(variant.limits, request)


def _by_size(limits: Limits, request: ResolvedRequest) -> Iterator[tuple[str, ResolvedRequest]]:
    multiple = limits.size_multiple * (2 if request.second_stage else 1)
    for share in _SMALLER:
        width, height = (
            max(limits.min_side, int(side * share) // multiple * multiple)
            for side in (request.width, request.height)
        )
        fewer = request.model_copy(update={"width": width, "height": height})
        yield f"resolution {width}x{height}", fewer


def _by_length(limits: Limits, request: ResolvedRequest) -> Iterator[tuple[str, ResolvedRequest]]:
    for share in _SMALLER:
        steps = int((request.num_frames - limits.frames_offset) * share) // limits.frames_step
        count = max(limits.min_frames, steps * limits.frames_step + limits.frames_offset)
        yield f"num_frames {count}", request.model_copy(update={"num_frames": count})
