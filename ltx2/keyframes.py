"""Pictures at frames of a video, and the frames that it goes on from, for the condition pipeline.

As ``combined_image_conditionings`` in Lightricks/LTX-2, ltx_pipelines/utils/helpers.py: a picture
of the first frame takes the place of its tokens; one of a later frame is tokens more behind the
video's, at that frame's position, which are thrown away at the end
(``VideoConditionByKeyframeIndex``, ltx_core/conditioning/types/keyframe_cond.py).
"""

from collections.abc import Iterator
from pathlib import Path

import common.runtime.libraries  # noqa: F401

import numpy as np
import torch
from diffusers.pipelines.ltx2.pipeline_ltx2_condition import LTX2VideoCondition
from numpy.typing import NDArray
from PIL import Image

from common.kinds.video.resolved import ResolvedRequest
from common.kinds.video.shown import beginning, source
from common.runtime.from_video import kept_latents
from common.runtime.images import open_image
from ltx2.conditioning import condition_picture
from ltx2.estimates import SPATIAL, TEMPORAL


def first_picture(request: ResolvedRequest) -> Image.Image | None:
    """What the video begins with, where that is all; a picture at its own size.

    Raises as ``conditions_of`` does.
    """
    if request.image is not None:
        return open_image(request.image)
    frames = beginning(request)
    return None if frames is None else Image.fromarray(frames[-1])


def wants_conditions(request: ResolvedRequest) -> bool:
    """Whether a picture at the beginning would not say it all."""
    return request.guides > 0 or request.video_frames > 1 or request.retake is not None


def conditions_of(request: ResolvedRequest, crf: int) -> list[LTX2VideoCondition]:
    """What the video is given, at which of its frames.

    Args:
        request: with the full paths of its files.
        crf: of H.264 in training, that pictures are compressed with; frames of a video are not.

    Raises:
        OSError: a file is missing.
        InvalidRequest: one cannot be decoded.
    """

    def picture(path: Path, frame: int, strength: float) -> LTX2VideoCondition:
        return _condition(_fitted(open_image(path), request, crf), frame, strength)

    keys = [(key.path, request.video_frames + key.frame, key.strength) for key in request.keyframes]
    if request.last_image is not None:
        keys.append((request.last_image, request.clip_frames - 1, 1.0))
    return [*_start(request, crf), *(picture(*key) for key in keys)]


def _start(request: ResolvedRequest, crf: int) -> Iterator[LTX2VideoCondition]:
    if request.retake_span is not None and (frames := source(request)) is not None:
        yield LTX2VideoCondition(frames=frames, strength=_kept(request, request.retake_span))
    elif request.video_frames > 1 and (frames := beginning(request)) is not None:
        yield _condition(frames, frame=0)
    elif (image := first_picture(request)) is not None:
        yield _condition(_fitted(image, request, crf), frame=0)


def _kept(request: ResolvedRequest, span: tuple[int, int]) -> torch.Tensor:
    """The strength of each token, [tokens, 1]: 1 outside of the span, 0 where it is made anew.

    As ``TemporalRegionMask`` in ltx_core/conditioning/types/noise_mask_cond.py. diffusers writes a
    strength to the tokens of a condition, and broadcasts it.
    """
    kept = kept_latents((request.num_frames - 1) // TEMPORAL + 1, span, TEMPORAL)
    size = request.height // SPATIAL * (request.width // SPATIAL)
    return kept.float().repeat_interleave(size)[:, None]


def _fitted(image: Image.Image, request: ResolvedRequest, crf: int) -> NDArray[np.float32]:
    """Shape [1, height, width, 3], values in [0, 255]."""
    pixels = condition_picture(image, request.width, request.height, crf) * 255
    fitted: NDArray[np.float32] = pixels.movedim(1, -1).numpy()
    return fitted


def _condition(
    frames: NDArray[np.generic], frame: int, strength: float = 1.0
) -> LTX2VideoCondition:
    """It is compressed already where it should be."""
    return LTX2VideoCondition(frames=frames, index=latent_index(frame), strength=strength, crf=0)


def latent_index(frame: int) -> float:
    """Where diffusers has a frame: it turns latents into frames as ``(index - 1) * 8 + 1``.

    Its whole indices mean the first frame of a latent, so that -1 would be the last frame but
    seven. The authors take any frame, the last one too; so does diffusers' formula in fractions.
    """
    return 0 if frame == 0 else (frame - 1) / TEMPORAL + 1
