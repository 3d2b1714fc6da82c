"""Guidance of two experts: each has its own scale, and its own pass without the prompt."""

from typing import Any

import common.runtime.libraries  # noqa: F401

from diffusers import WanPipeline

from wan21.image_to_video import WholePicturePipeline


class GuidedByExpert:
    """Of a pipeline of diffusers: whether a step is guided is asked of the expert whose step it is.

    diffusers 0.42.1 asks the first one's scale alone: with 1 there the second is never guided, and
    with 1 at the second its steps still cost two passes. With one transformer nothing changes.
    """

    config: Any
    scheduler: Any
    _current_timestep: Any
    _guidance_scale: float
    _guidance_scale_2: float | None

    @property
    def do_classifier_free_guidance(self) -> bool:
        """In a step whether it is guided; before the first one, whether any is."""
        first, second = self._guidance_scale, self._guidance_scale_2
        if second is None:
            return first > 1
        if self._current_timestep is None:
            return max(first, second) > 1
        boundary = self.config.boundary_ratio * self.scheduler.config.num_train_timesteps
        return (first if self._current_timestep >= boundary else second) > 1


class TextToVideo(GuidedByExpert, WanPipeline):  # type: ignore[misc]  # untyped base
    """Of a prompt."""


class ImageToVideo(GuidedByExpert, WholePicturePipeline):
    """Of a prompt and a picture."""
