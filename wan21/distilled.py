"""Sampling in the four steps that lightx2v's step- and guidance-distilled Wan2.1 was trained on."""

from typing import Any

import common.runtime.libraries  # noqa: F401

import torch
from diffusers import FlowMatchEulerDiscreteScheduler

from common.runtime.from_video import SkipsSteps
from wan21.recipes import DISTILLED_FLOW_SHIFT, DISTILLED_SIGMAS


class DistilledScheduler(SkipsSteps, FlowMatchEulerDiscreteScheduler):  # type: ignore[misc]  # as is
    """Euler steps at the trained noise levels; a checkpoint that is distilled carries it.

    Distribution matching distillation trains a few fixed levels. Between them nothing was
    learnt, so there is no other number of steps; ``shift`` moves all of them alike.
    """

    @classmethod
    def with_shift(cls, shift: float | None = None) -> "DistilledScheduler":
        """A scheduler of one request's own: it keeps state. None is the published shift."""
        return cls(num_train_timesteps=1000, shift=shift or DISTILLED_FLOW_SHIFT)

    def set_timesteps(
        self,
        num_inference_steps: int | None = None,
        device: str | torch.device | None = None,
        **arguments: Any,
    ) -> None:
        """Take the trained levels, which the shift of the configuration is applied to.

        Raises:
            ValueError: there are not ``num_inference_steps`` of them.
        """
        super().set_timesteps(
            num_inference_steps, device=device, sigmas=list(DISTILLED_SIGMAS), **arguments
        )
        self.skip_steps()
