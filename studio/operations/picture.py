"""The picture of a video, in an MP4: as it is where that holds it, else encoded anew."""

from common.contract.work import Adjustment
from common.media.codecs import EncoderSettings, codec_arguments
from studio.sources import Facts
from studio.tasks import Plan

COPYING = ("-map", "0:V:0", "-c:v", "copy")
"""Output options: the picture bit by bit. ``V`` is a video that is no cover."""


def kept(plan: Plan, encoder: EncoderSettings, *, copies: bool) -> tuple[str, ...]:
    """Output options for a picture in which nothing is drawn."""
    return COPYING if copies else ("-map", "0:V:0", *encoding(plan, encoder))


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
