"""What a video may begin with: a picture, another video that it continues, or nothing. Pure."""

from dataclasses import dataclass, replace
from typing import ClassVar

from common.base.errors import Unresolvable
from common.contract.work import Adjustment
from common.kinds.video.frame_size import Picture, aspect_change
from common.kinds.video.variants import Capability, Limits, VideoVariant
from common.media.clip import VideoInput

UNSEEN_ASPECT_CHANGE = 0.01
"""A picture that is cut by less is not reported."""


@dataclass(frozen=True)
class Clip(Picture):
    """What is known of an uploaded video before the job.

    ``num_frames`` are those that the model continues; ``seconds`` is all of it.
    """

    field: ClassVar[str] = "video"
    num_frames: int
    seconds: float


Beginning = Picture | Clip | None


def check_beginning(variant: VideoVariant, beginning: Beginning) -> None:
    """Whether the checkpoint can begin so.

    Raises:
        Unresolvable: it takes no picture or video, or cannot do without.
    """
    if isinstance(beginning, Clip):
        video_input_of(variant)
    elif beginning and Capability.IMAGE_TO_VIDEO not in variant.capabilities:
        raise Unresolvable(
            f"{variant.name} makes video from text only.",
            param="image",
            hint="Leave the image out, or run the service with an image-to-video checkpoint.",
        )
    elif not beginning and Capability.TEXT_TO_VIDEO not in variant.capabilities:
        raise Unresolvable(
            f"{variant.name} starts from a picture, and none was given.",
            param="image",
            hint="Send image as base64 or as an upload; on /v1/videos it is input_reference.",
        )


def video_input_of(variant: VideoVariant) -> VideoInput:
    """What the checkpoint takes of a video.

    Raises:
        Unresolvable: it continues none.
    """
    taken = variant.limits.video_input
    if Capability.VIDEO_CONTINUATION not in variant.capabilities or taken is None:
        raise Unresolvable(
            f"{variant.name} does not continue videos.",
            param="video",
            hint="Leave the video out, or use a service whose /info lists video_continuation.",
        )
    return taken


def limits_after(beginning: Beginning, limits: Limits) -> Limits:
    """The limits of what is new: with a clip's frames in front, all is a legal length again.

    The ends of the range move by less than a step, so that every length in it has a neighbour.
    """
    if not isinstance(beginning, Clip):
        return limits
    step = limits.frames_step
    offset = (limits.frames_offset - beginning.num_frames) % step
    low = -(-(limits.min_frames - step // 2 - offset) // step) * step + offset
    high = (limits.max_frames - offset) // step * step + offset
    return replace(limits, frames_offset=offset, min_frames=low, max_frames=high)


def changes_of(beginning: Beginning, size: tuple[int, int], fps: float) -> list[Adjustment]:
    """What happens to it on its way into the model, where somebody would see that."""
    if beginning is None:
        return []
    asked, made = f"{beginning.width}x{beginning.height}", f"{size[0]}x{size[1]}"
    if isinstance(beginning, Clip):
        reason = "scaled to the video's size, whatever its shape"
        scaled = [_changed(beginning, asked, made, reason)] if asked != made else []
        return scaled + _frames_left_out(beginning, fps)
    if aspect_change((beginning.width, beginning.height), size) <= UNSEEN_ASPECT_CHANGE:
        return []
    return [_changed(beginning, asked, made, "cut around its centre to the video's shape")]


def _frames_left_out(clip: Clip, fps: float) -> list[Adjustment]:
    taken = clip.num_frames / fps
    if clip.seconds - taken < 1 / fps:
        return []
    made = f"{clip.num_frames} frames, {taken:.2f} s"
    reason = f"its first frames are continued, at {fps:g} frames a second"
    return [_changed(clip, f"{clip.seconds:.2f} s", made, reason)]


def _changed(beginning: Picture, asked: str, made: str, reason: str) -> Adjustment:
    return Adjustment(field=beginning.field, requested=asked, resolved=made, reason=reason)
