"""What makes a request's frames larger, where it chooses, and why that cannot be.

Looks at the disk, for files that can come and go.
"""

import math
from dataclasses import replace

from common.base.errors import Unresolvable
from common.base.settings import Settings
from common.contract.hub import download_command, extra_files
from common.contract.variants import Extra
from common.kinds.video.clips import Whole
from common.kinds.video.requests import GenerateRequest
from common.kinds.video.two_stages import NotHere
from common.kinds.video.upscaler import ResolvedUpscaler, Upscaler, x4plus_weights
from common.kinds.video.variants import Limits, VideoVariant

FIELD = "upscaler"
X4PLUS_RELEASE = "v0.2.5.0"
"""Of xinntao/Real-ESRGAN, whose files ``scripts/fetch_upscalers.py`` brings."""
LATENT_SCALE = 2
"""Times the sides: what the upsamplers of latents that are read here do."""


def chosen_upscaler(
    request: GenerateRequest, video: Whole | None, variant: VideoVariant, settings: Settings
) -> ResolvedUpscaler | None:
    """What the request names; None for what is taken anyway.

    Args:
        request: names one.
        video: what is made larger and nothing else; None where a model makes the video.
        variant: the checkpoint.
        settings: of the service.

    Raises:
        Unresolvable: it is not here, or cannot do what is asked.
    """
    if request.upscaler is Upscaler.X4PLUS:
        return _here(x4plus_upscaler(settings))
    if request.upscaler is not Upscaler.LATENT:
        return None
    found = _here(latent_upscaler(variant, settings))
    if video is None:
        raise Unresolvable(
            "upscaler latent makes a video larger that is there, and nothing else.",
            param=FIELD,
            hint="Send video with strength 0; two_stages has a new one's latents enlarged.",
        )
    if (request.upscaling_scale or LATENT_SCALE) != LATENT_SCALE:
        raise Unresolvable(
            f"upscaler latent makes the sides {LATENT_SCALE} times as long.",
            param="upscaling_scale",
            hint=f"Ask for {LATENT_SCALE}, or leave upscaler out.",
        )
    _check_size(video, variant.limits)
    return found


def _here(found: ResolvedUpscaler | NotHere) -> ResolvedUpscaler:
    if isinstance(found, NotHere):
        raise Unresolvable(f"{found.reason}.", param=FIELD, hint=found.hint)
    return found


def x4plus_upscaler(settings: Settings) -> ResolvedUpscaler | NotHere:
    """Real-ESRGAN's network for photographs, which is too large for the repository."""
    weights = x4plus_weights(settings.models_dir)
    files = [weights.with_suffix(suffix) for suffix in (".param", ".bin")]
    if not all(path.is_file() for path in files):
        return NotHere(
            f"the files of {Upscaler.X4PLUS} are not in the models folder",
            "Run: scripts/download_models.sh upscalers",
        )
    size = sum(path.stat().st_size for path in files)
    return ResolvedUpscaler(name=Upscaler.X4PLUS, size_bytes=size, revision=X4PLUS_RELEASE)


def latent_upscaler(variant: VideoVariant, settings: Settings) -> ResolvedUpscaler | NotHere:
    """The checkpoint's own, that a second stage has too."""
    if variant.two_stages is None or variant.extra is None:
        return NotHere(
            f"{variant.name} has no upsampler of latents here",
            "Leave upscaler out, or use a service whose /info lists latent_upscaling.",
        )
    files = extra_files(settings.models_dir, upsampler_of(variant.extra))
    if files is None:
        return NotHere(
            "the files of the upsampler are not in the models folder",
            f"Run: {download_command(variant.checkpoint)}",
        )
    return ResolvedUpscaler(
        name=Upscaler.LATENT, size_bytes=files.size_bytes, revision=files.revision
    )


def upsampler_of(extra: Extra) -> Extra:
    """What enlarging alone takes of a second stage's files: all but the LoRA."""
    return replace(extra, files=tuple(name for name in extra.files if "lora" not in name))


def size_of(video: Whole) -> tuple[int, int]:
    """The width and height that a video is refined at: even ones, as H.264 wants them."""
    return video.width // 2 * 2, video.height // 2 * 2


def _check_size(video: Whole, limits: Limits) -> None:
    """What comes of it is no more than the checkpoint makes by itself, in whole latents."""
    width, height = (
        math.ceil(side / limits.size_multiple) * limits.size_multiple * LATENT_SCALE
        for side in size_of(video)
    )
    if max(width, height) > limits.max_side or width * height > limits.max_pixels:
        raise Unresolvable(
            f"{video.width}x{video.height} times {LATENT_SCALE} is more than this checkpoint makes:"
            f" sides up to {limits.max_side}, {limits.max_pixels} pixels in all.",
            param=FIELD,
            hint="Leave upscaler out: the others take larger frames.",
        )
    if video.num_frames > limits.max_frames:
        raise Unresolvable(
            f"The video has {video.num_frames} frames, and this checkpoint's latents hold "
            f"{limits.max_frames}.",
            param=FIELD,
            hint="Take a shorter one, or leave upscaler out: the others take any length.",
        )
