"""The picture of a video, in an MP4: as it is where that holds it, else encoded anew.

H.264 and H.265 in 4:2:0 have even sides only: what is encoded loses its last column or row.
"""

from collections.abc import Iterator

from common.contract.work import Adjustment
from common.media.codecs import HVC1, EncoderSettings, codec_arguments
from studio.rendering.tools import Tools
from studio.sources import Facts
from studio.tasks import Plan

_PICTURE = ("-map", "0:V:0")
"""``V`` is a video that is no cover."""
EVEN = "crop=floor(iw/2)*2:floor(ih/2)*2:0:0"
"""A filter of ffmpeg: frames with even sides, which are those of ``even``."""
EVEN_REASON = "the sides of an H.264 video are even"


def even(width: int, height: int) -> tuple[int, int]:
    """The sides in pixels that are left of these."""
    return width // 2 * 2, height // 2 * 2


def size_of(video: Facts, *, copies: bool) -> tuple[int, int]:
    """Width and height of what is made of a video."""
    return (video.width, video.height) if copies else even(video.width, video.height)


def kept(plan: Plan, tools: Tools, *, copies: bool) -> tuple[str, ...]:
    """Output options for the picture of ``video``, in which nothing is drawn."""
    if copies:
        return copying(tools.found["video"])
    return (*_PICTURE, "-vf", EVEN, *encoding(plan, tools.encoder))


def copying(video: Facts) -> tuple[str, ...]:
    """Output options for a picture that is taken bit by bit."""
    return (*_PICTURE, "-c:v", "copy", *(HVC1 if video.codec == "hevc" else ()))


def encoding(plan: Plan, encoder: EncoderSettings) -> tuple[str, ...]:
    """Output options for a picture of the plan's size."""
    return (*codec_arguments(encoder, plan.width, plan.height), "-pix_fmt", "yuv420p")


def encoded_anew(video: Facts) -> Adjustment:
    """What is said of a picture that was to be copied, and cannot be."""
    return Adjustment(
        field="video",
        requested=video.codec,
        resolved="encoded anew",
        reason=f"an MP4 holds no {video.codec} that players show",
    )


def made_even(video: Facts, plan: Plan) -> Iterator[Adjustment]:
    """What is said of a picture that has lost a line."""
    own, made = f"{video.width}x{video.height}", f"{plan.width}x{plan.height}"
    if own != made:
        yield Adjustment(field="video.size", requested=own, resolved=made, reason=EVEN_REASON)
