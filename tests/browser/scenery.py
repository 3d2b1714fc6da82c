"""A toy that draws something to look at, for screenshots: ``python -m tests.browser.scenery``."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from common.contract import JobContext, Phase
from common.kinds.video import Defaults, VideoClip, VideoOptions
from common.kinds.video.requests import ResolvedRequest
from common.service import serve
from tests.toy import model_config as toy
from tests.toy.pipeline import take

SKIES = (
    ((38, 49, 92), (240, 140, 96), (255, 226, 170)),
    ((20, 60, 84), (120, 180, 180), (250, 236, 200)),
    ((46, 28, 70), (196, 92, 120), (255, 196, 150)),
    ((66, 110, 160), (170, 205, 226), (252, 250, 236)),
)
"""Colours of the sky above, of the horizon and of the sun."""


class SceneryOptions(VideoOptions):
    """How long it takes."""

    step_seconds: float = Field(0, ge=0, le=10, description="Seconds of each denoising step.")


def generate(_pipeline: Any, request: ResolvedRequest, context: JobContext) -> VideoClip:
    """A sun over hills that pass by."""
    pause = SceneryOptions.model_validate(request.options).step_seconds
    for step in range(request.num_inference_steps):
        context.raise_if_cancelled()
        take(pause)
        context.progress(Phase.DENOISING, step + 1, request.num_inference_steps)
    frames = (_frame(request, index)[None] for index in range(request.num_frames))
    width, height = request.width, request.height
    return VideoClip(
        _reported(frames, request, context), request.num_frames, width, height, request.fps
    )


def _reported(
    frames: Iterator[NDArray[np.uint8]], request: ResolvedRequest, context: JobContext
) -> Iterator[NDArray[np.uint8]]:
    for index, frame in enumerate(frames):
        context.progress(Phase.DECODING, index, request.num_frames)
        yield frame


def _frame(request: ResolvedRequest, index: int) -> NDArray[np.uint8]:
    width, height, time = request.width, request.height, index / request.fps
    above, horizon, sun = (np.array(colour, float) for colour in SKIES[request.seed % len(SKIES)])
    y, x = np.mgrid[0:height, 0:width] / height
    picture = above + (horizon - above) * np.clip(y / 0.72, 0, 1)[..., None] ** 1.4
    centre = width / height * (0.3 + 0.4 * (request.seed % 7) / 7)
    distance = np.hypot(x - centre, y - 0.5 + 0.01 * time)
    picture += (sun - picture) * np.clip(1.1 - distance * 3.4, 0, 0.75)[..., None]
    picture += (sun - picture) * np.clip((0.075 - distance) * 90, 0, 1)[..., None]
    for layer in range(4):
        place = x * (1.6 + layer) + time * (0.05 + 0.09 * layer) + request.seed % 11 + layer * 5
        hills = 0.58 + 0.11 * layer + 0.05 * np.sin(place) + 0.028 * np.sin(place * 2.7)
        inside = np.clip((y - hills) * height, 0, 1)[..., None]
        shade = horizon * (0.62 - 0.16 * layer) + above * 0.14
        picture += (shade - picture) * inside
    return picture.clip(0, 255).astype(np.uint8)


VARIANT = replace(
    toy.VARIANT,
    checkpoint="videosdgx/scenery",
    defaults=Defaults(832, 480, 49, 16, 12, 5),
    limits=replace(toy.VARIANT.limits, fixed_fps=16, min_side=256),
)
SPEC = replace(
    toy.SPEC,
    id="scenery",
    title="Scenery",
    variants=(VARIANT,),
    options=SceneryOptions,
    generate=generate,
    memory=lambda _checkpoint, request, _dtype: toy.Memory(
        9_600_000_000, request.num_frames * 160_000_000
    ),
)

if __name__ == "__main__":
    serve("tests.browser.scenery:SPEC")
