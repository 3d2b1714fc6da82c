"""What a video may begin with: a picture, another video, or nothing. Pure."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.base.errors import Unresolvable
from common.contract.work import Adjustment
from common.kinds.video.clips import Clip, Control, Extended, Remade, Retaken, changed
from common.kinds.video.frame_size import (
    KeyPicture,
    LastPicture,
    Picture,
    ReferencePicture,
    aspect_change,
)
from common.kinds.video.variants import Capability, Defaults, Limits, VideoVariant
from common.media.clip import VideoInput

UNSEEN_ASPECT_CHANGE = 0.01
"""A picture that is cut by less is not reported."""

Beginning = Picture | Clip | None


def check_beginning(
    variant: VideoVariant,
    beginning: Beginning,
    last: LastPicture | None = None,
    keys: Sequence[KeyPicture] = (),
    references: Sequence[ReferencePicture] = (),
) -> None:
    """Whether the checkpoint can begin so, end with ``last``, and show all the others.

    Raises:
        Unresolvable: it takes no such picture or video, or cannot do without.
    """
    _check_end(variant, beginning, last)
    if keys:
        _check(variant, Capability.KEYFRAMES, "keyframes", "takes no pictures on its way")
        _check_new(beginning, "keyframes")
    if references:
        field = Capability.REFERENCE_IMAGES
        _check(variant, field, field, "takes no pictures of what it shows")
    if isinstance(beginning, Remade):
        remade_input_of(variant, None)
    elif isinstance(beginning, Control):
        _check(variant, Capability.CONTROL_VIDEO, "video", "follows no video")
    elif isinstance(beginning, Retaken):
        _check(variant, Capability.RETAKE, "retake", "makes no span of a video anew")
    elif isinstance(beginning, Extended):
        _check(variant, Capability.EXTEND, "extend", "cannot go on from a video's end")
    elif isinstance(beginning, Clip):
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


def _check_end(variant: VideoVariant, beginning: Beginning, last: LastPicture | None) -> None:
    pair = variant.limits.needs_last_image
    if last is not None:
        _check(variant, Capability.LAST_IMAGE, "last_image", "ends with no picture that is given")
        if not pair:
            _check_new(beginning, "last_image")
        elif type(beginning) is not Picture:
            raise Unresolvable(
                f"{variant.name} goes from a first picture to a last one, and there is no first.",
                param="image",
                hint="Send image, too.",
            )
    elif pair:
        raise Unresolvable(
            f"{variant.name} goes from a first picture to a last one, and there is no last.",
            param="last_image",
            hint="Send last_image, too; or run the service with an image-to-video checkpoint.",
        )


def _check_new(beginning: Beginning, field: str) -> None:
    """Whether frames are made that it could be. What is made anew has a picture for each."""
    if isinstance(beginning, Remade | Retaken):
        raise Unresolvable(
            f"{field} says what new frames show, and {beginning.field} has a picture for each.",
            param=field,
            hint=f"Leave one of them out; {field} goes with image and extend, or alone.",
        )


def _check(variant: VideoVariant, needed: Capability, field: str, what_not: str) -> None:
    if needed not in variant.capabilities:
        raise Unresolvable(
            f"{variant.name} {what_not}.",
            param=field,
            hint=f"Leave {field} out, or use a checkpoint whose /info lists {needed}.",
        )


def video_input_of(variant: VideoVariant) -> VideoInput:
    """What the checkpoint takes of a video.

    Raises:
        Unresolvable: it continues none.
    """
    taken = variant.limits.video_input
    if Capability.VIDEO_CONTINUATION not in variant.capabilities or taken is None:
        anew = Capability.VIDEO_TO_VIDEO in variant.capabilities
        raise Unresolvable(
            f"{variant.name} does not continue videos.",
            param="video",
            hint="Say with strength how far it is made anew."
            if anew
            else "Leave the video out, or use a service whose /info lists video_continuation.",
        )
    return taken


def remade_input_of(variant: VideoVariant, fps: float | None) -> VideoInput:
    """What the checkpoint takes of a video that it makes anew, at ``fps`` where it can choose.

    Raises:
        Unresolvable: it makes none anew.
    """
    _check(variant, Capability.VIDEO_TO_VIDEO, "strength", "makes no video anew from another")
    return whole_input_of(variant, fps)


def whole_input_of(variant: VideoVariant, fps: float | None) -> VideoInput:
    """All of a video that fits into what the checkpoint makes, at ``fps`` where it can choose."""
    limits = variant.limits
    rate = limits.fixed_fps or fps or variant.defaults.fps
    return VideoInput(rate, limits.min_frames, limits.max_frames, frames_step=1)


def default_fps(beginning: Beginning, limits: Limits, defaults: Defaults) -> float:
    """The default rate; that of a finished video whose frames stay, so that each is shown once."""
    if isinstance(beginning, Extended) and limits.min_fps <= beginning.fps <= limits.max_fps:
        return beginning.fps
    return defaults.fps


def limits_after(beginning: Beginning, limits: Limits, fps: float) -> Limits:
    """The limits of what is new. Raises Unresolvable: of such a video nothing can be made."""
    return beginning.legal(limits, fps) if isinstance(beginning, Clip) else limits


def resolved_beginning(
    beginning: Beginning, limits: Limits, fps: float, num_frames: int
) -> dict[str, Any]:
    """The fields of a ``ResolvedRequest`` that say what it begins with. Raises Unresolvable."""
    if isinstance(beginning, Clip):
        return beginning.resolved(limits, fps, num_frames)
    return {"image": Path(beginning.name)} if beginning else {}


def changes_of_all(given: Sequence[Picture], size: tuple[int, int], fps: float) -> list[Adjustment]:
    """What happens to each on its way into the model, where somebody would see that."""
    return [change for each in given for change in _changes_of(each, size, fps)]


def _changes_of(beginning: Picture, size: tuple[int, int], fps: float) -> list[Adjustment]:
    asked, made = f"{beginning.width}x{beginning.height}", f"{size[0]}x{size[1]}"
    if isinstance(beginning, Clip):
        reason = "scaled to the video's size, whatever its shape"
        scaled = [changed(beginning, asked, made, reason)] if asked != made else []
        return scaled + beginning.changes(fps)
    if aspect_change((beginning.width, beginning.height), size) <= UNSEEN_ASPECT_CHANGE:
        return []
    return [changed(beginning, asked, made, "cut around its centre to the video's shape")]
