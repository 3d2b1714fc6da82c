"""What the parity tests of the Wan family ask for, and how they look at what comes back."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from common.contract import ModelSpec
from common.kinds.video.resolved import ResolvedRequest
from common.runtime.images import load_image
from tests.job_contexts import Context

STEPS = 3
SAMPLING_FIELDS = {
    *("prompt", "negative_prompt", "width", "height", "num_frames"),
    *("num_inference_steps", "guidance_scale"),
}


def request_of(spec: ModelSpec, size: tuple[int, int], **fields: Any) -> ResolvedRequest:
    """A short clip, at its model's own rate and with its own negative prompt."""
    defaults = spec.variants[0].defaults
    plain: dict[str, Any] = {
        "prompt": "A cat walking on a beach at sunset",
        "negative_prompt": defaults.negative_prompt,
        "width": size[0],
        "height": size[1],
        "num_frames": 13,
        "fps": defaults.fps,
        "seed": 42,
        "num_inference_steps": STEPS,
        "guidance_scale": 5.0,
    }
    return ResolvedRequest(**{**plain, **fields})


def saved_picture(folder: Path) -> Path:
    """Noise: every pixel counts."""
    pixels = np.random.default_rng(5).integers(0, 256, (100, 170, 3), dtype=np.uint8)
    path = folder / "picture.png"
    Image.fromarray(pixels).save(path)
    return path


def frames_of(
    spec: ModelSpec, pipeline: Any, request: ResolvedRequest, context: Context | None = None
) -> NDArray[np.uint8]:
    """What the service makes: uint8 [T, height, width, 3]."""
    clip = spec.generate(pipeline, request, context or Context())
    frames = np.concatenate(list(clip.frames))
    assert frames.shape == (clip.num_frames, clip.height, clip.width, 3)
    assert (clip.width, clip.height) == (request.width, request.height)
    assert frames.std() > 1, "a flat picture would prove nothing"
    return frames


def called(pipe: Any, request: ResolvedRequest) -> NDArray[np.uint8]:
    """What one call of the library makes of it."""
    fields = request.model_dump(include=SAMPLING_FIELDS)
    if request.image:
        pixels = load_image(request.image, request.width, request.height)
        fields["image"] = Image.fromarray(pixels)
    generator = torch.Generator("cpu").manual_seed(request.seed)
    video = pipe(**fields, generator=generator, output_type="np").frames[0]
    return (video * 255).round().astype(np.uint8)
