"""Two stages: a video at half of its sides first, then a few steps on its enlarged latents.

Who gets it, and what is said where somebody does not. Only ``offer`` looks at the disk.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from common.base.errors import Unresolvable
from common.base.settings import Settings
from common.contract.hub import download_command, extra_files
from common.kinds.video.beginnings import Beginning
from common.kinds.video.clips import Remade, Retaken
from common.kinds.video.report import Report
from common.kinds.video.requests import GenerateRequest
from common.kinds.video.second_stage import SecondStage
from common.kinds.video.variants import Defaults, Limits, VideoVariant

FIELD = "two_stages"


@dataclass(frozen=True)
class NotHere:
    """Why a service makes videos in one stage, and what would change that."""

    reason: str
    hint: str


Offer = SecondStage | NotHere


def offer(variant: VideoVariant, settings: Settings) -> Offer:
    """The second stage that a service has for the next job."""
    stages, extra = variant.two_stages, variant.extra
    if stages is None or extra is None:
        return NotHere(
            f"{variant.name} makes videos in one stage here",
            "Leave two_stages out, or use a service whose /info lists two_stages.",
        )
    files = extra_files(settings.models_dir, extra)
    if files is None:
        return NotHere(
            "the files of the second stage are not in the models folder",
            f"Run: {download_command(variant.checkpoint)}",
        )
    if stages.takes_lora and settings.compile_blocks:
        return NotHere(
            "the second stage runs with a LoRA, which COMPILE_BLOCKS does not go with",
            "Leave two_stages or COMPILE_BLOCKS out.",
        )
    return SecondStage(
        num_inference_steps=stages.num_inference_steps,
        size_bytes=files.size_bytes,
        revision=files.revision,
    )


def wanted(request: GenerateRequest, variant: VideoVariant) -> bool:
    """Whether the request says so, or leaves it to a preset that does."""
    if request.two_stages is not None or variant.two_stages is None:
        return bool(request.two_stages)
    return any(each.name == request.preset and each.two_stages for each in variant.presets)


def decided(
    request: GenerateRequest,
    variant: VideoVariant,
    beginning: Beginning,
    offered: Offer | None,
    size: Callable[[Limits], tuple[int, int]],
    report: Report,
) -> tuple[SecondStage | None, tuple[int, int]]:
    """The second stage of a job, if it gets one, and its width and height; notes what changed.

    Args:
        request: as it was sent.
        variant: the checkpoint.
        beginning: what the video begins with.
        offered: what the service has; None where nobody wants it.
        size: the job's size within limits.
        report: told of another size than was asked for, and of a preset's second stage left out.

    Raises:
        Unresolvable: the request asks for it by name and cannot have it, or has no legal size.
    """
    second, limits = None, variant.limits
    if offered is not None:
        second = _agreed(request, variant, beginning, offered, size, report)
        limits = _of_halves(limits) if second else limits
    width, height = size(limits)
    if request.resolution is not None:
        reason = f"sides are multiples of {limits.size_multiple}"
        report.note("resolution", request.resolution, f"{width}x{height}", reason)
    return second, (width, height)


def _agreed(
    request: GenerateRequest,
    variant: VideoVariant,
    beginning: Beginning,
    offered: Offer,
    size: Callable[[Limits], tuple[int, int]],
    report: Report,
) -> SecondStage | None:
    try:
        second, halved = _possible(beginning, offered), size(_of_halves(variant.limits))
        if request.two_stages is None:
            _check_worth(halved, variant.defaults)
    except Unresolvable as exc:
        if request.two_stages:
            raise
        report.note(FIELD, "true", "false", exc.body.message.rstrip("."))
        return None
    return second


def _possible(beginning: Beginning, offered: Offer) -> SecondStage:
    if isinstance(offered, NotHere):
        raise Unresolvable(f"{offered.reason}.", param=FIELD, hint=offered.hint)
    if isinstance(beginning, Remade | Retaken):
        raise Unresolvable(
            "a video that is there is made anew in one stage, at its own size.",
            param=FIELD,
            hint="Leave two_stages out.",
        )
    return offered


def _of_halves(limits: Limits) -> Limits:
    """Whose halves are legal too."""
    return replace(limits, size_multiple=2 * limits.size_multiple, min_side=2 * limits.min_side)


def _check_worth(size: tuple[int, int], defaults: Defaults) -> None:
    """A preset halves no video that the model makes well as it is."""
    width, height = defaults.width, defaults.height
    if size[0] * size[1] <= width * height:
        raise Unresolvable(f"a video of no more pixels than {width}x{height} needs one stage.")
