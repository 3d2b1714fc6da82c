"""A request that has a video made smoother or larger, and nothing else. Pure."""

from pathlib import Path

from common.base.errors import Unresolvable
from common.contract import Resolution
from common.kinds.video.clips import Whole
from common.kinds.video.requests import GenerateRequest
from common.kinds.video.resolved import ResolvedRequest
from common.kinds.video.upscaler import ResolvedUpscaler
from common.kinds.video.upscalers import size_of


def refined_alone(
    request: GenerateRequest, video: Whole, upscaler: ResolvedUpscaler | None = None
) -> Resolution:
    """What becomes of it: size, rate and length are the video's own, whatever a model can make.

    Raises:
        Unresolvable: nothing is to be done, or the frames would be too large or too many.
    """
    wanted = request.enable_frame_interpolation or request.enable_upscaling
    if not wanted or video.num_frames < 1:
        raise Unresolvable(
            "strength 0 leaves the video as it is, and nothing else is asked for.",
            param="strength",
            hint="Say enable_upscaling or enable_frame_interpolation, or a strength above 0.",
        )
    if request.num_frames or request.duration or request.resolution or request.fps:
        raise Unresolvable(
            "With strength 0 the video keeps its own length, size and rate.",
            param="strength",
            hint="Leave num_frames, duration, resolution and fps out.",
        )
    pictures = request.last_image or request.keyframes or request.reference_images
    if pictures or request.loras or request.options:
        raise Unresolvable(
            "With strength 0 nothing new is made: it takes no pictures, LoRAs or options.",
            param="strength",
            hint="Leave last_image, keyframes, reference_images, loras and options out.",
        )
    width, height = size_of(video)
    resolved = ResolvedRequest(
        prompt=request.prompt or "",
        negative_prompt="",
        width=width,
        height=height,
        num_frames=video.num_frames,
        fps=video.fps,
        seed=0,
        num_inference_steps=1,
        guidance_scale=1,
        video=Path(video.name),
        strength=0,
        upscaler=upscaler,
        **request.resolved(width, height, video.fps),
    )
    return Resolution(resolved, ())
