"""What the sampling of every diffusers pipeline here has in common: seeds, steps, pixels."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from common.base.errors import GenerationFailed
from common.contract import JobContext, Phase

StepCallback = Callable[[Any, int, Any, dict[str, Any]], dict[str, Any]]
"""diffusers' ``callback_on_step_end``: (pipeline, step index, timestep, tensors) -> tensors."""

PictureOf = Callable[[torch.Tensor], NDArray[np.uint8]]
"""From the latents between two steps, as the pipeline holds them, to [height, width, 3]."""


def generator_for(seed: int) -> torch.Generator:
    """A job's source of noise. It draws on the CPU: a seed gives the same noise on any device."""
    return torch.Generator("cpu").manual_seed(seed)


def step_callback(
    context: JobContext,
    num_inference_steps: int,
    picture: PictureOf | None = None,
    clips: Sequence[JobContext] = (),
) -> StepCallback:
    """A ``callback_on_step_end`` that reports each denoising step and leaves a cancelled job.

    It leaves by raising: diffusers' own ``_interrupt`` flag would still decode what there is.
    ``picture`` makes the previews: of each of ``clips``, which are the batch dimension of the
    latents, or of ``context`` where there is one alone.
    """

    def on_step_end(
        _pipeline: Any, step: int, _timestep: Any, tensors: dict[str, Any]
    ) -> dict[str, Any]:
        context.progress(Phase.DENOISING, step + 1, num_inference_steps)
        context.raise_if_cancelled()
        if picture is not None:
            for latents, clip in zip(tensors["latents"].split(1), clips or (context,), strict=True):
                clip.preview(step + 1, partial(picture, latents))
        return tensors

    return on_step_end


def to_uint8(video: torch.Tensor) -> NDArray[np.uint8]:
    """Turn what a VAE decoded into frames.

    Bit-equal to ``VideoProcessor.postprocess_video`` of diffusers followed by its rounding in
    ``VaeImageProcessor.numpy_to_pil``: denormalised and clamped in the VAE's own number format,
    scaled in float32, rounded half to even. Rounding here happens on the device, so that a
    quarter of the bytes cross to the CPU.

    Args:
        video: shape [1, 3, T, H, W], in [-1, 1], any float format.

    Returns:
        Shape [T, H, W, 3].

    Raises:
        GenerationFailed: the video holds NaN or infinity, which would come out as black frames.
    """
    frames = video[0].permute(1, 2, 3, 0)
    if not torch.isfinite(frames).all():
        raise GenerationFailed("the model produced values that are not numbers (NaN).")
    unit = (frames * 0.5 + 0.5).clamp(0, 1)
    pixels = (unit.float() * 255).round().to(torch.uint8)
    return np.ascontiguousarray(pixels.cpu().numpy())
