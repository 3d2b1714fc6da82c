"""Requests for videos resolved as a service does it, for a SPEC and one of its variants."""

from collections.abc import Sequence

from common.contract import ModelSpec, Resolution
from common.kinds.video import VideoVariant
from common.kinds.video.beginnings import Beginning
from common.kinds.video.frame_size import KeyPicture, LastPicture, ReferencePicture
from common.kinds.video.requests import GenerateRequest
from common.kinds.video.resolver import resolve as resolve_video
from common.kinds.video.two_stages import Offer


def resolve(
    request: GenerateRequest,
    spec: ModelSpec,
    variant: VideoVariant,
    beginning: Beginning = None,
    last: LastPicture | None = None,
    keys: Sequence[KeyPicture] = (),
    references: Sequence[ReferencePicture] = (),
    offered: Offer | None = None,
) -> Resolution:
    if variant.limits.needs_last_image and beginning is not None and last is None:
        last = LastPicture("last.png", beginning.width, beginning.height)
    pictures = (last, keys, references)
    return resolve_video(request, spec.id, spec.options, variant, beginning, *pictures, offered)
