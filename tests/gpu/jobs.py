"""Small jobs on the tiny checkpoints, and what comes out."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.contract import ModelSpec
from common.kinds.video.resolved import ResolvedRequest
from tests.job_contexts import Context


def small_request() -> ResolvedRequest:
    return ResolvedRequest(
        prompt="A cat walking on a beach at sunset",
        negative_prompt="blurry",
        width=96,
        height=64,
        num_frames=9,
        fps=16.0,
        seed=42,
        num_inference_steps=3,
        guidance_scale=3.0,
    )


def frames_of(spec: ModelSpec, pipeline: Any) -> NDArray[np.uint8]:
    clip = spec.generate(pipeline, small_request(), Context())
    frames = np.concatenate(list(clip.frames))
    assert frames.shape == (9, 64, 96, 3)
    assert frames.std() > 1
    return frames
