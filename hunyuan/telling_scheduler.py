"""A scheduler that tells of each step: the pipelines of HunyuanVideo 1.5 take no callback.

Written against diffusers 0.42.1, pipelines/hunyuan_video1_5; it can go once their ``__call__`` has
``callback_on_step_end``.
"""

from typing import Any, Self

import common.runtime.libraries  # noqa: F401

import torch
from diffusers import FlowMatchEulerDiscreteScheduler

from common.runtime.sampling import StepCallback


class TellingScheduler(FlowMatchEulerDiscreteScheduler):  # type: ignore[misc]  # diffusers is untyped
    """``FlowMatchEulerDiscreteScheduler``, and a callback behind each of its steps."""

    on_step_end: StepCallback | None = None

    @classmethod
    def of(cls, published: Any, shift: float, on_step_end: StepCallback) -> Self:
        """One for a single request, as the published one but for its shift."""
        scheduler: Self = cls.from_config(published.config, shift=shift)
        scheduler.on_step_end = on_step_end
        return scheduler

    def step(
        self, model_output: torch.Tensor, timestep: Any, sample: torch.Tensor, **more: Any
    ) -> Any:
        """As the library's; ``return_dict`` is false there, and what is left is the latents."""
        stepped = super().step(model_output, timestep, sample, **more)
        if self.on_step_end is not None:
            self.on_step_end(self, self.step_index - 1, timestep, {"latents": stepped[0]})
        return stepped
